/* SPDX-License-Identifier: BSD-2-Clause */
/* UEFI alone leaves this behind: its system table, its memory map, and runtime services that can be called. */
#include "kernel.h"
#include "report.h"
#include "cpu.h"

struct efi_table_header {
	uint64_t signature;
	uint32_t revision, size, crc32, reserved;
};

struct efi_system_table {
	struct efi_table_header header;
	uint64_t vendor;
	uint32_t firmware_revision, padding;
	uint64_t consoles[6];
	uint64_t runtime_services, boot_services;
	uint64_t table_count, tables;
};

struct efi_descriptor {
	uint32_t type, padding;
	uint64_t physical, virtual, pages, attributes;
};

#define EFI_SYSTEM_TABLE_SIGNATURE     UINT64_C(0x5453595320494249) /* "IBI SYST" */
#define EFI_RUNTIME_SERVICES_SIGNATURE UINT64_C(0x56524553544e5552) /* "RUNTSERV" */
#define EFI_ATTRIBUTE_RUNTIME          (UINT64_C(1) << 63)
#define EFI_ATTRIBUTE_READ_ONLY        (UINT64_C(1) << 17)
#define EFI_ATTRIBUTE_NO_EXECUTE       (UINT64_C(1) << 14)
#define EFI_UNSUPPORTED                UINT64_C(0x8000000000000003)
#define PAGE_FAULT                     14

enum efi_memory_type {
	EFI_LOADER_CODE = 1,
	EFI_RUNTIME_CODE = 5,
	EFI_CONVENTIONAL = 7,
};

