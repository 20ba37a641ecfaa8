/* SPDX-License-Identifier: BSD-2-Clause */
/* INT 15h E820h, as ACPI 6.5, 15.1 describes it and as BIOSes do it. */
#include "legacy.h"

#define BIOS_MEMORY_SIZE 0x12
#define BIOS_SYSTEM      0x15
#define SYSTEM_MAP       0xe820
#define SMAP             0x534d4150u

enum address_range_type { RANGE_MEMORY = 1, RANGE_RESERVED, RANGE_ACPI, RANGE_NVS, RANGE_UNUSABLE };

struct address_range {
	uint64_t base, length;
	uint32_t type;
	uint32_t extended; /* asked for, and ignored: some BIOSes leave it zero, which would mean "ignore
			      this" */
};
_Static_assert(sizeof(struct address_range) == 24, "ACPI 6.5, table 15.6");

/* The extended BIOS data area lies at the top of base memory: its segment stands at 40Eh, the size of what is
   below it at 413h. Either can be nonsense, and some BIOSes call it usable: from the lower sane value on, all
   is reserved up to 1 MiB. */
#define EBDA_SEGMENT   0x40e
#define BASE_SIZE_KIB  0x413
#define BASE_SANE_LOW  (128u << 10)
#define BASE_SANE_HIGH (640u << 10)
#define ONE_MIB        (1u << 20)

static uint32_t contract_type(uint32_t type)
{
	switch (type) {
	case RANGE_MEMORY:
		return TWINBOOT_MEMORY_USABLE;
	case RANGE_ACPI:
		return TWINBOOT_MEMORY_ACPI_RECLAIMABLE;
	case RANGE_NVS:
		return TWINBOOT_MEMORY_ACPI_NVS;
	case RANGE_UNUSABLE:
		return TWINBOOT_MEMORY_BAD;
	default:
		return TWINBOOT_MEMORY_RESERVED;
	}
}

uint32_t base_memory_kib(void)
{
	struct bios_registers r = {0};
	bios_call(BIOS_MEMORY_SIZE, &r);
	return r.eax & 0xffff;
}

static void add(struct machine *machine, uint64_t base, uint64_t length, uint32_t type)
{
	struct twinboot_region *rows = fixed((uint32_t)machine->regions);
	if (machine->region_count == machine->region_capacity - MACHINE_EXTRA_REGIONS)
		die(ERROR_MEMORY_ROWS, (uint64_t)machine->region_count);
	rows[machine->region_count++] = (struct twinboot_region){base, length, type, 0};
}

static void reserve_ebda(struct machine *machine)
{
	uint32_t from = BASE_SANE_HIGH;
	uint32_t candidates[] = {*(uint16_t *)fixed(EBDA_SEGMENT) * 16u,
				 *(uint16_t *)fixed(BASE_SIZE_KIB) * 1024u};
	for (int i = 0; i < 2; i++)
		if (candidates[i] >= BASE_SANE_LOW && candidates[i] < from)
			from = candidates[i];
	add(machine, from, ONE_MIB - from, TWINBOOT_MEMORY_RESERVED);
}

void memory_map_read(struct machine *machine)
{
	static struct address_range range;
	uint32_t next = 0;
	do {
		range = (struct address_range){0};
		struct bios_registers r = {
			.eax = SYSTEM_MAP,
			.ebx = next,
			.ecx = sizeof(range),
			.edx = SMAP,
			.es = segment_of(&range),
			.edi = offset_of(&range),
		};
		bios_call(BIOS_SYSTEM, &r);
		/* Some BIOSes end the list with CF instead of EBX = 0, and forget SMAP then: CF goes first.
		 */
		if (carry(&r)) {
			if (machine->region_count == 0)
				die(ERROR_MEMORY_MAP, "not supported");
			break;
		}
		if (r.eax != SMAP)
			die(ERROR_MEMORY_MAP, "its list breaks off");
		add(machine, range.base, range.length, contract_type(range.type));
		next = r.ebx;
	} while (next != 0);
	reserve_ebda(machine);
}

/* A row that wraps goes on to the end of memory, as core takes it. */
static uint64_t end_of(const struct twinboot_region *row)
{
	uint64_t end = row->base_phys + row->length;
	return end >= row->base_phys ? end : UINT64_MAX;
}

/* Bytes from `base` on that are usable and in one piece, whatever the order of the rows and however they
   overlap. */
static uint64_t usable_from(const struct machine *machine, uint64_t base)
{
	const struct twinboot_region *rows = fixed((uint32_t)machine->regions);
	uint64_t end = base;
	for (int grown = 1; grown;) {
		grown = 0;
		for (uint32_t i = 0; i < machine->region_count; i++) {
			uint64_t row_end = end_of(&rows[i]);
			if (rows[i].type == TWINBOOT_MEMORY_USABLE && rows[i].base_phys <= end &&
			    row_end > end) {
				end = row_end;
				grown = 1;
			}
		}
	}
	for (uint32_t i = 0; i < machine->region_count; i++) {
		uint64_t row_end = end_of(&rows[i]);
		if (rows[i].type != TWINBOOT_MEMORY_USABLE && rows[i].length != 0 &&
		    rows[i].base_phys < end && row_end > base)
			end = rows[i].base_phys > base ? rows[i].base_phys : base;
	}
	return end - base;
}

/* The linked place, or, where the map has a hole there (an ISA card's at 15 MiB, say), the first that is as
   good: equal modulo 2 MiB, so that large pages fit, and below 4 GiB, where core is mapped. */
uint64_t memory_place(const struct machine *machine, uint64_t linked, uint64_t size)
{
	const uint64_t large_page = UINT64_C(1) << 21;
	const struct twinboot_region *rows = fixed((uint32_t)machine->regions);
	uint64_t usable = usable_from(machine, linked), best = FOUR_GIB;
	if (usable >= size)
		return linked;
	for (uint32_t i = 0; i < machine->region_count; i++) {
		uint64_t end = end_of(&rows[i]);
		if (rows[i].type != TWINBOOT_MEMORY_USABLE || end <= linked || rows[i].base_phys >= FOUR_GIB)
			continue;
		/* A row can begin at 0: nothing below the linked place is ours. */
		uint64_t low = rows[i].base_phys > linked ? rows[i].base_phys : linked;
		uint64_t offset = linked & (large_page - 1);
		uint64_t place = ((low - offset + large_page - 1) & ~(large_page - 1)) + offset;
		/* A reserved stretch can lie inside of a usable one: on to what is behind it. */
		for (; place < best && place < end && place + size <= FOUR_GIB; place += large_page)
			if (usable_from(machine, place) >= size)
				best = place;
	}
	if (best == FOUR_GIB)
		die(ERROR_PAYLOAD_PLACE, size / 1024, linked, usable / 1024);
	return best;
}
