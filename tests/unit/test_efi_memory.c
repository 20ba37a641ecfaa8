/* SPDX-License-Identifier: BSD-2-Clause */
/* links: efi/memory.c efi/tables.c common/date.c common/entry_points.c common/log.c common/text.c */
/* The firmware's memory map and its memory attributes table, true and hostile, and the memory that is taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#undef fail /* log.h has one too */
#include "efi_host.h"

#define MIB UINT64_C(0x100000)
#define SP  UINT64_C(0x40000)
#define RO  UINT64_C(0x20000)
#define XP  EFI_MEMORY_XP

static const EFI_GUID attributes_guid = {
	0xdcfa911d, 0x26eb, 0x469f, {0xa2, 0x20, 0x38, 0xb7, 0xdc, 0x46, 0x12, 0x20}};

/* As the firmware lays it out: one page. */
static struct {
	uint32_t version, entries, descriptor_size, flags;
	EFI_MEMORY_DESCRIPTOR rows[102];
} table __attribute__((aligned(4096)));

_Static_assert(sizeof(table) == PAGE_SIZE, "what offer_table() says of it");

static struct machine machine;

static int set_up(void **state)
{
	(void)state;
	fake_start();
	memset(&machine, 0, sizeof(machine));
	memset(&table, 0, sizeof(table));
	table.version = 1;
	table.descriptor_size = sizeof(table.rows[0]);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	memory_give_back();
	return fake_pages_taken() == 0 ? 0 : -1;
}

static const struct twinboot_region *regions(void)
{
	return at(machine.regions);
}

static const struct machine_runtime *runtime(void)
{
	return at(machine.runtime);
}

static int read_map(void)
{
	UINTN key;
	machine.error[0] = 0;
	return memory_buffers_allocate(&machine) && memory_map_read(&machine, &key);
}

static void assert_refused(const char *code)
{
	assert_false(read_map());
	assert_memory_equal(machine.error, code, 4);
}

/* The row of the kernel's map that begins there. */
static uint32_t type_at(uint64_t start)
{
	for (uint32_t i = 0; i < machine.region_count; i++)
		if (regions()[i].base_phys == start)
			return regions()[i].type;
	return 0;
}

/* The last row that holds the page, as core reads them: "wx", "w-", "-x", "--", or NULL. */
static const char *access_at(uint64_t page)
{
	static const char *const names[] = {"--", "-x", "w-", "wx"};
	const char *found = NULL;
	for (uint32_t i = 0; i < machine.runtime_count; i++)
		if (page - runtime()[i].base < runtime()[i].length)
			found = names[2 * runtime()[i].writable + runtime()[i].executable];
	return found;
}

static void attribute_row(UINT32 type, uint64_t start, uint64_t pages, uint64_t attribute)
{
	table.rows[table.entries++] = (EFI_MEMORY_DESCRIPTOR){.Type = type,
							      .PhysicalStart = start,
							      .NumberOfPages = pages,
							      .Attribute = EFI_MEMORY_RUNTIME | attribute};
}

/* Puts it where the map has memory. */
static void offer_table(void)
{
	fake_table(attributes_guid, &table);
	fake_row(EfiBootServicesData, (uintptr_t)&table, sizeof(table) / PAGE_SIZE, EFI_MEMORY_WB);
}

/* ---- The map ---- */

