/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compose IMAGE LEGACY.BIN: makes a disk image with an EFI system partition boot from BIOS too.
 *
 * The payload lies on disk once, inside of EFI/BOOT/BOOTX64.EFI. This finds the file's sections there and
 * writes where they are into the load table, then the boot sector, load table and loader into the sectors
 * before the partition. LEGACY.BIN is legacy.elf's boot sector and loader as they lie in memory.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/crc32c.h"
#include "../core/payload.h"
#include "../legacy/load_table.h"

#define SECTOR 512u

/* Master boot record (UEFI 2.10, 5.2.1). */
#define MBR_CODE_SIZE   440 /* then disk identifier and partition table, which stay */
#define MBR_FIRST_ENTRY 446
#define MBR_ENTRY_SIZE  16
#define MBR_ENTRY_TYPE  4
#define MBR_ENTRY_START 8
#define MBR_TYPE_ESP    0xef

static const char *image_name;
static FILE *image;

static _Noreturn void die(const char *fact)
{
	fprintf(stderr, "compose: %s: %s\n", image_name, fact);
	exit(1);
}

static void read_at(uint64_t offset, void *to, size_t size)
{
	if (fseeko(image, (off_t)offset, SEEK_SET) != 0 || fread(to, 1, size, image) != size)
		die("ends before all that it should hold");
}

