/* SPDX-License-Identifier: BSD-2-Clause */
#include "disk_layout.h"

#include "formats/load_table.h"

#include <inttypes.h>

_Static_assert(LOADER_SIZE_MAX <= 0x10000, "there are 64 KiB for it in front of the file system of a GPT");

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* FAT files end there (FAT32 File System Specification 1.03, section 6). */
#define FILE_END (4 * GIB)

/* FAT32 begins at 65525 clusters (EDK2 refuses fewer), FAT16 at 4085. Tools differ by a few clusters about these
   borders, so keep away from them. */
#define FAT32_CLUSTERS_MIN 65600u
#define FAT16_CLUSTERS_MIN 4100u
#define FAT16_CLUSTERS_MAX 65300u
#define FAT12_CLUSTERS_MAX 3900u
#define CLUSTER_BYTES_MAX  (32 * KIB)

#define FAT_COPIES   2u
#define ENTRY_BYTES  32u
#define ROOT_ENTRIES 256u /* of FAT12 and FAT16 */

static uint64_t up(uint64_t value, uint64_t multiple)
{
	return (value + multiple - 1) / multiple * multiple;
}

/* Sectors that both files take. */
static uint64_t file_sectors(const struct disk_layout *layout, uint64_t x64, uint64_t ia32)
{
	return up(x64, layout->sector) / layout->sector + up(ia32, layout->sector) / layout->sector;
}

/* Gives the number of clusters, some more than the files need: for directories. With clusters of one sector FAT32
   is 34 MiB, mostly holes. */
static uint64_t plan_fat32(struct fat_plan *fat, uint64_t files)
{
	*fat = (struct fat_plan){.bits = 32, .cluster = 1, .reserved = 32};
	return files + 16 > FAT32_CLUSTERS_MIN ? files + 16 : FAT32_CLUSTERS_MIN;
}

static uint64_t plan_small(struct fat_plan *fat, uint64_t files, uint32_t sector)
{
	uint64_t clusters;

	*fat = (struct fat_plan){
		.bits = 16, .cluster = 1, .reserved = 1, .root = ROOT_ENTRIES * ENTRY_BYTES / sector};
	while ((clusters = up(files, fat->cluster) / fat->cluster + 5) > FAT16_CLUSTERS_MAX)
		fat->cluster *= 2;
	if (clusters < FAT12_CLUSTERS_MAX)
		fat->bits = 12;
	else if (clusters < FAT16_CLUSTERS_MIN)
		clusters = FAT16_CLUSTERS_MIN;
	return clusters;
}

/* `directories`: clusters in front of the first file. The file begins at a multiple of LOAD_ALIGNMENT: whole sectors
   of any size. */
static void plan_tables(struct fat_plan *fat, uint64_t clusters, uint32_t directories, uint32_t sector,
			uint64_t alignment)
{
	uint64_t table_bits = (clusters + alignment / sector + 2) * fat->bits;

	fat->table = up(table_bits, 8ull * sector) / (8ull * sector);
	while ((fat->reserved + FAT_COPIES * fat->table + fat->root + directories * fat->cluster) * sector %
		       LOAD_ALIGNMENT !=
	       0)
		fat->reserved++;
	fat->sectors = fat->reserved + FAT_COPIES * fat->table + fat->root + clusters * fat->cluster;
}

/* No partition begins below 1 MiB, and in a GPT the loader has one: it moves there. The ESP follows at once, and both
   begin and end at multiples of 64 KiB; whole MiB would cost two of them. */
static void place_partitions(struct disk_layout *layout, const struct disk_options *options, uint64_t copy)
{
	layout->loader = layout->gpt ? MIB : 64 * KIB;
	layout->esp = layout->gpt ? MIB + 64 * KIB : MIB;
	if (options->esp != 0)
		layout->esp = options->esp;
	if (options->separate) {
		layout->copy = layout->esp;
		layout->esp += up(copy, MIB);
	}
}

bool disk_layout_plan(struct disk_layout *layout, struct fat_plan *fat, const struct disk_options *options,
		      uint64_t x64, uint64_t ia32, uint64_t copy, const struct report *report)
{
	uint64_t alignment = options->gpt ? 64 * KIB : LOAD_ALIGNMENT;

	*layout = (struct disk_layout){
		.sector = options->sector, .gpt = options->gpt, .iso = options->sector == SECTOR};
	if (x64 >= FILE_END)
		return report_error(report,
				    "has %" PRIu64
				    " bytes, and FAT files end at 4 GiB; use a smaller kernel or "
				    "fewer modules",
				    x64);
	uint64_t files = file_sectors(layout, x64, ia32);
	uint64_t clusters = options->small ? plan_small(fat, files, options->sector) : plan_fat32(fat, files);
	if (options->small && fat->cluster * options->sector > CLUSTER_BYTES_MAX)
		return report_error(report,
				    "has %" PRIu64
				    " bytes, and a small image's file system (--small) ends at 2 GiB; "
				    "leave that out",
				    x64);
	plan_tables(fat, clusters, options->small ? 2 : 3, options->sector, alignment);
	place_partitions(layout, options, copy);
	layout->esp_size = up(fat->sectors * options->sector, alignment);
	fat->sectors = layout->esp_size / options->sector; /* the last ones make the partition full */
	layout->size = layout->esp + layout->esp_size;
	if (layout->gpt) /* the second GPT: a header, and entries of 16 KiB */
		layout->size = up(layout->size + 33ull * options->sector, LOAD_ALIGNMENT);
	return true;
}
