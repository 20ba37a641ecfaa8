/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/text.c common/date.c common/log.c */
/* Words, numbers and dates, as errors and the log show them. */
#include "common/date.h"
#include "common/log.h"
#include "common/text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void numbers_as_the_c_library_prints_them(void **state)
{
	(void)state;
	static const uint64_t edges[] = {0,    1,     9,          10,       15,         16,
					 99,   100,   4095,       4096,     UINT32_MAX, UINT64_C(1) << 32,
					 1000, 99999, UINT64_MAX, INT64_MAX};
	char got[100], expected[100];
	uint64_t x = 88172645463325252u;
	for (uint32_t i = 0; i < 20000; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17; /* xorshift64 (Marsaglia 2003) */
		uint64_t value = i < sizeof(edges) / sizeof(edges[0]) ? edges[i] : x >> (x & 63);
		int length =
			snprintf(expected, sizeof(expected), "<%" PRIu64 " 0x%" PRIx64 ">", value, value);
		assert_int_equal(text_format(got, sizeof(got), "<%u %x>", value, value), length);
		assert_string_equal(got, expected);
	}
}

static void text_is_cut_off_at_the_buffers_end(void **state)
{
	(void)state;
	const char *whole = "ab 18446744073709551615 0xff %!";
	for (uint32_t size = 1; size <= strlen(whole) + 3; size++) {
		char *buffer = malloc(size); /* exactly: the address sanitiser sees a byte too many */
		uint32_t expected = size - 1 < strlen(whole) ? size - 1 : (uint32_t)strlen(whole);
		uint32_t length = text_format(buffer, size, "%s %u %x %%!", "ab", UINT64_MAX, UINT64_C(255));
		assert_int_equal(length, expected);
		assert_int_equal(strlen(buffer), expected);
		assert_memory_equal(buffer, whole, expected);
		free(buffer);
	}
}

static void strings_are_shown_safely(void **state)
{
	(void)state;
	char got[64];
	text_format(got, sizeof(got), "[%s]", "a\x1b[2J\r\n\t\x7f\xc3\xa9%u~ ");
	assert_string_equal(got, "[a?[2J??????%u~ ]");
}

static int64_t by_the_c_library(int year, int month, int day, int hour, int minute, int second)
{
	struct tm tm = {.tm_year = year - 1900,
			.tm_mon = month - 1,
			.tm_mday = day,
			.tm_hour = hour,
			.tm_min = minute,
			.tm_sec = second};
	return timegm(&tm);
}

static void every_day_of_8030_years(void **state)
{
	(void)state;
	int64_t last = by_the_c_library(9999, 12, 31, 0, 0, 0);
	for (int64_t t = 0; t <= last; t += 86400) {
		time_t moment = t + t / 86400 % 86400; /* a different time each day */
		struct tm tm;
		gmtime_r(&moment, &tm);
		assert_int_equal(date_to_seconds((uint32_t)tm.tm_year + 1900, (uint32_t)tm.tm_mon + 1,
						 (uint32_t)tm.tm_mday, (uint32_t)tm.tm_hour,
						 (uint32_t)tm.tm_min, (uint32_t)tm.tm_sec),
				 moment);
	}
}

static void dates_that_are_none_are_unknown(void **state)
{
	(void)state;
	assert_int_equal(date_to_seconds(1969, 12, 31, 23, 59, 59), 0);
	assert_int_equal(date_to_seconds(10000, 1, 1, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(2000, 0, 1, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(2000, 13, 1, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(2000, 1, 0, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(2000, 1, 32, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(2000, 1, 1, 24, 0, 0), 0);
	assert_int_equal(date_to_seconds(2000, 1, 1, 0, 60, 0), 0);
	assert_int_equal(date_to_seconds(2000, 1, 1, 0, 0, 61), 0);
	assert_int_equal(
		date_to_seconds(UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX), 0);
	/* A leap second counts as the next minute's first. */
	assert_int_equal(date_to_seconds(2016, 12, 31, 23, 59, 60), by_the_c_library(2017, 1, 1, 0, 0, 0));
}

static void the_log_keeps_whole_lines(void **state)
{
	(void)state;
	static struct machine machine;
	char word[200];
	uint32_t last = 0;
	for (uint32_t i = 0; i < 400; i++) {
		memset(word, 'a' + i % 26, sizeof(word));
		word[i % sizeof(word)] = 0;
		log_line(&machine, "line %u %s", (uint64_t)i, word);
		assert_true(machine.log_size < MACHINE_LOG_MAX && machine.log_size >= last);
		assert_int_equal(strlen(machine.log), machine.log_size);
		assert_int_equal(machine.log[machine.log_size - 1], '\n');
		last = machine.log_size;
	}
	assert_true(last > MACHINE_LOG_MAX - 4);
	assert_int_equal(machine.reserved2, 0); /* behind the log */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_as_the_c_library_prints_them),
		cmocka_unit_test(text_is_cut_off_at_the_buffers_end),
		cmocka_unit_test(strings_are_shown_safely),
		cmocka_unit_test(every_day_of_8030_years),
		cmocka_unit_test(dates_that_are_none_are_unknown),
		cmocka_unit_test(the_log_keeps_whole_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
