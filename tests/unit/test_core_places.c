/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/places.c core/memory.c common/log.c common/text.c */
/* Where the memory goes that an adapter's kernel wants, on friendly and on hostile maps. */
#include "core_host.h"

#include <stddef.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

static struct {
	struct manifest head;
	struct manifest_module modules[1];
	struct manifest_place places[2];
} manifest;
static struct machine machine;
static struct boot boot;
static struct twinboot_region regions[64 + MACHINE_EXTRA_REGIONS];
static uint64_t scratch[MACHINE_SCRATCH_SIZE(64) / 8];

/* A machine with these rows, a payload of two parts at 2 MiB and 3 MiB, and one place that nobody has asked for yet. */
static void set_up(const struct twinboot_region *rows, uint32_t count)
{
	memcpy(regions, rows, count * sizeof(*rows));
	machine = (struct machine){.regions = (uintptr_t)regions,
				   .region_count = count,
				   .region_capacity = 64 + MACHINE_EXTRA_REGIONS,
				   .scratch = (uintptr_t)scratch,
				   .scratch_size = sizeof(scratch),
				   .mapped_limit = FOUR_GIB,
				   .loader_base = PAGE_SIZE,
				   .loader_size = 0x50000,
				   .parts = {{2 * MIB, 0x10000}, {3 * MIB, 0x20000}},
				   .part_count = 2,
				   .manifest = {3 * MIB + 0x20000, PAGE_SIZE}};
	manifest.head.modules = offsetof(__typeof__(manifest), modules);
	manifest.head.places = offsetof(__typeof__(manifest), places);
	manifest.head.module_count = manifest.head.place_count = 1;
	manifest.modules[0] = (struct manifest_module){.part = 1};
	manifest.places[0] =
		(struct manifest_place){.kind = TWINBOOT_PLACEMENT_TARGET, .alignment = PAGE_SIZE};
}

static int plan(void)
{
	uint32_t rows = machine.region_count;
	boot = (struct boot){.machine = &machine, .kernel.manifest = &manifest.head};
	memory_init(&boot.memory, &machine);
	int done = places_plan(&boot);
	machine.region_count = rows;
	return done;
}

static const struct twinboot_region a_pc[] = {
	{0, 0x9f000, TWINBOOT_MEMORY_USABLE, 0},
	{MIB, 127 * MIB, TWINBOOT_MEMORY_USABLE, 0},
	{UINT64_C(1) << 32, 64 * MIB, TWINBOOT_MEMORY_USABLE, 0},
};

/* OVMF's: NVS memory at 8 MiB, boot services' leftovers, already the loader's, at 1 MiB. */
static const struct twinboot_region a_uefi_pc[] = {
	{0, 0xa0000, TWINBOOT_MEMORY_USABLE, 0},
	{MIB, MIB, TWINBOOT_MEMORY_LOADER, 0},
	{2 * MIB, 6 * MIB, TWINBOOT_MEMORY_USABLE, 0},
	{8 * MIB, 64 * 1024, TWINBOOT_MEMORY_ACPI_NVS, 0},
	{8 * MIB + 64 * 1024, 100 * MIB, TWINBOOT_MEMORY_USABLE, 0},
};

static void fixed(uint64_t address, uint64_t size)
{
	manifest.places[0].address = address;
	manifest.places[0].size = size;
}

static void refused(const char *code, const char *why)
{
	assert_false(plan());
	assert_memory_equal(machine.error, code, 4);
	if (strstr(machine.error, why) == NULL)
		fail_msg("%s", machine.error);
}

static void one_address(void **state)
{
	(void)state;
	set_up(a_pc, 3);
	fixed(MIB, MIB);
	assert_true(plan());
	assert_true(machine.places[0].base == MIB && machine.places[0].size == MIB);
	assert_false(memory_is_free(&boot.memory, MIB, PAGE_SIZE, TWINBOOT_MEMORY_USABLE));
	assert_true(plan()); /* again, when the firmware is gone */
	set_up(a_pc, 3);
	fixed(MIB, MIB + 1); /* one byte of the kernel's part */
	refused("TB33", "the payload is in the way");
	set_up(a_pc, 3);
	fixed(3 * MIB, 0x20000); /* where its own module lies already */
	assert_true(plan());
	set_up(a_pc, 3);
	fixed(3 * MIB, 0x21000); /* and the manifest behind it */
	refused("TB33", "the payload");
	set_up(a_pc, 3);
	fixed(0x10000, 0x1000);
	refused("TB33", "the loader");
	set_up(a_pc, 3);
	fixed(127 * MIB, 2 * MIB);
	refused("TB33", "reserved memory, or none is in the way at 0x8000000");
}

static void between_what_uefi_keeps(void **state)
{
	(void)state;
	set_up(a_uefi_pc, 5);
	fixed(MIB, MIB); /* what boot services used is free when they are gone */
	assert_true(plan());
	machine.efi_memory_map = MIB + 0x4000; /* but not what the kernel is handed */
	machine.efi_memory_map_size = 0x1000;
	refused("TB33", "the loader");
	set_up(a_uefi_pc, 5);
	machine.parts[0].base = 64 * MIB;
	fixed(2 * MIB, 7 * MIB);
	machine.parts[1].base = 65 * MIB;
	machine.manifest.base = 66 * MIB;
	refused("TB33", "ACPI NVS memory is in the way at 0x800000");
}

static void anywhere_below_a_limit(void **state)
{
	(void)state;
	set_up(a_pc, 3);
	manifest.places[0].size = 10 * MIB;
	manifest.places[0].alignment = 2 * MIB;
	manifest.places[0].preferred = 16 * MIB;
	manifest.places[0].limit = FOUR_GIB;
	assert_true(plan());
	assert_int_equal(machine.places[0].base, 16 * MIB);
	set_up(a_pc, 3);
	manifest.places[0].size = 10 * MIB - 1;
	manifest.places[0].alignment = 2 * MIB;
	manifest.places[0].limit = 100 * MIB;
	assert_true(plan());
	assert_int_equal(machine.places[0].base, 90 * MIB);
	assert_int_equal(machine.places[0].size, 10 * MIB);
	set_up(a_pc, 3);
	manifest.places[0].size = 126 * MIB;
	manifest.places[0].limit = FOUR_GIB;
	refused("TB34", "129024 KiB");
}

/* Two places never share a page, and both stand in the map. */
static void two_places(void **state)
{
	(void)state;
	set_up(a_pc, 3);
	fixed(16 * MIB, 4 * MIB);
	manifest.head.place_count = 2;
	manifest.places[1] = (struct manifest_place){.kind = TWINBOOT_PLACEMENT_KEEP_CLEAR,
						     .module = TWINBOOT_NO_MODULE,
						     .size = MIB,
						     .alignment = PAGE_SIZE,
						     .preferred = 17 * MIB};
	assert_true(plan());
	assert_int_equal(machine.places[1].base, 20 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_address),
		cmocka_unit_test(between_what_uefi_keeps),
		cmocka_unit_test(anywhere_below_a_limit),
		cmocka_unit_test(two_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
