/* SPDX-License-Identifier: BSD-2-Clause */
/* links: embed/check.c embed/dynamic.c embed/elf_file.c embed/file.c embed/needs.c embed/pad.c embed/report.c */
/*
 * Any bytes as a kernel: refused, or padded to a file that keeps what embed/pad.h promises.
 *
 *     clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined tests/fuzz/fuzz_embed.c embed/check.c \
 *           embed/dynamic.c embed/elf_file.c embed/file.c embed/needs.c embed/pad.c embed/report.c
 */
#define _GNU_SOURCE

#include "embed/check.h"
#include "embed/dynamic.h"
#include "embed/needs.h"
#include "embed/pad.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Larger images only cost time. */
#define WRITTEN_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_layout(const struct layout *layout, const struct elf *elf)
{
	uint64_t last = 0;

	require(layout->size % 4096 == 0 && layout->header_size % 4096 == 0);
	for (uint32_t i = 0; i < elf->segment_count; i++) {
		const Elf64_Phdr *segment = &layout->segments[i];

		require(segment->p_offset <= layout->size &&
			segment->p_filesz <= layout->size - segment->p_offset);
		if (segment->p_type != PT_LOAD)
			continue;
		require(segment->p_filesz == segment->p_memsz && segment->p_memsz);
		require(segment->p_offset - layout->header_size == segment->p_vaddr - elf->base);
		require(segment->p_offset >= last);
		last = segment->p_offset + segment->p_filesz;
	}
}

/* Writes the padded file, reads it back as a kernel and finds the same bytes in memory. */
static void check_written(const struct layout *layout, const struct elf *elf, const struct report *report)
{
	static struct elf padded;
	static struct layout again;
	const struct output output = {*report, NULL, memfd_create("padded", 0)};
	uint64_t header_size;
	uint8_t *bytes;

	require(output.descriptor >= 0 && layout_write(layout, elf, &output));
	bytes = mmap(NULL, layout->size, PROT_READ, MAP_SHARED, output.descriptor, 0);
	require(bytes != MAP_FAILED);
	require(elf_open(&padded, bytes, layout->size, report));
	require(is_padded(&padded, &header_size) && header_size == layout->header_size);
	layout_plan(&again, &padded);
	require(layout_same(layout, elf, &again, &padded));
	munmap(bytes, layout->size);
	close(output.descriptor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct elf elf;
	static struct layout layout;
	static FILE *messages;
	struct twinboot_needs needs;

	if (!messages)
		messages = fopen("/dev/null", "w");
	const struct report report = {"fuzz", messages};

	if (!elf_open(&elf, data, size, &report))
		return 0;
	needs_read(&elf, &needs, &report);
	check_dynamic(&elf, &report);
	check_warn(&elf, &report);
	if (!check_kernel(&elf, IMAGE_MIB_DEFAULT, &report))
		return 0;
	layout_plan(&layout, &elf);
	check_layout(&layout, &elf);
	if (layout.size <= WRITTEN_MAX)
		check_written(&layout, &elf, &report);
	return 0;
}
