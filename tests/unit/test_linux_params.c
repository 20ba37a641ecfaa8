/* SPDX-License-Identifier: BSD-2-Clause */
/* links: adapters/linux/params.c adapters/records.c */
/* boot_params, byte for byte where Linux' documents say so: every field that is filled, and nothing else. */
#include "adapters/linux/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PARAMS_PHYS UINT64_C(0x123456789000)
#define LOAD_PHYS   UINT64_C(0x245000000)

static struct linux_params params;
static struct twinboot_handoff handoff;
static struct twinboot_region map[2000];
static struct twinboot_framebuffer framebuffer;
static uint8_t edid[128];
static struct bzimage kernel;
static struct linux_layout layout;
static const struct twinboot_record no_records = {TWINBOOT_RECORD_END, sizeof(no_records)};

/* The handoff's pointers lie in a direct map of this base. */
static const uint64_t direct_map_base = UINT64_C(0x100000);

static uint64_t phys(const void *pointer)
{
	return (uintptr_t)pointer - direct_map_base;
}

static int prepare(void **state)
{
	(void)state;
	memset(&params, 0, sizeof(params));
	memset(map, 0, sizeof(map));
	map[0] = (struct twinboot_region){0x1000, 0x9e000, TWINBOOT_MEMORY_USABLE, 0};
	handoff = (struct twinboot_handoff){
		.size = sizeof(handoff),
		.firmware_type = TWINBOOT_FIRMWARE_BIOS,
		.direct_map_base = direct_map_base,
		.memory_map = map,
		.memory_map_count = 1,
		.records = &no_records,
	};
	kernel = (struct bzimage){.header_size = sizeof(struct linux_setup_header)};
	memset(&kernel.header, 0x5a, sizeof(kernel.header));
	layout = (struct linux_layout){.params = PARAMS_PHYS, .kernel = LOAD_PHYS};
	return 0;
}

static const uint8_t *filled(void)
{
	params_fill(&params, &handoff, &kernel, &layout);
	return (const uint8_t *)&params.boot_params;
}

static uint64_t number(const uint8_t *page, uint32_t offset, uint32_t size)
{
	uint64_t value = 0;
	memcpy(&value, page + offset, size);
	return value;
}

static void header_is_copied_and_the_sentinel_is_not(void **state)
{
	(void)state;
	const uint8_t *page = filled();
	assert_int_equal(number(page, 0x1ef, 1), 0);
	assert_int_equal(number(page, 0x1f1, 1), 0x5a);
	assert_int_equal(number(page, 0x1fa, 2), 0xffff);
	assert_int_equal(number(page, 0x206, 2), 0x5a5a);
	assert_int_equal(number(page, 0x210, 1), 0xff);
	assert_int_equal(number(page, 0x214, 4), (uint32_t)LOAD_PHYS);
	assert_int_equal(number(page, 0x268, 4), 0x5a5a5a5a);
	assert_int_equal(number(page, 0x26c, 4), 0);
}

static void a_short_header_is_copied_as_far_as_it_goes(void **state)
{
	(void)state;
	kernel.header_size -= 4;
	assert_int_equal(number(filled(), 0x268, 4), 0);
}

static void initrd_and_command_line_beyond_4_gib(void **state)
{
	(void)state;
	layout.initrd = (struct range){UINT64_C(0x3fffff000), UINT64_C(0x100000123)};
	layout.command_line = UINT64_C(0x500000042);
	const uint8_t *page = filled();
	assert_int_equal(number(page, 0x218, 4), 0xfffff000);
	assert_int_equal(number(page, 0x0c0, 4), 3);
	assert_int_equal(number(page, 0x21c, 4), 0x123);
	assert_int_equal(number(page, 0x0c4, 4), 1);
	assert_int_equal(number(page, 0x228, 4), 0x42);
	assert_int_equal(number(page, 0x0c8, 4), 5);
}

