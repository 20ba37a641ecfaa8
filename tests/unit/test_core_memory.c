/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/memory.c common/text.c */
/* Memory maps as hostile as a seeded generator makes them, against a page by page oracle. */
#include "core_host.h"

#include <stddef.h>

#include <cmocka.h>

#define UNIT         512u /* the generator's grain: an eighth of a page */
#define UNITS_A_PAGE (PAGE_SIZE / UNIT)
#define PAGES_MAX    4096u
#define PHYSICAL_END (UINT64_C(1) << 52)
#define TYPES        11u

static uint32_t known(uint32_t type)
{
	return type >= 1 && type <= TYPES ? type : TWINBOOT_MEMORY_RESERVED;
}

/* Independent of the code under test: what each page of [base, base + pages) is, by looking at each row
   alone. Free rows count only where they cover the whole page, all others where they touch it. */
static void oracle(const struct twinboot_region *rows, uint32_t count, uint64_t base, uint32_t pages,
		   uint8_t *type)
{
	memset(type, 0, pages);
	for (uint32_t i = 0; i < count; i++) {
		__uint128_t low = rows[i].base_phys, high = low + rows[i].length;
		if (high > PHYSICAL_END)
			high = PHYSICAL_END;
		if (rows[i].length == 0 || low >= high)
			continue;
		for (uint32_t page = 0; page < pages; page++) {
			__uint128_t first = base + (uint64_t)page * PAGE_SIZE, last = first + PAGE_SIZE;
			int counts = rows[i].type == TWINBOOT_MEMORY_USABLE ? low <= first && last <= high
									    : low < last && first < high;
			if (counts && known(rows[i].type) > type[page])
				type[page] = (uint8_t)known(rows[i].type);
		}
	}
}

static void check_promises(const struct twinboot_region *out, uint32_t rows)
{
	for (uint32_t i = 0; i < rows; i++) {
		assert_int_equal(out[i].base_phys % PAGE_SIZE, 0);
		assert_int_equal(out[i].length % PAGE_SIZE, 0);
		assert_true(out[i].length > 0 && out[i].base_phys + out[i].length <= PHYSICAL_END);
		assert_in_range(out[i].type, 1, TYPES);
		assert_int_equal(out[i].reserved, 0);
		if (i == 0)
			continue;
		uint64_t last_end = out[i - 1].base_phys + out[i - 1].length;
		assert_true(last_end <= out[i].base_phys);
		assert_false(last_end == out[i].base_phys && out[i - 1].type == out[i].type);
	}
}

/* Normalises in buffers of exactly the promised size, so that the address sanitiser sees a byte too many. */
static uint32_t normalised(const struct twinboot_region *rows, uint32_t count, struct twinboot_region **out)
{
	uint64_t *boundaries = malloc(2 * count * sizeof(*boundaries));
	*out = malloc((2 * count + 1) * sizeof(**out));
	uint32_t result = memory_normalise(rows, count, boundaries, *out);
	free(boundaries);
	check_promises(*out, result);
	return result;
}

static void check_map(const struct twinboot_region *rows, uint32_t count, uint64_t base, uint32_t pages)
{
	static uint8_t expected[PAGES_MAX], found[PAGES_MAX];
	struct twinboot_region *out;
	uint32_t result = normalised(rows, count, &out);
	oracle(rows, count, base, pages, expected);
	memset(found, 0, pages);
	for (uint32_t i = 0; i < result; i++)
		for (uint64_t page = out[i].base_phys; page < out[i].base_phys + out[i].length;
		     page += PAGE_SIZE)
			if (page >= base && page - base < (uint64_t)pages * PAGE_SIZE)
				found[(page - base) / PAGE_SIZE] = (uint8_t)out[i].type;
	assert_memory_equal(found, expected, pages);
	free(out);
}

