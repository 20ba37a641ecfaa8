/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/limine/map.h"

#include "common/page.h"

#include <string.h>

static enum limine_memory_type type_of(uint32_t type, uint32_t base_revision)
{
	switch (type) {
	case TWINBOOT_MEMORY_USABLE:
		return LIMINE_USABLE;
	case TWINBOOT_MEMORY_LOADER:
	case TWINBOOT_MEMORY_KERNEL: /* this adapter */
	case TWINBOOT_MEMORY_MODULE:
		return LIMINE_RECLAIMABLE;
	case TWINBOOT_MEMORY_ACPI_RECLAIMABLE:
		return LIMINE_ACPI_RECLAIMABLE;
	case TWINBOOT_MEMORY_ACPI_NVS:
		return LIMINE_ACPI_NVS;
	case TWINBOOT_MEMORY_RUNTIME_CODE:
	case TWINBOOT_MEMORY_RUNTIME_DATA:
		return base_revision >= 5 ? LIMINE_RESERVED_MAPPED : LIMINE_RESERVED;
	case TWINBOOT_MEMORY_FRAMEBUFFER:
		return LIMINE_FRAMEBUFFER;
	case TWINBOOT_MEMORY_BAD:
		return LIMINE_BAD;
	default:
		return LIMINE_RESERVED;
	}
}

static uint64_t end_of(const struct limine_memory *row)
{
	return row->base + row->length;
}

static void insert(struct map *map, uint32_t index, struct limine_memory row)
{
	memmove(&map->rows[index + 1], &map->rows[index], (map->count - index) * sizeof(row));
	map->rows[index] = row;
	map->count++;
}

/* Two rows of the one that holds `address`, unless it begins there. */
static void split(struct map *map, uint64_t address)
{
	for (uint32_t i = 0; i < map->count; i++) {
		struct limine_memory *row = &map->rows[i];
		if (address <= row->base || address >= end_of(row))
			continue;
		insert(map, i + 1, (struct limine_memory){address, end_of(row) - address, row->type});
		row->length = address - row->base;
		return;
	}
}

/* Rows of `type` wherever [base, end) has none. */
static void fill_gaps(struct map *map, uint64_t base, uint64_t end, uint64_t type)
{
	uint32_t i = 0;
	while (i < map->count && end_of(&map->rows[i]) <= base)
		i++;
	for (; base < end; i++) {
		uint64_t next = i < map->count && map->rows[i].base < end ? map->rows[i].base : end;
		if (base < next)
			insert(map, i, (struct limine_memory){base, next - base, type});
		base = i < map->count ? end_of(&map->rows[i]) : end;
	}
}

static void merge(struct map *map)
{
	uint32_t kept = 0;
	for (uint32_t i = 1; i < map->count; i++) {
		struct limine_memory *last = &map->rows[kept], *row = &map->rows[i];
		if (last->type == row->type && end_of(last) == row->base)
			last->length += row->length;
		else
			map->rows[++kept] = *row;
	}
	map->count = map->count > 0 ? kept + 1 : 0;
}

void map_fill(struct map *map, const struct twinboot_handoff *handoff, uint32_t base_revision)
{
	map->count = handoff->memory_map_count;
	for (uint32_t i = 0; i < map->count; i++) {
		const struct twinboot_region *region = &handoff->memory_map[i];
		map->rows[i] = (struct limine_memory){region->base_phys, region->length,
						      type_of(region->type, base_revision)};
	}
	merge(map);
}

void map_set(struct map *map, uint64_t base, uint64_t size, enum limine_memory_type type, uint32_t keep)
{
	uint64_t end = page_up(base + size);
	base = page_down(base);
	split(map, base);
	split(map, end);
	fill_gaps(map, base, end, type);
	for (uint32_t i = 0; i < map->count; i++) {
		struct limine_memory *row = &map->rows[i];
		if (row->base >= base && end_of(row) <= end && !(keep & MAP_TYPE(row->type)))
			row->type = type;
	}
	merge(map);
}
