/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ISO 9660 (ECMA-119) with El Torito (Phoenix and IBM, 1.0), around an image that is a disk first. It is
 * written here and not by xorriso, because directory records must point at the files inside of the
 * ESP: the payload lies in the image once, and who copies files off the CD still gets it. Numbers come in
 * both byte orders ("both").
 *
 *     block 16  primary volume descriptor         21  root directory
 *           17  boot record: where 24 is          22  EFI
 *           18  terminator                        23  EFI/BOOT
 *           19  path table, little-endian         24  El Torito's boot catalog
 *           20  the same, big-endian              25  the boot sector for CDs
 */
#include "image.h"

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
_Static_assert(BOOT_SECTOR *ISO_BLOCK == ISO_BOOT_SECTOR && END * ISO_BLOCK == ISO_END, "as image.h says");

#define FLAG_HIDDEN    1
#define FLAG_DIRECTORY 2

/* FAT's first day: the same bytes every time. */
static const uint8_t day[7] = {80, 1, 1, 0, 0, 0, 0};
#define DAY "1980010100000000"

static void big16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void big32(uint8_t *p, uint32_t value)
{
	big16(p, value >> 16);
	big16(p + 2, value);
}

static void both16(uint8_t *p, uint32_t value)
{
	put16(p, value);
	big16(p + 2, value);
}

static void both32(uint8_t *p, uint32_t value)
{
	put32(p, value);
	big32(p + 4, value);
}

/* ECMA-119, 9.1. Gives the record's length. */
static uint8_t record(uint8_t *p, const char *name, uint8_t name_size, uint32_t block, uint32_t size,
		      uint8_t flags)
{
	p[0] = (uint8_t)(33 + name_size + !(name_size & 1));
	both32(p + 2, block);
	both32(p + 10, size);
	memcpy(p + 18, day, sizeof(day));
	p[25] = flags;
	both16(p + 28, 1);
	p[32] = name_size;
	memcpy(p + 33, name, name_size);
	return p[0];
}

/* Gives where the first entry after itself and its parent goes. */
static uint8_t *directory(uint8_t *p, uint32_t self, uint32_t parent)
{
	p += record(p, "\0", 1, self, ISO_BLOCK, FLAG_DIRECTORY);
	return p + record(p, "\1", 1, parent, ISO_BLOCK, FLAG_DIRECTORY);
}

static uint8_t *entry(uint8_t *p, const char *name, uint64_t place, uint64_t size, uint8_t flags)
{
	return p +
	       record(p, name, (uint8_t)strlen(name), (uint32_t)(place / ISO_BLOCK), (uint32_t)size, flags);
}

/* ECMA-119, 9.4, both tables side by side. */
static uint32_t path(uint8_t *little, uint8_t *big, const char *name, uint8_t name_size, uint32_t block,
		     uint16_t parent)
{
	little[0] = big[0] = name_size;
	put32(little + 2, block);
	big32(big + 2, block);
	put16(little + 6, parent);
	big16(big + 6, parent);
	memcpy(little + 8, name, name_size);
	memcpy(big + 8, name, name_size);
	return 8u + name_size + (name_size & 1);
}

static void text(uint8_t *p, uint32_t size, const char *what)
{
	memset(p, ' ', size);
	memcpy(p, what, strlen(what));
}

static void descriptor(uint8_t *p, uint8_t type)
{
	p[0] = type;
	memcpy(p + 1, "CD001\1", 6);
}

static void volume(const struct layout *layout, uint8_t *p, uint32_t paths_size)
{
	descriptor(p, 1);
	text(p + 8, 32, "");
	text(p + 40, 32, "TWINBOOT");
	both32(p + 80, (uint32_t)(layout->size / ISO_BLOCK));
	both16(p + 120, 1);
	both16(p + 124, 1);
	both16(p + 128, ISO_BLOCK);
	both32(p + 132, paths_size);
	put32(p + 140, PATHS_LITTLE);
	big32(p + 148, PATHS_BIG);
	record(p + 156, "\0", 1, ROOT, ISO_BLOCK, FLAG_DIRECTORY);
	text(p + 190, 813 - 190, "");
	text(p + 574, 128, "TWINBOOT");
	memcpy(p + 813, DAY, 16); /* created; changed */
	memcpy(p + 830, DAY, 16);
	memcpy(p + 847, "0000000000000000", 16); /* never expires; in force from the start */
	memcpy(p + 864, "0000000000000000", 16);
	p[881] = 1;
}