static struct twinboot_region hostile_row(uint64_t base, uint32_t pages)
{
	static const uint32_t strange[] = {0, 12, 200, 2954887168u, UINT32_MAX};
	uint64_t units = (uint64_t)pages * UNITS_A_PAGE, start = below(units + 1),
		 length = below(units + 1 - start);
	struct twinboot_region row = {base + start * UNIT, length * UNIT, 1 + (uint32_t)below(TYPES), 0};
	switch (below(12)) {
	case 0:
		row.type = strange[below(5)];
		break;
	case 1:
		row.length = 0;
		break;
	case 2: /* single bytes, unaligned by less than the grain */
		row.base_phys += below(UNIT);
		row.length = 1 + below(3);
		break;
	case 3:
		row.base_phys -= row.base_phys % PAGE_SIZE;
		row.length -= row.length % PAGE_SIZE;
		break;
	case 4:
		row.length = below(3) * UNIT;
		break;
	}
	/* Half of a real map is free memory. */
	if (below(2))
		row.type = TWINBOOT_MEMORY_USABLE;
	row.reserved = (uint32_t)below(2);
	return row;
}

static void generated_maps_agree_with_the_oracle(void **state)
{
	(void)state;
	struct twinboot_region rows[24];
	for (int round = 0; round < 20000; round++) {
		uint32_t count = (uint32_t)below(1 + round % 24), pages = 1 + (uint32_t)below(48);
		uint64_t base = below(3) ? 0 : below(PHYSICAL_END / PAGE_SIZE - pages) * PAGE_SIZE;
		for (uint32_t i = 0; i < count; i++)
			rows[i] = hostile_row(base, pages);
		/* Firmware that says a thing twice. */
		if (count > 1 && below(4) == 0)
			rows[below(count)] = rows[below(count)];
		check_map(rows, count, base, pages);
	}
}

static void maps_at_the_end_of_memory_agree_with_the_oracle(void **state)
{
	(void)state;
	struct twinboot_region rows[8];
	const uint32_t pages = 16;
	const uint64_t base = PHYSICAL_END - pages * PAGE_SIZE;
	for (int round = 0; round < 5000; round++) {
		for (uint32_t i = 0; i < 8; i++) {
			rows[i] = hostile_row(base, pages);
			switch (below(4)) {
			case 0:
				rows[i].length = UINT64_MAX - below(PAGE_SIZE);
				break;
			case 1:
				rows[i].length += below(2 * pages) * PAGE_SIZE;
				break;
			case 2:
				rows[i].base_phys +=
					below(2) ? PHYSICAL_END - base : UINT64_MAX - base - below(UNIT);
				break;
			}
		}
		check_map(rows, 8, base, pages);
	}
}

static void a_thousand_rows(void **state)
{
	(void)state;
	static struct twinboot_region rows[1000];
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 1000; i++) {
			rows[i] = hostile_row(0, PAGES_MAX);
			if (round < 2) /* many small ones, else the highest types cover all */
				rows[i].length %= 16 * PAGE_SIZE;
		}
		check_map(rows, 1000, 0, PAGES_MAX);
	}
}

static void holes_stay_holes(void **state)
{
	(void)state;
	const struct twinboot_region rows[] = {
		{16 * ONE_MIB, 16 * ONE_MIB, TWINBOOT_MEMORY_USABLE, 0},
		{ONE_MIB, ONE_MIB, TWINBOOT_MEMORY_USABLE, 0},          /* hole at 2 MiB */
		{3 * ONE_MIB, 12 * ONE_MIB, TWINBOOT_MEMORY_USABLE, 0}, /* and from 15 to 16 MiB */
		{0, 0x9fc00, TWINBOOT_MEMORY_USABLE, 0},
		{0x9fc00, 0x400, TWINBOOT_MEMORY_RESERVED, 0},
	};
	const struct twinboot_region expected[] = {
		{0, 0x9f000, TWINBOOT_MEMORY_USABLE, 0},
		{0x9f000, 0x1000, TWINBOOT_MEMORY_RESERVED, 0},
		{ONE_MIB, ONE_MIB, TWINBOOT_MEMORY_USABLE, 0},
		{3 * ONE_MIB, 12 * ONE_MIB, TWINBOOT_MEMORY_USABLE, 0},
		{16 * ONE_MIB, 16 * ONE_MIB, TWINBOOT_MEMORY_USABLE, 0},
	};
	struct twinboot_region *out;
	assert_int_equal(normalised(rows, 5, &out), 5);
	assert_memory_equal(out, expected, sizeof(expected));
	free(out);
}