static void write_at(uint64_t offset, const void *from, size_t size)
{
	if (fseeko(image, (off_t)offset, SEEK_SET) != 0 || fwrite(from, 1, size, image) != size)
		die(strerror(errno));
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

/* FAT (Microsoft, FAT32 File System Specification 1.03): as much of it as finds one file. All offsets are
   bytes from the image's start. */
struct fat {
	uint64_t table, data, root; /* root: FAT12 and FAT16 only */
	uint32_t root_entries, root_cluster, cluster_bytes, cluster_count;
	int bits; /* 12, 16 or 32 */
};

struct file {
	uint32_t cluster, size;
};

static struct fat fat_open(uint64_t start)
{
	uint8_t boot[SECTOR];
	struct fat fat = {0};
	read_at(start, boot, sizeof(boot));
	uint32_t sector = get16(boot + 11), reserved = get16(boot + 14), fats = boot[16];
	uint32_t sectors = get16(boot + 19) != 0 ? get16(boot + 19) : get32(boot + 32);
	uint32_t fat_sectors = get16(boot + 22) != 0 ? get16(boot + 22) : get32(boot + 36);
	fat.root_entries = get16(boot + 17);
	fat.cluster_bytes = boot[13] * sector;
	if (sector < SECTOR || fat.cluster_bytes == 0)
		die("its first partition holds no FAT file system");
	fat.table = start + (uint64_t)reserved * sector;
	fat.root = fat.table + (uint64_t)fats * fat_sectors * sector;
	fat.data = fat.root + fat.root_entries * 32;
	fat.cluster_count = (uint32_t)((start + (uint64_t)sectors * sector - fat.data) / fat.cluster_bytes);
	fat.bits = fat.cluster_count < 4085 ? 12 : fat.cluster_count < 65525 ? 16 : 32;
	fat.root_cluster = fat.bits == 32 ? get32(boot + 44) : 0;
	return fat;
}

static uint32_t fat_next(const struct fat *fat, uint32_t cluster)
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

static uint64_t fat_offset(const struct fat *fat, uint32_t cluster)
{
	if (cluster < 2 || cluster >= fat->cluster_count + 2)
		die("its FAT names a cluster that does not exist");
	return fat->data + (uint64_t)(cluster - 2) * fat->cluster_bytes;
}

/* Looks for an 8.3 name in the directory that starts at `cluster` (0: FAT12's or FAT16's root). */
static struct file fat_find(const struct fat *fat, uint32_t cluster, const char name[11])
{
	for (uint32_t steps = 0; steps <= fat->cluster_count; steps++) {
		uint64_t offset = cluster != 0 ? fat_offset(fat, cluster) : fat->root;
		uint32_t entries = cluster != 0 ? fat->cluster_bytes / 32 : fat->root_entries;
		for (uint32_t i = 0; i < entries; i++) {
			uint8_t entry[32];
			const uint8_t long_name = 0x0f;
			read_at(offset + i * 32, entry, sizeof(entry));
			if (entry[11] != long_name && memcmp(entry, name, 11) == 0)
				return (struct file){get16(entry + 26) | (uint32_t)get16(entry + 20) << 16,
						     get32(entry + 28)};
		}
		if (cluster == 0)
			break;
		cluster = fat_next(fat, cluster);
		if (cluster >= fat->cluster_count + 2)
			break;
	}
	die("its first partition holds no EFI/BOOT/BOOTX64.EFI");
}

/* The file's place in the image; it must lie in one piece, as on a file system that was empty before. */
static uint64_t file_offset(const struct fat *fat, struct file file)
{
	uint32_t clusters = (file.size + fat->cluster_bytes - 1) / fat->cluster_bytes;
	for (uint32_t i = 0; i + 1 < clusters; i++)
		if (fat_next(fat, file.cluster + i) != file.cluster + i + 1)
			die("BOOTX64.EFI is fragmented; make the image anew");
	return fat_offset(fat, file.cluster);
}

/* Raw data of a section of the PE file that starts at `file`. */
static uint64_t section_offset(uint64_t file, const char *name)
{
	uint8_t head[4096];
	read_at(file, head, sizeof(head));
	uint32_t pe = get32(head + 0x3c);
	if (pe > 1024 || memcmp(head + pe, "PE\0\0", 4) != 0)
		die("BOOTX64.EFI is not a PE file");
	const uint8_t *section = head + pe + 24 + get16(head + pe + 20);
	for (int i = 0; i < get16(head + pe + 6) && section + 40 <= head + sizeof(head); i++, section += 40)
		if (strncmp((const char *)section, name, 8) == 0)
			return file + get32(section + 20);
	die("BOOTX64.EFI lacks a section of the payload");
}

static uint64_t esp_start(const uint8_t *mbr)
{
	for (int i = 0; i < 4; i++) {
		const uint8_t *entry = mbr + MBR_FIRST_ENTRY + i * MBR_ENTRY_SIZE;
		if (entry[MBR_ENTRY_TYPE] == MBR_TYPE_ESP)
			return (uint64_t)get32(entry + MBR_ENTRY_START) * SECTOR;
	}
	die("its MBR names no EFI system partition");
}

static struct load_table make_table(uint64_t file)
{
	struct load_table table = {
		.magic = LOAD_TABLE_MAGIC,
		.version = LOAD_TABLE_VERSION,
		.sector_size = SECTOR,
	};
	struct payload_info info;
	uint64_t modules = section_offset(file, ".modules");
	read_at(modules, &info, sizeof(info));
	if (info.magic != PAYLOAD_MAGIC)
		die("BOOTX64.EFI holds no payload");
	table.parts[LOAD_KERNEL].lba = section_offset(file, ".kernel") / SECTOR;
	table.parts[LOAD_KERNEL].bytes = info.kernel_stored;
	table.parts[LOAD_MODULES].lba = modules / SECTOR;
	table.parts[LOAD_MODULES].bytes = info.modules_stored;
	return table;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: compose IMAGE LEGACY.BIN\n");
		return 1;
	}
	static uint8_t legacy[64 * 1024]; /* twice what linker/legacy.ld allows */
	FILE *file = fopen(argv[2], "rb");
	image_name = argv[2];
	if (file == NULL)
		die(strerror(errno));
	size_t size = fread(legacy, 1, sizeof(legacy), file);
	fclose(file);
	if (size < 2 * SECTOR || size % SECTOR != 0)
		die("not a boot sector and loader in whole sectors");

	image_name = argv[1];
	image = fopen(argv[1], "r+b");
	if (image == NULL)
		die(strerror(errno));
	uint8_t mbr[SECTOR];
	read_at(0, mbr, sizeof(mbr));
	uint64_t start = esp_start(mbr);
	if (size > start)
		die("its EFI system partition leaves no room for the BIOS loader");
	struct fat fat = fat_open(start);
	struct file directory = fat_find(&fat, fat.root_cluster, "EFI        ");
	directory = fat_find(&fat, directory.cluster, "BOOT       ");
	uint64_t efi = file_offset(&fat, fat_find(&fat, directory.cluster, "BOOTX64 EFI"));

	uint8_t *sector1 = legacy + SECTOR;
	struct load_table table = make_table(efi);
	memset(sector1, 0, LOAD_TABLE_SIZE);
	memcpy(sector1, &table, sizeof(table));
	table.crc32c = crc32c(0, sector1, LOAD_TABLE_SIZE);
	memcpy(sector1, &table, sizeof(table));

	uint16_t sectors = (uint16_t)(size / SECTOR - 1);
	uint64_t lba = 1;
	uint32_t sum = 0;
	for (size_t i = SECTOR; i < size; i += 4)
		sum += get32(legacy + i);
	memcpy(legacy + BOOT_PACKET_OFFSET + BOOT_PACKET_COUNT, &sectors, sizeof(sectors));
	memcpy(legacy + BOOT_PACKET_OFFSET + BOOT_PACKET_LBA, &lba, sizeof(lba));
	memcpy(legacy + BOOT_SUM_OFFSET, &sum, sizeof(sum));
	memcpy(legacy + MBR_CODE_SIZE, mbr + MBR_CODE_SIZE, SECTOR - MBR_CODE_SIZE);
	write_at(0, legacy, size);
	if (fclose(image) != 0)
		die(strerror(errno));
	return 0;
}