static void with_framebuffer(uint32_t bits, uint8_t red, uint8_t red_at, uint8_t green, uint8_t green_at,
			     uint8_t blue, uint8_t blue_at)
{
	framebuffer = (struct twinboot_framebuffer){
		.base_phys = UINT64_C(0x40e0001000),
		.size = 1 << 24,
		.width = 1366,
		.height = 768,
		.pitch = 1376 * ((bits + 7) / 8),
		.bits_per_pixel = bits,
		.red_size = red,
		.red_shift = red_at,
		.green_size = green,
		.green_shift = green_at,
		.blue_size = blue,
		.blue_shift = blue_at,
	};
	handoff.framebuffer = &framebuffer;
}

static void a_framebuffer_is_described_for_efifb(void **state)
{
	(void)state;
	with_framebuffer(32, 8, 16, 8, 8, 8, 0);
	const uint8_t *page = filled();
	assert_int_equal(number(page, 0x0f, 1), 0x70);
	assert_int_equal(number(page, 0x12, 2), 1366);
	assert_int_equal(number(page, 0x14, 2), 768);
	assert_int_equal(number(page, 0x16, 2), 32);
	assert_int_equal(number(page, 0x18, 4), 0xe0001000);
	assert_int_equal(number(page, 0x1c, 4), 1376 * 4 * 768);
	assert_int_equal(number(page, 0x24, 2), 1376 * 4);
	static const uint8_t components[] = {8, 16, 8, 8, 8, 0, 8, 24};
	assert_memory_equal(page + 0x26, components, sizeof(components));
	assert_int_equal(number(page, 0x36, 4), 3);
	assert_int_equal(number(page, 0x3a, 4), 0x40);
}

/* What no component takes is "reserved": Linux adds all up to tell formats apart. */
static void reserved_bits_lie_where_no_component_does(void **state)
{
	(void)state;
	with_framebuffer(32, 8, 24, 8, 16, 8, 8);
	const uint8_t *page = filled();
	assert_int_equal(number(page, 0x2c, 2), 8 | 0 << 8);
	with_framebuffer(15, 5, 10, 5, 5, 5, 0);
	filled();
	assert_int_equal(number(page, 0x16, 2), 16);
	assert_int_equal(number(page, 0x2c, 2), 1 | 15 << 8);
	with_framebuffer(24, 8, 16, 8, 8, 8, 0);
	filled();
	assert_int_equal(number(page, 0x16, 2), 24);
	assert_int_equal(number(page, 0x2c, 1), 0);
}

static void without_a_framebuffer_there_may_be_text(void **state)
{
	(void)state;
	static const struct {
		struct twinboot_text_mode text;
		struct twinboot_record end;
	} records = {
		{{TWINBOOT_RECORD_TEXT_MODE, sizeof(struct twinboot_text_mode)},
		 0xb8000,
		 3,
		 1,
		 80,
		 25,
		 7,
		 24,
		 16,
		 0},
		{TWINBOOT_RECORD_END, sizeof(struct twinboot_record)},
	};
	handoff.records = &records.text.record;
	const uint8_t *page = filled();
	assert_int_equal(number(page, 0x00, 1), 7);
	assert_int_equal(number(page, 0x01, 1), 24);
	assert_int_equal(number(page, 0x04, 2), 1);
	assert_int_equal(number(page, 0x06, 1), 3);
	assert_int_equal(number(page, 0x07, 1), 80);
	assert_int_equal(number(page, 0x0a, 2), 3);
	assert_int_equal(number(page, 0x0e, 1), 25);
	assert_int_equal(number(page, 0x0f, 1), 1);
	assert_int_equal(number(page, 0x10, 2), 16);
	prepare(NULL);
	assert_int_equal(number(filled(), 0x06, 2), 3 | 80 << 8);
	prepare(NULL);
	handoff.firmware_type = TWINBOOT_FIRMWARE_UEFI;
	assert_int_equal(number(filled(), 0x0f, 1), 0);
}

static void edid_is_one_block_that_adds_up(void **state)
{
	(void)state;
	uint8_t sum = 0;
	with_framebuffer(32, 8, 16, 8, 8, 8, 0);
	for (uint32_t i = 0; i < 127; i++)
		edid[i] = (uint8_t)(i * 7);
	edid[126] = 3;
	for (uint32_t i = 0; i < 127; i++)
		sum += edid[i];
	edid[127] = (uint8_t)-sum;
	framebuffer.edid = edid;
	const uint8_t *page = filled() + 0x140;
	assert_memory_equal(page, edid, 126);
	assert_int_equal(page[126], 0);
	for (uint32_t i = sum = 0; i < 128; i++)
		sum += page[i];
	assert_int_equal(sum, 0);
}

