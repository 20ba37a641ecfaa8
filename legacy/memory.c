/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory on a BIOS: the map (INT 15h E820h, ACPI 6.5, 15.1), the end of base memory, and places that are free. */
#include "legacy.h"

#define BIOS_MEMORY_SIZE 0x12
#define BIOS_SYSTEM      0x15
#define SYSTEM_MAP       0xe820
#define SMAP             0x534d4150u

enum address_range_type { RANGE_MEMORY = 1, RANGE_RESERVED, RANGE_ACPI, RANGE_NVS, RANGE_UNUSABLE };

/* The extended BIOS data area (EBDA) lies at the top of base memory. Its segment stands at 40Eh, and INT 12h says how
   much memory is below it. Either can be nonsense (Linux, arch/x86/kernel/ebda.c): both are believed only within these
   bounds. */
#define EBDA_SEGMENT   0x40e
#define BASE_SANE_LOW  (128u << 10)
#define BASE_SANE_HIGH (640u << 10)
#define ONE_MIB        (1u << 20)

/* Parts without a place of their own begin here or higher. A kernel that is linked lower is moved down by core, and
   so finds its place free. */
#define LOWEST UINT64_C(0x200000)

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

static int is_sane(uint32_t base_end)
{
	return base_end >= BASE_SANE_LOW && base_end < BASE_SANE_HIGH;
}

uint32_t ebda_address(void)
{
	uint32_t address = *(uint16_t *)fixed(EBDA_SEGMENT) * 16u;
	return is_sane(address) ? address : 0;
}

/* The lower of both counts, since the INT 12h of some BIOSes (Dell's) leaves the EBDA out. */
static uint32_t base_memory_end(void)
{
	struct bios_registers r = {0};
	bios_call(BIOS_MEMORY_SIZE, &r);
	uint32_t end = (r.eax & 0xffff) * 1024u, ebda = ebda_address();
	if (!is_sane(end))
		end = BASE_SANE_HIGH;
	return ebda != 0 && ebda < end ? ebda : end;
}

void base_memory_check(void)
{
	uint32_t end = base_memory_end(), needed = (uintptr_t)legacy_end;
	if (end < needed)
		die(ERROR_LOW_MEMORY, (uint64_t)(end / 1024), (uint64_t)((needed + 1023) / 1024));
}

static void add(struct machine *machine, uint64_t base, uint64_t length, uint32_t type)
{
	struct twinboot_region *rows = fixed((uint32_t)machine->regions);
	if (machine->region_count == machine->region_capacity - MACHINE_EXTRA_REGIONS)
		die(ERROR_MEMORY_ROWS, (uint64_t)machine->region_count);
	rows[machine->region_count++] = (struct twinboot_region){base, length, type, 0};
}

/* All above base memory is reserved up to 1 MiB: some BIOSes call the EBDA usable. */
static void reserve_ebda(struct machine *machine)
{
	uint32_t from = base_memory_end();
	add(machine, from, ONE_MIB - from, TWINBOOT_MEMORY_RESERVED);
}

void memory_map_read(struct machine *machine)
{
	/* Its attributes are asked for, and ignored: some BIOSes leave them zero, which would mean "ignore this". */
	static struct twinboot_e820_row range;
	uint32_t next = 0;
	do {
		range = (struct twinboot_e820_row){0};
		struct bios_registers r = {
			.eax = SYSTEM_MAP,
			.ebx = next,
			.ecx = sizeof(range),
			.edx = SMAP,
			.es = segment_of(&range),
			.edi = offset_of(&range),
		};
		bios_call(BIOS_SYSTEM, &r);
		/* CF is looked at first: some BIOSes end the list with it instead of EBX = 0, and then
		   forget SMAP. */
		if (carry(&r)) {
			if (machine->region_count == 0)
				die(ERROR_MEMORY_MAP, "not supported");
			break;
		}
		if (r.eax != SMAP)
			die(ERROR_MEMORY_MAP, "its list breaks off");
		add(machine, range.base, range.length, contract_type(range.type));
		facts_memory(machine, &range);
		next = r.ebx;
	} while (next != 0);
	reserve_ebda(machine);
}

/* A row that wraps goes on to the end of memory; core reads it so, too. */
static uint64_t end_of(const struct twinboot_region *row)
{
	uint64_t end = row->base_phys + row->length;
	return end >= row->base_phys ? end : UINT64_MAX;
}

static int grow(const struct machine *machine, uint64_t *end)
{
	const struct twinboot_region *rows = fixed((uint32_t)machine->regions);
	uint64_t before = *end;
	for (uint32_t i = 0; i < machine->region_count; i++)
		if (rows[i].type == TWINBOOT_MEMORY_USABLE && rows[i].base_phys <= *end &&
		    end_of(&rows[i]) > *end)
			*end = end_of(&rows[i]);
	return *end != before;
}

/* Shortens [base, *end) to end before [low, high). */
static void cut(uint64_t base, uint64_t *end, uint64_t low, uint64_t high)
{
	if (low < *end && high > base)
		*end = low > base ? low : base;
}

/* The rows come in any order and may overlap, so each is looked at. */
uint64_t memory_free_from(const struct machine *machine, uint64_t base)
{
	const struct twinboot_region *rows = fixed((uint32_t)machine->regions);
	const struct machine_range *parts = machine->parts, *manifest = &machine->manifest;
	uint64_t end = base;
	while (grow(machine, &end))
		;
	cut(base, &end, FOUR_GIB, UINT64_MAX);
	for (uint32_t i = 0; i < machine->region_count; i++)
		if (rows[i].type != TWINBOOT_MEMORY_USABLE && rows[i].length != 0)
			cut(base, &end, rows[i].base_phys, end_of(&rows[i]));
	for (uint32_t i = 0; i < machine->part_count; i++)
		if (parts[i].base != 0)
			cut(base, &end, parts[i].base, parts[i].base + parts[i].size);
	if (manifest->base != 0)
		cut(base, &end, manifest->base, manifest->base + manifest->size);
	return end - base;
}

struct search {
	const struct machine *machine;
	uint64_t size, step, offset;
	uint64_t best, largest;
};

/* Keeps the first place from `low` on that suits, if it is lower than the best so far. */
static void consider(struct search *search, uint64_t low)
{
	if (low < LOWEST)
		low = LOWEST;
	if (low >= FOUR_GIB)
		return;
	uint64_t place = ((low - search->offset + search->step - 1) & ~(search->step - 1)) + search->offset;
	if (place >= search->best)
		return;
	uint64_t free = memory_free_from(search->machine, place);
	if (free > search->largest)
		search->largest = free;
	if (free >= search->size)
		search->best = place;
}

/* The lowest free place of all begins where something else begins or ends, so only those places are tried. */
uint64_t memory_find(const struct machine *machine, uint64_t size, uint64_t step, uint64_t offset,
		     uint64_t *largest)
{
	const struct twinboot_region *rows = fixed((uint32_t)machine->regions);
	struct search search = {machine, size, step, offset, .best = FOUR_GIB};
	for (uint32_t i = 0; i < machine->region_count; i++) {
		consider(&search, rows[i].base_phys);
		consider(&search, end_of(&rows[i]));
	}
	for (uint32_t i = 0; i < machine->part_count; i++)
		consider(&search, machine->parts[i].base + machine->parts[i].size);
	consider(&search, machine->manifest.base + machine->manifest.size);
	*largest = search.largest;
	return search.best < FOUR_GIB ? search.best : 0;
}
