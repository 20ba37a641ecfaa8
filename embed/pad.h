/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The padded file: an ELF file that is its own image in memory. Step 3 of the build.
 *
 *     [header page(s)]   only if no segment holds the ELF header and the program headers
 *     image              from the page of the lowest PT_LOAD to the end of the last page; a PT_LOAD's offset
 *                        is its distance from there, .bss and gaps are zeros
 *
 * p_paddr stays as the linker left it: a kernel may look at it, no loader does.
 */
#ifndef PAD_H
#define PAD_H

#include "elf_file.h"
#include "file.h"

struct layout {
	uint64_t header_size; /* bytes in front of the image: 0 or whole pages */
	uint64_t size;        /* bytes of the padded file, whole pages */
	Elf64_Ehdr header;
	Elf64_Phdr segments[ELF_SEGMENTS_MAX];
};

/* Cannot fail after check_kernel(), which keeps `size` in bounds. */
void layout_plan(struct layout *layout, const struct elf *elf);
bool layout_write(const struct layout *layout, const struct elf *elf, const struct output *output);
/* Whether two files are padded to the same bytes. */
bool layout_same(const struct layout *a, const struct elf *a_elf, const struct layout *b,
		 const struct elf *b_elf);
/* Whether a file is what layout_write() makes; `header_size` is that of its layout. */
bool is_padded(const struct elf *elf, uint64_t *header_size);

#endif