static void an_empty_map_stays_empty(void **state)
{
	(void)state;
	struct twinboot_region rows[] = {{4096, 0, 1, 0}, {PHYSICAL_END, 4096, 1, 0}, {0x1001, 0x1ffe, 1, 0}},
			       *out;
	assert_int_equal(normalised(rows, 2, &out), 0);
	free(out);
	assert_int_equal(normalised(rows, 3, &out),
			 0); /* nothing is left of an unaligned row without a whole page */
	free(out);
}

/* ---- What core makes of a map ---- */

struct fixture {
	struct machine machine;
	struct memory memory;
};

/* A machine with `count` rows in buffers of exactly the promised sizes. */
static void set_up(struct fixture *f, const struct twinboot_region *rows, uint32_t count)
{
	memset(f, 0, sizeof(*f));
	f->machine.region_count = count;
	f->machine.region_capacity = count + MACHINE_EXTRA_REGIONS;
	f->machine.regions = physical(calloc(f->machine.region_capacity, sizeof(*rows)));
	f->machine.scratch_size = MACHINE_SCRATCH_SIZE(count);
	f->machine.scratch = physical(malloc(f->machine.scratch_size));
	f->machine.mapped_limit = UINT64_MAX;
	memcpy(at(f->machine.regions), rows, count * sizeof(*rows));
}

static void tear_down(struct fixture *f)
{
	free(at(f->machine.regions));
	free(at(f->machine.scratch));
}

static uint32_t type_of(const struct memory *memory, uint64_t address)
{
	for (uint32_t i = 0; i < memory->count; i++)
		if (memory->map[i].base_phys <= address &&
		    address - memory->map[i].base_phys < memory->map[i].length)
			return memory->map[i].type;
	return 0;
}

static void the_loaders_own_rows_are_marked(void **state)
{
	(void)state;
	const struct twinboot_region rows[] = {{0, 0x10000000, TWINBOOT_MEMORY_USABLE, 0}};
	struct fixture f;
	set_up(&f, rows, 1);
	f.machine.loader_base = 0x1000;
	f.machine.loader_size = 0x2fff;
	f.machine.parts[0] = (struct machine_range){0x1ff000, 0x5000};
	f.machine.parts[1] = (struct machine_range){0x204000, 0x1000};
	f.machine.part_count = 2;
	f.machine.manifest = (struct machine_range){0x300000, 0x1000};
	f.machine.framebuffer.base = 0xfd000800;
	f.machine.framebuffer.size = 0x300000;
	memory_init(&f.memory, &f.machine);
	check_promises(f.memory.map, f.memory.count);
	assert_int_equal(type_of(&f.memory, 0), TWINBOOT_MEMORY_RESERVED);
	assert_int_equal(type_of(&f.memory, 0x1000), TWINBOOT_MEMORY_LOADER);
	assert_int_equal(type_of(&f.memory, 0x3fff), TWINBOOT_MEMORY_LOADER);
	assert_int_equal(type_of(&f.memory, 0x4000), TWINBOOT_MEMORY_USABLE);
	assert_int_equal(type_of(&f.memory, 0x1ff000), TWINBOOT_MEMORY_KERNEL);
	assert_int_equal(type_of(&f.memory, 0x204000), TWINBOOT_MEMORY_MODULE);
	assert_int_equal(type_of(&f.memory, 0x300000), TWINBOOT_MEMORY_MODULE);
	assert_int_equal(type_of(&f.memory, 0x205000), TWINBOOT_MEMORY_USABLE);
	assert_int_equal(type_of(&f.memory, 0xfd000000), TWINBOOT_MEMORY_FRAMEBUFFER);
	assert_int_equal(type_of(&f.memory, 0xfd300fff), TWINBOOT_MEMORY_FRAMEBUFFER);
	tear_down(&f);
}

static void too_many_rows_end_in_a_sentence(void **state)
{
	(void)state;
	const struct twinboot_region rows[] = {{0, 0x100000, TWINBOOT_MEMORY_USABLE, 0}};
	struct fixture f;
	set_up(&f, rows, 1);
	for (uint32_t i = 0; i < MACHINE_EXTRA_REGIONS; i++)
		memory_add(&f.machine, 0x1000, 0x1000, TWINBOOT_MEMORY_LOADER);
	memory_add(&f.machine, 0x1000, 0, TWINBOOT_MEMORY_LOADER); /* nothing needs no row */
	assert_true(HALTS(memory_add(&f.machine, 0x1000, 0x1000, TWINBOOT_MEMORY_LOADER)));
	assert_memory_equal(f.machine.error, "TB29", 4);
	tear_down(&f);
}

