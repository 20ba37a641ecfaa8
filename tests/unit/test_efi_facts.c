/* SPDX-License-Identifier: BSD-2-Clause */
/* links: efi/facts.c efi/linux_tables.c efi/medium.c efi/memory.c efi/tables.c efi/tpm.c common/date.c common/dhcp.c common/entry_points.c common/log.c common/medium.c common/records.c common/text.c */
/* Raw facts of a UEFI firmware: Secure Boot's variables, the boot disk, the network's answers, the TPM's log; whatever of
   them is missing, cut off or nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#undef fail /* log.h has one too */
#include "efi_host.h"
#include "efi/tpm.h"

static const EFI_HANDLE image_handle = (EFI_HANDLE)0x1000, device_handle = (EFI_HANDLE)0x2000,
			disk_handle = (EFI_HANDLE)0x3000;

static struct machine machine;
static EFI_LOADED_IMAGE_PROTOCOL loaded;
static EFI_RUNTIME_SERVICES runtime;

/* ---- Variables ---- */

static struct {
	const char *name;
	int value; /* -1: not there */
	UINT32 attributes;
	UINTN size;
} variables[3];

static EFI_STATUS EFIAPI get_variable(CHAR16 *name, EFI_GUID *vendor, UINT32 *attributes, UINTN *size,
				      void *data)
{
	static const EFI_GUID shim = {
		0x605dab50, 0xe046, 0x4300, {0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23}};
	EFI_GUID global = EFI_GLOBAL_VARIABLE;
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t c = 0;
		while (variables[i].name[c] != 0 && name[c] == (CHAR16)variables[i].name[c])
			c++;
		if (name[c] != (CHAR16)variables[i].name[c])
			continue;
		assert_memory_equal(vendor, i == 2 ? &shim : &global, sizeof(*vendor));
		if (variables[i].value < 0)
			return EFI_NOT_FOUND;
		*attributes = variables[i].attributes;
		if (*size < variables[i].size) {
			*size = variables[i].size;
			return EFI_BUFFER_TOO_SMALL;
		}
		*size = variables[i].size;
		*(uint8_t *)data = (uint8_t)variables[i].value;
		return EFI_SUCCESS;
	}
	abort();
}

static void secure(int secure_boot, int setup, int shim)
{
	const int values[3] = {secure_boot, setup, shim};
	static const char *const names[3] = {"SecureBoot", "SetupMode", "MokSBStateRT"};
	for (uint32_t i = 0; i < 3; i++) {
		variables[i].name = names[i];
		variables[i].value = values[i];
		variables[i].attributes = EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS;
		variables[i].size = 1;
	}
}

/* ---- A disk ---- */

static uint8_t sectors[64 * 512];
static EFI_BLOCK_IO_MEDIA media;
static EFI_BLOCK_IO disk;
static UINTN disk_path_size; /* bytes of the path that leads to the disk, without an end node */

