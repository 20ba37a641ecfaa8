/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/payload.c formats/crc32c.c common/log.c common/text.c */
/* Any bytes as description and padded kernel: refused, or nothing outside of them is read or written. */
#include "../unit/core_host.h"
#include "formats/crc32c.h"

#define PAGES_MAX 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

/* Sizes and sums that are right, so that what is behind them is reached. */
static void make_right(struct payload_info *info, const struct machine *machine)
{
	info->magic = PAYLOAD_MAGIC;
	info->info_size = sizeof(*info) + info->info_size % (PAGE_SIZE - sizeof(*info));
	info->kernel_size = machine->kernel_size;
	info->kernel_stored %= machine->kernel_size + 1;
	info->modules_size = machine->modules_size;
	info->modules_stored = info->info_size;
	info->module_count %= PAYLOAD_MODULES_MAX + 1;
	info->kernel_crc32c = crc32c(0, at(machine->kernel), info->kernel_stored);
	info->modules_crc32c = 0;
	info->info_crc32c = 0;
	info->info_crc32c = crc32c(0, info, info->info_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine machine;
	static uint8_t *modules, *kernel_end; /* both in front of a page that cannot be touched */
	struct kernel kernel;
	struct kernel_segment segment;
	if (modules == NULL) {
		modules = low_memory(PAGE_SIZE);
		kernel_end = (uint8_t *)low_memory(PAGES_MAX * PAGE_SIZE) + (size_t)PAGES_MAX * PAGE_SIZE;
	}
	if (size < 1 + sizeof(struct payload_info))
		return 0;
	int is_right = data[0] & 1;
	uint64_t kernel_size = (1 + data[0] / 2 % PAGES_MAX) * (uint64_t)PAGE_SIZE;
	uint8_t *kernel_bytes = kernel_end - kernel_size;
	data++, size--;
	memset(modules, 0, PAGE_SIZE);
	memcpy(modules, data, sizeof(struct payload_info));
	data += sizeof(struct payload_info), size -= sizeof(struct payload_info);
	memset(kernel_bytes, 0, kernel_size);
	memcpy(kernel_bytes, data, size < kernel_size ? size : kernel_size);

	machine.kernel = physical(kernel_bytes);
	machine.kernel_size = kernel_size;
	machine.modules = physical(modules);
	machine.modules_size = PAGE_SIZE;
	if (is_right)
		make_right((struct payload_info *)modules, &machine);
	machine.error[0] = 0;
	if (!payload_check(&machine)) {
		require(!is_right && machine.error[0] == 'T');
		return 0;
	}
	if (!kernel_view(&machine, &kernel)) {
		require(memcmp(machine.error, "TB23", 4) == 0);
		return 0;
	}
	require(kernel.phys >= machine.kernel && kernel.phys + kernel.size == machine.kernel + kernel_size);
	uint64_t headers = physical(kernel.program_headers) - machine.kernel;
	require(headers <= kernel_size &&
		kernel.program_header_count * sizeof(Elf64_Phdr) <= kernel_size - headers);
	for (uint32_t i = 0; kernel_segment(&kernel, &i, &segment);)
		require(segment.offset <= kernel.size && segment.size <= kernel.size - segment.offset);
	kernel_relocate(&kernel);
	return 0;
}
