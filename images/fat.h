/* SPDX-License-Identifier: BSD-2-Clause */
/* FAT (Microsoft, FAT32 File System Specification 1.03): as much of it as finds a file. mtools write it. */
#ifndef FAT_H
#define FAT_H

#include "image.h"

#define LOADER_X64  "EFI/BOOT/BOOTX64.EFI"
#define LOADER_IA32 "EFI/BOOT/BOOTIA32.EFI"

struct fat {
	const struct image *image;
	uint64_t table, data, root; /* root: FAT12 and FAT16 only */
	uint64_t table_size;
	uint32_t tables, sector, root_entries, root_cluster, cluster_bytes, cluster_count;
	int bits; /* 12, 16 or 32 */
};

struct fat_file {
	const char *path;
	uint64_t entry; /* its directory entry's place in the image */
	uint64_t place; /* its own: it lies in one piece */
	uint32_t cluster, size;
};

/* Whether a file system with that sector size seems to begin there. */
bool fat_is_one(const struct image *image, uint64_t start, uint32_t sector);
bool fat_open(struct fat *fat, const struct image *image, uint64_t start);
/* Names in capital letters, 8.3. */
bool fat_find(const struct fat *fat, const char *path, struct fat_file *file);

#endif
