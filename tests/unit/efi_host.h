/* SPDX-License-Identifier: BSD-2-Clause */
/* A firmware to test efi/ against: as much of the boot services as the front door calls, each of which
   answers as a test tells it to. Memory that it gives is the host's own; what it says of memory need not be
   true. */
#ifndef EFI_HOST_H
#define EFI_HOST_H

#include "efi/front.h"

#include <stdlib.h>
#include <string.h>

#define FAKE_ROWS_MAX        2000u
#define FAKE_TABLES_MAX      8u
#define FAKE_HANDLES_MAX     16u
#define FAKE_ALLOCATIONS_MAX 512u

static const EFI_GUID no_guid __attribute__((unused));

struct fake_allocation {
	EFI_ALLOCATE_TYPE how;
	EFI_MEMORY_TYPE type;
	UINTN pages;
	EFI_PHYSICAL_ADDRESS asked, given;
	int is_free;
};

static struct {
	EFI_SYSTEM_TABLE table;
	EFI_BOOT_SERVICES services;
	EFI_CONFIGURATION_TABLE configuration[FAKE_TABLES_MAX];

	/* GetMemoryMap */
	EFI_MEMORY_DESCRIPTOR rows[FAKE_ROWS_MAX];
	UINTN row_count, descriptor_size;
	UINTN grow; /* rows of one page that come to be with each call */
	UINTN map_calls;
	EFI_STATUS map_status; /* if it is not success, that is the answer */

	/* AllocatePages */
	struct fake_allocation allocations[FAKE_ALLOCATIONS_MAX];
	UINTN allocation_count;
	UINTN fail_allocation;                 /* 1: the first one; 0: none */
	EFI_PHYSICAL_ADDRESS fail_max_address; /* AllocateMaxAddress fails up to there */

	/* HandleProtocol, LocateHandleBuffer, LocateProtocol */
	struct {
		EFI_HANDLE handle;
		EFI_GUID guid;
		void *interface;
	} protocols[FAKE_HANDLES_MAX];
	UINTN protocol_count;
	UINTN pool_count; /* blocks that nobody has freed */
} fake;

/* ---- Memory ---- */

__attribute__((unused)) static void fake_row(UINT32 type, uint64_t start, uint64_t pages, uint64_t attribute)
{
	if (fake.row_count == FAKE_ROWS_MAX)
		abort();
	fake.rows[fake.row_count++] = (EFI_MEMORY_DESCRIPTOR){
		.Type = type, .PhysicalStart = start, .NumberOfPages = pages, .Attribute = attribute};
}

static EFI_STATUS EFIAPI fake_get_memory_map(UINTN *size, EFI_MEMORY_DESCRIPTOR *map, UINTN *key,
					     UINTN *descriptor_size, UINT32 *version)
{
	if (fake.map_calls++ > 0)
		for (UINTN i = 0; i < fake.grow; i++)
			fake_row(EfiBootServicesData, (0x10000 + fake.row_count) * PAGE_SIZE, 1,
				 EFI_MEMORY_WB);
	UINTN needed = fake.row_count * fake.descriptor_size, room = *size;
	*size = needed;
	*descriptor_size = fake.descriptor_size;
	*version = EFI_MEMORY_DESCRIPTOR_VERSION;
	*key = fake.map_calls;
	if (EFI_ERROR(fake.map_status) && map != NULL)
		return fake.map_status;
	if (map == NULL || room < needed)
		return EFI_BUFFER_TOO_SMALL;
	memset(map, 0xaa, needed); /* what a later version of the structure has behind its known fields */
	for (UINTN i = 0; i < fake.row_count; i++) {
		UINTN part = fake.descriptor_size < sizeof(*map) ? fake.descriptor_size : sizeof(*map);
		memcpy((uint8_t *)map + i * fake.descriptor_size, &fake.rows[i], part);
	}
	return EFI_SUCCESS;
}

/* Any pages are the host's memory; pages below an address are only named, since the door does not touch them.
 */
