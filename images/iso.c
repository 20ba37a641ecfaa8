/* SPDX-License-Identifier: BSD-2-Clause */
#include "iso.h"

#include <stddef.h>
#include <string.h>

enum {
	VOLUME = 16,
	BOOT_RECORD,
	TERMINATOR,
	PATHS_LITTLE,
	PATHS_BIG,
	ROOT,
	EFI,
	EFI_BOOT,
	CATALOG,
	BOOT_SECTOR,
	END
};
_Static_assert(BOOT_SECTOR *ISO_BLOCK == ISO_BOOT_SECTOR && END * ISO_BLOCK == ISO_END, "as iso.h says");

/* ECMA-119, 7.2.2, 7.2.3, 7.3.2 and 7.3.3 */
struct big16 {
	uint8_t bytes[2];
};
struct big32 {
	uint8_t bytes[4];
};
struct __attribute__((packed)) both16 {
	uint16_t little;
	struct big16 big;
};
struct __attribute__((packed)) both32 {
	uint32_t little;
	struct big32 big;
};

/* ECMA-119, 9.1; the name follows */
struct __attribute__((packed)) directory_record {
	uint8_t size, attribute_size;
	struct both32 block, bytes;
	uint8_t date[7], flags, unit_size, gap_size;
	struct both16 volume;
	uint8_t name_size;
};
_Static_assert(sizeof(struct directory_record) == 33, "ECMA-119, 9.1");

#define FLAG_HIDDEN    1
#define FLAG_DIRECTORY 2

/* ECMA-119, 9.4; the name follows. `block` and `parent` are of the table's byte order. */
struct __attribute__((packed)) path_record {
	uint8_t name_size, attribute_size;
	uint8_t block[4], parent[2];
};
_Static_assert(sizeof(struct path_record) == 8, "ECMA-119, 9.4");

/* ECMA-119, 8.1 */
struct descriptor_head {
	uint8_t type;
	char identifier[5];
	uint8_t version;
};

/* ECMA-119, 8.4. Text is padded with blanks. */
struct __attribute__((packed)) volume_descriptor {
	struct descriptor_head head;
	uint8_t unused;
	char system[32], volume[32];
	uint8_t unused2[8];
	struct both32 blocks;
	uint8_t unused3[32];
	struct both16 volumes, number, block_size;
	struct both32 paths_size;
	uint32_t paths_little, optional_paths_little;
	struct big32 paths_big, optional_paths_big;
	struct directory_record root;
	uint8_t root_name;
	char volume_set[128], publisher[128], preparer[128], application[128];
	char files[3][37]; /* copyright, abstract, bibliography */
	struct {
		char digits[16]; /* year to hundredths of a second */
		uint8_t zone;
	} created, modified, expires, effective;
	uint8_t structure_version;
	uint8_t rest[ISO_BLOCK - 882];
};
_Static_assert(sizeof(struct volume_descriptor) == ISO_BLOCK, "ECMA-119, 8.4");
_Static_assert(offsetof(struct volume_descriptor, created) == 813, "ECMA-119, table 4");

/* El Torito 1.0, figure 7 */
struct __attribute__((packed)) boot_record {
	struct descriptor_head head;
	char system[32];
	uint8_t unused[32];
	uint32_t catalog; /* block */
};
_Static_assert(offsetof(struct boot_record, catalog) == 0x47, "El Torito 1.0, figure 7");

/* El Torito 1.0, figures 2 to 4: rows of 32 bytes */
struct __attribute__((packed)) boot_catalog {
	struct {
		uint8_t header, platform;
		uint16_t reserved;
		char id[24];
		uint16_t checksum, key;
	} validation;
	struct boot_catalog_entry {
		uint8_t bootable, medium;
		uint16_t segment;
		uint8_t system, unused;
		uint16_t sectors; /* of 512 bytes */
		uint32_t block;
		uint8_t rest[20];
	} first;
	struct {
		uint8_t header, platform;
		uint16_t count;
		char id[28];
	} section;
	struct boot_catalog_entry efi;
};
_Static_assert(sizeof(struct boot_catalog) == 4 * 32, "El Torito 1.0, figures 2 to 4");

#define CATALOG_BOOTABLE     0x88
#define CATALOG_LAST_SECTION 0x91
#define CATALOG_EFI          0xef
#define CATALOG_KEY          0xaa55

/* FAT's first day: the same bytes every time. */
static const uint8_t day[7] = {80, 1, 1, 0, 0, 0, 0};
#define DAY   "1980010100000000"
#define NEVER "0000000000000000"