static void acpi_is_passed_on(void **state)
{
	(void)state;
	handoff.rsdp_phys = UINT64_C(0x17fe0e014);
	assert_int_equal(number(filled(), 0x70, 8), UINT64_C(0x17fe0e014));
}

static void efi_is_passed_on(void **state)
{
	(void)state;
	static uint64_t efi_map[6];
	handoff.firmware_type = TWINBOOT_FIRMWARE_UEFI;
	handoff.efi_system_table_phys = UINT64_C(0x67fe0e018);
	handoff.efi_memory_map = efi_map;
	handoff.efi_memory_map_size = sizeof(efi_map);
	handoff.efi_descriptor_size = sizeof(efi_map);
	handoff.efi_descriptor_version = 1;
	const uint8_t *page = filled();
	assert_memory_equal(page + 0x1c0, "EL64", 4);
	assert_int_equal(number(page, 0x1c4, 4), 0x7fe0e018);
	assert_int_equal(number(page, 0x1c8, 4), sizeof(efi_map));
	assert_int_equal(number(page, 0x1cc, 4), 1);
	assert_int_equal(number(page, 0x1d0, 4), (uint32_t)phys(efi_map));
	assert_int_equal(number(page, 0x1d4, 4), sizeof(efi_map));
	assert_int_equal(number(page, 0x1d8, 4), 6);
	assert_int_equal(number(page, 0x1dc, 4), phys(efi_map) >> 32);
}

static void on_a_bios_there_is_no_efi(void **state)
{
	(void)state;
	static const uint8_t nothing[0x20];
	assert_memory_equal(filled() + 0x1c0, nothing, sizeof(nothing));
}

static void secure_boot_is_said_in_linux_numbers(void **state)
{
	(void)state;
	static const struct {
		uint32_t firmware, ours, theirs;
	} rows[] = {
		{TWINBOOT_FIRMWARE_BIOS, TWINBOOT_SECURE_BOOT_UNKNOWN, 0},
		{TWINBOOT_FIRMWARE_UEFI, TWINBOOT_SECURE_BOOT_UNKNOWN, 2},
		{TWINBOOT_FIRMWARE_UEFI, TWINBOOT_SECURE_BOOT_OFF, 2},
		{TWINBOOT_FIRMWARE_UEFI, TWINBOOT_SECURE_BOOT_SETUP, 2},
		{TWINBOOT_FIRMWARE_UEFI, TWINBOOT_SECURE_BOOT_ON, 3},
	};
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		prepare(NULL);
		handoff.firmware_type = rows[i].firmware;
		handoff.secure_boot = rows[i].ours;
		assert_int_equal(number(filled(), 0x1ec, 1), rows[i].theirs);
	}
}

static void check_row(uint32_t index, uint64_t base, uint64_t size, uint32_t type)
{
	const uint8_t *row = (const uint8_t *)&params.boot_params + 0x2d0 + index * 20;
	assert_int_equal(number(row, 0, 8), base);
	assert_int_equal(number(row, 8, 8), size);
	assert_int_equal(number(row, 16, 4), type);
}

/* Everything that the loader used is RAM; a framebuffer is nothing. */
static void memory_types(void **state)
{
	(void)state;
	static const uint32_t types[] = {
		TWINBOOT_MEMORY_RESERVED,    TWINBOOT_MEMORY_USABLE,       TWINBOOT_MEMORY_LOADER,
		TWINBOOT_MEMORY_KERNEL,      TWINBOOT_MEMORY_MODULE,       TWINBOOT_MEMORY_ACPI_RECLAIMABLE,
		TWINBOOT_MEMORY_ACPI_NVS,    TWINBOOT_MEMORY_RUNTIME_CODE, TWINBOOT_MEMORY_RUNTIME_DATA,
		TWINBOOT_MEMORY_FRAMEBUFFER, TWINBOOT_MEMORY_BAD,          77,
	};
	handoff.memory_map_count = sizeof(types) / sizeof(types[0]);
	for (uint32_t i = 0; i < handoff.memory_map_count; i++)
		map[i] = (struct twinboot_region){i * 0x1000, 0x1000, types[i], 0};
	assert_int_equal(number(filled(), 0x1e8, 1), 7);
	check_row(0, 0x0000, 0x1000, 2);
	check_row(1, 0x1000, 0x4000, 1);
	check_row(2, 0x5000, 0x1000, 3);
	check_row(3, 0x6000, 0x1000, 4);
	check_row(4, 0x7000, 0x2000, 2);
	check_row(5, 0xa000, 0x1000, 5);
	check_row(6, 0xb000, 0x1000, 2);
}