static EFI_STATUS EFIAPI fake_allocate_pages(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
					     EFI_PHYSICAL_ADDRESS *address)
{
	if (fake.allocation_count == FAKE_ALLOCATIONS_MAX)
		abort();
	struct fake_allocation *a = &fake.allocations[fake.allocation_count++];
	*a = (struct fake_allocation){how, type, pages, *address, 0, 1};
	if (fake.allocation_count == fake.fail_allocation || pages > UINT64_C(1) << 20 ||
	    (how == AllocateMaxAddress && *address <= fake.fail_max_address))
		return EFI_OUT_OF_RESOURCES;
	if (how == AllocateAnyPages) {
		void *memory = aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
		memset(memory, 0x55, pages * PAGE_SIZE);
		*address = (uintptr_t)memory;
	} else if (how == AllocateMaxAddress) {
		*address = ((*address + 1) & ~(uint64_t)(PAGE_SIZE - 1)) - pages * PAGE_SIZE;
	}
	a->given = *address;
	a->is_free = 0;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI fake_free_pages(EFI_PHYSICAL_ADDRESS address, UINTN pages)
{
	for (UINTN i = 0; i < fake.allocation_count; i++) {
		struct fake_allocation *a = &fake.allocations[i];
		if (a->is_free || a->given != address)
			continue;
		if (a->pages != pages)
			abort();
		if (a->how == AllocateAnyPages)
			free(at(address));
		a->is_free = 1;
		return EFI_SUCCESS;
	}
	abort();
}

/* Pages that the door has not given back. */
__attribute__((unused)) static UINTN fake_pages_taken(void)
{
	UINTN pages = 0;
	for (UINTN i = 0; i < fake.allocation_count; i++)
		pages += fake.allocations[i].is_free ? 0 : fake.allocations[i].pages;
	return pages;
}

static EFI_STATUS EFIAPI fake_free_pool(void *block)
{
	if (fake.pool_count-- == 0)
		abort();
	free(block);
	return EFI_SUCCESS;
}

__attribute__((unused)) static void *fake_pool(UINTN size)
{
	fake.pool_count++;
	return malloc(size);
}

static void EFIAPI fake_copy(void *to, void *from, UINTN size)
{
	memmove(to, from, size);
}

static void EFIAPI fake_set(void *to, UINTN size, UINT8 value)
{
	memset(to, value, size);
}

/* ---- Protocols ---- */

__attribute__((unused)) static void fake_protocol(EFI_HANDLE handle, EFI_GUID guid, void *interface)
{
	if (fake.protocol_count == FAKE_HANDLES_MAX)
		abort();
	fake.protocols[fake.protocol_count].handle = handle;
	fake.protocols[fake.protocol_count].guid = guid;
	fake.protocols[fake.protocol_count++].interface = interface;
}

static EFI_STATUS EFIAPI fake_handle_protocol(EFI_HANDLE handle, EFI_GUID *guid, void **interface)
{
	for (UINTN i = 0; i < fake.protocol_count; i++)
		if (fake.protocols[i].handle == handle &&
		    memcmp(&fake.protocols[i].guid, guid, sizeof(*guid)) == 0) {
			*interface = fake.protocols[i].interface;
			return EFI_SUCCESS;
		}
	return EFI_UNSUPPORTED;
}

static EFI_STATUS EFIAPI fake_locate_protocol(EFI_GUID *guid, void *registration, void **interface)
{
	(void)registration;
	for (UINTN i = 0; i < fake.protocol_count; i++)
		if (memcmp(&fake.protocols[i].guid, guid, sizeof(*guid)) == 0) {
			*interface = fake.protocols[i].interface;
			return EFI_SUCCESS;
		}
	return EFI_NOT_FOUND;
}

static EFI_STATUS EFIAPI fake_locate_handle_buffer(EFI_LOCATE_SEARCH_TYPE type, EFI_GUID *guid, void *key,
						   UINTN *count, EFI_HANDLE **handles)
{
	(void)type, (void)key;
	EFI_HANDLE *found = fake_pool(sizeof(EFI_HANDLE) * FAKE_HANDLES_MAX);
	*count = 0;
	for (UINTN i = 0; i < fake.protocol_count; i++)
		if (memcmp(&fake.protocols[i].guid, guid, sizeof(*guid)) == 0)
			found[(*count)++] = fake.protocols[i].handle;
	*handles = found;
	if (*count > 0)
		return EFI_SUCCESS;
	fake_free_pool(found);
	return EFI_NOT_FOUND;
}

__attribute__((unused)) static void fake_table(EFI_GUID guid, const void *table)
{
	EFI_CONFIGURATION_TABLE *entry = &fake.configuration[fake.table.NumberOfTableEntries++];
	*entry = (EFI_CONFIGURATION_TABLE){.VendorGuid = guid, .VendorTable = (void *)(uintptr_t)table};
}

/* A firmware without memory, tables and protocols. */
static void fake_start(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.descriptor_size = 48; /* EDK2's */
	fake.services.GetMemoryMap = fake_get_memory_map;
	fake.services.AllocatePages = fake_allocate_pages;
	fake.services.FreePages = fake_free_pages;
	fake.services.FreePool = fake_free_pool;
	fake.services.CopyMem = fake_copy;
	fake.services.SetMem = fake_set;
	fake.services.HandleProtocol = fake_handle_protocol;
	fake.services.LocateProtocol = fake_locate_protocol;
	fake.services.LocateHandleBuffer = fake_locate_handle_buffer;
	fake.table.BootServices = &fake.services;
	fake.table.ConfigurationTable = fake.configuration;
	st = &fake.table;
	bs = &fake.services;
}

#endif
