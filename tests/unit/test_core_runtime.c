/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/memory.c core/kernel_image.c common/paging.c common/log.c common/text.c */
/* UEFI runtime services in the page tables: each page with the permissions of the last row that holds it and
   with the memory type that the direct map gives it; and page 0, which is nobody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#undef fail /* core has one too */
#define REQUIRE assert_true
#include "core_walk.h"

#include "core/address_space.c"

/* ---- A machine ---- */

#define MIB        UINT64_C(0x100000)
#define ROWS_MAX   400u
#define ARENA_SIZE (UINT64_C(64) << 20)

static struct {
	struct machine machine;
	struct boot boot;
	struct twinboot_region regions[64];
	struct machine_runtime rows[ROWS_MAX];
	uint8_t scratch[MACHINE_SCRATCH_SIZE(64)] __attribute__((aligned(8)));
} f;

static uint8_t *arena;

static int set_up(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	f.machine.regions = physical(f.regions);
	f.machine.region_capacity = 64;
	f.machine.scratch = physical(f.scratch);
	f.machine.scratch_size = sizeof(f.scratch);
	f.machine.runtime = physical(f.rows);
	f.machine.arena = physical(arena);
	f.machine.arena_needed = ARENA_SIZE;
	f.boot.machine = &f.machine;
	f.boot.direct_map_base = DIRECT_MAP_BASE;
	f.boot.cpu = (struct cpu){.nx = 1, .pat = 1, .sse = 1, .huge_pages = 1};
	return 0;
}

static void region(uint64_t base, uint64_t length, uint32_t type)
{
	f.regions[f.machine.region_count++] = (struct twinboot_region){base, length, type, 0};
}

static void runtime(uint64_t base, uint64_t length, uint32_t writable, uint32_t executable)
{
	assert_true(f.machine.runtime_count < ROWS_MAX);
	f.rows[f.machine.runtime_count++] = (struct machine_runtime){base, length, writable, executable};
}

static void a_plain_machine(void)
{
	region(0, 640 * 1024, TWINBOOT_MEMORY_USABLE);
	region(MIB, 127 * MIB, TWINBOOT_MEMORY_USABLE);
	region(128 * MIB, MIB, TWINBOOT_MEMORY_RUNTIME_CODE);
	region(129 * MIB, MIB, TWINBOOT_MEMORY_RUNTIME_DATA);
	region(130 * MIB, MIB, TWINBOOT_MEMORY_ACPI_NVS);
	region(FOUR_GIB - 4 * MIB, 4 * MIB, TWINBOOT_MEMORY_RESERVED);
}

/* As core_boot() does it, for a kernel without segments. */
static void map(int with_identity)
{
	f.boot.flags =
		(f.boot.flags & ~TWINBOOT_IDENTITY_MAPPED) | (with_identity ? TWINBOOT_IDENTITY_MAPPED : 0);
	memory_init(&f.boot.memory, &f.machine);
	memory_arena_open(&f.boot.memory, 0, 0);
	address_space_build(&f.boot);
}

static void check_page(uint64_t page, int writable, int executable, uint8_t cache)
{
	struct found found = walk(&f.boot.paging, page);
	assert_int_equal(found.phys, page);
	assert_int_equal(found.write, writable);
	assert_int_equal(found.execute, executable);
	assert_int_equal(found.cache, cache);
	struct found direct = walk(&f.boot.paging, DIRECT_MAP_BASE + page);
	if (direct.phys != NOT_MAPPED)
		assert_int_equal(direct.cache, cache);
}

static void permissions_are_the_rows(void **state)
{
	(void)state;
	a_plain_machine();
	runtime(128 * MIB, MIB, 1, 1);
	runtime(129 * MIB, MIB, 1, 0);
	runtime(128 * MIB, PAGE_SIZE, 0, 1); /* a later row overrules */
	runtime(128 * MIB + PAGE_SIZE, PAGE_SIZE, 0, 0);
	map(0);
	check_page(128 * MIB, 0, 1, WB);
	check_page(128 * MIB + PAGE_SIZE, 0, 0, WB);
	check_page(128 * MIB + 2 * PAGE_SIZE, 1, 1, WB);
	check_page(129 * MIB, 1, 0, WB);
	assert_int_equal(walk(&f.boot.paging, 130 * MIB).phys, NOT_MAPPED);
	assert_int_equal(walk(&f.boot.paging, 128 * MIB - 1).phys, NOT_MAPPED);
}