/* Small random maps in the low 4 MiB, for questions whose answer can be counted out page by page. */
#define LOW_PAGES 1024u

static void random_machine(struct fixture *f, uint8_t *type)
{
	struct twinboot_region rows[12];
	uint32_t count = 1 + (uint32_t)below(12);
	for (uint32_t i = 0; i < count; i++)
		rows[i] = hostile_row(0, below(2) ? 256 : LOW_PAGES);
	set_up(f, rows, count);
	memory_init(&f->memory, &f->machine);
	for (uint32_t page = 0; page < LOW_PAGES; page++)
		type[page] = (uint8_t)type_of(&f->memory, (uint64_t)page * PAGE_SIZE);
}

static void free_means_every_byte(void **state)
{
	(void)state;
	uint8_t type[LOW_PAGES];
	for (int round = 0; round < 500; round++) {
		struct fixture f;
		random_machine(&f, type);
		for (int i = 0; i < 50; i++) {
			uint64_t base = below(LOW_PAGES * PAGE_SIZE),
				 size = 1 + below(i % 2 ? 0x3000 : 0x100000);
			uint32_t also = 1 + (uint32_t)below(TYPES);
			int expected = 1;
			for (uint64_t page = base / PAGE_SIZE; page <= (base + size - 1) / PAGE_SIZE; page++)
				expected &= page < LOW_PAGES &&
					    (type[page] == TWINBOOT_MEMORY_USABLE || type[page] == also);
			assert_int_equal(memory_is_free(&f.memory, base, size, also), expected);
		}
		tear_down(&f);
	}
}

static int overlaps(uint64_t page, uint64_t avoid, uint64_t avoid_size)
{
	return page < avoid + avoid_size && avoid < page + PAGE_SIZE;
}

static void the_low_page_is_the_highest_free_one(void **state)
{
	(void)state;
	uint8_t type[LOW_PAGES];
	for (int round = 0; round < 1000; round++) {
		struct fixture f;
		random_machine(&f, type);
		uint64_t avoid = below(256) * PAGE_SIZE, avoid_size = below(3) * below(64) * PAGE_SIZE,
			 expected = 0;
		for (uint64_t page = 1; page < 256; page++)
			if (type[page] == TWINBOOT_MEMORY_USABLE &&
			    !overlaps(page * PAGE_SIZE, avoid, avoid_size))
				expected = page * PAGE_SIZE;
		assert_int_equal(memory_low_page(&f.memory, avoid, avoid_size), expected);
		f.machine.low_page = 0x8000;
		assert_int_equal(memory_low_page(&f.memory, avoid, avoid_size), 0x8000);
		tear_down(&f);
	}
}

static void the_arena_is_the_largest_free_range(void **state)
{
	(void)state;
	uint8_t type[LOW_PAGES];
	for (int round = 0; round < 2000; round++) {
		struct fixture f;
		random_machine(&f, type);
		uint64_t avoid = below(LOW_PAGES) * PAGE_SIZE, avoid_size = below(3) * below(300) * PAGE_SIZE;
		uint64_t limit = below(2) ? UINT64_MAX : below(LOW_PAGES) * PAGE_SIZE, largest = 0, run = 0;
		f.machine.mapped_limit = limit;
		for (uint64_t page = 0; page < LOW_PAGES; page++) {
			int is_free = type[page] == TWINBOOT_MEMORY_USABLE &&
				      (page + 1) * PAGE_SIZE <= limit &&
				      !overlaps(page * PAGE_SIZE, avoid, avoid_size);
			run = is_free ? run + PAGE_SIZE : 0;
			largest = run > largest ? run : largest;
		}
		assert_int_equal(memory_arena_open(&f.memory, avoid, avoid_size), largest);
		const struct memory *m = &f.memory;
		assert_int_equal(m->arena_top - m->arena_low, largest);
		assert_int_equal(m->arena_next, m->arena_top);
		if (largest > 0) {
			assert_true(memory_is_free(m, m->arena_low, largest, TWINBOOT_MEMORY_USABLE));
			assert_true(m->arena_top <= limit);
			assert_true(m->arena_top <= avoid || avoid + avoid_size <= m->arena_low ||
				    avoid_size == 0);
		}
		tear_down(&f);
	}
}

