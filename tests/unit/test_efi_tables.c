/* SPDX-License-Identifier: BSD-2-Clause */
/* links: efi/tables.c efi/network.c efi/clock.c efi/entropy.c common/date.c common/entry_points.c common/log.c common/text.c */
/* Configuration tables, names, the boot device, entropy and time: what is there, what is broken, what is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#undef fail /* log.h has one too */
#include "efi_host.h"

static struct machine machine;
static EFI_RUNTIME_SERVICES runtime_services;
static EFI_LOADED_IMAGE_PROTOCOL loaded;
static EFI_RNG_PROTOCOL rng;
static EFI_TIME now;
static EFI_STATUS time_status, rng_status;
static EFI_HANDLE const image = (EFI_HANDLE)0x1000, device = (EFI_HANDLE)0x2000;

static EFI_STATUS EFIAPI get_time(EFI_TIME *time, EFI_TIME_CAPABILITIES *capabilities)
{
	(void)capabilities;
	*time = now;
	return time_status;
}

static EFI_STATUS EFIAPI get_rng(EFI_RNG_PROTOCOL *this, EFI_RNG_ALGORITHM *algorithm, UINTN size,
				 UINT8 *bytes)
{
	(void)this;
	assert_null(algorithm);
	memset(bytes, 0x77, size);
	return rng_status;
}

static int set_up(void **state)
{
	(void)state;
	fake_start();
	memset(&machine, 0, sizeof(machine));
	runtime_services = (EFI_RUNTIME_SERVICES){.GetTime = get_time};
	fake.table.RuntimeServices = &runtime_services;
	loaded = (EFI_LOADED_IMAGE_PROTOCOL){.DeviceHandle = device};
	rng = (EFI_RNG_PROTOCOL){.GetRNG = get_rng};
	now = (EFI_TIME){.Year = 2026, .Month = 1, .Day = 2, .Hour = 3, .TimeZone = EFI_UNSPECIFIED_TIMEZONE};
	time_status = rng_status = EFI_SUCCESS;
	return 0;
}

/* ---- Configuration tables ---- */

static void sum_up(uint8_t *bytes, uint32_t size, uint32_t sum_at)
{
	bytes[sum_at] = 0;
	for (uint32_t i = 0; i < size; i++)
		if (i != sum_at)
			bytes[sum_at] -= bytes[i];
}

static uint8_t *make_rsdp(uint8_t *rsdp, uint8_t revision)
{
	memset(rsdp, 0, 36);
	memcpy(rsdp, "RSD PTR ", 8);
	rsdp[15] = revision;
	sum_up(rsdp, 20, 8);
	rsdp[20] = 36;
	sum_up(rsdp, 36, 32);
	return rsdp;
}

static void the_later_acpi_table_wins_wherever_it_stands(void **state)
{
	(void)state;
	uint8_t old[36], new[36];
	fake_table((EFI_GUID)ACPI_TABLE_GUID, make_rsdp(old, 0)); /* OVMF's order */
	fake_table((EFI_GUID)ACPI_20_TABLE_GUID, make_rsdp(new, 2));
	tables_find(&machine);
	assert_int_equal(machine.rsdp, (uintptr_t) new);
	new[30] ^= 1; /* damaged: better the old one */
	tables_find(&machine);
	assert_int_equal(machine.rsdp, (uintptr_t)old);
	old[0] = 'X';
	tables_find(&machine);
	assert_int_equal(machine.rsdp, 0);
}

static void no_tables(void **state)
{
	(void)state;
	tables_find(&machine);
	assert_int_equal(machine.rsdp | machine.smbios2 | machine.smbios3, 0);
	assert_int_equal(machine.efi_system_table, (uintptr_t)&fake.table);
	fake_table((EFI_GUID)ACPI_20_TABLE_GUID, NULL);
	fake_table((EFI_GUID)SMBIOS_TABLE_GUID, NULL);
	fake_table((EFI_GUID)SMBIOS3_TABLE_GUID, NULL);
	tables_find(&machine);
	assert_int_equal(machine.rsdp | machine.smbios2 | machine.smbios3, 0);
}

