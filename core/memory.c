/* SPDX-License-Identifier: BSD-2-Clause */
/* One normaliser for every firmware's memory map, and the little memory that core takes for itself. */
#include "core.h"

#include <string.h>

/* No x86-64 processor has more physical address bits (Intel SDM 3A 4.1.4). An entry that wraps or goes on
   beyond is cut here. */
#define PHYSICAL_END (UINT64_C(1) << 52)

/* The page-aligned range that a row stands for: free memory is rounded inwards, all else outwards, so that no
   reserved byte is ever in a free page. Empty rows (seen on a ThinkPad X240) and rows that shrink to nothing
   give 0. */
static int page_range(const struct twinboot_region *row, uint64_t *base, uint64_t *end)
{
	if (row->length == 0 || row->base_phys >= PHYSICAL_END)
		return 0;
	uint64_t last = row->base_phys + row->length;
	if (last < row->base_phys || last > PHYSICAL_END)
		last = PHYSICAL_END;
	int inwards = row->type == TWINBOOT_MEMORY_USABLE;
	*base = inwards ? page_up(row->base_phys) : page_down(row->base_phys);
	*end = inwards ? page_down(last) : page_up(last);
	return *base < *end;
}

/* Firmware invents types (an ASUS board in CSM mode: 2954887168). What the contract does not know is
 * reserved. */
static uint32_t rank(uint32_t type)
{
	return type >= TWINBOOT_MEMORY_USABLE && type <= TWINBOOT_MEMORY_BAD ? type
									     : TWINBOOT_MEMORY_RESERVED;
}

/* Insertion: most firmware sorts its map, so this is one pass; the worst map of 1000 rows costs a few million
   steps. */
static uint32_t sorted_boundaries(const struct twinboot_region *in, uint32_t count, uint64_t *boundaries)
{
	uint32_t used = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t pair[2];
		if (!page_range(&in[i], &pair[0], &pair[1]))
			continue;
		for (int side = 0; side < 2; side++) {
			uint32_t slot = used;
			while (slot > 0 && boundaries[slot - 1] > pair[side])
				slot--;
			if (slot > 0 && boundaries[slot - 1] == pair[side])
				continue;
			memmove(&boundaries[slot + 1], &boundaries[slot],
				(used - slot) * sizeof(*boundaries));
			boundaries[slot] = pair[side];
			used++;
		}
	}
	return used;
}

uint32_t memory_normalise(const struct twinboot_region *in, uint32_t count, uint64_t *boundaries,
			  struct twinboot_region *out)
{
	uint32_t used = sorted_boundaries(in, count, boundaries);
	uint32_t rows = 0;
	for (uint32_t b = 0; b + 1 < used; b++) {
		uint64_t low = boundaries[b], high = boundaries[b + 1];
		uint32_t type = 0;
		for (uint32_t i = 0; i < count; i++) {
			uint64_t base, end;
			if (in[i].base_phys < high && page_range(&in[i], &base, &end) && base <= low &&
			    high <= end && rank(in[i].type) > type)
				type = rank(in[i].type);
		}
		if (type == 0)
			continue;
		struct twinboot_region *last = rows > 0 ? &out[rows - 1] : NULL;
		if (last != NULL && last->type == type && last->base_phys + last->length == low)
			last->length += high - low;
		else
			out[rows++] = (struct twinboot_region){low, high - low, type, 0};
	}
	return rows;
}

const char error_memory_rows[] = ERROR_MEMORY_ROWS;
const char error_out_of_memory[] = ERROR_OUT_OF_MEMORY;

void memory_add(struct machine *machine, uint64_t base, uint64_t size, uint32_t type)
{
	struct twinboot_region *rows = at(machine->regions);
	if (size == 0)
		return;
	if (machine->region_count == machine->region_capacity)
		fail_halt(machine, error_memory_rows, (uint64_t)machine->region_count);
	rows[machine->region_count++] = (struct twinboot_region){base, size, type, 0};
}

void memory_update(struct memory *memory)
{
	struct machine *machine = memory->machine;
	uint64_t *boundaries = at(machine->scratch);
	uint64_t rows = machine->region_count;
	memory->map = (struct twinboot_region *)(boundaries + 2 * rows);
	memory->count =
		memory_normalise(at(machine->regions), machine->region_count, boundaries, memory->map);
}

