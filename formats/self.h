/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checksums of the UEFI loader's own sections. efi/finish writes them into the finished file, where it
 * finds the magic; efi/self.c believes nothing of the loader before they agree with what the firmware has
 * loaded. (On BIOS the boot sector's sum does that, and the payload has its own checksums on both.)
 */
#ifndef SELF_H
#define SELF_H

#include <stdint.h>

#define SELF_MAGIC "twinboot itself" /* 16 bytes with the NUL */
#define SELF_NAMES \
	{ \
		".text", ".rodata", ".reloc", ".data" \
	}

enum self_section { SELF_TEXT, SELF_RODATA, SELF_RELOC, SELF_DATA, SELF_SECTIONS };

struct self {
	char magic[16];
	struct {
		uint32_t address; /* from the image's base */
		uint32_t size;    /* as loaded: zeros behind the raw data included */
		uint32_t crc32c;  /* in .rodata, this structure counts as zeros */
	} sections[SELF_SECTIONS];
	uint32_t crc32c; /* of all before */
};
_Static_assert(sizeof(struct self) == 68, "packed by itself");

#endif