static void memory_types_are_the_direct_maps(void **state)
{
	(void)state;
	a_plain_machine();
	runtime(130 * MIB, MIB, 1, 0);                 /* RAM, but no runtime services' */
	runtime(FOUR_GIB - 4 * MIB, 4 * MIB, 1, 0);    /* flash */
	runtime(2 * FOUR_GIB, MIB, 1, 0);              /* a device that the map does not list */
	runtime(130 * MIB, MIB + 3 * PAGE_SIZE, 1, 0); /* half of it is no RAM */
	map(0);
	check_page(130 * MIB, 1, 0, WB);
	check_page(131 * MIB - PAGE_SIZE, 1, 0, WB);
	check_page(131 * MIB, 1, 0, UC_MINUS);
	check_page(FOUR_GIB - PAGE_SIZE, 1, 0, UC_MINUS);
	check_page(2 * FOUR_GIB, 1, 0, UC_MINUS);
}

/* Where the firmware calls the same memory two things, the map's word is the page tables'. */
static void contradictions_alias_nothing(void **state)
{
	(void)state;
	a_plain_machine();
	region(128 * MIB + 5 * PAGE_SIZE, PAGE_SIZE, TWINBOOT_MEMORY_RESERVED);
	runtime(128 * MIB, MIB, 1, 1);
	map(1);
	check_page(128 * MIB + 4 * PAGE_SIZE, 1, 1, WB);
	check_page(128 * MIB + 5 * PAGE_SIZE, 1, 1, UC_MINUS);
	check_page(128 * MIB + 6 * PAGE_SIZE, 1, 1, WB);
}

static void page_0_stays_empty(void **state)
{
	(void)state;
	a_plain_machine();
	runtime(0, PAGE_SIZE, 1, 1);
	runtime(0, 4 * PAGE_SIZE, 1, 0);
	runtime(0x800, 0x100, 1, 0);
	for (int with_identity = 0; with_identity < 2; with_identity++) {
		map(with_identity);
		assert_int_equal(walk(&f.boot.paging, 0).phys, NOT_MAPPED);
		assert_int_equal(walk(&f.boot.paging, PAGE_SIZE - 1).phys, NOT_MAPPED);
		check_page(PAGE_SIZE, 1, 0, WB);
		f.machine.region_count = 6;
	}
}

/* A framebuffer that begins within the page does not put it into the identity map. */
static void page_0_stays_empty_under_a_framebuffer(void **state)
{
	(void)state;
	a_plain_machine();
	f.machine.framebuffer.base = 0x800;
	f.machine.framebuffer.size = 2 * PAGE_SIZE;
	map(1);
	assert_int_equal(walk(&f.boot.paging, 0).phys, NOT_MAPPED);
	assert_int_equal(walk(&f.boot.paging, PAGE_SIZE).phys, PAGE_SIZE);
	assert_int_equal(walk(&f.boot.paging, PAGE_SIZE).cache, WC);
	assert_int_equal(walk(&f.boot.paging, DIRECT_MAP_BASE).cache, WC);
}

static void rows_are_rounded_outwards(void **state)
{
	(void)state;
	a_plain_machine();
	runtime(129 * MIB + 0x10, 0x20, 1, 0);
	runtime(129 * MIB + 3 * PAGE_SIZE - 1, 2, 1, 0);
	map(0);
	check_page(129 * MIB, 1, 0, WB);
	check_page(129 * MIB + 2 * PAGE_SIZE, 1, 0, WB);
	check_page(129 * MIB + 3 * PAGE_SIZE, 1, 0, WB);
	assert_int_equal(walk(&f.boot.paging, 129 * MIB + PAGE_SIZE).phys, NOT_MAPPED);
}

