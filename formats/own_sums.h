/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checksums of the UEFI loader itself: of its own sections, and of the headers that say where the firmware
 * puts them. images/finish.c writes them into the finished file, where it finds the magic; efi/own_sums.c believes
 * nothing of the loader before they agree with what the firmware has loaded. (On BIOS the boot sector's sum
 * does that, and the payload has its own checksums on both.)
 *
 * Whoever adds sections behind the linked ones, signs the file or loads it changes nothing that is summed.
 */
#ifndef OWN_SUMS_H
#define OWN_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "formats/pe.h"

#define OWN_SUMS_MAGIC "twinboot itself" /* 16 bytes with the NUL */
#define OWN_SUMS_NAMES \
	{ \
		".text", ".rodata", ".reloc", ".data" \
	}

enum own_sums_section { OWN_TEXT, OWN_RODATA, OWN_RELOC, OWN_DATA, OWN_SECTIONS };

struct own_sums {
	char magic[16];
	uint32_t pe;             /* of the PE signature, from the image's base */
	uint32_t headers_size;   /* from the image's base up to the end of the last linked section's header */
	uint32_t headers_crc32c; /* as own_sums_of_headers() has it */
	struct {
		uint32_t address; /* from the image's base */
		uint32_t size;    /* as loaded: zeros behind the raw data included */
		uint32_t crc32c;  /* in .rodata, this structure counts as zeros */
	} sections[OWN_SECTIONS];
	uint32_t crc32c; /* of all before */
};
_Static_assert(sizeof(struct own_sums) == 80, "packed by itself");

/* The checksum over the headers but for what others may change. The image is at `image`; `crc32c` is as
   formats/crc32c.h has it. */
static inline uint32_t own_sums_of_headers(const struct own_sums *sums, const uint8_t *image,
					   uint32_t (*crc32c)(uint32_t crc, const void *data, uint64_t size))
{
#define FIELD(name) \
	{ \
		offsetof(struct pe_headers, name), sizeof(((struct pe_headers *)0)->name) \
	}
	static const struct {
		uint32_t offset, size; /* from the PE signature, ascending */
	} skipped[] = {
		FIELD(coff.sections), /* sections are added */
		FIELD(optional.code_size),
		FIELD(optional.data_size),
		FIELD(optional.bss_size),
		FIELD(optional.image_base), /* EDK2 writes where it has put the image */
		FIELD(optional.image_size),
		FIELD(optional.checksum), /* signed files have one */
		FIELD(optional.directories[PE_DIRECTORY_SECURITY]),
	};
#undef FIELD
	uint32_t crc = 0, at = 0;
	for (uint32_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++) {
		uint32_t field = sums->pe + skipped[i].offset;
		crc = crc32c(crc, image + at, field - at);
		at = field + skipped[i].size;
	}
	return crc32c(crc, image + at, sums->headers_size - at);
}

#endif
