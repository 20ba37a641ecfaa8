/* SPDX-License-Identifier: BSD-2-Clause */
#include "front.h"

/* The map may grow while it is being read and between tries to exit, when allocating is forbidden: eight
   entries of slack proved few. */
#define SLACK_ENTRIES 64

#define ONE_MIB (UINT64_C(1) << 20)

/* More entries than that are no map. */
#define MAP_ROWS_MAX 65536

/* Rows of the memory attributes table, which splits the runtime entries of the map: one driver's image takes
   about three. Linux meets tables with absurd counts, too. More than that is no table. */
#define ATTRIBUTE_ROWS_MAX 8192

/* UEFI 2.10, 7.2.3 and 4.6.4; not in every gnu-efi. */
#define MEMORY_SPECIFIC_PURPOSE UINT64_C(0x40000)
#define MEMORY_READ_ONLY        UINT64_C(0x20000)
#define MEMORY_ATTRIBUTES_TABLE_GUID \
	{ \
		0xdcfa911d, 0x26eb, 0x469f, \
		{ \
			0xa2, 0x20, 0x38, 0xb7, 0xdc, 0x46, 0x12, 0x20 \
		} \
	}

struct memory_attributes_table {
	uint32_t version, entries, descriptor_size, flags;
	/* then EFI_MEMORY_DESCRIPTOR[entries], each descriptor_size bytes */
};
_Static_assert(sizeof(struct memory_attributes_table) == 16, "UEFI 2.10, 4.6.4");

/* The buffers, the records, the arena, the low page, the kernel's place, and a piece for each row of the map within an adapter's
   places. */
#define ALLOCATIONS_MAX 128

/* Everything here comes from AllocatePages, so that it can go back. */
static struct {
	EFI_PHYSICAL_ADDRESS base;
	UINTN pages;
} allocations[ALLOCATIONS_MAX];
static UINTN allocation_count;

static struct {
	EFI_MEMORY_DESCRIPTOR *descriptors;
	UINTN size; /* bytes of the buffer */
} map;

static uint32_t attribute_rows; /* room for that many: the table may grow, too */

static EFI_STATUS allocate_as(EFI_MEMORY_TYPE type, EFI_ALLOCATE_TYPE how, uint64_t size,
			      EFI_PHYSICAL_ADDRESS *base)
{
	UINTN pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;
	if (allocation_count == ALLOCATIONS_MAX)
		return EFI_OUT_OF_RESOURCES;
	EFI_STATUS status = bs->AllocatePages(how, type, pages, base);
	if (!EFI_ERROR(status)) {
		allocations[allocation_count].base = *base;
		allocations[allocation_count++].pages = pages;
	}
	return status;
}

static EFI_STATUS allocate(EFI_ALLOCATE_TYPE how, uint64_t size, EFI_PHYSICAL_ADDRESS *base)
{
	return allocate_as(EfiLoaderData, how, size, base);
}

uint64_t memory_take_pages(uint64_t size)
{
	EFI_PHYSICAL_ADDRESS base;
	return EFI_ERROR(allocate(AllocateAnyPages, size, &base)) ? 0 : base;
}

void memory_give_back(void)
{
	while (allocation_count > 0) {
		allocation_count--;
		bs->FreePages(allocations[allocation_count].base, allocations[allocation_count].pages);
	}
}

static const struct memory_attributes_table *attributes(void)
{
	const struct memory_attributes_table *table =
		configuration_table((EFI_GUID)MEMORY_ATTRIBUTES_TABLE_GUID);
	return table != NULL && table->descriptor_size >= sizeof(EFI_MEMORY_DESCRIPTOR) &&
			       table->entries <= ATTRIBUTE_ROWS_MAX
		       ? table
		       : NULL;
}

int memory_buffers_allocate(struct machine *machine)
{
	UINTN size = 0, key, descriptor_size = 0;
	UINT32 version;
	EFI_STATUS status = bs->GetMemoryMap(&size, NULL, &key, &descriptor_size, &version);
	if (status != EFI_BUFFER_TOO_SMALL || descriptor_size < sizeof(EFI_MEMORY_DESCRIPTOR))
		return fail(machine, ERROR_EFI_MAP, (uint64_t)status);

	if (size / descriptor_size > MAP_ROWS_MAX)
		return fail(machine, ERROR_MEMORY_ROWS, (uint64_t)(size / descriptor_size));
	UINTN entries = size / descriptor_size + SLACK_ENTRIES;
	uint64_t regions = entries + MACHINE_EXTRA_REGIONS;
	map.size = entries * descriptor_size;
	machine->region_capacity = (uint32_t)regions;
	machine->scratch_size = MACHINE_SCRATCH_SIZE(regions);
	EFI_PHYSICAL_ADDRESS base;
	status = allocate(AllocateAnyPages, map.size, &base);
	if (EFI_ERROR(status))
		return fail(machine, ERROR_EFI_MEMORY, (uint64_t)status);
	map.descriptors = at(base);
	machine->efi_memory_map = base;
	status = allocate(AllocateAnyPages, regions * sizeof(struct twinboot_region), &machine->regions);
	if (EFI_ERROR(status))
		return fail(machine, ERROR_EFI_MEMORY, (uint64_t)status);
	attribute_rows = (attributes() != NULL ? attributes()->entries : 0) + SLACK_ENTRIES;
	status = allocate(AllocateAnyPages, (entries + attribute_rows) * sizeof(struct machine_runtime),
			  &machine->runtime);
	if (EFI_ERROR(status))
		return fail(machine, ERROR_EFI_MEMORY, (uint64_t)status);
	status = allocate(AllocateAnyPages, machine->scratch_size, &machine->scratch);
	if (EFI_ERROR(status))
		return fail(machine, ERROR_EFI_MEMORY, (uint64_t)status);
	return 1;
}

