/* SPDX-License-Identifier: BSD-2-Clause */
#include "fat.h"

#include <stddef.h>
#include <string.h>

/* FAT32 File System Specification 1.03, section 3: the boot sector and BPB. What stands from byte 36 on differs
   between FAT32 and the others; the others need none of it. */
struct __attribute__((packed)) fat_boot_sector {
	uint8_t jump[3], oem_name[8];
	uint16_t bytes_per_sector;
	uint8_t sectors_per_cluster;
	uint16_t reserved_sectors;
	uint8_t table_count;
	uint16_t root_entries;    /* 0 on FAT32 */
	uint16_t total_sectors16; /* 0 if there are more */
	uint8_t medium;
	uint16_t table_sectors16; /* 0 on FAT32 */
	uint16_t sectors_per_track, heads;
	uint32_t hidden_sectors, total_sectors32;
	uint32_t table_sectors32; /* FAT32's */
	uint16_t flags, version;
	uint32_t root_cluster;
	uint8_t rest[SECTOR - 50];
	uint16_t signature;
};
_Static_assert(sizeof(struct fat_boot_sector) == SECTOR, "FAT32 File System Specification 1.03, section 3");
_Static_assert(offsetof(struct fat_boot_sector, table_sectors32) == 36, "the same");

#define BOOT_SIGNATURE 0xaa55

/* Section 6 */
struct __attribute__((packed)) fat_entry {
	char name[11];
	uint8_t attributes, reserved, created[7];
	uint16_t cluster_high;
	uint8_t written[4];
	uint16_t cluster_low;
	uint32_t size;
};
_Static_assert(sizeof(struct fat_entry) == 32, "FAT32 File System Specification 1.03, section 6");

#define ATTRIBUTE_LONG 0x0f /* no file, but a piece of a long name */

/* Section 3.5: how many clusters make which kind. */
#define FAT16_CLUSTERS_MIN 4085u
#define FAT32_CLUSTERS_MIN 65525u

bool fat_is_one(const struct image *image, uint64_t start, uint32_t sector)
{
	struct fat_boot_sector boot;

	return start <= image->size && image->size - start >= sector &&
	       image_read(image, &boot, sizeof(boot), start) && boot.signature == BOOT_SIGNATURE &&
	       boot.bytes_per_sector == sector && boot.sectors_per_cluster != 0 && boot.table_count != 0;
}

static bool damaged(const struct fat *fat, const char *what)
{
	return report_error(
		&fat->image->report,
		"holds a damaged FAT file system in its EFI system partition (%s); run fsck.fat on "
		"it, or make the image anew",
		what);
}

bool fat_open(struct fat *fat, const struct image *image, uint64_t start)
{
	struct fat_boot_sector boot;

	*fat = (struct fat){.image = image};
	if (!image_read(image, &boot, sizeof(boot), start))
		return false;
	uint32_t sectors = boot.total_sectors16 != 0 ? boot.total_sectors16 : boot.total_sectors32;
	uint32_t table_sectors = boot.table_sectors16 != 0 ? boot.table_sectors16 : boot.table_sectors32;
	fat->sector = boot.bytes_per_sector;
	fat->tables = boot.table_count;
	fat->root_entries = boot.root_entries;
	fat->cluster_bytes = boot.sectors_per_cluster * fat->sector;
	if (fat->sector < SECTOR || fat->cluster_bytes == 0)
		return damaged(fat, "sector or cluster size");
	fat->table = start + (uint64_t)boot.reserved_sectors * fat->sector;
	fat->table_size = (uint64_t)table_sectors * fat->sector;
	fat->root = fat->table + fat->tables * fat->table_size;
	fat->data = fat->root + fat->root_entries * sizeof(struct fat_entry);
	uint64_t end = start + (uint64_t)sectors * fat->sector;
	if (fat->data >= end)
		return damaged(fat, "sizes");
	fat->cluster_count = (uint32_t)((end - fat->data) / fat->cluster_bytes);
	fat->bits = fat->cluster_count < FAT16_CLUSTERS_MIN   ? 12
		    : fat->cluster_count < FAT32_CLUSTERS_MIN ? 16
							      : 32;
	fat->root_cluster = fat->bits == 32 ? boot.root_cluster : 0;
	return true;
}

