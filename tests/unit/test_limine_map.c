/* SPDX-License-Identifier: BSD-2-Clause */
/* links: adapters/limine/map.c */
/* The memory map in Limine's words, against a map of single pages that is changed in the same way. */
#include "adapters/limine/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE  4096u
#define PAGES 256u
#define NONE  0xff

static uint8_t pages[PAGES]; /* the type of each, or NONE */
static struct limine_memory rows[MAP_ROWS(PAGES, 64)];
static struct map map = {rows, 0};

static void set(uint64_t base, uint64_t size, uint8_t type, uint32_t keep)
{
	map_set(&map, base, size, type, keep);
	for (uint64_t page = base / PAGE; page * PAGE < base + size; page++)
		if (pages[page] == NONE || !(keep & MAP_TYPE(pages[page])))
			pages[page] = type;
}

static void assert_same(void)
{
	uint64_t done = 0;

	for (uint32_t i = 0; i < map.count; i++) {
		const struct limine_memory *row = &rows[i];

		assert_true(row->length && row->base % PAGE == 0 && row->length % PAGE == 0 &&
			    row->base >= done);
		if (i && row->base == done)
			assert_int_not_equal(row->type, row[-1].type);
		for (; done < row->base; done += PAGE)
			assert_int_equal(pages[done / PAGE], NONE);
		for (; done < row->base + row->length; done += PAGE)
			assert_int_equal(pages[done / PAGE], row->type);
	}
	for (; done < PAGES * PAGE; done += PAGE)
		assert_int_equal(pages[done / PAGE], NONE);
}

static void fill(const struct twinboot_region *regions, uint32_t count, uint32_t base_revision)
{
	const struct twinboot_handoff handoff = {.memory_map = regions, .memory_map_count = count};

	memset(rows, 0x5a, sizeof(rows));
	map_fill(&map, &handoff, base_revision);
}

static void every_type_has_its_word(void **state)
{
	static const struct {
		uint32_t type;
		uint8_t old, new;
	} types[] = {
		{TWINBOOT_MEMORY_USABLE, LIMINE_USABLE, LIMINE_USABLE},
		{TWINBOOT_MEMORY_LOADER, LIMINE_RECLAIMABLE, LIMINE_RECLAIMABLE},
		{TWINBOOT_MEMORY_KERNEL, LIMINE_RECLAIMABLE, LIMINE_RECLAIMABLE},
		{TWINBOOT_MEMORY_MODULE, LIMINE_RECLAIMABLE, LIMINE_RECLAIMABLE},
		{TWINBOOT_MEMORY_ACPI_RECLAIMABLE, LIMINE_ACPI_RECLAIMABLE, LIMINE_ACPI_RECLAIMABLE},
		{TWINBOOT_MEMORY_ACPI_NVS, LIMINE_ACPI_NVS, LIMINE_ACPI_NVS},
		{TWINBOOT_MEMORY_RUNTIME_CODE, LIMINE_RESERVED, LIMINE_RESERVED_MAPPED},
		{TWINBOOT_MEMORY_RUNTIME_DATA, LIMINE_RESERVED, LIMINE_RESERVED_MAPPED},
		{TWINBOOT_MEMORY_RESERVED, LIMINE_RESERVED, LIMINE_RESERVED},
		{TWINBOOT_MEMORY_FRAMEBUFFER, LIMINE_FRAMEBUFFER, LIMINE_FRAMEBUFFER},
		{TWINBOOT_MEMORY_BAD, LIMINE_BAD, LIMINE_BAD},
		{99, LIMINE_RESERVED, LIMINE_RESERVED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		for (uint32_t revision = 0; revision <= 6; revision++) {
			const struct twinboot_region region = {PAGE, PAGE, types[i].type, 0};

			fill(&region, 1, revision);
			assert_int_equal(map.count, 1);
			assert_int_equal(rows[0].type, revision >= 5 ? types[i].new : types[i].old);
		}
	fill(NULL, 0, 6);
	assert_int_equal(map.count, 0);
}

static void neighbours_that_become_alike_are_merged(void **state)
{
	static const struct twinboot_region regions[] = {
		{0x1000, 0x1000, TWINBOOT_MEMORY_LOADER, 0},
		{0x2000, 0x1000, TWINBOOT_MEMORY_KERNEL, 0},
		{0x4000, 0x1000, TWINBOOT_MEMORY_LOADER, 0},
	};

	(void)state;
	fill(regions, 3, 6);
	assert_int_equal(map.count, 2);
	assert_int_equal(rows[0].length, 0x2000);
}

/* Any map, then up to 64 changes of it, each seen page by page; the room that MAP_ROWS() allows is enough, or the
   sanitizer says so. */
static void any_change_is_what_its_pages_become(void **state)
{
	static const uint32_t types[] = {TWINBOOT_MEMORY_USABLE, TWINBOOT_MEMORY_RESERVED,
					 TWINBOOT_MEMORY_ACPI_NVS, TWINBOOT_MEMORY_LOADER};
	static struct twinboot_region regions[PAGES];

	(void)state;
	srand(1);
	for (int round = 0; round < 2000; round++) {
		uint32_t count = 0;

		memset(pages, NONE, sizeof(pages));
		for (uint64_t page = 0; page < PAGES - 8;) {
			uint64_t length = 1 + (uint64_t)(rand() % 6);
			uint32_t kind = (uint32_t)rand() % 6;

			if (kind < 4)
				regions[count++] =
					(struct twinboot_region){page * PAGE, length * PAGE, types[kind], 0};
			page += length;
		}
		fill(regions, count, 6);
		for (uint32_t i = 0; i < map.count; i++)
			memset(pages + rows[i].base / PAGE, (int)rows[i].type, rows[i].length / PAGE);
		assert_same();
		for (int i = 0; i < 1 + rand() % 64; i++) {
			uint64_t base = (uint64_t)(rand() % (int)((PAGES - 32) * PAGE));

			set(base, 1 + (uint64_t)(rand() % (int)(24 * PAGE)), (uint8_t)(rand() % 9),
			    (uint32_t)rand() % 512);
			assert_same();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_has_its_word),
		cmocka_unit_test(neighbours_that_become_alike_are_merged),
		cmocka_unit_test(any_change_is_what_its_pages_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