static EFI_STATUS EFIAPI read_blocks(EFI_BLOCK_IO *self, UINT32 id, EFI_LBA lba, UINTN size, void *buffer)
{
	assert_ptr_equal(self, &disk);
	assert_int_equal(id, 77);
	assert_int_equal(size % media.BlockSize, 0);
	assert_int_equal((uintptr_t)buffer % PAGE_SIZE, 0);
	if (lba >= sizeof(sectors) / media.BlockSize || size > sizeof(sectors) - lba * media.BlockSize)
		return EFI_INVALID_PARAMETER;
	memcpy(buffer, sectors + lba * media.BlockSize, size);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI locate_device_path(EFI_GUID *guid, EFI_DEVICE_PATH **path, EFI_HANDLE *handle)
{
	EFI_GUID block_io = EFI_BLOCK_IO_PROTOCOL_GUID;
	assert_memory_equal(guid, &block_io, sizeof(block_io));
	if (disk_path_size == 0 || memcmp(*path, machine.device_path, disk_path_size) != 0)
		return EFI_NOT_FOUND;
	*path = (EFI_DEVICE_PATH *)((uint8_t *)*path + disk_path_size);
	*handle = disk_handle;
	return EFI_SUCCESS;
}

static uint8_t *node(uint8_t type, uint8_t subtype, uint16_t length)
{
	uint8_t *n = machine.device_path + machine.device_path_size;
	n[0] = type, n[1] = subtype, n[2] = (uint8_t)length, n[3] = (uint8_t)(length >> 8);
	machine.device_path_size += length;
	return n;
}

static void end_path(void)
{
	node(0x7f, 0xff, 4);
}

static void put(uint8_t *at, uint64_t value, uint32_t bytes)
{
	memcpy(at, &value, bytes);
}

/* An AHCI disk's path, then a partition: of the MBR, the GPT, or a CD's boot entry. */
static void partition_path(uint8_t kind, uint64_t first, uint64_t count)
{
	machine.device_path_size = 0;
	node(2, 1, 12);
	node(3, 18, 10);
	disk_path_size = machine.device_path_size;
	if (kind == 'c') {
		uint8_t *n = node(4, 2, 24);
		put(n + 8, first, 8), put(n + 16, count, 8);
	} else if (kind != 0) {
		uint8_t *n = node(4, 1, 42);
		put(n + 4, 3, 4), put(n + 8, first, 8), put(n + 16, count, 8);
		memset(n + 24, 0xab, 16);
		n[40] = kind == 'g' ? 2 : 1;
		n[41] = kind == 'g' ? 2 : 1;
	}
	end_path();
}

static int set_up(void **state)
{
	(void)state;
	fake_start();
	memset(&machine, 0, sizeof(machine));
	memset(sectors, 0, sizeof(sectors));
	runtime = (EFI_RUNTIME_SERVICES){.GetVariable = get_variable};
	fake.table.RuntimeServices = &runtime;
	fake.services.LocateDevicePath = locate_device_path;
	secure(-1, -1, -1);
	loaded = (EFI_LOADED_IMAGE_PROTOCOL){.DeviceHandle = device_handle};
	fake_protocol(image_handle, (EFI_GUID)EFI_LOADED_IMAGE_PROTOCOL_GUID, &loaded);
	media = (EFI_BLOCK_IO_MEDIA){.MediaId = 77, .MediaPresent = 1, .BlockSize = 512};
	disk = (EFI_BLOCK_IO){.Media = &media, .ReadBlocks = read_blocks};
	fake_protocol(disk_handle, (EFI_GUID)EFI_BLOCK_IO_PROTOCOL_GUID, &disk);
	disk_path_size = 0;
	put(sectors + 440, 0x12345678, 4);
	put(sectors + 510, 0xaa55, 2);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	memory_give_back();
	return fake_pages_taken() == 0 && fake.pool_count == 0 ? 0 : -1;
}

static const void *record(uint32_t type)
{
	const struct twinboot_record *found = NULL;
	for (uint32_t from = 0; from < machine.records_size;) {
		const struct twinboot_record *r = at(machine.records + from);
		if (r->type == type) {
			assert_null(found); /* once */
			found = r;
		}
		from += (r->size + 7) & ~7u;
	}
	return found;
}

/* ---- Secure Boot ---- */

static void secure_boot_is_as_its_variables_say(void **state)
{
	static const struct {
		int secure, setup, shim;
		uint32_t state;
	} cases[] = {
		{-1, -1, -1, TWINBOOT_SECURE_BOOT_UNKNOWN}, {-1, 1, 1, TWINBOOT_SECURE_BOOT_UNKNOWN},
		{0, 0, -1, TWINBOOT_SECURE_BOOT_OFF},       {0, -1, -1, TWINBOOT_SECURE_BOOT_OFF},
		{0, 1, -1, TWINBOOT_SECURE_BOOT_SETUP},     {1, 1, -1, TWINBOOT_SECURE_BOOT_SETUP},
		{1, 0, -1, TWINBOOT_SECURE_BOOT_ON},        {1, -1, -1, TWINBOOT_SECURE_BOOT_ON},
		{1, 0, 0, TWINBOOT_SECURE_BOOT_ON},         {1, 0, 1, TWINBOOT_SECURE_BOOT_OFF},
		{2, 0, -1, TWINBOOT_SECURE_BOOT_OFF},
	};
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(state);
		secure(cases[i].secure, cases[i].setup, cases[i].shim);
		facts_gather(&machine, image_handle);
		assert_int_equal(machine.secure_boot, cases[i].state);
		tear_down(state);
	}
}

/* Anybody could have written one that outlives a reset. */
static void only_shims_own_variable_turns_it_off(void **state)
{
	(void)state;
	secure(1, 0, 1);
	variables[2].attributes |= EFI_VARIABLE_NON_VOLATILE;
	facts_gather(&machine, image_handle);
	assert_int_equal(machine.secure_boot, TWINBOOT_SECURE_BOOT_ON);
}

