/* SPDX-License-Identifier: BSD-2-Clause */
/* The partition table: an MBR (UEFI 2.10, 5.2.1) with one active entry for the ESP, or a GPT (5.3) with one
   for the BIOS loader and one for the ESP. Which one for whom: docs/images.md. */
#include "image.h"

#include <string.h>

#define FIRST_ENTRY 446
#define ENTRY_SIZE  16
#define DISK_ID     440
#define ACTIVE      0x80
#define TYPE_ESP    0xef
#define TYPE_GPT    0xee

#define GPT_ENTRIES     128u
#define GPT_ENTRY_SIZE  128u
#define GPT_HEADER_SIZE 92u
#define GPT_ARRAY_SIZE  (GPT_ENTRIES * GPT_ENTRY_SIZE)

/* GUIDs as they lie on disk. */
static const uint8_t type_bios_boot[16] = {0x48, 0x61, 0x68, 0x21, 0x49, 0x64, 0x6f, 0x6e,
					   0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46, 0x49};
static const uint8_t type_esp[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
				     0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

/* Cylinder, head, sector of the geometry that everyone assumes for large disks; all ones beyond it. */
static void put_chs(uint8_t *p, uint64_t lba)
{
	const uint32_t heads = 255, sectors = 63, cylinders = 1024;
	uint64_t cylinder = lba / (heads * sectors);
	if (cylinder >= cylinders) {
		memcpy(p, "\xfe\xff\xff", 3);
		return;
	}
	p[0] = (uint8_t)(lba / sectors % heads);
	p[1] = (uint8_t)(lba % sectors + 1) | (uint8_t)(cylinder >> 8 << 6);
	p[2] = (uint8_t)cylinder;
}

static void put_entry(uint8_t *entry, uint8_t active, uint8_t type, uint64_t start, uint64_t count)
{
	entry[0] = active;
	put_chs(entry + 1, start);
	entry[4] = type;
	put_chs(entry + 5, start + count - 1);
	put32(entry + 8, (uint32_t)start);
	put32(entry + 12, count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
}

/* CRC-32 as UEFI and everyone else has it (IEEE 802.3). */
static uint32_t crc32(const uint8_t *data, size_t size)
{
	uint32_t crc = UINT32_MAX;
	for (; size > 0; size--) {
		crc ^= *data++;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* A version 4 GUID of the image's own: `id` with its last byte told apart. */
static void put_guid(uint8_t *p, const uint8_t id[16], uint8_t which)
{
	memcpy(p, id, 16);
	p[7] = (p[7] & 0x0f) | 0x40;
	p[8] = (p[8] & 0x3f) | 0x80;
	p[15] ^= which;
}

static void put_gpt_entry(uint8_t *p, const struct layout *layout, const uint8_t *type, uint8_t which,
			  uint64_t start, uint64_t end, const char *name)
{
	memcpy(p, type, 16);
	put_guid(p + 16, layout->id, which);
	put64(p + 32, start / layout->sector);
	put64(p + 40, end / layout->sector - 1);
	for (int i = 0; name[i] != 0; i++)
		p[56 + 2 * i] = (uint8_t)name[i];
}

static void put_gpt_header(uint8_t *p, const struct layout *layout, const uint8_t *array, uint64_t self,
			   uint64_t other, uint64_t array_lba)
{
	uint64_t array_sectors = GPT_ARRAY_SIZE / layout->sector, last = layout->size / layout->sector - 1;
	memset(p, 0, GPT_HEADER_SIZE);
	memcpy(p, "EFI PART\0\0\1\0", 12);
	put32(p + 12, GPT_HEADER_SIZE);
	put64(p + 24, self);
	put64(p + 32, other);
	put64(p + 40, 2 + array_sectors);
	put64(p + 48, last - array_sectors - 1);
	put_guid(p + 56, layout->id, 0);
	put64(p + 72, array_lba);
	put32(p + 80, GPT_ENTRIES);
	put32(p + 84, GPT_ENTRY_SIZE);
	put32(p + 88, crc32(array, GPT_ARRAY_SIZE));
	put32(p + 16, crc32(p, GPT_HEADER_SIZE));
}

static void write_gpt(const struct layout *layout)
{
	static uint8_t array[GPT_ARRAY_SIZE];
	uint8_t header[GPT_HEADER_SIZE];
	uint64_t last = layout->size / layout->sector - 1, backup = last - GPT_ARRAY_SIZE / layout->sector;
	/* Code in gaps is fragile: the loader, and the payload's own copy, have a partition. */
	put_gpt_entry(array, layout, type_bios_boot, 1, layout->loader, layout->esp, "twinboot BIOS loader");
	put_gpt_entry(array + GPT_ENTRY_SIZE, layout, type_esp, 2, layout->esp,
		      layout->esp + layout->esp_size, "EFI system partition");
	write_at(2ull * layout->sector, array, sizeof(array));
	write_at(backup * layout->sector, array, sizeof(array));
	put_gpt_header(header, layout, array, 1, last, 2);
	write_at(layout->sector, header, sizeof(header));
	put_gpt_header(header, layout, array, last, 1, backup);
	write_at(last * layout->sector, header, sizeof(header));
}

void partitions_make(const struct layout *layout, uint8_t sector0[SECTOR])
{
	uint64_t sectors = layout->size / layout->sector;
	memset(sector0 + DISK_ID, 0, SECTOR - 2 - DISK_ID);
	memcpy(sector0 + DISK_ID, layout->id, 4);
	if (layout->gpt) {
		put_entry(sector0 + FIRST_ENTRY, 0, TYPE_GPT, 1, sectors - 1);
		memcpy(sector0 + FIRST_ENTRY + 1, "\x00\x02\x00", 3); /* as UEFI 2.10, table 5.4, has it */
		write_gpt(layout);
		return;
	}
	if (sectors > UINT32_MAX)
		die("too large for an MBR (2^32 sectors); make it with TABLE=gpt");
	put_entry(sector0 + FIRST_ENTRY, ACTIVE, TYPE_ESP, layout->esp / layout->sector,
		  layout->esp_size / layout->sector);
}

static int find_in_gpt(struct layout *layout, uint64_t *end)
{
	uint8_t header[GPT_HEADER_SIZE], entry[GPT_ENTRY_SIZE];
	read_at(layout->sector, header, sizeof(header));
	if (memcmp(header, "EFI PART", 8) != 0)
		return 0;
	*end = (get64(header + 32) + 1) * layout->sector;
	for (uint32_t i = 0; i < GPT_ENTRIES && i < get32(header + 80); i++) {
		read_at(get64(header + 72) * layout->sector + i * GPT_ENTRY_SIZE, entry, sizeof(entry));
		if (memcmp(entry, type_esp, 16) != 0)
			continue;
		layout->gpt = 1;
		layout->esp = get64(entry + 32) * layout->sector;
		layout->esp_size = (get64(entry + 40) + 1) * layout->sector - layout->esp;
		memcpy(layout->id, header + 56, 16);
		return 1;
	}
	die("its GPT names no EFI system partition");
}

uint64_t partitions_find(struct layout *layout)
{
	static const uint32_t sizes[] = {512, 4096};
	uint8_t sector0[SECTOR];
	uint64_t end;
	read_at(0, sector0, sizeof(sector0));
	if (get16(sector0 + 510) != 0xaa55)
		die("no boot sector at its start: not an image that twinboot made");
	for (int i = 0; i < 4; i++) {
		const uint8_t *entry = sector0 + FIRST_ENTRY + i * ENTRY_SIZE;
		for (int s = 0; s < 2; s++) {
			layout->sector = sizes[s];
			layout->esp = (uint64_t)get32(entry + 8) * layout->sector;
			layout->esp_size = (uint64_t)get32(entry + 12) * layout->sector;
			if (entry[4] == TYPE_GPT && find_in_gpt(layout, &end))
				return end;
			if (entry[4] == TYPE_ESP && fat_is_one(layout->esp, layout->sector))
				return layout->esp + layout->esp_size;
		}
	}
	die("its partition table names no EFI system partition with a FAT file system");
}

static void check_header(const struct layout *layout, uint64_t lba, const char *which,
			 void (*problem)(const char *format, ...))
{
	static uint8_t array[GPT_ARRAY_SIZE];
	uint8_t header[GPT_HEADER_SIZE];
	read_at(lba * layout->sector, header, sizeof(header));
	uint32_t crc = get32(header + 16);
	put32(header + 16, 0);
	if (memcmp(header, "EFI PART", 8) != 0 || crc32(header, sizeof(header)) != crc ||
	    get64(header + 24) != lba) {
		problem("the %s GPT is damaged", which);
		return;
	}
	read_at(get64(header + 72) * layout->sector, array, sizeof(array));
	if (crc32(array, sizeof(array)) != get32(header + 88))
		problem("the %s GPT's entries are damaged", which);
}

void gpt_check(const struct layout *layout, uint64_t size, void (*problem)(const char *format, ...))
{
	uint8_t header[GPT_HEADER_SIZE];
	read_at(layout->sector, header, sizeof(header));
	uint64_t backup = get64(header + 32);
	check_header(layout, 1, "first", problem);
	if ((backup + 1) * layout->sector <= size)
		check_header(layout, backup, "backup", problem);
}
