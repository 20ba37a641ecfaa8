/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/text.c */
/* Both ways to the checksum, whatever this processor has. */
#include "formats/crc32c.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Bit by bit, as the polynomial is defined. */
static uint32_t oracle(uint32_t crc, const uint8_t *data, uint64_t size)
{
	crc = ~crc;
	for (uint64_t i = 0; i < size * 8; i++) {
		uint32_t bit = (crc ^ (uint32_t)(data[i / 8] >> (i % 8))) & 1;
		crc = (crc >> 1) ^ (bit ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static int has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}

static void known_values(void **state)
{
	(void)state;
	uint8_t bytes[32];
	/* RFC 3720, B.4, and the check value of the catalogue of CRCs. */
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		bytes[i] = i;
	assert_int_equal(crc32c(0, bytes, 32), 0x46dd794e);
	for (uint8_t i = 0; i < 32; i++)
		bytes[i] = 31 - i;
	assert_int_equal(crc32c(0, bytes, 32), 0x113fdb5c);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(~by_table(UINT32_MAX, (const uint8_t *)"123456789", 9), 0xe3069283);
}

static void each_way_agrees_with_the_definition(void **state)
{
	(void)state;
	srand(1);
	for (uint32_t size = 0; size < 700; size++) {
		/* An odd start, and no byte behind the last. */
		uint8_t *block = malloc(size + 8), *data = block + 8 - size % 8;
		uint32_t start = (uint32_t)rand(), length = size + size % 8;
		for (uint32_t i = 0; i < size + 8; i++)
			block[i] = (uint8_t)rand();
		uint32_t expected = oracle(start, data, length);
		assert_int_equal(~by_table(~start, data, length), expected);
		if (has_instruction())
			assert_int_equal(~in_hardware(~start, data, length), expected);
		assert_int_equal(crc32c(start, data, length), expected);
		free(block);
	}
}

static void a_sum_can_be_continued(void **state)
{
	(void)state;
	const uint8_t *text =
		(const uint8_t *)"no checksum is worth more than the bytes that it has seen, all of them";
	uint32_t size = (uint32_t)strlen((const char *)text), whole = crc32c(0, text, size);
	for (uint32_t cut = 0; cut <= size; cut++)
		assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, size - cut), whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(each_way_agrees_with_the_definition),
		cmocka_unit_test(a_sum_can_be_continued),
	};
	if (!has_instruction())
		print_message("no SSE4.2 here: the instruction was not tried\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
