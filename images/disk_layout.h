/* SPDX-License-Identifier: BSD-2-Clause */
/* What lies where in an image, decided in this one place: docs/images.md draws it and says why. */
#ifndef DISK_LAYOUT_H
#define DISK_LAYOUT_H

#include "image.h"

struct disk_options {
	bool gpt;
	bool small;      /* FAT12 or FAT16 */
	bool separate;   /* a copy of the payload for BIOS alone */
	uint32_t sector; /* 512 or 4096 */
	uint64_t esp;    /* for tests: where the file system begins, far out on a sparse image; 0: as usual */
};

/* A FAT file system as mformat makes it; all but `bits` in sectors. */
struct fat_plan {
	uint32_t bits, cluster, reserved, root;
	uint64_t table, sectors;
};

/* `x64` and `ia32`: sizes of the two files; `copy`: bytes that the payload's copy would take. */
bool disk_layout_plan(struct disk_layout *layout, struct fat_plan *fat, const struct disk_options *options,
		      uint64_t x64, uint64_t ia32, uint64_t copy, const struct report *report);

#endif
