/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory map, by the rules of each base revision. */
#include "limine/limine.h"

static const char *const names[] = {
	[USABLE] = "usable",
	[RESERVED] = "reserved",
	[ACPI_RECLAIMABLE] = "acpi_reclaimable",
	[ACPI_NVS] = "acpi_nvs",
	[BAD] = "bad",
	[RECLAIMABLE] = "reclaimable",
	[EXECUTABLE_AND_MODULES] = "executable",
	[FRAMEBUFFER] = "framebuffer",
	[RESERVED_MAPPED] = "reserved_mapped",
};
#define TYPES (sizeof(names) / sizeof(*names))

static const struct answer_memory_map *map;

static uint64_t end_of(const struct memory_row *row)
{
	return row->base + row->length;
}

int row_type(uint64_t physical, uint64_t length)
{
	uint64_t end = physical + length;
	int type = -1;

	/* Neighbours of one type need not be one row. */
	for (uint64_t i = 0; i < map->count && physical < end; i++) {
		const struct memory_row *row = map->rows[i];
		if (row->base > physical || end_of(row) <= physical)
			continue;
		if (type >= 0 && row->type != (uint64_t)type)
			return -1;
		type = (int)row->type;
		physical = end_of(row);
	}
	return physical >= end ? type : -1;
}

bool is_handed_over(const void *pointer, uint64_t size)
{
	uint64_t physical = (uint64_t)pointer - handoff->direct_map_base;

	return pointer && row_type(physical, size) == RECLAIMABLE;
}

bool string_is_handed_over(const char *string)
{
	return is_handed_over(string, 1) && is_handed_over(string, string_length(string) + 1);
}

static bool is_exclusive(const struct memory_row *row)
{
	return row->type == USABLE || row->type == RECLAIMABLE;
}

static void report_rows(void)
{
	uint64_t totals[TYPES] = {0};
	char key[40];

	fact("memory_map_count", "%lu", map->count);
	fact_start("memory_map");
	for (uint64_t i = 0; i < map->count; i++) {
		const struct memory_row *row = map->rows[i];
		fact_add("%s0x%lx-0x%lx %s", i ? ", " : "", row->base, end_of(row),
			 row->type < TYPES ? names[row->type] : "?");
		if (row->type < TYPES)
			totals[row->type] += row->length;
	}
	fact_finish();
	for (unsigned type = 0; type < TYPES; type++) {
		format_text(key, sizeof(key), "memory_%s_kib", names[type]);
		fact(key, "%lu", totals[type] / KIB);
	}
	check("memory_map_has_usable_memory", totals[USABLE] >= MIB, "%lu KiB", totals[USABLE] / KIB);
}

void check_rows(void)
{
	uint64_t last_type = base_revision() >= 4 ? RESERVED_MAPPED : FRAMEBUFFER;
	uint64_t unaligned = 0, unknown = 0, disordered = 0, overlapping = 0, misplaced = 0, highest = 0;
	bool highest_is_exclusive = false;

	map = answer(MEMORY_MAP);
	report_rows();
	for (uint64_t i = 0; i < map->count; i++) {
		const struct memory_row *row = map->rows[i];
		unaligned += is_exclusive(row) && (row->base | row->length) % PAGE;
		unknown += row->type > last_type || !row->length;
		disordered += i && row->base < map->rows[i - 1]->base;
		overlapping += row->base < highest && (is_exclusive(row) || highest_is_exclusive);
		misplaced += !is_handed_over(row, sizeof(*row));
		if (end_of(row) > highest) {
			highest = end_of(row);
			highest_is_exclusive = is_exclusive(row);
		}
	}
	check("memory_map_rows_handed_over",
	      is_handed_over(map, sizeof(*map)) &&
		      is_handed_over(map->rows, map->count * sizeof(*map->rows)) && !misplaced,
	      "%lu rows not", misplaced);
	check("memory_map_is_aligned", !unaligned, "%lu rows are not", unaligned);
	check("memory_map_types_are_known", !unknown, "%lu rows", unknown);
	check("memory_map_is_sorted", !disordered, "%lu rows", disordered);
	check("memory_map_without_overlap", !overlapping, "%lu rows", overlapping);
	check("memory_map_page_0_is_not_usable", base_revision() >= 3 || row_type(0, PAGE) != USABLE,
	      "it is");
	check("memory_map_marks_kernel",
	      row_type(handoff->kernel_phys, handoff->kernel_size) == EXECUTABLE_AND_MODULES, "type %u",
	      (uint32_t)row_type(handoff->kernel_phys, handoff->kernel_size));
}