/* Section 4 */
static bool next_cluster(const struct fat *fat, uint32_t cluster, uint32_t *next)
{
	uint64_t at = fat->table + (uint64_t)cluster * (uint32_t)fat->bits / 8;

	*next = 0;
	if (!image_read(fat->image, next, fat->bits == 32 ? 4 : 2, at))
		return false;
	if (fat->bits == 32)
		*next &= 0x0fffffff;
	else if (fat->bits == 12)
		*next = cluster & 1 ? *next >> 4 : *next & 0x0fff;
	return true;
}

static bool is_cluster(const struct fat *fat, uint32_t cluster)
{
	return cluster >= 2 && cluster < fat->cluster_count + 2;
}

static uint64_t cluster_place(const struct fat *fat, uint32_t cluster)
{
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

/* Among the `count` entries at `place`. `file->entry` stays 0 if it is not there. */
static bool find_among(const struct fat *fat, uint64_t place, uint32_t count, const char name[11],
		       struct fat_file *file)
{
	struct fat_entry entry;

	for (uint32_t i = 0; i < count; i++, place += sizeof(entry)) {
		if (!image_read(fat->image, &entry, sizeof(entry), place))
			return false;
		if (entry.attributes == ATTRIBUTE_LONG || memcmp(entry.name, name, sizeof(entry.name)) != 0)
			continue;
		file->entry = place;
		file->cluster = entry.cluster_low | (uint32_t)entry.cluster_high << 16;
		file->size = entry.size;
		break;
	}
	return true;
}

/* In the directory that starts at cluster `directory` (0: FAT12's or FAT16's root). */
static bool find_in(const struct fat *fat, uint32_t directory, const char name[11], struct fat_file *file)
{
	uint32_t steps = 0;

	file->entry = 0;
	if (directory == 0)
		return find_among(fat, fat->root, fat->root_entries, name, file);
	while (file->entry == 0 && is_cluster(fat, directory) && steps++ <= fat->cluster_count)
		if (!find_among(fat, cluster_place(fat, directory),
				fat->cluster_bytes / (uint32_t)sizeof(struct fat_entry), name, file) ||
		    !next_cluster(fat, directory, &directory))
			return false;
	return true;
}

static bool check_is_one_piece(const struct fat *fat, const struct fat_file *file)
{
	uint64_t clusters = ((uint64_t)file->size + fat->cluster_bytes - 1) / fat->cluster_bytes;
	uint32_t next;

	if (!is_cluster(fat, file->cluster))
		return damaged(fat, file->path);
	for (uint32_t i = 0; i + 1 < clusters; i++) {
		if (!next_cluster(fat, file->cluster + i, &next))
			return false;
		if (next != file->cluster + i + 1)
			return report_error(
				&fat->image->report,
				"has %s in pieces, so that only UEFI can load it; make the image anew",
				file->path);
	}
	return true;
}

bool fat_find(const struct fat *fat, const char *path, struct fat_file *file)
{
	char name[11];

	*file = (struct fat_file){.path = path, .cluster = fat->root_cluster};
	for (const char *rest = path; *rest != 0; rest += *rest == '/') {
		rest += put_short_name(name, rest);
		if (!find_in(fat, file->cluster, name, file))
			return false;
		if (file->entry == 0)
			return report_error(&fat->image->report,
					    "holds no %s in its EFI system partition; make the image anew",
					    path);
	}
	file->place = cluster_place(fat, file->cluster);
	return check_is_one_piece(fat, file);
}
