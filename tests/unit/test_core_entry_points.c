/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/entry_points.c common/text.c */
/* Entry points of ACPI and SMBIOS: believed whole, or not at all. */
#include "core_tables.h"
#include "common/entry_points.h"

#include <stddef.h>

#include <cmocka.h>

static uint8_t *make_smbios(const char *signature, uint32_t length_at, uint8_t length)
{
	uint8_t *entry = low_memory(36);
	memset(entry, 0x33, 36);
	memcpy(entry, signature, strlen(signature));
	entry[length_at] = length;
	sum_up(entry, length, length_at - 1);
	return entry;
}

/* Each bit of the `size` bytes that count changes the answer; those behind them do not. */
static void check_bits(uint8_t *entry, uint32_t size, uint32_t readable, int (*is_it)(const uint8_t *))
{
	assert_true(is_it(entry));
	for (uint32_t bit = 0; bit < readable * 8; bit++) {
		entry[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(is_it(entry), bit >= size * 8);
		entry[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void rsdp_of_either_revision(void **state)
{
	(void)state;
	uint8_t *one = make_rsdp(0, NULL, NULL), *two = make_rsdp(2, NULL, NULL);
	check_bits(two, 36, 36, is_rsdp);
	assert_true(is_rsdp(one)); /* reads no more than 20 bytes: memory ends there */
	for (uint32_t bit = 0; bit < 15 * 8; bit++) {
		one[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(is_rsdp(one));
		one[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* A first checksum that is right does not make up for a second that is not. */
	two[33] ^= 1;
	assert_false(is_rsdp(two));
}

static void smbios_of_every_length(void **state)
{
	(void)state;
	for (uint32_t length = 0; length < 256; length++) {
		uint8_t block[256 + 16] = "_SM_";
		if (length >= 8) {
			block[5] = (uint8_t)length;
			sum_up(block, length, 4);
			assert_int_equal(is_smbios2(block), length >= 0x1e && length <= 0x20);
			memcpy(block, "_SM3_", 5);
			block[6] = (uint8_t)length;
			sum_up(block, length, 5);
			assert_int_equal(is_smbios3(block), length >= 0x18 && length <= 0x20);
		}
	}
	check_bits(make_smbios("_SM_", 5, 0x1f), 0x1f, 36, is_smbios2);
	check_bits(make_smbios("_SM3_", 6, 0x18), 0x18, 36, is_smbios3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsdp_of_either_revision),
		cmocka_unit_test(smbios_of_every_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