/* Neighbours of two kinds, `count` in all. */
static void with_rows(uint32_t count)
{
	handoff.memory_map_count = count;
	for (uint32_t i = 0; i < count; i++)
		map[i] = (struct twinboot_region){(i + 1) * UINT64_C(0x1000), 0x1000,
						  i % 2 ? TWINBOOT_MEMORY_RESERVED : TWINBOOT_MEMORY_USABLE,
						  0};
}

static void rows_that_just_fit(void **state)
{
	(void)state;
	with_rows(128);
	const uint8_t *page = filled();
	assert_int_equal(number(page, 0x1e8, 1), 128);
	assert_int_equal(number(page, 0x250, 8), 0);
	check_row(127, 128 * UINT64_C(0x1000), 0x1000, 2);
}

static void more_rows_go_into_setup_data(void **state)
{
	(void)state;
	with_rows(131);
	const uint8_t *page = filled();
	assert_int_equal(number(page, 0x1e8, 1), 128);
	uint64_t offset = number(page, 0x250, 8) - PARAMS_PHYS;
	assert_true(offset >= 4096 && offset < sizeof(params));
	const uint8_t *data = page + offset;
	assert_int_equal(number(data, 0, 8), 0);
	assert_int_equal(number(data, 8, 4), 1);
	assert_int_equal(number(data, 12, 4), 3 * 20);
	assert_int_equal(number(data, 16, 8), 129 * UINT64_C(0x1000));
	assert_int_equal(number(data, 16 + 2 * 20 + 16, 4), 1);
}

static void more_rows_than_there_is_room_for(void **state)
{
	(void)state;
	with_rows(2000);
	const uint8_t *page = filled();
	const uint8_t *data = page + (number(page, 0x250, 8) - PARAMS_PHYS);
	assert_int_equal(number(data, 12, 4), E820_EXTRA_MAX * 20);
	assert_int_equal(number((const uint8_t *)&params.rng_seed, 0, 8), 0);
}

struct descriptor {
	uint32_t type, padding;
	uint64_t base, virtual, pages, attribute, more; /* firmware's rows are longer than UEFI's structure */
};

static void memory_that_is_kept_for_drivers(void **state)
{
	(void)state;
	static struct descriptor rows[] = {
		{7, 0, 0x100000000, 0, 0x10, 0xf, 0},
		{7, 0, 0x200000000, 0, 0x20, 0x4000f, 0},
		{14, 0, 0x300000000, 0, 0x30, 0x800f, 0},
		{4, 0, 0x400000000, 0, 0x40, 0x4000f, 0},
	};
	handoff.firmware_type = TWINBOOT_FIRMWARE_UEFI;
	handoff.efi_memory_map = rows;
	handoff.efi_memory_map_size = sizeof(rows);
	handoff.efi_descriptor_size = sizeof(rows[0]);
	map[1] = (struct twinboot_region){0x200000000, 0x20000, TWINBOOT_MEMORY_RESERVED, 0};
	handoff.memory_map_count = 2;
	assert_int_equal(number(filled(), 0x1e8, 1), 4);
	check_row(0, 0x1000, 0x9e000, 1);
	check_row(1, 0x200000000, 0x20000, 2);
	check_row(2, 0x200000000, 0x20000, 0xefffffff);
	check_row(3, 0x300000000, 0x30000, 7);
}

