/* SPDX-License-Identifier: BSD-2-Clause */
/* links: adapters/smbios.c adapters/linux/command_line.c common/text.c */
/* OEM strings out of SMBIOS tables of any shape, and what they add to Linux' command line. */
#include "core_host.h"
#include "adapters/linux/command_line.h"
#include "adapters/smbios.h"

#include <cmocka.h>
#include <stddef.h>

#define PREFIX "io.systemd.stub.kernel-cmdline-extra="

static struct twinboot_handoff handoff;
static char buffer[COMMAND_LINE_MAX];

/* The last byte of the table is the last one that can be read. */
static void with_table(const char *bytes, uint32_t size)
{
	static uint8_t entry[24];
	uint8_t *table = memcpy(low_memory(size), bytes, size);
	uint64_t address = physical(table);
	memcpy(entry + 0x10, &address, 8);
	memcpy(entry + 0x0c, &size, 4);
	handoff = (struct twinboot_handoff){
		.size = sizeof(handoff),
		.command_line = "root=/dev/sda1",
		.smbios3_phys = physical(entry),
	};
}

#define WITH_TABLE(bytes) with_table(bytes, sizeof(bytes) - 1) /* without the literal's own NUL */

static void the_string_is_found(void **state)
{
	(void)state;
	WITH_TABLE("\1\6AB\1\2maker\0model\0\0"
		   "\13\5AB\3first\0" PREFIX "quiet splash\0third\0\0"
		   "\177\4AB\0\0");
	assert_string_equal(smbios_oem_string(&handoff, PREFIX), "quiet splash");
	assert_string_equal(smbios_oem_string(&handoff, "thi"), "rd");
	assert_string_equal(smbios_oem_string(&handoff, "third"), "");
	assert_null(smbios_oem_string(&handoff, "maker"));
	assert_null(smbios_oem_string(&handoff, "thirdly"));
}

static void the_older_entry_point_does_as_well(void **state)
{
	(void)state;
	static uint8_t entry[32];
	WITH_TABLE("\13\5AB\1one=1\0\0");
	uint16_t length = 13;
	memcpy(entry + 0x16, &length, 2);
	memcpy(entry + 0x18, (uint8_t *)(uintptr_t)handoff.smbios3_phys + 0x10, 4);
	handoff.smbios2_phys = physical(entry);
	handoff.smbios3_phys = 0;
	assert_string_equal(smbios_oem_string(&handoff, "one="), "1");
	handoff.smbios2_phys = 0;
	assert_null(smbios_oem_string(&handoff, "one="));
}

static void structures_without_strings_have_two_zeros(void **state)
{
	(void)state;
	WITH_TABLE("\1\4AB\0\0"
		   "\13\5AB\0\0\0"
		   "\13\5AB\1x=y\0\0");
	assert_string_equal(smbios_oem_string(&handoff, "x="), "y");
}

static void nothing_behind_the_end_counts(void **state)
{
	(void)state;
	WITH_TABLE("\177\4AB\0\0"
		   "\13\5AB\1x=y\0\0");
	assert_null(smbios_oem_string(&handoff, "x="));
}

static void damaged_tables_end_the_search(void **state)
{
	(void)state;
	WITH_TABLE("\1\3AB\0\0"
		   "\13\5AB\1x=y\0\0"); /* a length that holds no header */
	assert_null(smbios_oem_string(&handoff, "x="));
	WITH_TABLE("\1\377AB\0\0"
		   "\13\5AB\1x=y\0\0"); /* a length beyond the table */
	assert_null(smbios_oem_string(&handoff, "x="));
	WITH_TABLE("\13\5AB\1x=y"); /* strings that do not end */
	assert_null(smbios_oem_string(&handoff, "x="));
	WITH_TABLE("\13\5AB\1x=y\0");
	assert_null(smbios_oem_string(&handoff, "x="));
	WITH_TABLE("\13\5A");
	assert_null(smbios_oem_string(&handoff, "x="));
}

