/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first 512 bytes of the loader: where on the boot disk everything lies. Written by images/compose, read
 * by disk.c, which knows no file system. All numbers are little-endian; places are bytes from the disk's
 * start, so that one table serves disks and CDs: whoever reads measures the sector size.
 */
#ifndef LOAD_TABLE_H
#define LOAD_TABLE_H

#ifndef __ASSEMBLER__
#include <stdint.h>
#endif

#define LOAD_TABLE_MAGIC   UINT64_C(0x44414f4c4e495754) /* "TWINLOAD" as bytes on disk */
#define LOAD_TABLE_SIZE    512u
#define LOAD_TABLE_VERSION 2u
#define LOAD_ALIGNMENT     4096u /* of every part: whole sectors, whatever their size */

#ifndef __ASSEMBLER__
enum load_part { LOAD_KERNEL, LOAD_MODULES, LOAD_PARTS };

struct load_table {
	uint64_t magic;
	uint32_t version;
	uint32_t crc32c; /* over LOAD_TABLE_SIZE bytes, with this field as 0 */
	struct {
		uint64_t offset; /* a multiple of LOAD_ALIGNMENT; the bytes lie in one run from here */
		uint64_t bytes;  /* stored; the rest of the part is zero */
	} parts[LOAD_PARTS];
	/* The directory entry of the file that the parts lie in, as it was then: whoever replaces the file
	   may leave its old bytes where they were, and no checksum notices. */
	struct {
		uint64_t offset; /* 0: the parts lie in no file */
		uint32_t cluster, size;
		uint32_t crc32c; /* of the whole file: for make inspect, no loader reads all of it */
		uint32_t reserved;
	} file;
};
_Static_assert(sizeof(struct load_table) == 72, "packed by itself");
#endif

/*
 * What compose writes into the boot sector: where the loader lies and what it adds up to. It is read in
 * pieces of 32 KiB to multiples of 32 KiB, so that no read crosses a 64 KiB boundary or has more than 127
 * sectors, whether they have 512, 2048 or 4096 bytes. On disk it fills whole pieces.
 */
#define BOOT_PACKET_OFFSET  0x1a0 /* a disk address packet (EDD-3, 3.4) */
#define BOOT_PACKET_COUNT   2
#define BOOT_PACKET_SEGMENT 6
#define BOOT_PACKET_LBA     8     /* uint32_t: the loader's first sector */
#define BOOT_SUM_OFFSET     0x1b0 /* uint32_t: the sum of the loader's words of four bytes */
#define BOOT_WORDS_OFFSET   0x1b4 /* uint16_t: how many those are */
#define BOOT_PIECES_OFFSET  0x1b6 /* uint8_t */
#define BOOT_COUNT_OFFSET   0x1b7 /* uint8_t: sectors a piece */
#define BOOT_CODE_END       0x1b8 /* then disk identifier and partition table */

#define LOADER_ADDRESS  0x8000 /* as linker/legacy.ld, which asserts it */
#define LOADER_PIECE    0x8000
#define LOADER_SIZE_MAX 0x10000

#endif