static void a_variable_of_another_size_says_nothing(void **state)
{
	(void)state;
	secure(1, 0, 1);
	variables[2].size = 4;
	facts_gather(&machine, image_handle);
	assert_int_equal(machine.secure_boot, TWINBOOT_SECURE_BOOT_ON);
	variables[0].size = 4;
	facts_gather(&machine, image_handle);
	assert_int_equal(machine.secure_boot, TWINBOOT_SECURE_BOOT_UNKNOWN);
}

/* ---- Load options ---- */

static void load_options_are_kept_to_the_byte(void **state)
{
	static uint8_t options[0x5000];
	static const uint32_t sizes[] = {0, 1, 2, 7, 100, 0x4000, 0x4001, sizeof(options), UINT32_MAX};
	for (uint32_t i = 0; i < sizeof(options); i++)
		options[i] = (uint8_t)(i * 7);
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		set_up(state);
		loaded.LoadOptions = options;
		loaded.LoadOptionsSize = sizes[i];
		facts_gather(&machine, image_handle);
		const struct twinboot_record *r = record(TWINBOOT_RECORD_LOAD_OPTIONS);
		assert_true((r != NULL) == (sizes[i] > 0 && sizes[i] <= 0x4000));
		if (r != NULL) {
			assert_int_equal(r->size, 8 + sizes[i]);
			assert_memory_equal(r + 1, options, sizes[i]);
		}
		tear_down(state);
	}
}

static void without_memory_there_are_no_records(void **state)
{
	(void)state;
	loaded.LoadOptions = sectors;
	loaded.LoadOptionsSize = 100;
	partition_path('g', 40, 10);
	fake.fail_allocation = 1;
	fake.services.AllocatePages = fake_allocate_pages;
	facts_gather(&machine, image_handle);
	assert_int_equal(machine.records_capacity != 0, machine.records_size != 0);
}

/* ---- The boot medium ---- */

static const struct twinboot_boot_medium *medium(void)
{
	facts_gather(&machine, image_handle);
	const struct twinboot_boot_medium *m = record(TWINBOOT_RECORD_BOOT_MEDIUM);
	assert_non_null(m);
	assert_int_equal(m->bios_drive, UINT32_MAX);
	return m;
}

static void a_disk_says_what_the_bios_would_read(void **state)
{
	(void)state;
	partition_path('g', 40, 10);
	put(sectors + 446 + 4, 0xee, 1);
	memcpy(sectors + 512, "EFI PART", 8);
	put(sectors + 512 + 24, 1, 8);
	memset(sectors + 512 + 56, 0x77, 16);
	put(sectors + 512 + 72, 2, 8);
	put(sectors + 512 + 80, 4, 4);
	put(sectors + 512 + 84, 128, 4);
	memset(sectors + 1024 + 128, 0x22, 32);
	put(sectors + 1024 + 128 + 32, 40, 8);
	put(sectors + 1024 + 128 + 40, 59, 8);
	const struct twinboot_boot_medium *m = medium();
	assert_true(m->type == TWINBOOT_MEDIUM_DISK && m->sector_size == 512);
	assert_true(m->mbr_signature == 0x12345678 && m->has_gpt == 1);
	assert_true(m->partition == 2 && m->partition_first == 40 && m->partition_sectors == 20);
	assert_true(m->disk_guid[3] == 0x77 && m->partition_guid[3] == 0x22);
}

static void what_cannot_be_read_stays_what_the_path_says(void **state)
{
	for (uint32_t i = 0; i < 6; i++) {
		set_up(state);
		partition_path('g', 40, 10);
		if (i == 0)
			disk_path_size = 0;
		if (i == 1)
			disk_path_size -= 10; /* a handle that is not the disk's own */
		if (i == 2)
			media.MediaPresent = 0;
		if (i == 3)
			media.BlockSize = 0;
		if (i == 4)
			media.BlockSize = 8192;
		if (i == 5)
			disk.Media = NULL;
		const struct twinboot_boot_medium *m = medium();
		assert_true(m->type == TWINBOOT_MEDIUM_UNKNOWN && m->sector_size == 0);
		assert_true(m->has_gpt == 1 && m->partition == 3 && m->partition_first == 40 &&
			    m->partition_sectors == 10 && m->partition_guid[0] == 0xab);
		tear_down(state);
	}
	set_up(state);
	partition_path('m', 40, 10);
	disk_path_size = 0;
	const struct twinboot_boot_medium *m = medium();
	assert_true(m->has_gpt == 0 && m->mbr_signature == 0xabababab && m->partition == 3);
	assert_int_equal(m->partition_guid[0], 0);
}