static void each_smbios_by_itself(void **state)
{
	(void)state;
	uint8_t three[24] = "_SM3_";
	three[6] = sizeof(three);
	sum_up(three, sizeof(three), 5);
	fake_table((EFI_GUID)SMBIOS3_TABLE_GUID, three);
	tables_find(&machine);
	assert_int_equal(machine.smbios3, (uintptr_t)three);
	assert_int_equal(machine.smbios2, 0);
}

/* ---- Names ---- */

static void the_firmwares_name_is_ascii_and_ends(void **state)
{
	(void)state;
	CHAR16 name[200];
	for (uint32_t i = 0; i < 199; i++)
		name[i] = 'a';
	name[1] = 0x263a;
	name[2] = '\n';
	name[199] = 0;
	fake.table.FirmwareVendor = name;
	fake.table.FirmwareRevision = 7;
	fake.table.Hdr.Revision = 0x20046;
	identity_find(&machine, image);
	assert_memory_equal(machine.firmware, "a??a", 4);
	assert_int_equal(strlen(machine.firmware), MACHINE_FIRMWARE_NAME_MAX - 1);
	assert_int_equal(machine.firmware_revision, 7);
	assert_int_equal(machine.uefi_revision, 0x20046);
}

static void a_firmware_without_a_name(void **state)
{
	(void)state;
	identity_find(&machine, image);
	assert_string_equal(machine.firmware, "");
}

/* ---- The boot device ---- */

static void offer_path(const uint8_t *path)
{
	fake_protocol(image, (EFI_GUID)EFI_LOADED_IMAGE_PROTOCOL_GUID, &loaded);
	fake_protocol(device, (EFI_GUID)EFI_DEVICE_PATH_PROTOCOL_GUID, (void *)(uintptr_t)path);
	identity_find(&machine, image);
}

static void a_device_path_is_copied_with_its_end(void **state)
{
	(void)state;
	static const uint8_t path[] = {2, 1, 12, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x7f, 0xff, 4, 0, 0xee};
	offer_path(path);
	assert_int_equal(machine.device_path_size, 16);
	assert_memory_equal(machine.device_path, path, 16);
	assert_int_equal(machine.boot_device_type, TWINBOOT_BOOT_DEVICE_EFI_PATH);
}

/* Two instances: the end of one is not the end of all. */
static void a_device_path_of_several_instances(void **state)
{
	(void)state;
	static const uint8_t path[] = {2, 1, 4, 0, 0x7f, 1, 4, 0, 2, 2, 4, 0, 0x7f, 0xff, 4, 0};
	offer_path(path);
	assert_int_equal(machine.device_path_size, sizeof(path));
}

static void a_node_of_no_length_is_no_path(void **state)
{
	(void)state;
	static const uint8_t path[] = {2, 1, 3, 0, 0x7f, 0xff, 4, 0};
	offer_path(path);
	assert_int_equal(machine.device_path_size, 0);
	assert_int_equal(machine.boot_device_type, TWINBOOT_BOOT_DEVICE_UNKNOWN);
}

static void a_path_that_is_too_long_is_none(void **state)
{
	(void)state;
	static uint8_t path[MACHINE_DEVICE_PATH_MAX + 8] = {2, 1};
	path[2] = (MACHINE_DEVICE_PATH_MAX - 3) & 0xff;
	path[3] = (MACHINE_DEVICE_PATH_MAX - 3) >> 8;
	memcpy(path + MACHINE_DEVICE_PATH_MAX - 3, (uint8_t[]){0x7f, 0xff, 4, 0}, 4);
	offer_path(path);
	assert_int_equal(machine.device_path_size, 0);
	path[2]--; /* fits to the byte */
	memcpy(path + MACHINE_DEVICE_PATH_MAX - 4, (uint8_t[]){0x7f, 0xff, 4, 0}, 4);
	identity_find(&machine, image);
	assert_int_equal(machine.device_path_size, MACHINE_DEVICE_PATH_MAX);
}