/* El Torito 2.0. The BIOS loads four sectors, what every BIOS can do, and the boot sector the rest. UEFI
   finds the ESP; its length has 16 bits for sectors of 512 bytes, some firmware wants a multiple of four, and
   0 means up to the end, so the ESP comes last (diskfs/go-diskfs #359, OSInside/kiwi-legacy #435). */
static void catalog(const struct layout *layout, uint8_t *p)
{
	const uint8_t bootable = 0x88, last_header = 0x91, platform_efi = 0xef;
	uint64_t esp_sectors = layout->esp_size / SECTOR;
	p[0] = 1;
	memcpy(p + 4, "twinboot", 8);
	put16(p + 30, 0xaa55);
	uint32_t sum = 0;
	for (int i = 0; i < 32; i += 2)
		sum += get16(p + i);
	put16(p + 28, 0x10000 - sum);
	p[32] = bootable;
	put16(p + 38, 4);
	put32(p + 40, BOOT_SECTOR);
	p[64] = last_header;
	p[65] = platform_efi;
	put16(p + 66, 1);
	p[96] = bootable;
	put16(p + 102, esp_sectors < 0x10000 && esp_sectors % 4 == 0 ? (uint32_t)esp_sectors : 0);
	put32(p + 104, (uint32_t)(layout->esp / ISO_BLOCK));
}

/* All but the boot sector's block. */
void iso_make(const struct layout *layout, const struct fat_file *x64, const struct fat_file *ia32,
	      uint8_t area[ISO_END - ISO_START])
{
	uint8_t *block[END];
	if (layout->size / ISO_BLOCK > UINT32_MAX)
		die("too large for a CD's file system (2^32 blocks of 2048 bytes); use fewer or smaller "
		    "modules");
	memset(area, 0, ISO_END - ISO_START);
	for (uint32_t i = VOLUME; i < END; i++)
		block[i] = area + (i - VOLUME) * ISO_BLOCK;

	uint32_t at = path(block[PATHS_LITTLE], block[PATHS_BIG], "\0", 1, ROOT, 1);
	at += path(block[PATHS_LITTLE] + at, block[PATHS_BIG] + at, "EFI", 3, EFI, 1);
	at += path(block[PATHS_LITTLE] + at, block[PATHS_BIG] + at, "BOOT", 4, EFI_BOOT, 2);
	volume(layout, block[VOLUME], at);
	descriptor(block[BOOT_RECORD], 0);
	memcpy(block[BOOT_RECORD] + 7, "EL TORITO SPECIFICATION", 23);
	put32(block[BOOT_RECORD] + 71, CATALOG);
	descriptor(block[TERMINATOR], 255);
	/* In order of the names. What El Torito boots has hidden names, so that tools know how long it is.
	   The ESP has none behind an MBR, where they take it for the partition that it is, and xorriso
	   stumbles over both. */
	uint8_t *p = directory(block[ROOT], ROOT, ROOT);
	p = entry(p, "BIOS.BIN;1", ISO_BOOT_SECTOR, ISO_BLOCK, FLAG_HIDDEN);
	p = entry(p, "EFI", EFI * ISO_BLOCK, ISO_BLOCK, FLAG_DIRECTORY);
	if (layout->gpt && layout->esp_size <= UINT32_MAX)
		entry(p, "ESP.IMG;1", layout->esp, layout->esp_size, FLAG_HIDDEN);
	entry(directory(block[EFI], EFI, ROOT), "BOOT", EFI_BOOT * ISO_BLOCK, ISO_BLOCK, FLAG_DIRECTORY);
	p = directory(block[EFI_BOOT], EFI_BOOT, EFI);
	p = entry(p, "BOOTIA32.EFI;1", ia32->place, ia32->size, 0);
	entry(p, "BOOTX64.EFI;1", x64->place, x64->size, 0);
	catalog(layout, block[CATALOG]);
}
