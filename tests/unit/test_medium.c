/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/medium.c common/dhcp.c */
/* What boot disks and DHCP servers say of themselves, true and hostile. */
#include "common/dhcp.h"
#include "common/medium.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECTORS 64u
#define PAYLOAD 5000u

/* A disk of 512-byte sectors; what is read comes in a buffer of exactly that size, so that a step too far is seen. */
static uint8_t disk[SECTORS * 512];
static int fails_from; /* sector number + 1 */

static const uint8_t *read(uint64_t lba, uint32_t bytes)
{
	static uint8_t *buffer;
	assert_true(bytes > 0 && bytes <= MEDIUM_READ_MAX);
	if ((fails_from != 0 && lba + 1 >= (uint64_t)fails_from) || lba >= SECTORS)
		return NULL;
	free(buffer);
	buffer = malloc(bytes);
	memset(buffer, 0, bytes);
	uint64_t there = sizeof(disk) - lba * 512;
	memcpy(buffer, disk + lba * 512, bytes < there ? bytes : there);
	return buffer;
}

static void put(uint32_t at, uint64_t value, uint32_t bytes)
{
	memcpy(disk + at, &value, bytes);
}

static void mbr_row(uint32_t number, uint8_t type, uint32_t first, uint32_t sectors)
{
	uint32_t at = 446 + 16 * number;
	put(at + 4, type, 1);
	put(at + 8, first, 4);
	put(at + 12, sectors, 4);
}

static void gpt_row(uint32_t number, uint32_t entry_size, uint64_t first, uint64_t last)
{
	uint32_t at = 2 * 512 + number * entry_size;
	memset(disk + at, 0x11, 16);
	memset(disk + at + 16, 0x20 + (int)number, 16);
	put(at + 32, first, 8);
	put(at + 40, last, 8);
}

static void gpt(uint32_t count, uint32_t entry_size)
{
	mbr_row(0, 0xee, 1, UINT32_MAX);
	memcpy(disk + 512, "EFI PART", 8);
	put(512 + 24, 1, 8);
	memset(disk + 512 + 56, 0x77, 16);
	put(512 + 72, 2, 8);
	put(512 + 80, count, 4);
	put(512 + 84, entry_size, 4);
}

static int set_up(void **state)
{
	(void)state;
	memset(disk, 0, sizeof(disk));
	fails_from = 0;
	put(440, 0x12345678, 4);
	put(510, 0xaa55, 2);
	return 0;
}

static struct twinboot_boot_medium describe(uint32_t type)
{
	struct twinboot_boot_medium medium = {.type = type};
	medium_describe(&medium, read, PAYLOAD);
	return medium;
}

static void is_partition(uint32_t number, uint64_t first, uint64_t sectors)
{
	struct twinboot_boot_medium m = describe(TWINBOOT_MEDIUM_DISK);
	assert_int_equal(m.partition, number);
	assert_int_equal(m.partition_first, first);
	assert_int_equal(m.partition_sectors, sectors);
	assert_int_equal(m.mbr_signature, 0x12345678);
}

static void the_mbr_names_the_partition(void **state)
{
	(void)state;
	is_partition(0, 0, 0);
	mbr_row(0, 0x83, 1, 4999);
	mbr_row(2, 0xef, 5000, 1);
	mbr_row(3, 0x83, 5001, 100);
	is_partition(3, 5000, 1);
	mbr_row(2, 0, 5000, 1); /* not in use */
	is_partition(0, 0, 0);
	mbr_row(1, 0x0c, 4000, UINT32_MAX);
	is_partition(2, 4000, UINT32_MAX);
	assert_int_equal(describe(TWINBOOT_MEDIUM_DISK).has_gpt, 0);
}

/* A CD's tables count sectors that the CD does not have. */
static void on_a_cd_only_the_signature_counts(void **state)
{
	(void)state;
	mbr_row(0, 0x83, 1, 9999);
	struct twinboot_boot_medium m = describe(TWINBOOT_MEDIUM_CD);
	assert_true(m.mbr_signature == 0x12345678 && m.partition == 0);
}

static void without_its_mark_it_is_no_mbr(void **state)
{
	(void)state;
	mbr_row(0, 0x83, 1, 9999);
	put(510, 0x55aa, 2);
	struct twinboot_boot_medium m = describe(TWINBOOT_MEDIUM_DISK);
	assert_true(m.mbr_signature == 0 && m.partition == 0);
}

static void the_gpt_names_disk_and_partition(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {128, 256, 4096};
	for (uint32_t i = 0; i < 3; i++) {
		set_up(NULL);
		gpt(4, sizes[i]);
		gpt_row(0, sizes[i], 34, 4999);
		gpt_row(2, sizes[i], 5000, 5000);
		gpt_row(3, sizes[i], 5001, 9999);
		is_partition(3, 5000, 1);
		struct twinboot_boot_medium m = describe(TWINBOOT_MEDIUM_DISK);
		assert_true(m.has_gpt == 1 && m.disk_guid[0] == 0x77 && m.disk_guid[15] == 0x77);
		assert_true(m.partition_guid[0] == 0x22 && m.partition_guid[15] == 0x22);
		put(2 * 512 + 2 * sizes[i], 0, 8);
		put(2 * 512 + 2 * sizes[i] + 8, 0, 8); /* not in use */
		is_partition(0, 0, 0);
	}
}

/* Left behind by an earlier use of the disk: the MBR has the word (UEFI 2.10, 5.2.3). */
static void without_a_protective_mbr_it_is_no_gpt(void **state)
{
	(void)state;
	gpt(1, 128);
	gpt_row(0, 128, 34, 9999);
	mbr_row(0, 0x83, 1, 9999);
	is_partition(1, 1, 9999);
	assert_int_equal(describe(TWINBOOT_MEDIUM_DISK).has_gpt, 0);
}

