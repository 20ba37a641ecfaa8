/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of a firmware's video modes a kernel gets. Both front doors ask here, so the answer is the same.
   Built for i686 too. */
#ifndef MODE_H
#define MODE_H

#include "include/twinboot.h"

#define EDID_SIZE       128
#define EDID_EXTENSIONS 126 /* byte of the first block: how many follow */

struct mode {
	uint32_t width, height, bits_per_pixel; /* 0 x 0: none */
	uint32_t id;                            /* the front door's own */
};

/* True for any block of an EDID with the right checksum. */
int edid_adds_up(const uint8_t block[EDID_SIZE]);

/* True for an EDID block (VESA E-EDID 1.4, 3.1) with the right header and checksum. Some firmware claims
   success and gives nothing. */
int edid_is_valid(const uint8_t edid[EDID_SIZE]);

/*
 * Index of the mode to set, or -1 if `count` is 0. In this order: the size the kernel's note wishes; the
 * display's preferred size, if `edid` is not NULL; the size the firmware is in; 1024 x 768; the size nearest
 * to that. Among modes of one size, the wished depth, else the deepest.
 */
int mode_choose(const struct mode *modes, uint32_t count, const struct twinboot_needs *needs,
		const uint8_t *edid, const struct mode *current);

#endif