static void memory_that_a_bios_keeps_for_drivers(void **state)
{
	(void)state;
	static const struct {
		struct twinboot_e820 e820;
		struct {
			struct twinboot_e820_row row;
			uint64_t more;
		} rows[4]; /* rows may grow */
		struct twinboot_record end;
	} records = {
		{{TWINBOOT_RECORD_E820, sizeof(struct twinboot_e820) + 4 * 32}, 4, 32},
		{
			{{0x1000, 0x9e000, 1, 1}, 0},
			{{0x100000000, 0x10001, 7, 0}, 0},
			{{0x200000000, 0x20000, 12, 1}, 0},
			{{0x300000000, 0x30000, 6, 1}, 0},
		},
		{TWINBOOT_RECORD_END, sizeof(struct twinboot_record)},
	};
	handoff.records = &records.e820.record;
	assert_int_equal(number(filled(), 0x1e8, 1), 3);
	check_row(0, 0x1000, 0x9e000, 1);
	check_row(1, 0x100000000, 0x10001, 7);
	check_row(2, 0x200000000, 0x20000, 12);
}

static void random_bytes_move(void **state)
{
	(void)state;
	static const uint8_t zeros[32];
	uint8_t bytes[32];
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i + 1);
	memcpy(handoff.entropy, bytes, sizeof(bytes));
	handoff.entropy_source = TWINBOOT_ENTROPY_RDRAND | TWINBOOT_ENTROPY_JITTER;
	const uint8_t *page = filled();
	const uint8_t *data = page + (number(page, 0x250, 8) - PARAMS_PHYS);
	assert_int_equal(number(data, 0, 8), 0);
	assert_int_equal(number(data, 8, 4), 9);
	assert_int_equal(number(data, 12, 4), 32);
	assert_memory_equal(data + 16, bytes, sizeof(bytes));
	assert_memory_equal(handoff.entropy, zeros, sizeof(zeros));
}

/* Linux would count them as if they were good. */
static void weak_bytes_do_not(void **state)
{
	(void)state;
	handoff.entropy_source = TWINBOOT_ENTROPY_JITTER;
	handoff.entropy[0] = 1;
	assert_int_equal(number(filled(), 0x250, 8), 0);
	assert_int_equal(handoff.entropy[0], 0);
}

static void setup_data_is_one_list(void **state)
{
	(void)state;
	with_rows(140);
	handoff.entropy_source = TWINBOOT_ENTROPY_EFI_RNG;
	const uint8_t *page = filled();
	const uint8_t *first = page + (number(page, 0x250, 8) - PARAMS_PHYS);
	const uint8_t *second = page + (number(first, 0, 8) - PARAMS_PHYS);
	assert_int_equal(number(first, 8, 4) + number(second, 8, 4), 1 + 9);
	assert_int_equal(number(second, 0, 8), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(header_is_copied_and_the_sentinel_is_not, prepare),
		cmocka_unit_test_setup(a_short_header_is_copied_as_far_as_it_goes, prepare),
		cmocka_unit_test_setup(initrd_and_command_line_beyond_4_gib, prepare),
		cmocka_unit_test_setup(a_framebuffer_is_described_for_efifb, prepare),
		cmocka_unit_test_setup(reserved_bits_lie_where_no_component_does, prepare),
		cmocka_unit_test_setup(without_a_framebuffer_there_may_be_text, prepare),
		cmocka_unit_test_setup(edid_is_one_block_that_adds_up, prepare),
		cmocka_unit_test_setup(acpi_is_passed_on, prepare),
		cmocka_unit_test_setup(efi_is_passed_on, prepare),
		cmocka_unit_test_setup(on_a_bios_there_is_no_efi, prepare),
		cmocka_unit_test_setup(secure_boot_is_said_in_linux_numbers, prepare),
		cmocka_unit_test_setup(memory_types, prepare),
		cmocka_unit_test_setup(rows_that_just_fit, prepare),
		cmocka_unit_test_setup(more_rows_go_into_setup_data, prepare),
		cmocka_unit_test_setup(more_rows_than_there_is_room_for, prepare),
		cmocka_unit_test_setup(memory_that_is_kept_for_drivers, prepare),
		cmocka_unit_test_setup(memory_that_a_bios_keeps_for_drivers, prepare),
		cmocka_unit_test_setup(random_bytes_move, prepare),
		cmocka_unit_test_setup(weak_bytes_do_not, prepare),
		cmocka_unit_test_setup(setup_data_is_one_list, prepare),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
