/* SPDX-License-Identifier: BSD-2-Clause */
/* FAT (Microsoft, FAT32 File System Specification 1.03): as much of it as finds a file. */
#include "image.h"

#include <string.h>

#define ENTRY_SIZE     32u
#define ATTRIBUTE_LONG 0x0f /* not a file, but a piece of a long name */

int fat_is_one(uint64_t start, uint32_t sector)
{
	uint8_t boot[SECTOR];
	if (start + sector > image_bytes())
		return 0;
	read_at(start, boot, sizeof(boot));
	return get16(boot + 510) == 0xaa55 && get16(boot + 11) == sector && boot[13] != 0 && boot[16] != 0;
}

struct fat fat_open(uint64_t start)
{
	uint8_t boot[SECTOR];
	struct fat fat = {0};
	read_at(start, boot, sizeof(boot));
	uint32_t reserved = get16(boot + 14);
	uint32_t sectors = get16(boot + 19) != 0 ? get16(boot + 19) : get32(boot + 32);
	uint32_t table_sectors = get16(boot + 22) != 0 ? get16(boot + 22) : get32(boot + 36);
	fat.sector = get16(boot + 11);
	fat.tables = boot[16];
	fat.root_entries = get16(boot + 17);
	fat.cluster_bytes = boot[13] * fat.sector;
	if (fat.sector < SECTOR || fat.cluster_bytes == 0)
		die("its EFI system partition holds no FAT file system");
	fat.table = start + (uint64_t)reserved * fat.sector;
	fat.table_size = (uint64_t)table_sectors * fat.sector;
	fat.root = fat.table + fat.tables * fat.table_size;
	fat.data = fat.root + fat.root_entries * ENTRY_SIZE;
	uint64_t end = start + (uint64_t)sectors * fat.sector;
	if (fat.data >= end)
		die("the FAT file system in its EFI system partition is damaged");
	fat.cluster_count = (uint32_t)((end - fat.data) / fat.cluster_bytes);
	fat.bits = fat.cluster_count < 4085 ? 12 : fat.cluster_count < 65525 ? 16 : 32;
	fat.root_cluster = fat.bits == 32 ? get32(boot + 44) : 0;
	return fat;
}

static uint32_t next_cluster(const struct fat *fat, uint32_t cluster)
{
	uint8_t entry[4] = {0};
	if (fat->bits == 32) {
		read_at(fat->table + (uint64_t)cluster * 4, entry, 4);
		return get32(entry) & 0x0fffffff;
	}
	if (fat->bits == 16) {
		read_at(fat->table + (uint64_t)cluster * 2, entry, 2);
		return get16(entry);
	}
	read_at(fat->table + cluster + cluster / 2, entry, 2);
	return cluster & 1 ? get16(entry) >> 4 : get16(entry) & 0x0fff;
}

static int is_cluster(const struct fat *fat, uint32_t cluster)
{
	return cluster >= 2 && cluster < fat->cluster_count + 2;
}

static uint64_t cluster_place(const struct fat *fat, uint32_t cluster)
{
	if (!is_cluster(fat, cluster))
		die("the FAT in its EFI system partition names cluster %u, which does not exist", cluster);
	return fat->data + (uint64_t)(cluster - 2) * fat->cluster_bytes;
}

/* "BOOTX64.EFI", up to a '/' or the end, as a directory entry has it. Gives how many characters that were. */
static size_t put_short_name(char entry[11], const char *name)
{
	size_t length = strcspn(name, "/"), stem = strcspn(name, "./");
	memset(entry, ' ', 11);
	memcpy(entry, name, stem);
	if (stem < length)
		memcpy(entry + 8, name + stem + 1, length - stem - 1);
	return length;
}

/* In the directory that starts at cluster `directory` (0: FAT12's or FAT16's root). */
static int find_in(const struct fat *fat, uint32_t directory, const char name[11], struct fat_file *file)
{
	for (uint32_t steps = 0; steps <= fat->cluster_count; steps++) {
		uint64_t place = directory != 0 ? cluster_place(fat, directory) : fat->root;
		uint32_t entries = directory != 0 ? fat->cluster_bytes / ENTRY_SIZE : fat->root_entries;
		for (uint32_t i = 0; i < entries; i++, place += ENTRY_SIZE) {
			uint8_t entry[ENTRY_SIZE];
			read_at(place, entry, sizeof(entry));
			if (entry[11] == ATTRIBUTE_LONG || memcmp(entry, name, 11) != 0)
				continue;
			file->entry = place;
			file->cluster = get16(entry + 26) | (uint32_t)get16(entry + 20) << 16;
			file->size = get32(entry + 28);
			return 1;
		}
		if (directory == 0)
			return 0;
		directory = next_cluster(fat, directory);
		if (!is_cluster(fat, directory))
			return 0;
	}
	return 0;
}

struct fat_file fat_find(const struct fat *fat, const char *path)
{
	struct fat_file file = {.path = path, .cluster = fat->root_cluster};
	char name[11];
	for (const char *rest = path; *rest != 0; rest += *rest == '/') {
		rest += put_short_name(name, rest);
		if (!find_in(fat, file.cluster, name, &file))
			die("its EFI system partition holds no %s", path);
	}
	uint32_t clusters = (uint32_t)(((uint64_t)file.size + fat->cluster_bytes - 1) / fat->cluster_bytes);
	for (uint32_t i = 0; i + 1 < clusters; i++)
		if (next_cluster(fat, file.cluster + i) != file.cluster + i + 1)
			die("%s lies in pieces, so that only UEFI can load it; make the image anew", path);
	file.place = cluster_place(fat, file.cluster);
	return file;
}
