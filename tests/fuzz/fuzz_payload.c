/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/payload.c core/kernel_image.c core/memory.c formats/crc32c.c common/log.c common/text.c */
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
static void make_right(struct manifest *manifest, const struct machine *machine)
{
	struct manifest_part *part = (struct manifest_part *)(manifest + 1);
	manifest->magic = MANIFEST_MAGIC;
	manifest->version = MANIFEST_VERSION;
	manifest->size = PAGE_SIZE;
	manifest->part_count = 1;
	manifest->parts = sizeof(*manifest);
	part->size = machine->parts[0].size;
	part->stored %= part->size + 1;
	part->crc32c = crc32c(0, at(machine->parts[0].base), part->stored);
	manifest->crc32c = 0;
	manifest->crc32c = crc32c(0, manifest, manifest->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine machine;
	static uint8_t *manifest, *kernel_end; /* both in front of a page that cannot be touched */
	const size_t described = sizeof(struct manifest) + 256; /* rows, too */
	struct kernel kernel;
	struct kernel_segment segment;
	if (manifest == NULL) {
		manifest = low_memory(PAGE_SIZE);
		kernel_end = (uint8_t *)low_memory(PAGES_MAX * PAGE_SIZE) + (size_t)PAGES_MAX * PAGE_SIZE;
	}
	if (size < 1 + described)
		return 0;
	int is_right = data[0] & 1;
	uint64_t kernel_size = (1 + data[0] / 2 % PAGES_MAX) * (uint64_t)PAGE_SIZE;
	uint8_t *kernel_bytes = kernel_end - kernel_size;
	data++, size--;
	memset(manifest, 0, PAGE_SIZE);
	memcpy(manifest, data, described);
	data += described, size -= described;
	memset(kernel_bytes, 0, kernel_size);
	memcpy(kernel_bytes, data, size < kernel_size ? size : kernel_size);

	machine.parts[0] = (struct machine_range){physical(kernel_bytes), kernel_size};
	machine.part_count = 1;
	machine.manifest = (struct machine_range){physical(manifest), PAGE_SIZE};
	if (is_right)
		make_right((struct manifest *)manifest, &machine);
	machine.error[0] = 0;
	if (!payload_check(&machine)) {
		require(machine.error[0] == 'T');
		return 0;
	}
	if (!kernel_view(&machine, &kernel)) {
		require(memcmp(machine.error, "TB23", 4) == 0);
		return 0;
	}
	uint64_t base = machine.parts[0].base, headers = physical(kernel.program_headers) - base;
	require(kernel.phys >= base && kernel.phys + kernel.size == base + kernel_size);
	require(headers <= kernel_size &&
		kernel.program_header_count * sizeof(Elf64_Phdr) <= kernel_size - headers);
	for (uint32_t i = 0; kernel_segment(&kernel, &i, &segment);)
		require(segment.offset <= kernel.size && segment.size <= kernel.size - segment.offset);
	kernel_relocate(&kernel);
	return 0;
}
