/* SPDX-License-Identifier: BSD-2-Clause */
/* links: adapters/linux/command_line.c adapters/linux/initrd.c adapters/modules.c adapters/smbios.c common/text.c */
/* What the Linux adapter makes of command lines and initrds before it passes them on. */
#include "adapter_host.h"
#include "adapters/linux/command_line.h"
#include "adapters/linux/initrd.h"

#include <cmocka.h>
#include <stddef.h>
#include <stdio.h>

#define EXTRA "io.systemd.stub.kernel-cmdline-extra="

static char buffer[COMMAND_LINE_MAX];

/* ---- The command line ---- */

/* A machine whose SMBIOS says `extra`, and an image whose command line is `own`. */
static int prepare(const char *own, const char *extra)
{
	static uint8_t entry[24], table[4096] = {11, 5, 0, 0, 1};
	uint32_t length =
		5 + (uint32_t)snprintf((char *)table + 5, sizeof(table) - 6, "%s%s", EXTRA, extra) + 2;
	uint64_t address = (uintptr_t)table;
	table[length - 1] = table[length - 2] = 0;
	host_handoff();
	memcpy(entry + 0x0c, &length, sizeof(length));
	memcpy(entry + 0x10, &address, sizeof(address));
	handoff.command_line = own;
	handoff.smbios3_phys = (uintptr_t)entry;
	/* Low enough to be mapped. */
	handoff.direct_map_base = address & ~(uint64_t)UINT32_MAX;
	address &= UINT32_MAX;
	memcpy(entry + 0x10, &address, sizeof(address));
	handoff.smbios3_phys -= handoff.direct_map_base;
	return 0;
}

static const char *composed(uint32_t limit)
{
	memset(buffer, '#', sizeof(buffer));
	command_line_compose(buffer, &handoff, limit);
	return buffer;
}

static void the_machine_adds_to_it(void **state)
{
	(void)state;
	prepare("root=/dev/sda1", "quiet");
	assert_string_equal(composed(2047), "root=/dev/sda1 quiet");
	prepare("", "quiet");
	assert_string_equal(composed(2047), "quiet");
	prepare("root=/dev/sda1", "quiet");
	handoff.smbios3_phys = 0;
	assert_string_equal(composed(2047), "root=/dev/sda1");
}

static void an_addition_that_does_not_fit_is_left_out(void **state)
{
	(void)state;
	static char longest[COMMAND_LINE_MAX];
	prepare("root=/dev/sda1", "quiet");
	assert_string_equal(composed(20), "root=/dev/sda1 quiet");
	assert_string_equal(composed(19), "root=/dev/sda1");
	memset(longest, 'x', sizeof(longest) - 1);
	prepare(longest, "quiet");
	assert_string_equal(composed(UINT32_MAX), longest);
}

static void one_that_is_too_long_ends_the_boot(void **state)
{
	(void)state;
	prepare("12345", "quiet");
	assert_false(HALTS(composed(5)));
	assert_true(HALTS(composed(4)));
	assert_string_equal(host_failure,
			    "TB63: Linux' command line has 5 bytes, and this kernel takes 4; shorten "
			    "it and build the image again");
}

static void secure_boot_and_measuring_forbid_additions(void **state)
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
		prepare("own", "quiet");
		handoff.secure_boot = rows[i].secure_boot;
		handoff.measured = rows[i].measured;
		assert_string_equal(composed(2047), rows[i].grows ? "own quiet" : "own");
	}
}

static void a_section_takes_its_place(void **state)
{
	(void)state;
	static const char text[] = "from\tthe section \r\n\0\0";
	prepare("from the build", "quiet");
	host_module(TWINBOOT_ROLE_OTHER, ".osrel", "ID=none", 7);
	host_module(TWINBOOT_ROLE_MODULE, ".cmdline", "a file of that name", 19);
	host_module(TWINBOOT_ROLE_OTHER, ".cmdline", text, sizeof(text));
	assert_string_equal(composed(2047), "from the section quiet");
	prepare("from the build", "quiet");
	host_module(TWINBOOT_ROLE_OTHER, ".cmdline", text, 0);
	assert_string_equal(composed(2047), "quiet");
}

/* ---- The initrds ---- */

static uint8_t pages[16][4096] __attribute__((aligned(4096)));
static struct twinboot_region map[2];

