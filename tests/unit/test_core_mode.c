/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/mode.c */
/* Which video mode a kernel gets, and which EDID is believed. */
#include "common/mode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct mode text_mode = {0};
static const struct mode modes[] = {
	{640, 480, 32, 0},   {800, 600, 16, 1},   {800, 600, 32, 2},    {800, 600, 24, 3},
	{1024, 768, 24, 4},  {1024, 768, 32, 5},  {1280, 800, 32, 6},   {1920, 1080, 32, 7},
	{1920, 1080, 16, 8}, {1400, 1050, 15, 9}, {1400, 1050, 16, 10},
};
#define COUNT (sizeof(modes) / sizeof(modes[0]))

static int chosen(uint32_t width, uint32_t height, uint32_t depth, const uint8_t *edid,
		  const struct mode *current)
{
	const struct twinboot_needs needs = {1, 0, width, height, depth, 0};
	return mode_choose(modes, COUNT, &needs, edid, current);
}

/* A block whose preferred mode is width x height. */
static void make_edid(uint8_t edid[EDID_SIZE], uint32_t width, uint32_t height)
{
	uint8_t sum = 0;
	memset(edid, 0, EDID_SIZE);
	memset(edid + 1, 0xff, 6);
	edid[54] = 1; /* pixel clock */
	edid[54 + 2] = (uint8_t)width;
	edid[54 + 4] = (uint8_t)(width >> 8 << 4) | 7; /* the low half is the blanking's */
	edid[54 + 5] = (uint8_t)height;
	edid[54 + 7] = (uint8_t)(height >> 8 << 4) | 9;
	for (int i = 0; i < EDID_SIZE - 1; i++)
		sum += edid[i];
	edid[EDID_SIZE - 1] = (uint8_t)-sum;
}

static void a_wish_that_exists_is_granted(void **state)
{
	(void)state;
	uint8_t edid[EDID_SIZE];
	make_edid(edid, 1920, 1080);
	assert_int_equal(chosen(640, 480, 0, edid, &modes[6]), 0);
	assert_int_equal(chosen(1024, 768, 0, NULL, &modes[6]), 5);
}

static void among_modes_of_one_size_depth_decides(void **state)
{
	(void)state;
	assert_int_equal(chosen(800, 600, 16, NULL, &text_mode), 1);
	assert_int_equal(chosen(800, 600, 24, NULL, &text_mode), 3);
	assert_int_equal(chosen(800, 600, 0, NULL, &text_mode), 2); /* else the deepest */
	assert_int_equal(chosen(800, 600, 15, NULL, &text_mode), 2);
	assert_int_equal(chosen(1920, 1080, 16, NULL, &text_mode), 8);
	assert_int_equal(chosen(1400, 1050, 32, NULL, &text_mode), 10);
}

static void then_the_displays_preferred_size(void **state)
{
	(void)state;
	uint8_t edid[EDID_SIZE];
	make_edid(edid, 1920, 1080);
	assert_int_equal(chosen(0, 0, 0, edid, &modes[6]), 7);
	assert_int_equal(chosen(123, 456, 0, edid, &modes[6]), 7); /* the wish does not exist */
	assert_int_equal(chosen(0, 0, 16, edid, &modes[6]), 8);
}

static void then_the_size_that_the_firmware_is_in(void **state)
{
	(void)state;
	uint8_t edid[EDID_SIZE];
	assert_int_equal(chosen(0, 0, 0, NULL, &modes[6]), 6);
	make_edid(edid, 1366, 768); /* not among the modes */
	assert_int_equal(chosen(0, 0, 0, edid, &modes[6]), 6);
	make_edid(edid, 1920, 1080);
	edid[54] = edid[55] = 0; /* no timing, another kind of descriptor */
	assert_int_equal(chosen(0, 0, 0, edid, &modes[6]), 6);
	assert_int_equal(chosen(1600, 0, 0, NULL, &modes[6]), 6); /* half a wish is none */
}

static void then_1024_by_768_and_what_is_nearest(void **state)
{
	(void)state;
	const struct twinboot_needs any = {1, 0, 0, 0, 0, 0};
	assert_int_equal(chosen(0, 0, 0, NULL, &text_mode), 5);
	assert_int_equal(chosen(0, 0, 24, NULL, &text_mode), 4);
	assert_int_equal(mode_choose(modes, 4, &any, NULL, &text_mode), 2);     /* 800 x 600, 32 bits */
	assert_int_equal(mode_choose(modes + 6, 5, &any, NULL, &text_mode), 0); /* 1280 x 800 */
	assert_int_equal(mode_choose(modes, 1, &any, NULL, &text_mode), 0);
	assert_int_equal(mode_choose(modes, 0, &any, NULL, &text_mode), -1);
	assert_int_equal(mode_choose(NULL, 0, &any, NULL, &modes[3]), -1);
}

static void an_edid_block_must_have_header_and_sum(void **state)
{
	(void)state;
	uint8_t edid[EDID_SIZE] = {0};
	assert_false(edid_is_valid(edid)); /* claimed success, all zero: what cirrus gives */
	memset(edid, 0xff, sizeof(edid));
	assert_false(edid_is_valid(edid));
	make_edid(edid, 1024, 768);
	assert_true(edid_is_valid(edid));
	for (int bit = 0; bit < EDID_SIZE * 8; bit++) {
		edid[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(edid_is_valid(edid));
		edid[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* Two damages that keep the sum, one of them in the header. */
	edid[0]++, edid[100]--;
	assert_false(edid_is_valid(edid));
}

static void sizes_have_twelve_bits(void **state)
{
	(void)state;
	const struct mode large[] = {
		{1, 1, 32, 0}, {4095, 4094, 32, 1}, {255, 254, 32, 2}, {0xf00, 0xe00, 32, 3}};
	const struct twinboot_needs any = {1, 0, 0, 0, 0, 0};
	uint8_t edid[EDID_SIZE];
	for (int i = 0; i < 4; i++) {
		make_edid(edid, large[i].width, large[i].height);
		assert_int_equal(mode_choose(large, 4, &any, edid, &text_mode), i);
	}
}

/* Found by fuzz_mode: two differences of 32 bits whose sum is 2^32. */
static void a_size_beyond_reason_is_far_from_all(void **state)
{
	(void)state;
	const struct mode list[] = {{1024, 768, 24, 0}, {0, UINT32_MAX - 255, 32, 1}};
	const struct twinboot_needs needs = {1, 0, 1024, 768, 32, 0};
	assert_int_equal(mode_choose(list, 2, &needs, NULL, &text_mode), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wish_that_exists_is_granted),
		cmocka_unit_test(among_modes_of_one_size_depth_decides),
		cmocka_unit_test(then_the_displays_preferred_size),
		cmocka_unit_test(then_the_size_that_the_firmware_is_in),
		cmocka_unit_test(then_1024_by_768_and_what_is_nearest),
		cmocka_unit_test(an_edid_block_must_have_header_and_sum),
		cmocka_unit_test(sizes_have_twelve_bits),
		cmocka_unit_test(a_size_beyond_reason_is_far_from_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