/* EDK2 gives a disk that also is a CD a CD's path. */
static void a_cd_is_what_has_a_cds_sectors(void **state)
{
	(void)state;
	partition_path('c', 10, 5);
	put(sectors + 446 + 4, 0xef, 1);
	put(sectors + 446 + 8, 40, 4);
	put(sectors + 446 + 12, 20, 4);
	const struct twinboot_boot_medium *m = medium();
	assert_true(m->type == TWINBOOT_MEDIUM_DISK && m->partition == 1 && m->partition_first == 40);
	tear_down(state);
	set_up(state);
	partition_path('c', 10, 5);
	media.BlockSize = 2048;
	put(sectors + 446 + 4, 0xef, 1);
	put(sectors + 446 + 12, 20, 4);
	m = medium();
	assert_true(m->type == TWINBOOT_MEDIUM_CD && m->sector_size == 2048 && m->partition == 0);
	assert_int_equal(m->mbr_signature, 0x12345678);
}

static void a_disk_without_a_table_is_read_too(void **state)
{
	(void)state;
	partition_path(0, 0, 0);
	const struct twinboot_boot_medium *m = medium();
	assert_true(m->type == TWINBOOT_MEDIUM_DISK && m->mbr_signature == 0x12345678 && m->partition == 0);
}

/* Nodes that are shorter than their type, or lead nowhere. */
static void a_path_may_be_cut_short(void **state)
{
	for (uint16_t length = 4; length < 42; length++) {
		set_up(state);
		node(2, 1, 12);
		node(4, 1, length);
		end_path();
		assert_int_equal(medium()->partition, 0);
		tear_down(state);
	}
	set_up(state);
	machine.device_path_size = 0;
	assert_int_equal(medium()->type, TWINBOOT_MEDIUM_UNKNOWN);
}

/* ---- Network ---- */

static EFI_PXE_BASE_CODE_MODE pxe_mode;
static EFI_PXE_BASE_CODE pxe;

static void network(void)
{
	static const uint8_t options[] = {99, 130, 83, 99, 53, 1, 5, 67, 3, 'x', '/', 'y', 255};
	machine.device_path_size = 0;
	node(3, 11, 37);
	end_path();
	memset(&pxe_mode, 0, sizeof(pxe_mode));
	pxe_mode.DhcpAckReceived = 1;
	memcpy(&pxe_mode.StationIp, (uint8_t[4]){10, 0, 2, 15}, 4);
	memcpy(pxe_mode.DhcpAck.Raw + 20, (uint8_t[4]){10, 0, 2, 2}, 4);
	memcpy(pxe_mode.DhcpAck.Raw + 236, options, sizeof(options));
	pxe = (EFI_PXE_BASE_CODE){.Mode = &pxe_mode};
	fake_protocol(device_handle, (EFI_GUID)EFI_PXE_BASE_CODE_PROTOCOL_GUID, &pxe);
}

static void the_answer_names_server_and_file(void **state)
{
	(void)state;
	network();
	assert_int_equal(medium()->type, TWINBOOT_MEDIUM_NETWORK);
	const struct twinboot_network_server *from = record(TWINBOOT_RECORD_NETWORK_SERVER);
	const struct twinboot_record *ack = record(TWINBOOT_RECORD_DHCP_ACK);
	assert_memory_equal(from->address, ((uint8_t[5]){10, 0, 2, 2, 0}), 5);
	assert_memory_equal(from->client_address, ((uint8_t[5]){10, 0, 2, 15, 0}), 5);
	assert_string_equal(from->path, "x/y");
	assert_int_equal(ack->size, 8 + 236 + 13);
	assert_memory_equal(ack + 1, pxe_mode.DhcpAck.Raw, 236 + 13);
}