/* UEFI 2.10, 7.2.1. Free memory is usable only if it can be cached and is not meant for some device. Boot
   services' memory stays apart: some firmware leaves tables there, and devices may still write to it. */
static uint32_t contract_type(const EFI_MEMORY_DESCRIPTOR *descriptor)
{
	switch (descriptor->Type) {
	case EfiConventionalMemory:
		return (descriptor->Attribute & EFI_MEMORY_WB) &&
				       !(descriptor->Attribute & MEMORY_SPECIFIC_PURPOSE)
			       ? TWINBOOT_MEMORY_USABLE
			       : TWINBOOT_MEMORY_RESERVED;
	case EfiLoaderCode:
	case EfiLoaderData:
	case EfiBootServicesCode:
	case EfiBootServicesData:
		return TWINBOOT_MEMORY_LOADER;
	case EfiRuntimeServicesCode:
		return TWINBOOT_MEMORY_RUNTIME_CODE;
	case EfiRuntimeServicesData:
		return TWINBOOT_MEMORY_RUNTIME_DATA;
	case EfiACPIReclaimMemory:
		return TWINBOOT_MEMORY_ACPI_RECLAIMABLE;
	case EfiACPIMemoryNVS:
		return TWINBOOT_MEMORY_ACPI_NVS;
	case EfiUnusableMemory:
		return TWINBOOT_MEMORY_BAD;
	default:
		return TWINBOOT_MEMORY_RESERVED;
	}
}

/* A page count that wraps stands for all there is; core cuts it at the end of memory. */
static uint64_t length_of(const EFI_MEMORY_DESCRIPTOR *descriptor)
{
	uint64_t all = UINT64_MAX - descriptor->PhysicalStart;
	return descriptor->NumberOfPages > all / PAGE_SIZE ? all : descriptor->NumberOfPages * PAGE_SIZE;
}

static uint64_t end_of(const EFI_MEMORY_DESCRIPTOR *descriptor)
{
	return descriptor->PhysicalStart + length_of(descriptor);
}

/* The map's entry number `i`, NULL behind the last one. */
static const EFI_MEMORY_DESCRIPTOR *map_entry(const struct machine *machine, UINTN i)
{
	return i < machine->efi_memory_map_size / machine->efi_descriptor_size
		       ? at(machine->efi_memory_map + i * machine->efi_descriptor_size)
		       : NULL;
}

/* An entry with that attribute that holds all of [low, end), or NULL. */
static const EFI_MEMORY_DESCRIPTOR *entry_around(const struct machine *machine, uint64_t low, uint64_t end,
						 uint64_t attribute)
{
	const EFI_MEMORY_DESCRIPTOR *d;
	for (UINTN i = 0; (d = map_entry(machine, i)) != NULL; i++)
		if (d->PhysicalStart <= low && low < end && end <= end_of(d) &&
		    (d->Attribute & attribute) == attribute)
			return d;
	return NULL;
}

static void add_runtime(struct machine *machine, const EFI_MEMORY_DESCRIPTOR *descriptor, int writable,
			int executable)
{
	struct machine_runtime *rows = at(machine->runtime);
	rows[machine->runtime_count++] = (struct machine_runtime){
		descriptor->PhysicalStart, length_of(descriptor), (uint32_t)writable, (uint32_t)executable};
}

/* What no row of the table says: a driver's image is code and data in one entry of type RuntimeServicesCode,
   so that is both writable and executable (firmware before UEFI 2.6, Apple's). */
static void add_runtime_entries(struct machine *machine)
{
	const EFI_MEMORY_DESCRIPTOR *d;
	for (UINTN i = 0; (d = map_entry(machine, i)) != NULL; i++)
		if (d->Attribute & EFI_MEMORY_RUNTIME)
			add_runtime(machine, d, 1, d->Type == EfiRuntimeServicesCode);
}

/* The memory attributes table tells code and data apart, page by page. A row with neither attribute is one
   that cannot be protected (UEFI 2.10, table 4.1); real machines have such rows. */
