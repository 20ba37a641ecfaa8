/* SPDX-License-Identifier: BSD-2-Clause */
#include "partitions.h"

#include "fat.h"

#include <stddef.h>
#include <string.h>

/* UEFI 2.10, 5.2.1, tables 5.1 and 5.2 */
struct __attribute__((packed)) mbr_entry {
	uint8_t active, first_chs[3], type, last_chs[3];
	uint32_t start, count; /* sectors */
};
_Static_assert(sizeof(struct mbr_entry) == 16, "UEFI 2.10, table 5.2");

struct __attribute__((packed)) mbr {
	uint8_t code[440];
	uint32_t disk_id;
	uint16_t unknown;
	struct mbr_entry entries[4];
	uint16_t signature;
};
_Static_assert(sizeof(struct mbr) == SECTOR, "UEFI 2.10, table 5.1");

#define MBR_SIGNATURE 0xaa55
#define MBR_ACTIVE    0x80
#define MBR_TYPE_ESP  0xef
#define MBR_TYPE_GPT  0xee

/* UEFI 2.10, 5.3.2, table 5.5 */
struct __attribute__((packed)) gpt_header {
	char signature[8];
	uint32_t revision, size, crc32, reserved;
	uint64_t own_lba, other_lba, first_usable, last_usable;
	uint8_t disk_guid[16];
	uint64_t entries_lba;
	uint32_t entry_count, entry_size, entries_crc32;
};
_Static_assert(sizeof(struct gpt_header) == 92, "UEFI 2.10, table 5.5");

#define GPT_SIGNATURE "EFI PART"
#define GPT_REVISION  0x00010000u

/* UEFI 2.10, 5.3.3, table 5.6 */
struct __attribute__((packed)) gpt_entry {
	uint8_t type[16], guid[16];
	uint64_t first, last; /* sectors */
	uint64_t attributes;
	uint16_t name[36];
};
_Static_assert(sizeof(struct gpt_entry) == 128, "UEFI 2.10, table 5.6");

#define GPT_ENTRIES    128u
#define GPT_ARRAY_SIZE (GPT_ENTRIES * sizeof(struct gpt_entry))

/* GUIDs as they lie on disk. */
static const uint8_t type_bios_boot[16] = {0x48, 0x61, 0x68, 0x21, 0x49, 0x64, 0x6f, 0x6e,
					   0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46, 0x49};