static void the_boot_servers_reply_comes_first(void **state)
{
	(void)state;
	network();
	pxe_mode.ProxyOfferReceived = 1;
	memcpy(pxe_mode.ProxyOffer.Raw + 20, (uint8_t[4]){10, 0, 2, 3}, 4);
	memset(pxe_mode.ProxyOffer.Raw + 108, 'a', 128); /* no NUL */
	facts_gather(&machine, image_handle);
	const struct twinboot_network_server *from = record(TWINBOOT_RECORD_NETWORK_SERVER);
	assert_int_equal(from->address[3], 3);
	assert_int_equal(strlen(from->path), 127);
	tear_down(state);
	set_up(state);
	network();
	pxe_mode.ProxyOfferReceived = pxe_mode.PxeReplyReceived = 1;
	memcpy(pxe_mode.PxeReply.Raw + 20, (uint8_t[4]){10, 0, 2, 4}, 4);
	facts_gather(&machine, image_handle);
	from = record(TWINBOOT_RECORD_NETWORK_SERVER);
	assert_int_equal(from->address[3], 4);
	assert_string_equal(from->path, "");
}

static void packets_without_an_end_end(void **state)
{
	(void)state;
	network();
	memset(pxe_mode.DhcpAck.Raw + 240, 1, sizeof(pxe_mode.DhcpAck.Raw) - 240);
	facts_gather(&machine, image_handle);
	const struct twinboot_record *ack = record(TWINBOOT_RECORD_DHCP_ACK);
	assert_int_equal(ack->size, 8 + 1472);
}

static void without_pxe_the_network_is_all_there_is(void **state)
{
	(void)state;
	network();
	pxe_mode.DhcpAckReceived = 0; /* HTTP boot */
	assert_int_equal(medium()->type, TWINBOOT_MEDIUM_NETWORK);
	assert_null(record(TWINBOOT_RECORD_NETWORK_SERVER));
	assert_null(record(TWINBOOT_RECORD_DHCP_ACK));
	tear_down(state);
	set_up(state);
	network();
	pxe_mode.UsingIpv6 = 1;
	facts_gather(&machine, image_handle);
	const struct twinboot_network_server *from = record(TWINBOOT_RECORD_NETWORK_SERVER);
	assert_true(from->is_ipv6 == 1 && from->client_address[0] == 10 && from->address[0] == 0);
	assert_null(record(TWINBOOT_RECORD_DHCP_ACK));
}

/* ---- The TPM's log ---- */

static uint8_t event_log[4096];
static uint32_t log_end, last_event;
static UINT32 log_formats;
static EFI_STATUS log_status;
static uint8_t tpm_is_there, log_is_truncated;

static void log_add(const void *bytes, uint32_t size)
{
	memcpy(event_log + log_end, bytes, size);
	log_end += size;
}

static void log_add32(uint32_t value)
{
	log_add(&value, 4);
}

/* The specification's event with SHA-1, SHA-256 and SHA-384. */
static void log_begin(void)
{
	static const uint16_t algorithms[3][2] = {{4, 20}, {11, 32}, {12, 48}};
	memset(event_log, 0, sizeof(event_log));
	log_end = 28;
	last_event = 0;
	log_add32(16 + 4 + 4 + 4 + 12 + 1);
	log_add("Spec ID Event03", 16);
	log_add32(0);
	log_add((uint8_t[4]){0, 2, 0, 2}, 4);
	log_add32(3);
	log_add(algorithms, 12);
	log_add("", 1);
}

static void log_event(uint32_t digests, uint32_t data)
{
	static const uint16_t algorithms[3] = {4, 11, 12}, sizes[3] = {20, 32, 48};
	last_event = log_end;
	log_add32(7);
	log_add32(0x80000001);
	log_add32(digests);
	for (uint32_t i = 0; i < digests; i++) {
		log_add(&algorithms[i], 2);
		log_end += sizes[i];
	}
	log_add32(data);
	log_end += data;
}

