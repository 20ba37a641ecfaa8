/* SPDX-License-Identifier: BSD-2-Clause */
/* The load table names the payload's parts; this file says where in memory each of them goes. disk.c or pxe.c reads
   them to there. */
#include "legacy.h"

#include "formats/load_table.h"

_Static_assert(LOAD_TABLE_PARTS_MAX == MANIFEST_PARTS_MAX + 1, "each part of the manifest, and itself");

#define ONE_MIB UINT64_C(0x100000)

static int part_is_sane(const struct load_part *part)
{
	uint64_t numbers = part->offset | part->stored | part->size | part->address;
	return numbers % LOAD_ALIGNMENT == 0 && part->stored <= part->size && part->size > 0 &&
	       part->size <= FOUR_GIB && (part->address == 0 || part->address >= ONE_MIB);
}

int load_table_is_whole(struct load_table *table)
{
	uint32_t crc = table->crc32c;
	table->crc32c = 0;
	if (table->magic != LOAD_TABLE_MAGIC || table->version != LOAD_TABLE_VERSION ||
	    crc32c_small((const uint8_t *)table, LOAD_TABLE_SIZE) != crc)
		return 0;
	table->crc32c = crc;
	if (table->part_count < 2 || table->part_count > LOAD_TABLE_PARTS_MAX)
		return 0;
	for (uint32_t i = 0; i < table->part_count; i++)
		if (!part_is_sane(&table->parts[i]))
			return 0;
	return 1;
}

struct machine_range *payload_range(struct machine *machine, const struct load_table *table, uint32_t part)
{
	return part + 1 < table->part_count ? &machine->parts[part] : &machine->manifest;
}

/* A part that cannot have its own place gets one that is equal modulo 2 MiB, so that large pages fit as well. */
static uint64_t find(const struct machine *machine, const struct load_part *part)
{
	uint64_t largest = 0, step = part->address != 0 ? LARGE_PAGE : PAGE_SIZE;
	uint64_t base = memory_find(machine, part->size, step, part->address & (step - 1), &largest);
	if (base == 0) {
		char name[sizeof(part->section) + 1] = {0};
		for (uint32_t i = 0; i < sizeof(part->section); i++)
			name[i] = part->section[i];
		die(ERROR_PAYLOAD_PLACE, name, part->size / 1024, largest / 1024);
	}
	return base;
}

void payload_place(struct machine *machine, const struct load_table *table)
{
	machine->part_count = table->part_count - 1;
	for (uint32_t i = 0; i < table->part_count; i++)
		*payload_range(machine, table, i) = (struct machine_range){0, table->parts[i].size};
	/* Parts that have a place of their own come first, so that no other part takes it. Of these, part 0 comes last:
	   it can be an adapter, which can run elsewhere, and its foreign kernel cannot. */
	for (uint32_t i = table->part_count; i-- > 0;) {
		const struct load_part *part = &table->parts[i];
		if (part->address != 0 && memory_free_from(machine, part->address) >= part->size)
			payload_range(machine, table, i)->base = part->address;
	}
	for (uint32_t i = 0; i < table->part_count; i++)
		if (payload_range(machine, table, i)->base == 0)
			payload_range(machine, table, i)->base = find(machine, &table->parts[i]);
}