/* The CRC-32 of Ethernet; the header's own field counts as 0. */
static uint32_t crc32_of(const struct efi_table_header *table)
{
	const uint8_t *bytes = (const uint8_t *)table;
	uint32_t field = offsetof(struct efi_table_header, crc32), crc = UINT32_MAX;

	for (uint32_t i = 0; i < table->size; i++) {
		crc ^= i >= field && i < field + 4 ? 0 : bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static bool table_is_whole(const struct efi_table_header *table, uint64_t signature)
{
	return table->signature == signature && table->size >= sizeof(*table) && table->size <= PAGE &&
	       crc32_of(table) == table->crc32;
}

/* UEFI 2.10, 4.6.4; `count` descriptors of `size` bytes each follow. */
static const struct memory_attributes {
	uint32_t version, count, size, flags;
} * attributes; /* NULL if the firmware has no such table */

static void find_attributes(const struct efi_system_table *table)
{
	static const uint8_t guid[16] = {0x1d, 0x91, 0xfa, 0xdc, 0xeb, 0x26, 0x9f, 0x46,
					 0xa2, 0x20, 0x38, 0xb7, 0xdc, 0x46, 0x12, 0x20};
	const struct {
		uint8_t guid[16];
		uint64_t table;
	} *entries = direct_map(table->tables);

	for (uint64_t i = 0; i < table->table_count; i++)
		if (!memcmp(entries[i].guid, guid, sizeof(guid)))
			attributes = direct_map(entries[i].table);
	if (attributes)
		fact("efi_memory_attributes", "%u rows", attributes->count);
	else
		fact("efi_memory_attributes", "none");
}

static bool holds(const struct efi_descriptor *d, uint64_t address)
{
	return address - d->physical < d->pages * PAGE;
}

/* A runtime page is promised to be what the table says of it or, without a row, both for code, which may hold data. */
static struct access {
	bool writable, executable;
} access_of(const struct efi_descriptor *d, uint64_t page)
{
	struct access access = {true, d->type == EFI_RUNTIME_CODE};

	for (uint32_t i = 0; attributes && i < attributes->count; i++) {
		const uint8_t *rows = (const uint8_t *)(attributes + 1);
		const struct efi_descriptor *row = (const void *)(rows + (uint64_t)i * attributes->size);
		if (holds(row, page)) {
			access.writable = !(row->attributes & EFI_ATTRIBUTE_READ_ONLY);
			access.executable = !(row->attributes & EFI_ATTRIBUTE_NO_EXECUTE);
		}
	}
	return access;
}

/* The entry of the runtime services that holds this address, or NULL. */
static const struct efi_descriptor *runtime_entry(uint64_t address)
{
	const uint8_t *at = handoff->efi_memory_map, *end = at + handoff->efi_memory_map_size;

	for (; at < end; at += handoff->efi_descriptor_size) {
		const struct efi_descriptor *d = (const struct efi_descriptor *)at;
		if ((d->attributes & EFI_ATTRIBUTE_RUNTIME) && holds(d, address))
			return d;
	}
	return NULL;
}

bool efi_is_writable_code(uint64_t virtual, uint64_t size)
{
	for (uint64_t page = virtual; page < virtual + size; page += PAGE) {
		const struct efi_descriptor *d = runtime_entry(page);
		if (!d || !access_of(d, page).writable || !access_of(d, page).executable)
			return false;
	}
	return true;
}

/* One address each, or 0. (No page 0 is mapped.) */
static struct {
	uint64_t unmapped, other_access, other_type;
} wrong;

static void look_at_runtime_entry(const struct efi_descriptor *d)
{
	for (uint64_t page = d->physical; page < d->physical + d->pages * PAGE; page += PAGE) {
		struct mapping m = mapping_of(page);
		struct access access = access_of(d, page);
		bool executable = access.executable || !(handoff->flags & TWINBOOT_NX);
		bool is_cached = m.cache == CACHE_WRITE_BACK;

		if (!m.present || m.physical != page)
			wrong.unmapped = page;
		else if (m.writable != access.writable || m.executable != executable)
			wrong.other_access = page;
		else if (is_cached != memory_is_ram(page) || (!is_cached && m.cache != CACHE_UNCACHED_MINUS))
			wrong.other_type = page;
	}
}

/* Memory that UEFI calls free or its own until the exit is in the kernel's map, page for page. */
static bool is_accounted_for(const struct efi_descriptor *d)
{
	for (uint64_t page = 0; page < d->pages; page++)
		if (memory_type(d->physical + page * PAGE, PAGE) == 0)
			return false;
	return true;
}

static void check_map(void)
{
	const uint8_t *at = handoff->efi_memory_map, *end = at + handoff->efi_memory_map_size;
	uint64_t missing = 0, runtime = 0;

	if (!check("efi_descriptor_size_is_sane",
		   handoff->efi_descriptor_size >= sizeof(struct efi_descriptor) &&
			   handoff->efi_descriptor_version,
		   "%u, version %u", handoff->efi_descriptor_size, handoff->efi_descriptor_version))
		return;
	for (; at < end; at += handoff->efi_descriptor_size) {
		const struct efi_descriptor *d = (const struct efi_descriptor *)at;
		if (d->attributes & EFI_ATTRIBUTE_RUNTIME) {
			runtime++;
			look_at_runtime_entry(d);
		}
		if (d->type >= EFI_LOADER_CODE && d->type <= EFI_CONVENTIONAL && !is_accounted_for(d))
			missing = d->physical;
	}
	fact("efi_runtime_regions", "%lu", runtime);
	check("efi_runtime_is_identity_mapped", runtime && !wrong.unmapped, "not 0x%lx", wrong.unmapped);
	check("efi_runtime_has_its_permissions", !wrong.other_access, "0x%lx has others", wrong.other_access);
	check("efi_runtime_has_its_memory_types", !wrong.other_type, "0x%lx has another", wrong.other_type);
	check("efi_memory_is_accounted_for", !missing, "not 0x%lx", missing);
}

struct efi_time {
	uint16_t year;
	uint8_t month, day, hour, minute, second, padding;
	uint32_t nanosecond;
	int16_t time_zone;
	uint8_t daylight, padding2;
};

struct efi_runtime_services {
	struct efi_table_header header;
	__attribute__((ms_abi)) uint64_t (*get_time)(struct efi_time *time, void *capabilities);
	void *set_time, *get_wakeup_time, *set_wakeup_time;
	__attribute__((ms_abi))
	uint64_t (*set_virtual_address_map)(uint64_t map_size, uint64_t descriptor_size, uint32_t version,
					    void *map);
};

static struct efi_time firmware_time;
static uint64_t status;

static void get_time(uint64_t services)
{
	status = ((struct efi_runtime_services *)services)->get_time(&firmware_time, NULL);
}

/* The services move to the addresses that they have already; the firmware relocates itself all the same. It may write to code,
   which the memory attributes table calls read-only. */
static void set_virtual_address_map(uint64_t services)
{
	uint8_t *at = handoff->efi_memory_map, *end = at + handoff->efi_memory_map_size;

	for (; at < end; at += handoff->efi_descriptor_size)
		((struct efi_descriptor *)at)->virtual = ((struct efi_descriptor *)at)->physical;
	write_cr0(CR0_AT_ENTRY & ~CR0_WP);
	status = ((struct efi_runtime_services *)services)
			 ->set_virtual_address_map(handoff->efi_memory_map_size, handoff->efi_descriptor_size,
						   handoff->efi_descriptor_version, handoff->efi_memory_map);
}

/* A call that the firmware says it cannot do any more, or does outside of its runtime memory (U-Boot's
   SetVirtualAddressMap), is no fault of the loader's. */
static void check_call(const char *key, void (*call)(uint64_t), uint64_t services)
{
	bool has_faulted = fault_catch(call, services);

	if (has_faulted && fault_caught.vector == PAGE_FAULT && !runtime_entry(fault_caught.address))
		check_skipped(key, "the firmware leaves its runtime memory");
	else if (!has_faulted && status == EFI_UNSUPPORTED)
		check_skipped(key, "unsupported");
	else if (has_faulted)
		check(key, false, "vector %lu, error code 0x%lx, rip 0x%lx, cr2 0x%lx", fault_caught.vector,
		      fault_caught.error, fault_caught.rip, fault_caught.address);
	else
		check(key, !status && firmware_time.year >= 2020, "status 0x%lx, year %u", status,
		      firmware_time.year);
}

/* The proof that runtime services can be called where they are, before the kernel moves them and after. */
static void check_calls(uint64_t services)
{
	check_call("efi_get_time", get_time, services);
	check_call("efi_set_virtual_address_map", set_virtual_address_map, services);
	write_cr0(CR0_AT_ENTRY);
	check_call("efi_get_time_after_that", get_time, services);
}

/* True if this kernel's own pages have addresses that runtime services need: then it must not be told of them. */
static bool kernel_hides_runtime(void)
{
	const uint8_t *at = handoff->efi_memory_map, *end = at + handoff->efi_memory_map_size;
	uint64_t first = handoff->kernel_virt, last = first + handoff->kernel_size - 1;

	for (; at < end; at += handoff->efi_descriptor_size) {
		const struct efi_descriptor *d = (const struct efi_descriptor *)at;
		if (d->attributes & EFI_ATTRIBUTE_RUNTIME && d->physical <= last &&
		    d->physical + d->pages * PAGE > first)
			return true;
	}
	return false;
}

/* Each key is there on BIOS too, so that two transcripts have the same lines. */
static void report_none(void)
{
	static const char *const keys[] = {
		"efi_system_table",
		"efi_runtime_services",
		"efi_memory_attributes",
		"efi_descriptor_size_is_sane",
		"efi_runtime_regions",
		"efi_runtime_is_identity_mapped",
		"efi_runtime_has_its_permissions",
		"efi_runtime_has_its_memory_types",
		"efi_memory_is_accounted_for",
		"efi_get_time",
		"efi_set_virtual_address_map",
		"efi_get_time_after_that",
	};

	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		fact(keys[i], "none");
}

void check_efi(void)
{
	const struct efi_system_table *table;

	fact("efi_system_table_phys", "0x%lx", handoff->efi_system_table_phys);
	fact("efi_memory_map_size", "%lu", handoff->efi_memory_map_size);
	if (handoff->firmware_type != TWINBOOT_FIRMWARE_UEFI) {
		fact("efi_system_table_unless_hidden", "none");
		report_none();
		return;
	}
	bool is_hidden = kernel_hides_runtime();

	if (!check("efi_system_table_unless_hidden", !handoff->efi_system_table_phys == is_hidden, "at 0x%lx",
		   handoff->efi_system_table_phys) ||
	    is_hidden) {
		report_none();
		return;
	}
	table = direct_map(handoff->efi_system_table_phys);
	bool is_whole = check("efi_system_table", table_is_whole(&table->header, EFI_SYSTEM_TABLE_SIGNATURE),
			      "signature 0x%lx, CRC 0x%x", table->header.signature, table->header.crc32);

	check("efi_runtime_services",
	      is_whole && table_is_whole(direct_map(table->runtime_services), EFI_RUNTIME_SERVICES_SIGNATURE),
	      "at 0x%lx", table->runtime_services);
	if (is_whole)
		find_attributes(table);
	check_map();
	if (is_whole)
		check_calls(table->runtime_services);
}