static void an_image_from_no_device(void **state)
{
	(void)state;
	loaded.DeviceHandle = NULL;
	offer_path(NULL);
	assert_int_equal(machine.boot_device_type, TWINBOOT_BOOT_DEVICE_UNKNOWN);
}

/* ---- Entropy and time ---- */

static void entropy_where_there_is_some(void **state)
{
	(void)state;
	entropy_read(&machine);
	assert_int_equal(machine.entropy_source, 0);
	fake_protocol(device, (EFI_GUID)EFI_RNG_PROTOCOL_GUID, &rng);
	rng_status = EFI_DEVICE_ERROR;
	entropy_read(&machine);
	assert_int_equal(machine.entropy_source, 0);
	rng_status = EFI_SUCCESS;
	entropy_read(&machine);
	assert_int_equal(machine.entropy_source, TWINBOOT_ENTROPY_EFI_RNG);
	assert_int_equal(machine.entropy[31], 0x77);
}

#define THEN INT64_C(1767322800) /* 2026-01-02 03:00 UTC */

static void time_with_and_without_a_zone(void **state)
{
	(void)state;
	assert_int_equal(clock_read(), THEN);
	now.TimeZone = -60; /* an hour east of Greenwich */
	assert_int_equal(clock_read(), THEN - 3600);
	now.TimeZone = -32768;
	assert_int_equal(clock_read(), THEN);
}

static void no_time(void **state)
{
	(void)state;
	time_status = EFI_DEVICE_ERROR;
	assert_int_equal(clock_read(), 0);
	time_status = EFI_SUCCESS;
	now.Month = 13;
	now.TimeZone = 60;
	assert_int_equal(clock_read(), 0);
}

/* ---- Network cards ---- */

static UINTN shutdowns, stops;
static EFI_SIMPLE_NETWORK_MODE modes[4];
static EFI_SIMPLE_NETWORK cards[4];

static EFI_STATUS EFIAPI card_shutdown(EFI_SIMPLE_NETWORK *this)
{
	shutdowns++;
	if (this != &cards[3])
		this->Mode->State = EfiSimpleNetworkStarted;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI card_stop(EFI_SIMPLE_NETWORK *this)
{
	stops++;
	this->Mode->State = EfiSimpleNetworkStopped;
	return EFI_SUCCESS;
}

static void every_card_that_runs_is_stopped(void **state)
{
	(void)state;
	static const UINT32 states[] = {EfiSimpleNetworkStopped, EfiSimpleNetworkStarted,
					EfiSimpleNetworkInitialized, EfiSimpleNetworkInitialized};
	network_stop(); /* none */
	for (UINTN i = 0; i < 4; i++) {
		modes[i].State = states[i];
		cards[i] =
			(EFI_SIMPLE_NETWORK){.Shutdown = card_shutdown, .Stop = card_stop, .Mode = &modes[i]};
		fake_protocol(at(0x1000 * (i + 1)), (EFI_GUID)EFI_SIMPLE_NETWORK_PROTOCOL_GUID, &cards[i]);
	}
	static EFI_SIMPLE_NETWORK without_mode;
	fake_protocol(at(0x9000), (EFI_GUID)EFI_SIMPLE_NETWORK_PROTOCOL_GUID, &without_mode);
	network_stop();
	assert_int_equal(shutdowns, 2);
	assert_int_equal(stops, 2);
	for (UINTN i = 0; i < 3; i++)
		assert_int_equal(modes[i].State, EfiSimpleNetworkStopped);
	assert_int_equal(fake.pool_count, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_later_acpi_table_wins_wherever_it_stands),
		TEST(no_tables),
		TEST(each_smbios_by_itself),
		TEST(the_firmwares_name_is_ascii_and_ends),
		TEST(a_firmware_without_a_name),
		TEST(a_device_path_is_copied_with_its_end),
		TEST(a_device_path_of_several_instances),
		TEST(a_node_of_no_length_is_no_path),
		TEST(a_path_that_is_too_long_is_none),
		TEST(an_image_from_no_device),
		TEST(entropy_where_there_is_some),
		TEST(time_with_and_without_a_zone),
		TEST(no_time),
		TEST(every_card_that_runs_is_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
