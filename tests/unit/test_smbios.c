/* SPDX-License-Identifier: BSD-2-Clause */
/* links: adapters/smbios.c common/text.c */
/* OEM strings out of SMBIOS tables of any shape. */
#include "core_host.h"
#include "adapters/smbios.h"

#include <cmocka.h>
#include <stddef.h>

static struct twinboot_handoff handoff;

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
		.smbios3_phys = physical(entry),
	};
}

#define WITH_TABLE(bytes) with_table(bytes, sizeof(bytes) - 1) /* without the literal's own NUL */

static void the_string_is_found(void **state)
{
	(void)state;
	WITH_TABLE("\1\6AB\1\2maker\0model\0\0"
		   "\13\5AB\3first\0extra=quiet splash\0third\0\0"
		   "\177\4AB\0\0");
	assert_string_equal(smbios_oem_string(&handoff, "extra="), "quiet splash");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_string_is_found),
		cmocka_unit_test(the_older_entry_point_does_as_well),
		cmocka_unit_test(structures_without_strings_have_two_zeros),
		cmocka_unit_test(nothing_behind_the_end_counts),
		cmocka_unit_test(damaged_tables_end_the_search),
		cmocka_unit_test(tables_that_are_not_mapped_are_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
