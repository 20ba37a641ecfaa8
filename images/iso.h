/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ISO 9660 (ECMA-119) with El Torito (Phoenix and IBM, 1.0), around an image that is a disk first. It is
 * written here and not by xorriso, because directory records must point at the files inside of the
 * ESP: the payload lies in the image once, and who copies files off the CD still gets it.
 *
 *     block 16  primary volume descriptor         21  root directory
 *           17  boot record: where 24 is          22  EFI
 *           18  terminator                        23  EFI/BOOT
 *           19  path table, little-endian         24  El Torito's boot catalog
 *           20  the same, big-endian              25  the boot sector for CDs
 */
#ifndef ISO_H
#define ISO_H

#include "fat.h"

#define ISO_BLOCK       2048u
#define ISO_START       (16u * ISO_BLOCK)
#define ISO_BOOT_SECTOR (25u * ISO_BLOCK)
#define ISO_END         (26u * ISO_BLOCK)

/* The first bytes of a primary volume descriptor (ECMA-119, 8.4). */
#define ISO_SIGNATURE "\1CD001\1"

/* Makes bytes ISO_START to ISO_END of the image, all but the boot sector's block. */
bool iso_make(const struct disk_layout *layout, const struct fat_file *x64, const struct fat_file *ia32,
	      uint8_t area[ISO_END - ISO_START], const struct report *report);

#endif
