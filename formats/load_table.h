/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first bytes of the BIOS loader: where on the boot disk everything lies, and where in memory it belongs.
 * compose writes it, legacy/disk.c reads it and knows no file system. twinboot.payload, which the network boot
 * program fetches, begins with the same table: places "on disk" are then places in that file, in ascending
 * order. All numbers are little-endian; places on disk are bytes from its start, so that one table serves
 * disks and CDs: whoever reads measures the sector size.
 *
 * linker/legacy.ld fills in the kernel's place and size in memory as they were linked; compose refuses a
 * payload with another kernel and leaves both as they are. In the network boot program, which is linked
 * without a kernel, the table is zero until it is fetched.
 */
#ifndef LOAD_TABLE_H
#define LOAD_TABLE_H

#ifndef __ASSEMBLER__
#include <stdint.h>
#endif

#define LOAD_TABLE_MAGIC     UINT64_C(0x44414f4c4e495754) /* "TWINLOAD" as bytes on disk */
#define LOAD_TABLE_SIZE      1536u
#define LOAD_TABLE_VERSION   3u
#define LOAD_TABLE_PARTS_MAX 17u   /* as many as a manifest can have, and the manifest */
#define LOAD_ALIGNMENT       4096u /* of every part: whole sectors, whatever their size */

#ifndef __ASSEMBLER__
enum load_flags {
	LOAD_CHECK_SHA256 = 1 << 0, /* the loader compares digests before it believes a part */
};

struct load_part {
	char section[8];    /* as in the manifest and the PE file: ".kernel" first, ".manifst" last */
	uint64_t offset;    /* on disk, a multiple of LOAD_ALIGNMENT; the bytes lie in one run from here */
	uint64_t stored;    /* bytes on disk, a multiple of LOAD_ALIGNMENT; the rest of the part is zero */
	uint64_t size;      /* bytes in memory, a multiple of LOAD_ALIGNMENT */
	uint64_t address;   /* physical, a multiple of LOAD_ALIGNMENT; 0: wherever there is memory */
	uint32_t crc32c;    /* over the stored bytes */
	uint32_t reserved;  /* 0 */
	uint8_t sha256[32]; /* over the stored bytes */
};

struct load_table {
	uint64_t magic;
	uint32_t version;
	uint32_t crc32c; /* over LOAD_TABLE_SIZE bytes, with this field as 0 */
	uint32_t flags;  /* enum load_flags */
	uint32_t part_count;
	uint32_t build_id; /* the manifest's */
	uint32_t reserved; /* 0 */
	/* The directory entry of the file that the parts lie in, as it was then: whoever replaces the file
	   may leave its old bytes where they were, and no checksum notices. */
	struct {
		uint64_t offset; /* 0: the parts lie in no file */
		uint32_t cluster, size;
		uint32_t crc32c; /* of the whole file: for make inspect, no loader reads all of it */
		uint32_t reserved;
	} file;
	struct load_part parts[LOAD_TABLE_PARTS_MAX];
};
_Static_assert(sizeof(struct load_part) == 80, "packed by itself");
_Static_assert(sizeof(struct load_table) == 1416, "packed by itself");
_Static_assert(sizeof(struct load_table) <= LOAD_TABLE_SIZE, "the rest of LOAD_TABLE_SIZE is zero");
_Static_assert(__builtin_offsetof(struct load_table, parts[0].size) == 80, "linker/loader.ld");
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

#ifndef __ASSEMBLER__
struct __attribute__((packed)) boot_sector {
	uint8_t code[BOOT_PACKET_OFFSET];
	uint16_t packet_size, packet_count;
	uint16_t packet_offset, packet_segment;
	uint64_t packet_lba;
	uint32_t sum;
	uint16_t words;
	uint8_t pieces, count;
	uint8_t partitions[512 - BOOT_CODE_END];
};
_Static_assert(sizeof(struct boot_sector) == 512, "one sector");
_Static_assert(__builtin_offsetof(struct boot_sector, packet_lba) == BOOT_PACKET_OFFSET + BOOT_PACKET_LBA,
	       "EDD-3, 3.4");
_Static_assert(__builtin_offsetof(struct boot_sector, sum) == BOOT_SUM_OFFSET, "as legacy/boot.S has it");
_Static_assert(__builtin_offsetof(struct boot_sector, count) == BOOT_COUNT_OFFSET, "as legacy/boot.S has it");
#endif

#define BOOT_ADDRESS    0x7c00 /* of the boot sector */
#define LOADER_ADDRESS  0x8000 /* as linker/legacy.ld, which asserts it */
#define LOADER_PIECE    0x8000
#define LOADER_SIZE_MAX 0x10000

#endif
