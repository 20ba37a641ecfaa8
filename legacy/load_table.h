/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sector behind the boot sector: where on the disk everything lies. Written by images/compose, read by
 * the loader, which knows no file system. All numbers little-endian; a sector is `sector_size` bytes.
 */
#ifndef LOAD_TABLE_H
#define LOAD_TABLE_H

#ifndef __ASSEMBLER__
#include <stdint.h>
#endif

#define LOAD_TABLE_MAGIC   UINT64_C(0x44414f4c4e495754) /* "TWINLOAD" as bytes on disk */
#define LOAD_TABLE_SIZE    512u
#define LOAD_TABLE_VERSION 1u

#ifndef __ASSEMBLER__
enum load_part { LOAD_KERNEL, LOAD_MODULES, LOAD_PARTS };

struct load_table {
	uint64_t magic;
	uint32_t version;
	uint32_t crc32c; /* over LOAD_TABLE_SIZE bytes, with this field as 0 */
	uint32_t sector_size;
	uint32_t reserved;
	struct {
		uint64_t lba;   /* first sector; the bytes lie in one run from its start */
		uint64_t bytes; /* stored; the rest of the part is zero */
	} parts[LOAD_PARTS];
};
_Static_assert(sizeof(struct load_table) == 56, "packed by itself");
#endif

/* Where compose patches the boot sector: its disk address packet (EDD-3, 3.4), and the 32-bit sum of all that
   the packet reads. */
#define BOOT_PACKET_OFFSET 0x1a0
#define BOOT_PACKET_COUNT  2 /* uint16_t, from the packet's start */
#define BOOT_PACKET_LBA    8 /* uint64_t */
#define BOOT_SUM_OFFSET    0x1b0

#endif
