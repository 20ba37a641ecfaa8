/* SPDX-License-Identifier: BSD-2-Clause */
/* links: embed/linux.c embed/modules.c embed/file.c embed/report.c formats/bzimage.c common/text.c */
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
	       strstr(said, "twinboot: vmlinuz: ") == said && strstr(said, words) != NULL;
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

/* ---- What goes with the kernel ---- */

static struct modules modules;

/* One module of these bytes is warned of in these words; NULL: it is not. */
static void check_warning(uint32_t role, const char *bytes, size_t size, const char *words)
{
	modules.count = 1;
	modules.list[0] =
		(struct module){.path = "vmlinuz", .role = role, .input = {(const uint8_t *)bytes, size}};
	SAYING((linux_check_initrds(&modules, report.stream), 0));
	if (words == NULL)
		assert_string_equal(said, "");
	else
		assert_non_null(strstr(said, words));
}

static void archives_are_told_by_their_first_bytes(void **state)
{
	(void)state;
	static const char *const good[] = {"070701",
					   "070702",
					   "\x1f\x8b\x08",
					   "BZh9",
					   "\xfd"
					   "7zXZ",
					   "\x02\x21\x4c\x18",
					   "\x28\xb5\x2f\xfd",
					   "\x89LZO"};
	static const char warning[] = "twinboot: vmlinuz: warning: is no cpio archive";
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_warning(TWINBOOT_ROLE_INITRD, good[i], strlen(good[i]), NULL);
	check_warning(TWINBOOT_ROLE_INITRD, "\x5d\0\0", 3, NULL);
	check_warning(TWINBOOT_ROLE_INITRD, "070707", 6, warning);
	check_warning(TWINBOOT_ROLE_INITRD, "07070", 5, warning);
	check_warning(TWINBOOT_ROLE_INITRD, "", 0, warning);
	check_warning(TWINBOOT_ROLE_MODULE, "anything", 8, NULL);
	check_warning(TWINBOOT_ROLE_MICROCODE, "070701", 6, NULL);
	check_warning(TWINBOOT_ROLE_MICROCODE, "\x1f\x8b\x08", 3, "no uncompressed cpio archive");
}

static bool add(struct linux_files *files, const char *command_line, const char *others)
{
	uint8_t *kernel = make_kernel();
	memcpy(kernel + NAME_AT, "6.12.0-test (me@here) #1", 25);
	modules = (struct modules){.count = 1};
	modules.list[0] =
		(struct module){.name = "vmlinuz", .section = LINUX_SECTION, .input = {kernel, FILE_SIZE}};
	return SAYING(linux_add(&modules, files, command_line, others, report.stream));
}

static void check_module(uint32_t index, const char *name, const char *section, uint32_t role,
			 const char *text)
{
	const struct module *module = &modules.list[index];
	assert_string_equal(module->name, name);
	assert_string_equal(module->section, section);
	assert_int_equal(module->role, role);
	if (text == NULL) {
		assert_non_null(module->path);
		return;
	}
	assert_int_equal(module->input.size, strlen(text));
	assert_memory_equal(module->input.data, text, strlen(text));
}

static void sections_of_a_unified_kernel_image(void **state)
{
	(void)state;
	struct linux_files files = {"a/first second:name", "amd intel", "/etc/os-release", "", ""};
	assert_true(add(&files, "quiet splash", " \n"));
	assert_int_equal(modules.count, 8);
	check_module(1, "amd", ".ucode", TWINBOOT_ROLE_MICROCODE, NULL);
	check_module(2, "intel", ".ucode", TWINBOOT_ROLE_MICROCODE, NULL);
	check_module(3, "first", ".initrd", TWINBOOT_ROLE_INITRD, NULL);
	check_module(4, "name", ".initrd", TWINBOOT_ROLE_INITRD, NULL);
	check_module(5, ".osrel", ".osrel", TWINBOOT_ROLE_OTHER, NULL);
	check_module(6, ".uname", ".uname", TWINBOOT_ROLE_OTHER, "6.12.0-test");
	check_module(7, ".cmdline", ".cmdline", TWINBOOT_ROLE_OTHER, "quiet splash");
	modules.count = 0;
	modules_close(&modules);
}

static void what_is_not_given_has_no_section(void **state)
{
	(void)state;
	struct linux_files files = {"", "", "", "my-own", ""};
	assert_true(add(&files, "", ""));
	assert_int_equal(modules.count, 2);
	check_module(1, ".uname", ".uname", TWINBOOT_ROLE_OTHER, "my-own");
	modules.count = 0;
	modules_close(&modules);
}

static void files_for_somebody_else_are_refused(void **state)
{
	(void)state;
	struct linux_files none = {"", "", "", "", ""}, some = {"", "", "os-release", "", ""};
	assert_false(add(&none, "", "file"));
	assert_non_null(strstr(said, "MODULES: names files that Linux would never see"));
	assert_true(SAYING(linux_refuse(&none, report.stream)));
	assert_false(SAYING(linux_refuse(&some, report.stream)));
	assert_non_null(strstr(said, "the kernel is no Linux"));
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
		cmocka_unit_test(archives_are_told_by_their_first_bytes),
		cmocka_unit_test(sections_of_a_unified_kernel_image),
		cmocka_unit_test(what_is_not_given_has_no_section),
		cmocka_unit_test(files_for_somebody_else_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
