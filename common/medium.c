/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/medium.h"

#include <stddef.h>

/* UEFI 2.10, 5.2.1 */
struct __attribute__((packed)) mbr_row {
	uint8_t status, first_chs[3], type, last_chs[3];
	uint32_t first, sectors;
};
struct __attribute__((packed)) mbr {
	uint8_t code[440];
	uint32_t signature;
	uint16_t reserved;
	struct mbr_row rows[4];
	uint16_t magic;
};
_Static_assert(sizeof(struct mbr) == 512, "UEFI 2.10, table 5.1");
#define MBR_MAGIC      0xaa55
#define MBR_PROTECTIVE 0xee

/* UEFI 2.10, 5.3.2 and 5.3.3 */
struct gpt_header {
	uint64_t magic;
	uint32_t revision, header_size, header_crc32, reserved;
	uint64_t my_lba, alternate_lba, first_usable, last_usable;
	uint8_t disk_guid[16];
	uint64_t entries;
	uint32_t entry_count, entry_size, entries_crc32;
};
#define GPT_MAGIC 0x5452415020494645 /* "EFI PART" */
struct gpt_entry {
	uint64_t type[2]; /* a GUID; 0: not in use */
	uint8_t guid[16];
	uint64_t first, last;
};
_Static_assert(offsetof(struct gpt_header, entry_size) == 84 && offsetof(struct gpt_entry, last) == 40,
	       "UEFI 2.10, tables 5.5 and 5.6");
#define GPT_ENTRY_MIN 128u

static void copy_guid(uint8_t to[16], const uint8_t from[16])
{
	for (uint32_t i = 0; i < 16; i++)
		to[i] = from[i];
}

static void found(struct twinboot_boot_medium *medium, uint32_t number, uint64_t first, uint64_t sectors)
{
	medium->partition = number;
	medium->partition_first = first;
	medium->partition_sectors = sectors;
}

static int is_protective(const struct mbr *mbr)
{
	int is = 0;
	for (uint32_t i = 0; i < 4; i++)
		is |= mbr->rows[i].type == MBR_PROTECTIVE;
	return is;
}

static void find_in_mbr(struct twinboot_boot_medium *medium, const struct mbr *mbr, uint64_t payload)
{
	for (uint32_t i = 0; i < 4; i++) {
		const struct mbr_row *row = &mbr->rows[i];
		if (row->type != 0 && payload >= row->first && payload - row->first < row->sectors)
			found(medium, i + 1, row->first, row->sectors);
	}
}

/* As much of the entries as every GPT has room for: 16 KiB (UEFI 2.10, 5.3.1). */
static void find_in_gpt(struct twinboot_boot_medium *medium, medium_read *read, uint64_t payload)
{
	const struct gpt_header *header = (const struct gpt_header *)read(1, sizeof(*header));
	if (header == NULL || header->magic != GPT_MAGIC || header->my_lba != 1)
		return;
	medium->has_gpt = 1;
	copy_guid(medium->disk_guid, header->disk_guid);
	uint32_t count = header->entry_count, size = header->entry_size;
	if (size < GPT_ENTRY_MIN || size > MEDIUM_READ_MAX || size % sizeof(uint64_t) != 0)
		return;
	const uint8_t *entries = read(header->entries, MEDIUM_READ_MAX);
	for (uint32_t i = 0, at = 0; entries != NULL && i < count && at <= MEDIUM_READ_MAX - size;
	     i++, at += size) {
		const struct gpt_entry *entry = (const struct gpt_entry *)(entries + at);
		if ((entry->type[0] | entry->type[1]) == 0 || payload < entry->first || payload > entry->last)
			continue;
		copy_guid(medium->partition_guid, entry->guid);
		found(medium, i + 1, entry->first, entry->last - entry->first + 1);
		return;
	}
}

void medium_describe(struct twinboot_boot_medium *medium, medium_read *read, uint64_t payload)
{
	const struct mbr *mbr = (const struct mbr *)read(0, sizeof(*mbr));
	if (mbr == NULL || mbr->magic != MBR_MAGIC)
		return;
	medium->mbr_signature = mbr->signature;
	if (medium->type != TWINBOOT_MEDIUM_DISK)
		return;
	if (is_protective(mbr))
		find_in_gpt(medium, read, payload);
	else
		find_in_mbr(medium, mbr, payload);
}