/* They would wrap into somebody else's part of the tables. */
static void what_is_no_memory_is_left_out(void **state)
{
	(void)state;
	a_plain_machine();
	runtime(UINT64_C(0xffffffff80000000), MIB, 1, 1);
	runtime(DIRECT_MAP_BASE, MIB, 1, 1);
	runtime(LOWER_HALF_END - MIB, 2 * MIB, 1, 1);
	runtime(MIB, UINT64_MAX - MIB, 1, 1);
	runtime(MIB, UINT64_MAX, 1, 1);
	runtime(64 * MIB, 0, 1, 1);
	map(0);
	for (uint32_t i = 0; i < 256; i++)
		assert_int_equal(f.boot.paging.root[i], 0);
	assert_false(walk(&f.boot.paging, DIRECT_MAP_BASE + MIB).execute);
	assert_int_equal(f.boot.paging.root[511], 0);
}

/* What a plan asks for is enough, however sparse the rows are: pages taken, against the bound. */
static void the_bound_holds(void **state)
{
	for (uint32_t round = 0; round < 200; round++) {
		set_up(state);
		f.boot.cpu.huge_pages = (uint32_t)below(2);
		f.boot.flags = below(2) ? TWINBOOT_LEVEL5_PAGING : 0;
		a_plain_machine();
		for (uint64_t i = below(ROWS_MAX); i > 0; i--)
			runtime(below(LOWER_HALF_END - FOUR_GIB), 1 + below(UINT64_C(1) << (12 + below(22))),
				1, 0);
		memory_init(&f.boot.memory, &f.machine);
		uint64_t bound = runtime_tables(&f.boot);
		map(0);
		uint64_t with = f.boot.memory.arena_next;
		f.machine.runtime_count = 0;
		f.machine.region_count = 6;
		map(0);
		assert_true((f.boot.memory.arena_next - with) / PAGE_SIZE <= bound);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

/* A kernel linked low, and not in place: what it hides cannot be called, so nobody is told of it. */
static void a_kernel_that_hides_a_part_gives_all_up(void **state)
{
	(void)state;
	const struct {
		uint64_t virt, size;
		int hides;
	} kernels[] = {
		{126 * MIB, 2 * MIB, 0},
		{126 * MIB, 2 * MIB + PAGE_SIZE, 1},
		{129 * MIB + 5 * PAGE_SIZE, PAGE_SIZE, 1},
		{120 * MIB, 64 * MIB, 1},
		{130 * MIB - PAGE_SIZE, MIB, 1},
		{130 * MIB, MIB, 0},
		{0xffffffff80000000, UINT64_C(0x80000000), 0},
	};
	for (uint32_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		set_up(NULL);
		a_plain_machine();
		runtime(128 * MIB, MIB, 0, 1);
		runtime(129 * MIB, MIB, 1, 0);
		runtime(129 * MIB + 7 * PAGE_SIZE, 0, 1, 0);
		f.machine.efi_system_table = 0x1234000;
		f.boot.kernel.virt = kernels[i].virt;
		f.boot.kernel.size = kernels[i].size;
		map(0);
		assert_int_equal(f.machine.efi_system_table, kernels[i].hides ? 0 : 0x1234000);
		if (!kernels[i].hides)
			check_page(128 * MIB, 0, 1, WB);
		else
			assert_int_equal(walk(&f.boot.paging, 128 * MIB).phys, NOT_MAPPED);
		assert_int_equal(walk(&f.boot.paging, kernels[i].virt).phys, NOT_MAPPED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(permissions_are_the_rows),
		TEST(memory_types_are_the_direct_maps),
		TEST(contradictions_alias_nothing),
		TEST(page_0_stays_empty),
		TEST(page_0_stays_empty_under_a_framebuffer),
		TEST(rows_are_rounded_outwards),
		TEST(what_is_no_memory_is_left_out),
		TEST(a_kernel_that_hides_a_part_gives_all_up),
		TEST(the_bound_holds),
	};
	arena = low_memory(ARENA_SIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