static int prepare_memory(void **state)
{
	(void)state;
	host_handoff();
	memset(pages, 0x55, sizeof(pages));
	map[0] = (struct twinboot_region){physical(pages[8]), 2 * 4096, TWINBOOT_MEMORY_USABLE, 0};
	map[1] = (struct twinboot_region){physical(pages[11]), 5 * 4096, TWINBOOT_MEMORY_USABLE, 0};
	handoff.memory_map = map;
	handoff.memory_map_count = 2;
	return 0;
}

static void none_is_none(void **state)
{
	(void)state;
	host_module(TWINBOOT_ROLE_FOREIGN_KERNEL, "vmlinuz", pages[0], 10);
	assert_int_equal(initrd_join(&handoff, 0).size, 0);
}

static void those_in_a_row_stay(void **state)
{
	(void)state;
	host_module(TWINBOOT_ROLE_MICROCODE, "ucode", pages[1], 100);
	host_module(TWINBOOT_ROLE_FOREIGN_KERNEL, "vmlinuz", pages[0], 10);
	host_module(TWINBOOT_ROLE_INITRD, "first", pages[2], 4096);
	host_module(TWINBOOT_ROLE_INITRD, "empty", pages[3], 0);
	host_module(TWINBOOT_ROLE_INITRD, "second", pages[3], 4097);
	host_module(TWINBOOT_ROLE_INITRD, "third", pages[5], 7);
	struct range whole = initrd_join(&handoff, 0);
	assert_int_equal(whole.base, physical(pages[1]));
	assert_int_equal(whole.size, 4 * 4096 + 7);
	assert_int_equal(pages[8][0], 0x55);
}

/* As ukify orders the sections: microcode behind the initrd that must follow it. */
static void others_are_copied_with_microcode_first(void **state)
{
	(void)state;
	static const uint8_t zeros[4096];
	memset(pages[1], 0x11, 4096);
	memset(pages[3], 0x33, 4096);
	host_module(TWINBOOT_ROLE_INITRD, "initrd", pages[3], 4095);
	host_module(TWINBOOT_ROLE_MICROCODE, "ucode", pages[1], 100);
	struct range whole = initrd_join(&handoff, physical(pages[9]));
	assert_int_equal(whole.base, physical(pages[11])); /* one page from there on is too little */
	assert_int_equal(whole.size, 4096 + 4095);
	assert_memory_equal(pages[11], pages[1], 100);
	assert_memory_equal(pages[11] + 100, zeros, 4096 - 100);
	assert_memory_equal(pages[12], pages[3], 4095);
	assert_int_equal(pages[12][4095], 0);
	assert_int_equal(pages[13][0], 0x55);
}

static void without_memory_for_the_copy_the_boot_ends(void **state)
{
	(void)state;
	host_module(TWINBOOT_ROLE_INITRD, "a", pages[3], 3 * 4096);
	host_module(TWINBOOT_ROLE_INITRD, "b", pages[0], 3 * 4096);
	assert_true(HALTS(initrd_join(&handoff, 0)));
	assert_non_null(strstr(host_failure, "TB62"));
}

static void memory_is_found_at_its_alignment(void **state)
{
	(void)state;
	uint64_t at = find_memory(&handoff, 4096, 4 * 4096, 0);
	assert_int_equal(at % (4 * 4096), 0);
	assert_true(at == 0 || at >= physical(pages[8]));
	assert_int_equal(find_memory(&handoff, 2 * 4096, 4096, 0), physical(pages[8]));
	assert_int_equal(find_memory(&handoff, 2 * 4096, 4096, physical(pages[8]) + 1), physical(pages[11]));
	assert_int_equal(find_memory(&handoff, 6 * 4096, 4096, 0), 0);
	map[1].type = TWINBOOT_MEMORY_LOADER;
	assert_int_equal(find_memory(&handoff, 3 * 4096, 4096, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_machine_adds_to_it),
		cmocka_unit_test(an_addition_that_does_not_fit_is_left_out),
		cmocka_unit_test(one_that_is_too_long_ends_the_boot),
		cmocka_unit_test(secure_boot_and_measuring_forbid_additions),
		cmocka_unit_test(a_section_takes_its_place),
		cmocka_unit_test_setup(none_is_none, prepare_memory),
		cmocka_unit_test_setup(those_in_a_row_stay, prepare_memory),
		cmocka_unit_test_setup(others_are_copied_with_microcode_first, prepare_memory),
		cmocka_unit_test_setup(without_memory_for_the_copy_the_boot_ends, prepare_memory),
		cmocka_unit_test_setup(memory_is_found_at_its_alignment, prepare_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
