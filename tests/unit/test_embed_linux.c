/* SPDX-License-Identifier: BSD-2-Clause */
/* links: embed/linux.c embed/report.c formats/bzimage.c common/text.c */
/* embed/linux.c: which files are Linux kernels, and each sentence that refuses one. */
#include "linux_kernel.h"
#include "embed/linux.h"

#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static char said[1024];

/* Runs `check` with a report that `said` takes. */
#define SAYING(check) \
	__extension__({ \
		FILE *stream_ = fmemopen(said, sizeof(said), "w"); \
		const struct report report = {"vmlinuz", stream_}; \
		memset(said, 0, sizeof(said)); \
		__typeof__(check) result_ = (check); \
		fclose(stream_); \
		result_; \
	})

static bool refuses(uint8_t *file, size_t size, const char *words)
{
	return linux_is(file, size) && !SAYING(linux_check(file, size, "quiet", &report)) &&
	       strstr(said, "embed: vmlinuz: ") == said && strstr(said, words) != NULL;
}

static void a_kernel_is_accepted(void **state)
{
	(void)state;
	uint8_t *file = make_kernel();
	assert_true(linux_is(file, FILE_SIZE));
	assert_true(SAYING(linux_check(file, FILE_SIZE, "quiet", &report)));
	assert_string_equal(said, "");
}

static void other_files_are_none(void **state)
{
	(void)state;
	uint8_t *file = make_kernel();
	for (size_t size = 0; size < 1024; size++)
		assert_false(linux_is(file, size) &&
			     bzimage_read(&(struct bzimage){0}, file, size) != BZIMAGE_IS_OTHER);
	memcpy(file + 0x202, "hdrS", 4);
	assert_false(linux_is(file, FILE_SIZE));
}

static void kernels_without_a_64_bit_entry_are_refused(void **state)
{
	(void)state;
	uint8_t *file = make_kernel();
	header_of(file)->version = 0x203;
	memcpy(file + NAME_AT, "MEMDISK 6.04", 13);
	assert_true(refuses(file, FILE_SIZE, "is \"MEMDISK 6.04\", of Linux' boot protocol 2.03, without"));
	header_of(file = make_kernel())->xloadflags = 0;
	assert_true(refuses(file, FILE_SIZE, "protocol 2.15, without an entry in 64-bit mode"));
}

static void kernels_for_arm64_are_refused(void **state)
{
	(void)state;
	uint8_t *file = low_memory(64);
	memcpy(file + 0x38, "ARM\x64", 4);
	assert_true(refuses(file, 64, "for arm64"));
	assert_true(refuses(file, 0x3c, "for arm64"));
	assert_false(linux_is(file, 0x3b));
}

static void damaged_kernels_are_refused(void **state)
{
	(void)state;
	uint8_t *file = make_kernel();
	assert_true(
		refuses(file, FILE_SIZE - 100, "is cut off: 6044 bytes are there, and its header says 6144"));
	header_of(file)->init_size = 5;
	assert_true(refuses(file, FILE_SIZE, "init_size 5,"));
}

static void a_command_line_has_a_limit(void **state)
{
	(void)state;
	char text[2050];
	uint8_t *file = make_kernel();
	memset(text, 'x', sizeof(text));
	text[2047] = 0;
	assert_true(SAYING(linux_check(file, FILE_SIZE, text, &report)));
	text[2047] = 'x';
	text[2048] = 0;
	assert_false(SAYING(linux_check(file, FILE_SIZE, text, &report)));
	assert_non_null(strstr(said, "at most 2047 bytes, and it is given 2048"));
}

static void places(void **state)
{
	(void)state;
	uint8_t *file = make_kernel();
	header_of(file)->init_size = (8 << 20) - 1;
	struct manifest_place place = linux_place(file, FILE_SIZE);
	assert_int_equal(place.kind, TWINBOOT_PLACEMENT_TARGET);
	assert_int_equal(place.module, TWINBOOT_NO_MODULE);
	assert_int_equal(place.address, 0);
	assert_int_equal(place.size, 8 << 20);
	assert_int_equal(place.alignment, 2 << 20);
	assert_int_equal(place.preferred, 16 << 20);
	assert_int_equal(place.limit, UINT64_C(1) << 32);
	header_of(file)->xloadflags |= BZIMAGE_XLF_CAN_BE_LOADED_ABOVE_4G;
	header_of(file)->relocatable_kernel = 0;
	header_of(file)->pref_address = 1 << 20;
	header_of(file)->kernel_alignment = 16;
	place = linux_place(file, FILE_SIZE);
	assert_int_equal(place.address, 1 << 20);
	assert_int_equal(place.alignment, 4096);
	assert_int_equal(place.limit, 0);
}

static void initrds(void **state)
{
	(void)state;
	static const char *const good[] = {"070701",
					   "\x1f\x8b\x08",
					   "BZh9",
					   "\xfd"
					   "7zXZ",
					   "\x02\x21\x4c\x18",
					   "\x28\xb5\x2f\xfd",
					   "\x89LZO"};
	const uint8_t lzma[] = {0x5d, 0, 0, 0};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		SAYING((linux_check_initrd((const uint8_t *)good[i], strlen(good[i]), &report), 0));
		assert_string_equal(said, "");
	}
	SAYING((linux_check_initrd(lzma, sizeof(lzma), &report), 0));
	assert_string_equal(said, "");
	SAYING((linux_check_initrd((const uint8_t *)"070707", 6, &report), 0));
	assert_non_null(strstr(said, "embed: vmlinuz: warning: is no cpio archive"));
	SAYING((linux_check_initrd((const uint8_t *)"07070", 5, &report), 0));
	assert_non_null(strstr(said, "warning"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_is_accepted),
		cmocka_unit_test(other_files_are_none),
		cmocka_unit_test(kernels_without_a_64_bit_entry_are_refused),
		cmocka_unit_test(kernels_for_arm64_are_refused),
		cmocka_unit_test(damaged_kernels_are_refused),
		cmocka_unit_test(a_command_line_has_a_limit),
		cmocka_unit_test(places),
		cmocka_unit_test(initrds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