static const uint8_t type_esp[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
				     0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

/* ---- Writing ---- */

/* Cylinder, head, sector of the geometry that everyone assumes for large disks; all ones beyond it. */
static void put_chs(uint8_t chs[3], uint64_t lba)
{
	const uint32_t heads = 255, sectors = 63, cylinders = 1024;
	uint64_t cylinder = lba / (heads * sectors);

	if (cylinder >= cylinders) {
		memcpy(chs, "\xfe\xff\xff", 3);
		return;
	}
	chs[0] = (uint8_t)(lba / sectors % heads);
	chs[1] = (uint8_t)(lba % sectors + 1) | (uint8_t)(cylinder >> 8 << 6);
	chs[2] = (uint8_t)cylinder;
}

static struct mbr_entry make_entry(uint8_t active, uint8_t type, uint64_t start, uint64_t count)
{
	struct mbr_entry entry = {.active = active,
				  .type = type,
				  .start = (uint32_t)start,
				  .count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count};

	put_chs(entry.first_chs, start);
	put_chs(entry.last_chs, start + count - 1);
	return entry;
}

/* CRC-32 as UEFI and everyone else has it (IEEE 802.3). */
static uint32_t crc32(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint32_t crc = UINT32_MAX;

	for (; size > 0; size--) {
		crc ^= *bytes++;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* A version 4 GUID (RFC 4122, 4.4) of the image's own: `id` with its last byte told apart. */
static void put_guid(uint8_t guid[16], const uint8_t id[16], uint8_t which)
{
	memcpy(guid, id, 16);
	guid[7] = (guid[7] & 0x0f) | 0x40;
	guid[8] = (guid[8] & 0x3f) | 0x80;
	guid[15] ^= which;
}

static struct gpt_entry make_gpt_entry(const struct disk_layout *layout, const uint8_t type[16],
				       uint8_t which, uint64_t start, uint64_t end, const char *name)
{
	struct gpt_entry entry = {.first = start / layout->sector, .last = end / layout->sector - 1};

	memcpy(entry.type, type, sizeof(entry.type));
	put_guid(entry.guid, layout->id, which);
	for (int i = 0; name[i] != 0; i++)
		entry.name[i] = (uint8_t)name[i];
	return entry;
}

static struct gpt_header make_gpt_header(const struct disk_layout *layout, uint32_t entries_crc32,
					 uint64_t own, uint64_t other, uint64_t entries_lba)
{
	uint64_t array_sectors = GPT_ARRAY_SIZE / layout->sector, last = layout->size / layout->sector - 1;
	struct gpt_header header = {.signature = GPT_SIGNATURE,
				    .revision = GPT_REVISION,
				    .size = sizeof(header),
				    .own_lba = own,
				    .other_lba = other,
				    .first_usable = 2 + array_sectors,
				    .last_usable = last - array_sectors - 1,
				    .entries_lba = entries_lba,
				    .entry_count = GPT_ENTRIES,
				    .entry_size = sizeof(struct gpt_entry),
				    .entries_crc32 = entries_crc32};

	put_guid(header.disk_guid, layout->id, 0);
	header.crc32 = crc32(&header, sizeof(header));
	return header;
}

static bool write_gpt(const struct disk_layout *layout, const struct output *output)
{
	static struct gpt_entry array[GPT_ENTRIES];
	uint64_t last = layout->size / layout->sector - 1, backup = last - GPT_ARRAY_SIZE / layout->sector;

	/* Code in gaps is fragile: the loader, and the payload's own copy, have a partition. */
	array[0] = make_gpt_entry(layout, type_bios_boot, 1, layout->loader, layout->esp,
				  "twinboot BIOS loader");
	array[1] = make_gpt_entry(layout, type_esp, 2, layout->esp, layout->esp + layout->esp_size,
				  "EFI system partition");
	uint32_t crc = crc32(array, sizeof(array));
	struct gpt_header first = make_gpt_header(layout, crc, 1, last, 2);
	struct gpt_header second = make_gpt_header(layout, crc, last, 1, backup);
	return output_write(output, array, sizeof(array), 2ull * layout->sector) &&
	       output_write(output, array, sizeof(array), backup * layout->sector) &&
	       output_write(output, &first, sizeof(first), layout->sector) &&
	       output_write(output, &second, sizeof(second), last * layout->sector);
}

bool partitions_make(const struct disk_layout *layout, uint8_t sector0[SECTOR], const struct output *output)
{
	struct mbr *mbr = (struct mbr *)sector0;
	uint64_t sectors = layout->size / layout->sector;

	if (!layout->gpt && sectors > UINT32_MAX)
		return report_error(
			&output->report,
			"is too large for an MBR (2^32 sectors); make it with a GPT (--table gpt)");
	memset(mbr->entries, 0, sizeof(mbr->entries));
	memcpy(&mbr->disk_id, layout->id, sizeof(mbr->disk_id));
	mbr->unknown = 0;
	if (!layout->gpt) {
		mbr->entries[0] = make_entry(MBR_ACTIVE, MBR_TYPE_ESP, layout->esp / layout->sector,
					     layout->esp_size / layout->sector);
		return true;
	}
	mbr->entries[0] = make_entry(0, MBR_TYPE_GPT, 1, sectors - 1);
	memcpy(mbr->entries[0].first_chs, "\x00\x02\x00", 3); /* as UEFI 2.10, table 5.4, has it */
	return write_gpt(layout, output);
}

/* ---- Reading ---- */

/* `found` stays as it is if there is no GPT where one with these sectors would be. */
static bool find_in_gpt(struct disk_layout *layout, const struct image *image, bool *found, uint64_t *end)
{
	struct gpt_header header;
	struct gpt_entry entry;

	if (!image_read(image, &header, sizeof(header), layout->sector))
		return false;
	if (memcmp(header.signature, GPT_SIGNATURE, sizeof(header.signature)) != 0)
		return true;
	*end = (header.other_lba + 1) * layout->sector;
	for (uint32_t i = 0; i < GPT_ENTRIES && i < header.entry_count; i++) {
		if (!image_read(image, &entry, sizeof(entry),
				header.entries_lba * layout->sector + i * sizeof(entry)))
			return false;
		if (memcmp(entry.type, type_esp, sizeof(entry.type)) != 0)
			continue;
		layout->gpt = true;
		layout->esp = entry.first * layout->sector;
		layout->esp_size = (entry.last + 1) * layout->sector - layout->esp;
		memcpy(layout->id, header.disk_guid, sizeof(layout->id));
		*found = true;
		return true;
	}
	return report_error(&image->report,
			    "has a GPT that names no EFI system partition; make the image anew");
}

/* What one entry of the MBR stands for, with sectors of that size. */
static bool try_entry(struct disk_layout *layout, const struct image *image, const struct mbr_entry *entry,
		      bool *found, uint64_t *end)
{
	layout->esp = (uint64_t)entry->start * layout->sector;
	layout->esp_size = (uint64_t)entry->count * layout->sector;
	*end = layout->esp + layout->esp_size;
	if (entry->type == MBR_TYPE_GPT)
		return find_in_gpt(layout, image, found, end);
	if (entry->type == MBR_TYPE_ESP)
		*found = fat_is_one(image, layout->esp, layout->sector);
	return true;
}

bool partitions_find(struct disk_layout *layout, const struct image *image, uint64_t *end)
{
	static const uint32_t sizes[] = {512, 4096};
	struct mbr mbr;
	bool found = false;

	if (!image_read(image, &mbr, sizeof(mbr), 0))
		return false;
	if (mbr.signature != MBR_SIGNATURE)
		return report_error(
			&image->report,
			"has no boot sector at its start, so it is not an image that twinboot made; give "
			"one, or the device that it was written to");
	for (int i = 0; i < 4; i++)
		for (int s = 0; s < 2 && !found; s++) {
			layout->sector = sizes[s];
			if (!try_entry(layout, image, &mbr.entries[i], &found, end))
				return false;
		}
	return found ||
	       report_error(&image->report,
			    "names no EFI system partition with a FAT file system in its partition table; "
			    "make the image anew");
}

static bool check_header(const struct disk_layout *layout, const struct image *image, uint64_t lba,
			 const char *which)
{
	static struct gpt_entry array[GPT_ENTRIES];
	struct gpt_header header;

	if (!image_read(image, &header, sizeof(header), lba * layout->sector))
		return false;
	uint32_t crc = header.crc32;
	header.crc32 = 0;
	if (memcmp(header.signature, GPT_SIGNATURE, sizeof(header.signature)) != 0 ||
	    crc32(&header, sizeof(header)) != crc || header.own_lba != lba)
		return report_error(&image->report, "has a damaged %s GPT; make the image anew", which);
	if (!image_read(image, array, sizeof(array), header.entries_lba * layout->sector))
		return false;
	return crc32(array, sizeof(array)) == header.entries_crc32 ||
	       report_error(&image->report, "has damaged entries in its %s GPT; make the image anew", which);
}

bool gpt_check(const struct disk_layout *layout, const struct image *image)
{
	struct gpt_header header;

	if (!image_read(image, &header, sizeof(header), layout->sector))
		return false;
	uint64_t backup = header.other_lba;
	bool is_whole = check_header(layout, image, 1, "first");
	if ((backup + 1) * layout->sector <= image->size)
		is_whole = check_header(layout, image, backup, "backup") && is_whole;
	return is_whole;
}
