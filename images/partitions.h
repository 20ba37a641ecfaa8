/* SPDX-License-Identifier: BSD-2-Clause */
/* The partition table: an MBR (UEFI 2.10, 5.2.1) with one active entry for the ESP, or a GPT (5.3) with one
   for the BIOS loader and one for the ESP. Which one for whom: docs/images.md. */
#ifndef PARTITIONS_H
#define PARTITIONS_H

#include "image.h"

/* Writes disk identifier and table into the boot sector, and a GPT, if there is one, into the image. */
bool partitions_make(const struct disk_layout *layout, uint8_t sector0[SECTOR], const struct output *output);

/* Finds the ESP; fills sector, gpt, id (of a GPT), esp and esp_size. `end`: of all that the table needs. */
bool partitions_find(struct disk_layout *layout, const struct image *image, uint64_t *end);

/* Says what is wrong with either copy of a GPT. The second may lie beyond the image's end: that is not wrong here. */
bool gpt_check(const struct disk_layout *layout, const struct image *image);

#endif