static void the_arena_lies_below_4_gib(void **state)
{
	(void)state;
	/* Nothing usable below. */
	const struct twinboot_region high[] = {{FOUR_GIB, 16 * FOUR_GIB, TWINBOOT_MEMORY_USABLE, 0}};
	struct fixture f;
	set_up(&f, high, 1);
	memory_init(&f.memory, &f.machine);
	assert_int_equal(memory_arena_open(&f.memory, 0, 0), 0);
	tear_down(&f);

	/* A range across the limit counts up to there, also where what is to be avoided lies near it. */
	const struct twinboot_region across[] = {{ONE_MIB, 16 * FOUR_GIB, TWINBOOT_MEMORY_USABLE, 0}};
	set_up(&f, across, 1);
	memory_init(&f.memory, &f.machine);
	assert_int_equal(memory_arena_open(&f.memory, 0, 0), FOUR_GIB - ONE_MIB);
	assert_int_equal(memory_arena_open(&f.memory, FOUR_GIB - ONE_MIB, ONE_MIB), FOUR_GIB - 2 * ONE_MIB);
	assert_int_equal(f.memory.arena_top, FOUR_GIB - ONE_MIB);
	f.machine.mapped_limit = 64 * ONE_MIB;
	assert_int_equal(memory_arena_open(&f.memory, 60 * ONE_MIB, ONE_MIB), 59 * ONE_MIB);
	tear_down(&f);
}

static void the_front_doors_arena_is_taken_as_it_is(void **state)
{
	(void)state;
	const struct twinboot_region rows[] = {{0, FOUR_GIB, TWINBOOT_MEMORY_USABLE, 0}};
	struct fixture f;
	set_up(&f, rows, 1);
	memory_init(&f.memory, &f.machine);
	uint8_t *arena = aligned_alloc(PAGE_SIZE, 3 * PAGE_SIZE);
	memset(arena, 0xee, 3 * PAGE_SIZE);
	f.machine.arena = physical(arena);
	f.machine.arena_needed = 3 * PAGE_SIZE;
	assert_int_equal(memory_arena_open(&f.memory, physical(arena), PAGE_SIZE), 3 * PAGE_SIZE);

	/* From the top down, whole pages, zeroed; then a sentence. */
	uint8_t *first = memory_take(&f.memory, 1), *second = memory_take(&f.memory, PAGE_SIZE);
	assert_ptr_equal(first, arena + 2 * PAGE_SIZE);
	assert_ptr_equal(second, arena + PAGE_SIZE);
	for (uint32_t i = 0; i < 2 * PAGE_SIZE; i++)
		assert_int_equal(second[i], 0);
	assert_int_equal(arena[PAGE_SIZE - 1], 0xee);
	assert_true(HALTS(memory_take(&f.memory, PAGE_SIZE + 1)));
	assert_memory_equal(f.machine.error, "TB24", 4);
	assert_ptr_equal(memory_take(&f.memory, PAGE_SIZE), arena);
	assert_true(HALTS(memory_take(&f.memory, 1)));
	free(arena);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_maps_agree_with_the_oracle),
		cmocka_unit_test(maps_at_the_end_of_memory_agree_with_the_oracle),
		cmocka_unit_test(a_thousand_rows),
		cmocka_unit_test(holes_stay_holes),
		cmocka_unit_test(an_empty_map_stays_empty),
		cmocka_unit_test(the_loaders_own_rows_are_marked),
		cmocka_unit_test(too_many_rows_end_in_a_sentence),
		cmocka_unit_test(free_means_every_byte),
		cmocka_unit_test(the_low_page_is_the_highest_free_one),
		cmocka_unit_test(the_arena_is_the_largest_free_range),
		cmocka_unit_test(the_arena_lies_below_4_gib),
		cmocka_unit_test(the_front_doors_arena_is_taken_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
