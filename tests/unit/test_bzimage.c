/* SPDX-License-Identifier: BSD-2-Clause */
/* links: formats/bzimage.c common/text.c */
/* A bzImage's header: believed where it agrees with itself and with the file's size, and not one byte beyond. */
#include "linux_kernel.h"

#include <cmocka.h>
#include <stddef.h>

static enum bzimage_verdict verdict_on(uint8_t *file)
{
	struct bzimage image;
	return bzimage_read(&image, file, FILE_SIZE);
}

static void a_kernel_is_understood(void **state)
{
	(void)state;
	struct bzimage image;
	char name[BZIMAGE_NAME_MAX];
	uint8_t *file = make_kernel();
	assert_int_equal(bzimage_read(&image, file, FILE_SIZE), BZIMAGE_FITS);
	assert_int_equal(image.header_size, sizeof(struct linux_setup_header));
	assert_memory_equal(&image.header, header_of(file), sizeof(struct linux_setup_header));
	assert_int_equal(image.code_offset, SETUP_SIZE);
	assert_int_equal(image.code_size, CODE_SIZE);
	assert_int_equal(image.alignment, 2 << 20);
	assert_int_equal(image.memory, 8 << 20);
	bzimage_name(name, &image, file, FILE_SIZE);
	assert_string_equal(name, "6.12.0-test");
}

/* The header ends where its first jump goes to; what a newer kernel has behind it is not ours. */
static void header_of_another_length(void **state)
{
	(void)state;
	struct bzimage image;
	uint8_t *file = make_kernel();
	header_of(file)->jump_distance -= 8;
	assert_int_equal(bzimage_read(&image, file, FILE_SIZE), BZIMAGE_FITS);
	assert_int_equal(image.header_size, sizeof(struct linux_setup_header) - 8);
	assert_int_equal(image.header.kernel_info_offset, 0);
	header_of(file)->jump_distance = 0xff;
	assert_int_equal(bzimage_read(&image, file, FILE_SIZE), BZIMAGE_FITS);
	assert_int_equal(image.header_size, sizeof(struct linux_setup_header));
	header_of(file)->jump_distance = 0x40;
	assert_int_equal(bzimage_read(&image, file, FILE_SIZE), BZIMAGE_BROKEN);
}

static void no_setup_sectors_are_four(void **state)
{
	(void)state;
	struct bzimage image;
	uint8_t *file = make_kernel();
	header_of(file)->setup_sects = 0;
	header_of(file)->syssize = (CODE_SIZE - 512) / 16;
	assert_int_equal(bzimage_read(&image, file, FILE_SIZE), BZIMAGE_FITS);
	assert_int_equal(image.code_offset, 5 * 512);
}

static void other_files(void **state)
{
	(void)state;
	struct bzimage image;
	uint8_t *file = make_kernel();
	for (uint64_t size = 0; size < 1024; size++)
		assert_int_equal(bzimage_read(&image, file + FILE_SIZE - size, size), BZIMAGE_IS_OTHER);
	header_of(file)->header ^= 1;
	assert_int_equal(verdict_on(file), BZIMAGE_IS_OTHER);
	header_of(file = make_kernel())->boot_flag ^= 1;
	assert_int_equal(verdict_on(file), BZIMAGE_IS_OTHER);
	header_of(file = make_kernel())->jump = 0xe9;
	assert_int_equal(verdict_on(file), BZIMAGE_IS_OTHER);
}

static void kernels_without_a_64_bit_entry(void **state)
{
	(void)state;
	uint8_t *file = make_kernel();
	header_of(file)->version = 0x20b;
	assert_int_equal(verdict_on(file), BZIMAGE_TOO_OLD);
	header_of(file)->version = 0x20c;
	assert_int_equal(verdict_on(file), BZIMAGE_FITS);
	header_of(file)->xloadflags = BZIMAGE_XLF_CAN_BE_LOADED_ABOVE_4G;
	assert_int_equal(verdict_on(file), BZIMAGE_NO_64_BIT_ENTRY);
	header_of(file = make_kernel())->loadflags = 0;
	assert_int_equal(verdict_on(file), BZIMAGE_NO_64_BIT_ENTRY);
}

static void kernels_that_are_cut_off(void **state)
{
	(void)state;
	struct bzimage image;
	uint8_t *file = make_kernel();
	assert_int_equal(bzimage_read(&image, file, FILE_SIZE - 15), BZIMAGE_FITS);
	assert_int_equal(image.code_size, CODE_SIZE - 15);
	assert_int_equal(bzimage_read(&image, file, FILE_SIZE - 16), BZIMAGE_CUT_OFF);
	assert_int_equal(bzimage_read(&image, file, 1024), BZIMAGE_CUT_OFF);
	header_of(file)->setup_sects = 255;
	assert_int_equal(verdict_on(file), BZIMAGE_CUT_OFF);
}

static void headers_that_contradict_themselves(void **state)
{
	(void)state;
	uint8_t *file = make_kernel();
	header_of(file)->init_size = CODE_SIZE - 1;
	assert_int_equal(verdict_on(file), BZIMAGE_BROKEN);
	header_of(file)->init_size = CODE_SIZE;
	assert_int_equal(verdict_on(file), BZIMAGE_FITS);
	static const uint32_t alignments[] = {0, 3, 3 << 20, UINT32_C(1) << 31};
	for (uint32_t i = 0; i < 4; i++) {
		header_of(file)->kernel_alignment = alignments[i];
		assert_int_equal(verdict_on(file), BZIMAGE_BROKEN);
	}
	header_of(file = make_kernel())->syssize = BZIMAGE_ENTRY_64 / 16;
	assert_int_equal(verdict_on(file), BZIMAGE_BROKEN);
}

static void names_that_are_none(void **state)
{
	(void)state;
	struct bzimage image;
	char name[BZIMAGE_NAME_MAX];
	uint8_t *file = make_kernel();
	memset(file + NAME_AT, 0x1b, 4);
	assert_int_equal(bzimage_read(&image, file, FILE_SIZE), BZIMAGE_FITS);
	bzimage_name(name, &image, file, FILE_SIZE);
	assert_string_equal(name, "????.0-test");
	memset(file + NAME_AT, 'x', FILE_SIZE - NAME_AT);
	bzimage_name(name, &image, file, FILE_SIZE);
	assert_int_equal(strlen(name), BZIMAGE_NAME_MAX - 1);
	image.header.kernel_version = FILE_SIZE - 0x200 - 3;
	bzimage_name(name, &image, file, FILE_SIZE);
	assert_string_equal(name, "xxx");
	image.header.kernel_version = UINT16_MAX;
	bzimage_name(name, &image, file, FILE_SIZE);
	assert_string_equal(name, "");
	image.header.kernel_version = 0;
	bzimage_name(name, &image, file, FILE_SIZE);
	assert_string_equal(name, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_is_understood),
		cmocka_unit_test(header_of_another_length),
		cmocka_unit_test(no_setup_sectors_are_four),
		cmocka_unit_test(other_files),
		cmocka_unit_test(kernels_without_a_64_bit_entry),
		cmocka_unit_test(kernels_that_are_cut_off),
		cmocka_unit_test(headers_that_contradict_themselves),
		cmocka_unit_test(names_that_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