void memory_init(struct memory *memory, struct machine *machine)
{
	const struct machine_framebuffer *framebuffer = &machine->framebuffer;
	memory->machine = machine;
	memory_add(machine, 0, PAGE_SIZE, TWINBOOT_MEMORY_RESERVED);
	memory_add(machine, machine->loader_base, machine->loader_size, TWINBOOT_MEMORY_LOADER);
	for (uint32_t i = 0; i < machine->part_count; i++)
		memory_add(machine, machine->parts[i].base, machine->parts[i].size,
			   i == 0 ? TWINBOOT_MEMORY_KERNEL : TWINBOOT_MEMORY_MODULE);
	memory_add(machine, machine->manifest.base, machine->manifest.size, TWINBOOT_MEMORY_MODULE);
	memory_add(machine, framebuffer->base, framebuffer->size, TWINBOOT_MEMORY_FRAMEBUFFER);
	memory_update(memory);
}

int memory_is_free(const struct memory *memory, uint64_t base, uint64_t size, uint32_t also)
{
	uint64_t covered = base;
	for (uint32_t i = 0; i < memory->count && covered < base + size; i++) {
		const struct twinboot_region *row = &memory->map[i];
		if (row->base_phys > covered)
			return 0;
		if (row->base_phys + row->length <= covered)
			continue;
		if (row->type != TWINBOOT_MEMORY_USABLE && row->type != also)
			return 0;
		covered = row->base_phys + row->length;
	}
	return covered >= base + size;
}

/* The highest one: real-mode leftovers lie low. */
uint64_t memory_low_page(const struct memory *memory, uint64_t avoid, uint64_t avoid_size)
{
	const struct machine *machine = memory->machine;
	if (machine->low_page != 0)
		return machine->low_page;
	for (uint64_t page = ONE_MIB - PAGE_SIZE; page >= PAGE_SIZE; page -= PAGE_SIZE)
		if ((page >= avoid + avoid_size || page + PAGE_SIZE <= avoid) &&
		    memory_is_free(memory, page, PAGE_SIZE, TWINBOOT_MEMORY_USABLE))
			return page;
	return 0;
}

void memory_take_low_page(struct boot *boot)
{
	int in_place = (boot->flags & TWINBOOT_KERNEL_IN_PLACE) != 0;
	boot->low_page = memory_low_page(&boot->memory, boot->kernel.virt, in_place ? boot->kernel.size : 0);
	if (boot->memory.arena_low <= boot->low_page && boot->low_page < boot->memory.arena_top)
		boot->low_page = 0; /* a machine with next to no memory */
	memory_add(boot->machine, boot->low_page, boot->low_page != 0 ? PAGE_SIZE : 0,
		   TWINBOOT_MEMORY_LOADER);
}

uint64_t memory_arena_open(struct memory *memory, uint64_t avoid, uint64_t avoid_size)
{
	const struct machine *machine = memory->machine;
	uint64_t limit = machine->mapped_limit < FOUR_GIB ? machine->mapped_limit : FOUR_GIB;
	memory->arena_low = memory->arena_top = 0;
	if (machine->arena != 0) {
		memory->arena_low = machine->arena;
		memory->arena_next = memory->arena_top = machine->arena + machine->arena_needed;
		return machine->arena_needed;
	}
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct twinboot_region *row = &memory->map[i];
		if (row->type != TWINBOOT_MEMORY_USABLE)
			continue;
		uint64_t low = row->base_phys, top = row->base_phys + row->length;
		if (top > limit)
			top = limit;
		/* The kernel's final place may cut a free range in two: keep the larger part. */
		if (avoid_size != 0 && avoid < top && avoid + avoid_size > low) {
			uint64_t below = avoid > low ? avoid - low : 0;
			uint64_t above = top > avoid + avoid_size ? top - (avoid + avoid_size) : 0;
			if (below > above)
				top = avoid;
			else
				low = avoid + avoid_size;
		}
		if (top > low && top - low > memory->arena_top - memory->arena_low) {
			memory->arena_low = low;
			memory->arena_top = top;
		}
	}
	memory->arena_next = memory->arena_top;
	return memory->arena_top - memory->arena_low;
}

void *memory_take(struct memory *memory, uint64_t size)
{
	size = page_up(size);
	if (memory->arena_next - memory->arena_low < size)
		fail_halt(memory->machine, error_out_of_memory,
			  (memory->arena_top - memory->arena_next + size) / 1024);
	memory->arena_next -= size;
	return memset(at(memory->arena_next), 0, size);
}

void *memory_take_page(void *memory)
{
	return memory_take(memory, PAGE_SIZE);
}