static struct big16 big16(uint32_t value)
{
	return (struct big16){{(uint8_t)(value >> 8), (uint8_t)value}};
}

static struct big32 big32(uint32_t value)
{
	return (struct big32){
		{(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value}};
}

static struct both16 both16(uint16_t value)
{
	return (struct both16){value, big16(value)};
}

static struct both32 both32(uint32_t value)
{
	return (struct both32){value, big32(value)};
}

/* Gives where the next one goes. */
static uint8_t *put_record(uint8_t *at, const char *name, uint8_t name_size, uint32_t block, uint32_t size,
			   uint8_t flags)
{
	struct directory_record *record = (struct directory_record *)at;

	/* Records have an even size. */
	record->size = (uint8_t)(sizeof(*record) + name_size + !(name_size & 1));
	record->block = both32(block);
	record->bytes = both32(size);
	memcpy(record->date, day, sizeof(record->date));
	record->flags = flags;
	record->volume = both16(1);
	record->name_size = name_size;
	memcpy(record + 1, name, name_size);
	return at + record->size;
}

static uint8_t *put_file(uint8_t *at, const char *name, uint64_t place, uint64_t size, uint8_t flags)
{
	return put_record(at, name, (uint8_t)strlen(name), (uint32_t)(place / ISO_BLOCK), (uint32_t)size,
			  flags);
}

/* A directory's records of itself and of its parent. */
static uint8_t *put_directory(uint8_t *at, uint32_t own, uint32_t parent)
{
	at = put_record(at, "\0", 1, own, ISO_BLOCK, FLAG_DIRECTORY);
	return put_record(at, "\1", 1, parent, ISO_BLOCK, FLAG_DIRECTORY);
}

/* In both tables, side by side. Gives the record's size. */
static uint32_t put_path(uint8_t *little, uint8_t *big, const char *name, uint8_t name_size, uint32_t block,
			 uint16_t parent)
{
	struct path_record *l = (struct path_record *)little, *b = (struct path_record *)big;
	struct big32 big_block = big32(block);
	struct big16 big_parent = big16(parent);

	l->name_size = b->name_size = name_size;
	memcpy(l->block, &block, sizeof(l->block));
	memcpy(b->block, &big_block, sizeof(b->block));
	memcpy(l->parent, &parent, sizeof(l->parent));
	memcpy(b->parent, &big_parent, sizeof(b->parent));
	memcpy(l + 1, name, name_size);
	memcpy(b + 1, name, name_size);
	return (uint32_t)sizeof(*l) + name_size + (name_size & 1);
}

static struct descriptor_head make_head(uint8_t type)
{
	return (struct descriptor_head){type, {'C', 'D', '0', '0', '1'}, 1};
}

static void put_text(char *to, size_t size, const char *text)
{
	memset(to, ' ', size);
	memcpy(to, text, strlen(text));
}

static void make_volume(const struct disk_layout *layout, uint8_t *block, uint32_t paths_size)
{
	struct volume_descriptor *volume = (struct volume_descriptor *)block;

	volume->head = make_head(1);
	memset(volume->system, ' ', sizeof(volume->system));
	put_text(volume->volume, sizeof(volume->volume), "TWINBOOT");
	volume->blocks = both32((uint32_t)(layout->size / ISO_BLOCK));
	volume->volumes = volume->number = both16(1);
	volume->block_size = both16(ISO_BLOCK);
	volume->paths_size = both32(paths_size);
	volume->paths_little = PATHS_LITTLE;
	volume->paths_big = big32(PATHS_BIG);
	put_record((uint8_t *)&volume->root, "\0", 1, ROOT, ISO_BLOCK, FLAG_DIRECTORY);
	memset(volume->volume_set, ' ', sizeof(volume->volume_set));
	memset(volume->publisher, ' ', sizeof(volume->publisher));
	memset(volume->preparer, ' ', sizeof(volume->preparer));
	put_text(volume->application, sizeof(volume->application), "TWINBOOT");
	memset(volume->files, ' ', sizeof(volume->files));
	memcpy(volume->created.digits, DAY, sizeof(volume->created.digits));
	memcpy(volume->modified.digits, DAY, sizeof(volume->modified.digits));
	memcpy(volume->expires.digits, NEVER, sizeof(volume->expires.digits));
	memcpy(volume->effective.digits, NEVER, sizeof(volume->effective.digits));
	volume->structure_version = 1;
}

static void make_boot_record(uint8_t *block)
{
	static const char system[32] = "EL TORITO SPECIFICATION";
	struct boot_record *record = (struct boot_record *)block;

	record->head = make_head(0);
	memcpy(record->system, system, sizeof(system));
	record->catalog = CATALOG;
}

/* All 16-bit words of the row add up to 0. */
static uint16_t validation_checksum(const struct boot_catalog *catalog)
{
	uint16_t words[sizeof(catalog->validation) / 2], sum = 0;

	memcpy(words, &catalog->validation, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum = (uint16_t)(sum + words[i]);
	return (uint16_t)-sum;
}

/* The BIOS loads four sectors, what every BIOS can do, and the boot sector the rest. UEFI finds the ESP; its
   length has 16 bits for sectors of 512 bytes, some firmware wants a multiple of four, and 0 means up to the
   end, so the ESP comes last (diskfs/go-diskfs #359, OSInside/kiwi-legacy #435). */
static void make_catalog(const struct disk_layout *layout, uint8_t *block)
{
	struct boot_catalog *catalog = (struct boot_catalog *)block;
	uint64_t esp_sectors = layout->esp_size / SECTOR;

	catalog->validation.header = 1;
	memcpy(catalog->validation.id, "twinboot", 8);
	catalog->validation.key = CATALOG_KEY;
	catalog->validation.checksum = validation_checksum(catalog);
	catalog->first.bootable = CATALOG_BOOTABLE;
	catalog->first.sectors = 4;
	catalog->first.block = BOOT_SECTOR;
	catalog->section.header = CATALOG_LAST_SECTION;
	catalog->section.platform = CATALOG_EFI;
	catalog->section.count = 1;
	catalog->efi.bootable = CATALOG_BOOTABLE;
	catalog->efi.sectors = esp_sectors < 0x10000 && esp_sectors % 4 == 0 ? (uint16_t)esp_sectors : 0;
	catalog->efi.block = (uint32_t)(layout->esp / ISO_BLOCK);
}

/* In order of the names. What El Torito boots has hidden names, so that tools know how long it is. The ESP has
   none behind an MBR, where they take it for the partition that it is, and xorriso stumbles over both. */
static void make_directories(const struct disk_layout *layout, const struct fat_file *x64,
			     const struct fat_file *ia32, uint8_t *const block[END])
{
	uint8_t *at = put_directory(block[ROOT], ROOT, ROOT);

	at = put_file(at, "BIOS.BIN;1", ISO_BOOT_SECTOR, ISO_BLOCK, FLAG_HIDDEN);
	at = put_file(at, "EFI", EFI * ISO_BLOCK, ISO_BLOCK, FLAG_DIRECTORY);
	if (layout->gpt && layout->esp_size <= UINT32_MAX)
		put_file(at, "ESP.IMG;1", layout->esp, layout->esp_size, FLAG_HIDDEN);
	at = put_directory(block[EFI], EFI, ROOT);
	put_file(at, "BOOT", EFI_BOOT * ISO_BLOCK, ISO_BLOCK, FLAG_DIRECTORY);
	at = put_directory(block[EFI_BOOT], EFI_BOOT, EFI);
	at = put_file(at, "BOOTIA32.EFI;1", ia32->place, ia32->size, 0);
	put_file(at, "BOOTX64.EFI;1", x64->place, x64->size, 0);
}

bool iso_make(const struct disk_layout *layout, const struct fat_file *x64, const struct fat_file *ia32,
	      uint8_t area[ISO_END - ISO_START], const struct report *report)
{
	uint8_t *block[END];

	if (layout->size / ISO_BLOCK > UINT32_MAX)
		return report_error(report,
				    "is too large for a CD's file system (2^32 blocks of 2048 bytes); use "
				    "fewer or smaller modules");
	memset(area, 0, ISO_END - ISO_START);
	for (uint32_t i = VOLUME; i < END; i++)
		block[i] = area + (i - VOLUME) * ISO_BLOCK;
	uint32_t size = put_path(block[PATHS_LITTLE], block[PATHS_BIG], "\0", 1, ROOT, 1);
	size += put_path(block[PATHS_LITTLE] + size, block[PATHS_BIG] + size, "EFI", 3, EFI, 1);
	size += put_path(block[PATHS_LITTLE] + size, block[PATHS_BIG] + size, "BOOT", 4, EFI_BOOT, 2);
	make_volume(layout, block[VOLUME], size);
	make_boot_record(block[BOOT_RECORD]);
	*(struct descriptor_head *)block[TERMINATOR] = make_head(255);
	make_directories(layout, x64, ia32, block);
	make_catalog(layout, block[CATALOG]);
	return true;
}