static void every_type_has_its_own(void **state)
{
	(void)state;
	static const uint32_t expected[] = {
		[EfiReservedMemoryType] = TWINBOOT_MEMORY_RESERVED,
		[EfiLoaderCode] = TWINBOOT_MEMORY_LOADER,
		[EfiLoaderData] = TWINBOOT_MEMORY_LOADER,
		[EfiBootServicesCode] = TWINBOOT_MEMORY_LOADER,
		[EfiBootServicesData] = TWINBOOT_MEMORY_LOADER,
		[EfiRuntimeServicesCode] = TWINBOOT_MEMORY_RUNTIME_CODE,
		[EfiRuntimeServicesData] = TWINBOOT_MEMORY_RUNTIME_DATA,
		[EfiConventionalMemory] = TWINBOOT_MEMORY_USABLE,
		[EfiUnusableMemory] = TWINBOOT_MEMORY_BAD,
		[EfiACPIReclaimMemory] = TWINBOOT_MEMORY_ACPI_RECLAIMABLE,
		[EfiACPIMemoryNVS] = TWINBOOT_MEMORY_ACPI_NVS,
		[EfiMemoryMappedIO] = TWINBOOT_MEMORY_RESERVED,
		[EfiMemoryMappedIOPortSpace] = TWINBOOT_MEMORY_RESERVED,
		[EfiPalCode] = TWINBOOT_MEMORY_RESERVED,
		[14] = TWINBOOT_MEMORY_RESERVED, /* persistent */
		[15] = TWINBOOT_MEMORY_RESERVED, /* not accepted yet (TDX, SEV-SNP) */
		[16] = TWINBOOT_MEMORY_RESERVED,
	};
	uint32_t count = sizeof(expected) / sizeof(expected[0]);
	for (uint32_t type = 0; type < count; type++)
		fake_row(type, (type + 1) * MIB, 16, EFI_MEMORY_WB);
	fake_row(0x80000000, (count + 1) * MIB, 16, EFI_MEMORY_WB); /* an operating system loader's own */
	assert_true(read_map());
	assert_int_equal(machine.region_count, count + 1);
	for (uint32_t type = 0; type < count; type++)
		assert_int_equal(type_at((type + 1) * MIB), expected[type]);
	assert_int_equal(type_at((count + 1) * MIB), TWINBOOT_MEMORY_RESERVED);
	assert_int_equal(machine.runtime_count, 0);
	/* Memory ends with the last row of RAM: ACPI NVS. */
	assert_int_equal(machine.mapped_limit, (EfiACPIMemoryNVS + 1) * MIB + 16 * PAGE_SIZE);
}

static void boot_services_memory_is_not_free(void **state)
{
	(void)state;
	fake_row(EfiBootServicesCode, MIB, 16, EFI_MEMORY_WB);
	fake_row(EfiBootServicesData, 2 * MIB, 16, EFI_MEMORY_WB);
	assert_true(read_map());
	assert_int_equal(type_at(MIB), TWINBOOT_MEMORY_LOADER);
	assert_int_equal(type_at(2 * MIB), TWINBOOT_MEMORY_LOADER);
}

static void free_memory_that_cannot_be_cached_is_reserved(void **state)
{
	(void)state;
	fake_row(EfiConventionalMemory, MIB, 16, EFI_MEMORY_UC | EFI_MEMORY_WC);
	fake_row(EfiConventionalMemory, 2 * MIB, 16, EFI_MEMORY_UC | EFI_MEMORY_WB);
	assert_true(read_map());
	assert_int_equal(type_at(MIB), TWINBOOT_MEMORY_RESERVED);
	assert_int_equal(type_at(2 * MIB), TWINBOOT_MEMORY_USABLE);
	assert_int_equal(machine.mapped_limit, 2 * MIB + 16 * PAGE_SIZE);
}

static void free_memory_meant_for_a_device_is_reserved(void **state)
{
	(void)state;
	fake_row(EfiConventionalMemory, MIB, 16, EFI_MEMORY_WB | SP);
	assert_true(read_map());
	assert_int_equal(type_at(MIB), TWINBOOT_MEMORY_RESERVED);
}

static void rows_of_no_pages_are_dropped(void **state)
{
	(void)state;
	fake_row(EfiConventionalMemory, 16 * MIB, 256, EFI_MEMORY_WB);
	fake_row(EfiBootServicesData, UINT64_MAX - PAGE_SIZE + 1, 0, EFI_MEMORY_WB);
	fake_row(EfiRuntimeServicesData, 64 * MIB, 0, EFI_MEMORY_RUNTIME);
	assert_true(read_map());
	assert_int_equal(machine.region_count, 1);
	assert_int_equal(machine.mapped_limit, 17 * MIB);
	assert_null(access_at(64 * MIB));
}

static void page_counts_that_wrap_stand_for_all_there_is(void **state)
{
	(void)state;
	fake_row(EfiConventionalMemory, MIB, UINT64_MAX, EFI_MEMORY_WB);
	fake_row(EfiConventionalMemory, 2 * MIB, UINT64_MAX / PAGE_SIZE, EFI_MEMORY_WB);
	assert_true(read_map());
	for (uint32_t i = 0; i < 2; i++)
		assert_true(regions()[i].base_phys + regions()[i].length > UINT64_MAX - 2 * PAGE_SIZE);
	assert_true(machine.mapped_limit > UINT64_MAX - 2 * PAGE_SIZE);
}