static void add_attribute_rows(struct machine *machine)
{
	const struct memory_attributes_table *table = attributes();
	uint64_t start = (uintptr_t)table;
	if (table == NULL ||
	    entry_around(machine, start,
			 start + sizeof(*table) + (uint64_t)table->entries * table->descriptor_size,
			 0) == NULL)
		return;
	for (uint32_t i = 0; i < table->entries && i < attribute_rows; i++) {
		const EFI_MEMORY_DESCRIPTOR *row =
			(const void *)((const uint8_t *)(table + 1) + (uint64_t)i * table->descriptor_size);
		const EFI_MEMORY_DESCRIPTOR *whole =
			entry_around(machine, row->PhysicalStart, end_of(row), EFI_MEMORY_RUNTIME);
		if (whole != NULL && row->Type == whole->Type &&
		    (row->Type == EfiRuntimeServicesCode || row->Type == EfiRuntimeServicesData))
			add_runtime(machine, row, !(row->Attribute & MEMORY_READ_ONLY),
				    !(row->Attribute & EFI_MEMORY_XP));
	}
}

static void add_regions(struct machine *machine)
{
	struct twinboot_region *rows = at(machine->regions);
	const EFI_MEMORY_DESCRIPTOR *d;
	for (UINTN i = 0; (d = map_entry(machine, i)) != NULL; i++) {
		if (d->NumberOfPages == 0) /* a ThinkPad X240's */
			continue;
		uint32_t type = contract_type(d);
		rows[machine->region_count++] =
			(struct twinboot_region){d->PhysicalStart, length_of(d), type, 0};
		/* What lies beyond all memory is nowhere: an ACPI table of which a pointer says so. */
		if (type < TWINBOOT_MEMORY_RESERVED && end_of(d) > machine->mapped_limit)
			machine->mapped_limit = end_of(d);
	}
}

int memory_map_read(struct machine *machine, UINTN *key)
{
	UINTN size = map.size, descriptor_size = 0;
	UINT32 version;
	EFI_STATUS status = bs->GetMemoryMap(&size, map.descriptors, key, &descriptor_size, &version);
	if (EFI_ERROR(status) || size > map.size || descriptor_size < sizeof(EFI_MEMORY_DESCRIPTOR))
		return fail(machine, ERROR_EFI_MAP, (uint64_t)status);
	if (size / descriptor_size + MACHINE_EXTRA_REGIONS > machine->region_capacity)
		return fail(machine, ERROR_MEMORY_ROWS, (uint64_t)(size / descriptor_size));
	machine->efi_memory_map_size = size;
	machine->efi_descriptor_size = (uint32_t)descriptor_size;
	machine->efi_descriptor_version = version;

	machine->region_count = 0;
	machine->runtime_count = 0;
	machine->mapped_limit = 0;
	add_regions(machine);
	add_runtime_entries(machine);
	add_attribute_rows(machine);
	return 1;
}

/* An adapter's place may hold what boot services use, which nobody writes to before they are gone. What is free of it
   is taken, so that nothing else gets there. A piece that somebody else has taken since the map was read is found out
   by core once the firmware is gone. */
static void keep_place(const struct machine *machine, const struct machine_range *place)
{
	const struct twinboot_region *rows = at(machine->regions);
	for (uint32_t i = 0; i < machine->region_count && allocation_count + 8 < ALLOCATIONS_MAX; i++) {
		EFI_PHYSICAL_ADDRESS low = rows[i].base_phys > place->base ? rows[i].base_phys : place->base;
		uint64_t end = rows[i].base_phys + rows[i].length;
		if (end > place->base + place->size)
			end = place->base + place->size;
		if (rows[i].type == TWINBOOT_MEMORY_USABLE && low < end)
			allocate(AllocateAddress, end - low, &low);
	}
}

int memory_for_core(struct machine *machine)
{
	for (uint32_t i = 0; i < MANIFEST_PLACES_MAX; i++)
		keep_place(machine, &machine->places[i]);
	/* First, or the rest might lie there. A kernel that does not find its place will be mapped where it
	 * lies. */
	EFI_PHYSICAL_ADDRESS base = machine->kernel_move_to;
	if (machine->kernel_move_size != 0 &&
	    !EFI_ERROR(allocate(AllocateAddress, machine->kernel_move_size, &base)))
		machine->kernel_move_granted = base;
	base = FOUR_GIB - 1;
	EFI_STATUS status = allocate(AllocateMaxAddress, machine->arena_needed, &base);
	if (EFI_ERROR(status))
		return fail(machine, ERROR_OUT_OF_MEMORY, machine->arena_needed / 1024);
	machine->arena = base;
	/* The one page of code that core writes, and runs once the firmware is gone. The other CPUs can start
	   only below 1 MiB; without a page there the boot CPU is alone, and runs it elsewhere. */
	base = ONE_MIB - 1;
	status = allocate_as(EfiLoaderCode, AllocateMaxAddress, PAGE_SIZE, &base);
	if (EFI_ERROR(status)) {
		base = FOUR_GIB - 1;
		status = allocate_as(EfiLoaderCode, AllocateMaxAddress, PAGE_SIZE, &base);
	}
	if (!EFI_ERROR(status))
		machine->low_page = base;
	return 1;
}
