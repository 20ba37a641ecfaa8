/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot kernels: which files are ones, what they ask for, and their image as it lies in physical memory.
 * Nothing in the file is believed; what cannot boot is refused with a sentence.
 */
#ifndef EMBED_MULTIBOOT_H
#define EMBED_MULTIBOOT_H

#include "formats/multiboot.h"
#include "include/twinboot.h"
#include "report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MULTIBOOT_PIECES_MAX 64u

/* Bytes of the file that belong at a physical address; zeros follow up to `size`. */
struct multiboot_piece {
	const uint8_t *bytes; /* in the file */
	uint32_t stored, size;
	uint32_t address;
};

struct multiboot_kernel {
	struct multiboot_data data;
	struct twinboot_needs needs;
	uint32_t piece_count;
	struct multiboot_piece pieces[MULTIBOOT_PIECES_MAX]; /* by address, none overlap */
	uint32_t end;                                        /* one past the image's last byte, linked */
	/* Where the image may lie, if MULTIBOOT_RELOCATABLE: [least, greatest), at multiples of alignment. */
	uint32_t least, greatest, alignment;
	bool prefers_highest;
};

/* Whether the file has that protocol's header. */
bool multiboot_speaks(const uint8_t *file, size_t size, uint32_t protocol);

/* Reads a kernel of that protocol. `file` must outlive it. */
bool multiboot_read(struct multiboot_kernel *kernel, const uint8_t *file, size_t size, uint32_t protocol,
		    const struct report *report);

/* Copies the image, data.base first, to `image`, which has end - data.base zeroed bytes. */
void multiboot_image(const struct multiboot_kernel *kernel, uint8_t *image);

/* The module of role SYMBOLS: section headers, and what they describe that no segment holds. The caller frees
   it. NULL without an error if the file has no sections. */
bool multiboot_symbols(struct multiboot_kernel *kernel, const uint8_t *file, size_t size, uint8_t **symbols,
		       size_t *symbols_size, const struct report *report);

#endif