/* Which one wins is core's to say: it gets both. */
static void overlapping_rows_are_handed_on(void **state)
{
	(void)state;
	fake_row(EfiConventionalMemory, MIB, 4096, EFI_MEMORY_WB);
	fake_row(EfiReservedMemoryType, 2 * MIB, 16, EFI_MEMORY_WB);
	assert_true(read_map());
	assert_int_equal(machine.region_count, 2);
}

static void descriptors_are_as_large_as_the_firmware_says(void **state)
{
	(void)state;
	for (fake.descriptor_size = 40; fake.descriptor_size <= 256; fake.descriptor_size += 8) {
		fake.row_count = 0;
		for (uint32_t i = 0; i < 312; i++) /* a Gigabyte B550M S2H has that many */
			fake_row(i & 1 ? EfiConventionalMemory : EfiACPIMemoryNVS, i * MIB, 16,
				 EFI_MEMORY_WB);
		assert_true(read_map());
		assert_int_equal(machine.efi_descriptor_size, fake.descriptor_size);
		assert_int_equal(machine.efi_memory_map_size, 312 * fake.descriptor_size);
		assert_int_equal(machine.region_count, 312);
		for (uint32_t i = 0; i < 312; i++)
			assert_int_equal(type_at(i * MIB),
					 i & 1 ? TWINBOOT_MEMORY_USABLE : TWINBOOT_MEMORY_ACPI_NVS);
		memory_give_back();
	}
}

static void a_map_that_grows_between_calls(void **state)
{
	(void)state;
	UINTN key;
	fake_row(EfiConventionalMemory, MIB, 4096, EFI_MEMORY_WB);
	fake.grow = 8;
	assert_true(read_map());
	for (UINTN calls = 2; calls < 8; calls++) /* as at an exit that is refused time after time */
		assert_true(memory_map_read(&machine, &key));
	assert_int_equal(machine.region_count, 1 + 7 * 8);
	assert_true(machine.region_count + MACHINE_EXTRA_REGIONS <= machine.region_capacity);
	fake.grow = 64;
	assert_false(memory_map_read(&machine, &key));
	assert_memory_equal(machine.error, "TB41", 4);
}

static EFI_STATUS EFIAPI too_much(UINTN *size, EFI_MEMORY_DESCRIPTOR *map, UINTN *key, UINTN *descriptor_size,
				  UINT32 *version)
{
	*key = *version = 1;
	if (map == NULL) {
		*size = 10 * 48;
		*descriptor_size = 48;
		return EFI_BUFFER_TOO_SMALL;
	}
	*size += fake.grow;
	*descriptor_size = fake.descriptor_size;
	return EFI_SUCCESS;
}

static void a_firmware_that_contradicts_itself(void **state)
{
	(void)state;
	fake.services.GetMemoryMap = too_much;
	fake.grow = 1; /* more than the buffer holds, and yet it fitted */
	assert_refused("TB41");
	memory_give_back();
	fake.grow = 0;
	fake.descriptor_size = 0;
	assert_refused("TB41");
	memory_give_back();
	fake.descriptor_size = 39;
	assert_refused("TB41");
	memory_give_back();
	fake.descriptor_size = 40; /* so there are more of them than were announced */
	assert_refused("TB29");
}

static void a_map_that_cannot_be_read(void **state)
{
	(void)state;
	fake.map_status = EFI_DEVICE_ERROR;
	fake_row(EfiConventionalMemory, MIB, 4096, EFI_MEMORY_WB);
	assert_refused("TB41");
	memory_give_back();
	fake.descriptor_size = 32;
	assert_refused("TB41");
}

static EFI_STATUS EFIAPI endless(UINTN *size, EFI_MEMORY_DESCRIPTOR *map, UINTN *key, UINTN *descriptor_size,
				 UINT32 *version)
{
	(void)map, (void)key, (void)version;
	*size = UINT64_MAX;
	*descriptor_size = 48;
	return EFI_BUFFER_TOO_SMALL;
}

static void a_map_without_end(void **state)
{
	(void)state;
	fake.services.GetMemoryMap = endless;
	assert_refused("TB29");
}

/* ---- Runtime services ---- */