static void a_gpt_that_contradicts_itself(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {0, 1, 127, 129, 100000, UINT32_MAX};
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		set_up(NULL);
		gpt(UINT32_MAX, sizes[i]);
		is_partition(0, 0, 0);
		assert_int_equal(describe(TWINBOOT_MEDIUM_DISK).has_gpt, 1);
	}
	set_up(NULL);
	gpt(UINT32_MAX, 128);
	is_partition(0, 0, 0); /* an end is found all the same */
	gpt_row(127, 128, 0, UINT64_MAX);
	is_partition(128, 0, 0);
	put(512 + 72, UINT64_MAX, 8); /* entries beyond the disk */
	is_partition(0, 0, 0);
	put(512 + 24, 2, 8); /* the copy at the disk's end, in the wrong place */
	assert_int_equal(describe(TWINBOOT_MEDIUM_DISK).has_gpt, 0);
}

static void what_cannot_be_read_is_not_there(void **state)
{
	(void)state;
	gpt(1, 128);
	gpt_row(0, 128, 34, 9999);
	fails_from = 3;
	struct twinboot_boot_medium m = describe(TWINBOOT_MEDIUM_DISK);
	assert_true(m.has_gpt == 1 && m.partition == 0);
	fails_from = 2;
	m = describe(TWINBOOT_MEDIUM_DISK);
	assert_true(m.has_gpt == 0 && m.mbr_signature == 0x12345678);
	fails_from = 1;
	m = describe(TWINBOOT_MEDIUM_DISK);
	assert_true(m.mbr_signature == 0);
}

/* ---- DHCP ---- */

/* Copied to where its last byte is the last of a block of memory, for the sanitizer to see a step too far. */
static struct dhcp *packet(const struct dhcp *head, const uint8_t *options, uint32_t size)
{
	static uint8_t *kept;
	free(kept);
	kept = malloc(sizeof(*head) + size);
	memcpy(kept, head, sizeof(*head));
	memcpy(kept + sizeof(*head), options, size);
	return (struct dhcp *)kept;
}

static void options_are_found_or_not(void **state)
{
	(void)state;
	const struct dhcp head = {.cookie = {99, 130, 83, 99}};
	const uint8_t options[] = {0, 53,  1,   5,   54,  4,  10, 0, 2, 2, 0, 67,
				   3, 'a', '/', 'b', 255, 54, 4,  1, 1, 1, 1};
	uint8_t length;
	uint32_t size = sizeof(head) + sizeof(options), max;
	struct dhcp *dhcp = packet(&head, options, sizeof(options));
	const uint8_t *found = dhcp_option(dhcp, size, DHCP_SERVER, &length);
	assert_int_equal(length, 4);
	assert_memory_equal(found, &options[6], 4);
	assert_null(dhcp_option(dhcp, size, DHCP_ROUTER, &length));
	assert_int_equal(length, 0);
	assert_memory_equal(dhcp_server(dhcp, size), &options[6], 4);
	assert_memory_equal(dhcp_boot_file(dhcp, size, &max), "a/b", 3);
	assert_int_equal(max, 3);
	dhcp->cookie[3] = 98;
	assert_null(dhcp_option(dhcp, size, DHCP_SERVER, &length));
	assert_null(dhcp_server(dhcp, size));
	assert_null(dhcp_boot_file(dhcp, size, &max));
	assert_int_equal(max, 0);
}

static void the_fields_come_before_the_options(void **state)
{
	(void)state;
	const struct dhcp head = {
		.cookie = {99, 130, 83, 99}, .server = {10, 0, 2, 3}, .file = "boot/twinboot.0"};
	const uint8_t options[] = {54, 4, 1, 1, 1, 1, 67, 1, 'x', 255};
	uint32_t size = sizeof(head) + sizeof(options), max;
	struct dhcp *dhcp = packet(&head, options, sizeof(options));
	assert_memory_equal(dhcp_server(dhcp, size), head.server, 4);
	assert_string_equal(dhcp_boot_file(dhcp, size, &max), "boot/twinboot.0");
	assert_int_equal(max, 128);
}

/* Wherever it is cut off, and whatever its lengths say. */
static void a_packet_may_end_anywhere(void **state)
{
	(void)state;
	const struct dhcp head = {.cookie = {99, 130, 83, 99}};
	const uint8_t options[] = {53, 1, 5, 54, 4, 10, 0, 2, 2, 67, 255, 'a'};
	for (uint32_t size = 0; size <= sizeof(options); size++) {
		uint8_t length;
		struct dhcp *dhcp = packet(&head, options, size);
		const uint8_t *server = dhcp_option(dhcp, sizeof(head) + size, DHCP_SERVER, &length);
		assert_true((server != NULL) == (size >= 9));
		assert_null(dhcp_option(dhcp, sizeof(head) + size, DHCP_FILE, &length));
	}
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_mbr_names_the_partition),
		TEST(on_a_cd_only_the_signature_counts),
		TEST(without_its_mark_it_is_no_mbr),
		TEST(the_gpt_names_disk_and_partition),
		TEST(without_a_protective_mbr_it_is_no_gpt),
		TEST(a_gpt_that_contradicts_itself),
		TEST(what_cannot_be_read_is_not_there),
		cmocka_unit_test(options_are_found_or_not),
		cmocka_unit_test(the_fields_come_before_the_options),
		cmocka_unit_test(a_packet_may_end_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