static EFI_STATUS EFIAPI get_capability(struct tcg2 *self, struct tcg2_capability *capability)
{
	(void)self;
	capability->tpm_present = tpm_is_there;
	capability->supported_logs = log_formats;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI get_event_log(struct tcg2 *self, uint32_t format, EFI_PHYSICAL_ADDRESS *log,
				       EFI_PHYSICAL_ADDRESS *last, BOOLEAN *truncated)
{
	(void)self;
	assert_true(format & log_formats);
	*log = (uintptr_t)event_log;
	*last = (uintptr_t)event_log + last_event;
	*truncated = log_is_truncated;
	return log_status;
}

static struct tcg2 tcg2 = {.GetCapability = get_capability, .GetEventLog = get_event_log};

static void tpm(void)
{
	tpm_is_there = 1;
	log_formats = 3;
	log_status = EFI_SUCCESS;
	log_is_truncated = 0;
	fake_protocol(device_handle, (EFI_GUID)TCG2_PROTOCOL_GUID, &tcg2);
	log_begin();
}

static const struct twinboot_tpm_log *tpm_record(void)
{
	facts_tpm(&machine);
	return record(TWINBOOT_RECORD_TPM_LOG);
}

static void the_log_is_copied_to_its_last_byte(void **state)
{
	(void)state;
	tpm();
	const struct twinboot_tpm_log *log = tpm_record();
	assert_int_equal(log->log_size, log_end); /* the first event alone */
	for (uint32_t digests = 1; digests <= 3; digests++) {
		tear_down(state);
		set_up(state);
		tpm();
		log_event(3, 100);
		log_event(digests, 10 * digests - 10);
		log = tpm_record();
		assert_true(log->format == 2 && log->truncated == 0 && log->log_size == log_end);
		assert_int_equal(log->record.size, sizeof(*log) + log_end);
		assert_memory_equal(log + 1, event_log, log_end);
		assert_true(log->final_phys == 0 && log->final_known == 0);
	}
}

static void the_older_format_will_do(void **state)
{
	(void)state;
	tpm();
	log_formats = 1;
	last_event = log_end;
	log_end += 28;
	log_add32(5);
	log_add("hello", 5);
	log_is_truncated = 1;
	const struct twinboot_tpm_log *log = tpm_record();
	assert_true(log->format == 1 && log->truncated == 1 && log->log_size == log_end);
}

static void final_events_that_the_log_has_are_counted(void **state)
{
	static const EFI_GUID guid = {
		0x1e2ed096, 0x30e2, 0x4254, {0xbd, 0x89, 0x86, 0x3b, 0xbe, 0xf8, 0x23, 0x25}};
	static struct {
		uint64_t version, count;
		uint8_t events[1024];
	} final;
	(void)state;
	tpm();
	log_event(3, 50);
	final.version = 1;
	final.count = 2;
	uint32_t size = log_end - last_event;
	memcpy(final.events, event_log + last_event, size);
	memcpy(final.events + size, event_log + last_event, size);
	fake_table(guid, &final);
	const struct twinboot_tpm_log *log = tpm_record();
	assert_true(log->final_phys == (uintptr_t)&final && log->final_known == 2 * size);
	/* An event that makes no sense ends the count. */
	final.count = 1000;
	put(final.events + size + 8, 99, 4);
	tear_down(state);
	machine.records_size = 0;
	machine.records_capacity = 0;
	log = tpm_record();
	assert_int_equal(log->final_known, size);
}

static void a_log_that_makes_no_sense_is_none(void **state)
{
	for (uint32_t i = 0; i < 9; i++) {
		set_up(state);
		tpm();
		log_event(2, 20);
		if (i == 0)
			tpm_is_there = 0;
		if (i == 1)
			log_formats = 0;
		if (i == 2)
			log_status = EFI_DEVICE_ERROR;
		if (i == 3)
			put(event_log + last_event + 8, 0, 4); /* no digest */
		if (i == 4)
			put(event_log + last_event + 8, 17, 4);
		if (i == 5)
			put(event_log + last_event + 12, 99, 2); /* an algorithm that the first event lacks */
		if (i == 6)
			put(event_log + last_event + 12 + 22 + 34, UINT32_MAX, 4);
		if (i == 7)
			put(event_log + last_event + 12 + 22 + 34, 0x1000000, 4);
		if (i == 8)
			fake.protocol_count = 0;
		log_formats &= 2;
		assert_null(tpm_record());
		tear_down(state);
	}
	assert_int_equal(tpm_log_size(2, NULL, event_log), 0);
	assert_int_equal(tpm_log_size(2, event_log, NULL), 0);
	assert_int_equal(tpm_log_size(2, event_log + 1, event_log), 0);
}

static void an_event_may_be_cut_off_anywhere(void **state)
{
	(void)state;
	tpm();
	log_event(3, 33);
	uint32_t size = log_end - last_event;
	const struct specification *specification = (const void *)event_log;
	for (uint32_t room = 0; room <= size; room++) {
		uint8_t *copy = malloc(room);
		memcpy(copy, event_log + last_event, room);
		assert_int_equal(tpm_event_size(specification, copy, room), room == size ? size : 0);
		free(copy);
	}
}

/* ---- What Linux' stub would have left ---- */

static EFI_STATUS EFIAPI allocate_pool(EFI_MEMORY_TYPE type, UINTN size, void **block)
{
	assert_int_equal(type, EfiACPIReclaimMemory);
	*block = fake_pool(size);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI install_table(EFI_GUID *guid, void *table)
{
	fake_table(*guid, table);
	return EFI_SUCCESS;
}

static EFI_STATUS random_status;
static EFI_STATUS EFIAPI get_random(EFI_RNG_PROTOCOL *self, EFI_RNG_ALGORITHM *algorithm, UINTN size,
				    UINT8 *bytes)
{
	(void)self, (void)algorithm;
	memset(bytes, 0x5c, size);
	return random_status;
}

static void linux_tables_only_when_asked(void **state)
{
	static const EFI_GUID
		log_guid = {0xb7799cb0, 0xeca2, 0x4943, {0x96, 0x67, 0x1f, 0xae, 0x07, 0xb7, 0x47, 0xfa}},
		seed_guid = {0x1ce1e5bc, 0x7ceb, 0x42f2, {0x81, 0xe5, 0x8a, 0xad, 0xf1, 0x80, 0xf5, 0x7b}};
	static struct manifest manifest;
	static EFI_RNG_PROTOCOL rng = {.GetRNG = get_random};
	(void)state;
	fake.services.AllocatePool = allocate_pool;
	fake.services.InstallConfigurationTable = install_table;
	machine.manifest.base = (uintptr_t)&manifest;
	tpm();
	log_event(3, 40);
	fake_protocol(device_handle, (EFI_GUID)EFI_RNG_PROTOCOL_GUID, &rng);

	manifest.needs.flags = TWINBOOT_LEAVE_CPUS;
	linux_tables_install(&machine);
	assert_int_equal(fake.table.NumberOfTableEntries, 0);

	manifest.needs.flags = TWINBOOT_WANT_LINUX_TABLES;
	random_status = EFI_DEVICE_ERROR;
	linux_tables_install(&machine);
	const uint8_t *log = configuration_table(log_guid);
	assert_int_equal(*(const uint32_t *)log, log_end);
	assert_int_equal(log[8], 2);
	assert_memory_equal(log + 9, event_log, log_end);
	assert_null(configuration_table(seed_guid));

	random_status = EFI_SUCCESS;
	linux_tables_install(&machine);
	const uint8_t *seed = configuration_table(seed_guid);
	assert_int_equal(*(const uint32_t *)seed, 32);
	assert_int_equal(seed[4], 0x5c);
	assert_int_equal(seed[35], 0x5c);
	UINTN tables = fake.table.NumberOfTableEntries;
	linux_tables_install(&machine); /* there is a seed already */
	assert_ptr_equal(configuration_table(seed_guid), seed);
	assert_int_equal(fake.table.NumberOfTableEntries, tables + 1);
	for (UINTN i = 0; i < fake.table.NumberOfTableEntries; i++)
		fake_free_pool(fake.configuration[i].VendorTable);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(secure_boot_is_as_its_variables_say),
		TEST(only_shims_own_variable_turns_it_off),
		TEST(a_variable_of_another_size_says_nothing),
		TEST(load_options_are_kept_to_the_byte),
		TEST(without_memory_there_are_no_records),
		TEST(a_disk_says_what_the_bios_would_read),
		TEST(what_cannot_be_read_stays_what_the_path_says),
		TEST(a_cd_is_what_has_a_cds_sectors),
		TEST(a_disk_without_a_table_is_read_too),
		TEST(a_path_may_be_cut_short),
		TEST(the_answer_names_server_and_file),
		TEST(the_boot_servers_reply_comes_first),
		TEST(packets_without_an_end_end),
		TEST(without_pxe_the_network_is_all_there_is),
		TEST(the_log_is_copied_to_its_last_byte),
		TEST(the_older_format_will_do),
		TEST(final_events_that_the_log_has_are_counted),
		TEST(a_log_that_makes_no_sense_is_none),
		TEST(an_event_may_be_cut_off_anywhere),
		TEST(linux_tables_only_when_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