static void without_the_table_code_is_writable_and_executable(void **state)
{
	(void)state;
	fake_row(EfiRuntimeServicesCode, MIB, 16, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	fake_row(EfiRuntimeServicesData, 2 * MIB, 16, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	fake_row(EfiMemoryMappedIO, 3 * MIB, 16, EFI_MEMORY_UC | EFI_MEMORY_RUNTIME);
	fake_row(EfiACPIMemoryNVS, 4 * MIB, 16, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	fake_row(EfiRuntimeServicesCode, 5 * MIB, 16, EFI_MEMORY_WB); /* not at run time */
	assert_true(read_map());
	assert_string_equal(access_at(MIB), "wx");
	assert_string_equal(access_at(2 * MIB), "w-");
	assert_string_equal(access_at(3 * MIB), "w-");
	assert_string_equal(access_at(4 * MIB), "w-");
	assert_null(access_at(5 * MIB));
}

static void the_table_gives_each_page_its_own(void **state)
{
	(void)state;
	fake_row(EfiRuntimeServicesCode, MIB, 16, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	fake_row(EfiRuntimeServicesData, 2 * MIB, 16, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	attribute_row(EfiRuntimeServicesCode, MIB, 1, RO);
	attribute_row(EfiRuntimeServicesCode, MIB + PAGE_SIZE, 1, XP);
	attribute_row(EfiRuntimeServicesCode, MIB + 2 * PAGE_SIZE, 1, RO | XP);
	attribute_row(EfiRuntimeServicesCode, MIB + 3 * PAGE_SIZE, 1, 0); /* cannot be protected */
	attribute_row(EfiRuntimeServicesData, 2 * MIB, 1, XP);
	attribute_row(EfiRuntimeServicesData, 2 * MIB + PAGE_SIZE, 1, RO | XP);
	offer_table();
	assert_true(read_map());
	assert_string_equal(access_at(MIB), "-x");
	assert_string_equal(access_at(MIB + PAGE_SIZE), "w-");
	assert_string_equal(access_at(MIB + 2 * PAGE_SIZE), "--");
	assert_string_equal(access_at(MIB + 3 * PAGE_SIZE), "wx");
	assert_string_equal(access_at(MIB + 4 * PAGE_SIZE), "wx"); /* of which the table says nothing */
	assert_string_equal(access_at(2 * MIB), "w-");
	assert_string_equal(access_at(2 * MIB + PAGE_SIZE), "--");
	assert_string_equal(access_at(2 * MIB + 2 * PAGE_SIZE), "w-");
}

/* A row of the table is believed only within an entry of the map that says the same. */
static void rows_that_the_map_does_not_know_are_ignored(void **state)
{
	(void)state;
	fake_row(EfiRuntimeServicesCode, MIB, 16, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	fake_row(EfiConventionalMemory, 2 * MIB, 16, EFI_MEMORY_WB);
	fake_row(EfiACPIMemoryNVS, 3 * MIB, 16, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	attribute_row(EfiRuntimeServicesCode, 2 * MIB, 1, RO);
	attribute_row(EfiRuntimeServicesCode, 0, 1, RO);
	attribute_row(EfiRuntimeServicesCode, MIB + 15 * PAGE_SIZE, 2, RO);
	attribute_row(EfiRuntimeServicesCode, MIB, 0, RO);
	attribute_row(EfiRuntimeServicesCode, MIB, UINT64_MAX, RO);
	attribute_row(EfiRuntimeServicesData, MIB, 1, XP);
	attribute_row(EfiACPIMemoryNVS, 3 * MIB, 1, RO);
	offer_table();
	assert_true(read_map());
	assert_int_equal(machine.runtime_count, 2);
	assert_string_equal(access_at(MIB), "wx");
	assert_string_equal(access_at(3 * MIB), "w-");
}

/* Without a table that can be believed: as without a table. */
static void tables_of_hostile_sizes_are_ignored(void **state)
{
	(void)state;
	static const struct {
		uint32_t entries, descriptor_size;
	} sizes[] = {
		{UINT32_MAX, 40},     {8193, 40},         {1, 0}, {1, 39}, {2, UINT32_MAX}, {8192, 4096},
		{1, UINT32_MAX - 15}, {8192, 0x80000000},
	};
	fake_row(EfiRuntimeServicesCode, MIB, 16, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	attribute_row(EfiRuntimeServicesCode, MIB, 1, RO);
	offer_table();
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		table.entries = sizes[i].entries;
		table.descriptor_size = sizes[i].descriptor_size;
		assert_true(read_map());
		assert_string_equal(access_at(MIB), "wx");
		memory_give_back();
	}
}

static void a_table_outside_of_memory_is_ignored(void **state)
{
	(void)state;
	fake_row(EfiRuntimeServicesCode, MIB, 16, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	attribute_row(EfiRuntimeServicesCode, MIB, 1, RO);
	fake_table(attributes_guid, &table);
	assert_true(read_map());
	assert_string_equal(access_at(MIB), "wx");
	memory_give_back();
	/* Only its first page is in the map. */
	fake_row(EfiBootServicesData, (uintptr_t)&table, 1, EFI_MEMORY_WB);
	table.entries = sizeof(table.rows) / sizeof(table.rows[0]) + 1;
	assert_true(read_map());
	assert_string_equal(access_at(MIB), "wx");
	memory_give_back();
	table.entries = 1;
	assert_true(read_map());
	assert_string_equal(access_at(MIB), "-x");
}

static void a_table_that_grows_is_cut(void **state)
{
	(void)state;
	static uint8_t large[16 + 200 * 40] __attribute__((aligned(4096)));
	UINTN key;
	fake_row(EfiRuntimeServicesCode, MIB, 200, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	fake_row(EfiBootServicesData, (uintptr_t)large, 3, EFI_MEMORY_WB);
	table.entries = 1;
	memcpy(large, &table, 16);
	for (uint32_t i = 0; i < 200; i++) {
		EFI_MEMORY_DESCRIPTOR row = {.Type = EfiRuntimeServicesCode,
					     .PhysicalStart = MIB + i * PAGE_SIZE,
					     .NumberOfPages = 1,
					     .Attribute = RO};
		memcpy(large + 16 + i * sizeof(row), &row, sizeof(row));
	}
	fake_table(attributes_guid, large);
	assert_true(read_map());
	assert_int_equal(machine.runtime_count, 2);
	table.entries = 200;
	memcpy(large, &table, 16);
	assert_true(memory_map_read(&machine, &key));
	assert_in_range(machine.runtime_count, 3, 1 + 1 + 64);
}

/* ---- What is taken ---- */

static void memory_for_core_is_taken_in_order(void **state)
{
	(void)state;
	machine.kernel_move_to = 0x200000;
	machine.kernel_move_size = 3 * PAGE_SIZE + 1;
	machine.arena_needed = 5 * PAGE_SIZE;
	assert_true(memory_for_core(&machine));
	assert_int_equal(fake.allocation_count, 3);
	assert_int_equal(machine.kernel_move_granted, 0x200000);
	assert_int_equal(fake.allocations[0].pages, 4);
	assert_int_equal(machine.arena, FOUR_GIB - 5 * PAGE_SIZE);
	assert_int_equal(fake.allocations[1].type, EfiLoaderData);
	assert_int_equal(machine.low_page, MIB - PAGE_SIZE);
	/* Where memory is not executable by itself, this type is. */
	assert_int_equal(fake.allocations[2].type, EfiLoaderCode);
}

static void a_place_that_is_taken_is_no_error(void **state)
{
	(void)state;
	machine.kernel_move_to = 0x200000;
	machine.kernel_move_size = PAGE_SIZE;
	machine.arena_needed = PAGE_SIZE;
	fake.fail_allocation = 1;
	assert_true(memory_for_core(&machine));
	assert_int_equal(machine.kernel_move_granted, 0);
}

static void without_low_memory_the_page_lies_higher(void **state)
{
	(void)state;
	machine.arena_needed = PAGE_SIZE;
	fake.fail_max_address = MIB;
	assert_true(memory_for_core(&machine));
	assert_int_equal(machine.low_page, FOUR_GIB - PAGE_SIZE);
}

static void no_memory_for_core(void **state)
{
	(void)state;
	machine.arena_needed = PAGE_SIZE;
	fake.fail_max_address = FOUR_GIB;
	assert_false(memory_for_core(&machine));
	assert_memory_equal(machine.error, "TB24", 4);
}

/* Whatever is refused, what was taken before goes back: tear_down() counts. */
static void each_allocation_can_fail(void **state)
{
	(void)state;
	fake_row(EfiConventionalMemory, MIB, 4096, EFI_MEMORY_WB);
	for (UINTN i = 1; i <= 4; i++) {
		fake.allocation_count = 0;
		fake.fail_allocation = i;
		assert_refused("TB40");
		memory_give_back();
		assert_int_equal(fake_pages_taken(), 0);
	}
}

/* ---- Chance ---- */

static uint64_t seed = 1;
static uint64_t below(uint64_t bound)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 20) % bound;
}

static uint64_t any_number(void)
{
	static const uint64_t odd[] = {0, 1, UINT64_MAX, UINT64_MAX / PAGE_SIZE, UINT64_C(1) << 52, FOUR_GIB};
	return below(4) == 0 ? odd[below(6)] : below(UINT64_C(1) << (1 + below(43)));
}

/* Rows at random; with short ones, none holds the table by chance. */
static void random_rows(uint64_t count, int are_short)
{
	while (count-- > 0)
		fake_row((UINT32)below(18), any_number() & ~(uint64_t)(PAGE_SIZE - 1),
			 are_short ? below(1 << 20) : any_number(),
			 below(2) * EFI_MEMORY_WB | below(2) * EFI_MEMORY_RUNTIME | below(2) * SP);
}

static void random_table(uint64_t count)
{
	while (count-- > 0) {
		const EFI_MEMORY_DESCRIPTOR *d = &fake.rows[below(fake.row_count + 1)];
		attribute_row(below(4) == 0 ? (UINT32)below(16) : d->Type, d->PhysicalStart,
			      below(2) ? d->NumberOfPages : any_number(), below(2) * RO | below(2) * XP);
	}
}

static void check_counts(void)
{
	assert_true(machine.region_count + MACHINE_EXTRA_REGIONS <= machine.region_capacity);
	for (uint32_t i = 0; i < machine.region_count; i++)
		assert_true(regions()[i].base_phys + regions()[i].length >= regions()[i].base_phys);
	for (uint32_t i = 0; i < machine.runtime_count; i++)
		assert_true(runtime()[i].writable <= 1 && runtime()[i].executable <= 1);
}

/* Nothing is read or written outside of what was allocated (the sanitizers look), and counts keep their
 * bounds. */
static void hostile_maps(void **state)
{
	uint32_t believed = 0;
	for (uint32_t round = 0; round < 3000; round++) {
		set_up(state);
		int hostile_table = below(2) == 0;
		fake.descriptor_size = 40 + 8 * below(4);
		random_rows(below(below(8) == 0 ? 600 : 20), hostile_table);
		random_table(below(40));
		offer_table();
		if (hostile_table && below(2))
			table.entries = (uint32_t)any_number();
		if (hostile_table && below(2))
			table.descriptor_size = (uint32_t)any_number() & ~7u;
		fake.grow = below(4) == 0 ? below(80) : 0;
		if (read_map()) {
			believed++;
			check_counts();
		} else {
			assert_memory_equal(machine.error, "TB4", 3);
		}
		memory_give_back();
		assert_int_equal(fake_pages_taken(), 0);
	}
	assert_in_range(believed, 2000, 3000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_type_has_its_own),
		TEST(boot_services_memory_is_not_free),
		TEST(free_memory_that_cannot_be_cached_is_reserved),
		TEST(free_memory_meant_for_a_device_is_reserved),
		TEST(rows_of_no_pages_are_dropped),
		TEST(page_counts_that_wrap_stand_for_all_there_is),
		TEST(overlapping_rows_are_handed_on),
		TEST(descriptors_are_as_large_as_the_firmware_says),
		TEST(a_map_that_grows_between_calls),
		TEST(a_firmware_that_contradicts_itself),
		TEST(a_map_that_cannot_be_read),
		TEST(a_map_without_end),
		TEST(without_the_table_code_is_writable_and_executable),
		TEST(the_table_gives_each_page_its_own),
		TEST(rows_that_the_map_does_not_know_are_ignored),
		TEST(tables_of_hostile_sizes_are_ignored),
		TEST(a_table_outside_of_memory_is_ignored),
		TEST(a_table_that_grows_is_cut),
		TEST(memory_for_core_is_taken_in_order),
		TEST(a_place_that_is_taken_is_no_error),
		TEST(without_low_memory_the_page_lies_higher),
		TEST(no_memory_for_core),
		TEST(each_allocation_can_fail),
		TEST(hostile_maps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