/* Firmware that keeps its tables in reserved memory above 4 GiB keeps them where nothing is mapped. */
static void tables_that_are_not_mapped_are_not_read(void **state)
{
	(void)state;
	static struct twinboot_region map = {UINT64_C(0x200000000), 0x10000, TWINBOOT_MEMORY_RESERVED, 0};
	uint64_t address = UINT64_C(0x200001000);
	WITH_TABLE("\13\5AB\1x=y\0\0");
	uint64_t table;
	uint8_t *entry = (uint8_t *)(uintptr_t)handoff.smbios3_phys;
	memcpy(&table, entry + 0x10, 8);
	memcpy(entry + 0x10, &address, 8);
	/* In this direct map the table lies where it says. */
	handoff.direct_map_base = table - address;
	handoff.smbios3_phys -= handoff.direct_map_base;
	handoff.memory_map = &map;
	handoff.memory_map_count = 1;
	assert_null(smbios_oem_string(&handoff, "x="));
	map.type = TWINBOOT_MEMORY_RUNTIME_DATA;
	assert_string_equal(smbios_oem_string(&handoff, "x="), "y");
	map.length = 0x1005;
	assert_null(smbios_oem_string(&handoff, "x="));
}

static const char *composed(uint32_t limit)
{
	return command_line_compose(buffer, &handoff, limit);
}

static void the_command_line_grows(void **state)
{
	(void)state;
	WITH_TABLE("\13\5AB\1" PREFIX "quiet\0\0");
	assert_string_equal(composed(2047), "root=/dev/sda1 quiet");
	handoff.command_line = "";
	assert_string_equal(composed(2047), "quiet");
}

static void without_an_addition_it_stays_where_it_is(void **state)
{
	(void)state;
	WITH_TABLE("\13\5AB\1other=1\0\0");
	assert_ptr_equal(composed(2047), handoff.command_line);
}

static void what_does_not_fit_is_left_out(void **state)
{
	(void)state;
	static char longest[COMMAND_LINE_MAX];
	WITH_TABLE("\13\5AB\1" PREFIX "quiet\0\0");
	assert_string_equal(composed(20), "root=/dev/sda1 quiet");
	assert_ptr_equal(composed(19), handoff.command_line);
	memset(longest, 'x', sizeof(longest) - 1);
	handoff.command_line = longest;
	assert_ptr_equal(composed(UINT32_MAX), longest);
	longest[sizeof(longest) - 1 - strlen(" quiet")] = 0;
	assert_int_equal(strlen(composed(UINT32_MAX)), COMMAND_LINE_MAX - 1);
}

static void secure_boot_and_measuring_forbid_it(void **state)
{
	(void)state;
	static const struct {
		uint32_t secure_boot, measured, grows;
	} rows[] = {
		{TWINBOOT_SECURE_BOOT_OFF, 0, 1},
		{TWINBOOT_SECURE_BOOT_SETUP, 0, 1},
		{TWINBOOT_SECURE_BOOT_ON, 0, 0},
		{TWINBOOT_SECURE_BOOT_ON, TWINBOOT_MEASURED_COMMAND_LINE, 0},
		{TWINBOOT_SECURE_BOOT_OFF, TWINBOOT_MEASURED_PAYLOAD, 0},
		{TWINBOOT_SECURE_BOOT_OFF, TWINBOOT_MEASURED_PAYLOAD | TWINBOOT_MEASURED_COMMAND_LINE, 1},
	};
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		WITH_TABLE("\13\5AB\1" PREFIX "quiet\0\0");
		handoff.secure_boot = rows[i].secure_boot;
		handoff.measured = rows[i].measured;
		assert_int_equal(composed(2047) != handoff.command_line, rows[i].grows);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_string_is_found),
		cmocka_unit_test(the_older_entry_point_does_as_well),
		cmocka_unit_test(structures_without_strings_have_two_zeros),
		cmocka_unit_test(nothing_behind_the_end_counts),
		cmocka_unit_test(damaged_tables_end_the_search),
		cmocka_unit_test(tables_that_are_not_mapped_are_not_read),
		cmocka_unit_test(the_command_line_grows),
		cmocka_unit_test(without_an_addition_it_stays_where_it_is),
		cmocka_unit_test(what_does_not_fit_is_left_out),
		cmocka_unit_test(secure_boot_and_measuring_forbid_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
