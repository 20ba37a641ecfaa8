/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/memory.c common/text.c */
/* Any bytes as a firmware's memory map: what the contract promises of the map holds, and core takes only what
 * is free. */
#include "../unit/core_host.h"

#define ROWS_MAX     200u
#define PHYSICAL_END (UINT64_C(1) << 52)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

/* What an input begins with, and then repeats. */
struct __attribute__((packed)) head {
	uint16_t avoid_page, avoid_pages, limit_page;
	uint8_t flags; /* 1: there is a limit */
};
struct __attribute__((packed)) packed_row {
	uint32_t base, length;
	uint8_t base_shift, length_shift, type, odd;
};

static uint32_t read_rows(struct twinboot_region *rows, const uint8_t *data, size_t size)
{
	uint32_t count = 0;
	struct packed_row p;
	for (; size >= sizeof(p) && count < ROWS_MAX; data += sizeof(p), size -= sizeof(p)) {
		memcpy(&p, data, sizeof(p));
		rows[count++] = (struct twinboot_region){
			((uint64_t)p.base << p.base_shift % 64) + p.odd % 16,
			((uint64_t)p.length << p.length_shift % 64) + p.odd / 16,
			p.type == 255 ? UINT32_MAX : p.type,
			p.odd,
		};
	}
	return count;
}

static uint64_t end_of(const struct twinboot_region *row)
{
	uint64_t end = row->base_phys + row->length;
	return end < row->base_phys || end > PHYSICAL_END ? PHYSICAL_END : end;
}

static int overlap(const struct twinboot_region *a, const struct twinboot_region *b)
{
	return a->length != 0 && b->length != 0 && a->base_phys < end_of(b) && b->base_phys < end_of(a);
}

static uint32_t type_at(const struct twinboot_region *out, uint32_t count, uint64_t address)
{
	for (uint32_t i = 0; i < count; i++)
		if (address - out[i].base_phys < out[i].length)
			return out[i].type;
	return 0;
}

static void check_map(const struct twinboot_region *in, uint32_t in_count, const struct twinboot_region *out,
		      uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		require(out[i].base_phys % PAGE_SIZE == 0 && out[i].length % PAGE_SIZE == 0 &&
			out[i].length != 0);
		require(out[i].type >= 1 && out[i].type <= TWINBOOT_MEMORY_BAD && out[i].reserved == 0);
		require(out[i].base_phys + out[i].length <= PHYSICAL_END);
		if (i > 0) {
			uint64_t last_end = out[i - 1].base_phys + out[i - 1].length;
			require(last_end <= out[i].base_phys);
			require(last_end < out[i].base_phys || out[i - 1].type != out[i].type);
		}
		/* No byte that is anything else is called free. */
		for (uint32_t j = 0; out[i].type == TWINBOOT_MEMORY_USABLE && j < in_count; j++)
			require(in[j].type == TWINBOOT_MEMORY_USABLE || !overlap(&in[j], &out[i]));
	}
	/* Whatever is given ends up as that or as something of higher rank. */
	for (uint32_t i = 0; i < in_count; i++) {
		uint64_t low = in[i].base_phys, end = end_of(&in[i]);
		uint32_t type = in[i].type >= 1 && in[i].type <= TWINBOOT_MEMORY_BAD
					? in[i].type
					: TWINBOOT_MEMORY_RESERVED;
		if (type == TWINBOOT_MEMORY_USABLE)
			low = page_up(low), end = page_down(end);
		if (in[i].base_phys < PHYSICAL_END && in[i].length != 0 && low < end)
			require(type_at(out, count, low) >= type && type_at(out, count, end - 1) >= type);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct twinboot_region rows[ROWS_MAX + MACHINE_EXTRA_REGIONS];
	static struct machine machine;
	struct memory memory;
	struct head head;
	if (size < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	uint32_t count = read_rows(rows, data + sizeof(head), size - sizeof(head));

	/* Exactly as large as promised. */
	uint64_t *boundaries = malloc(2 * count * sizeof(*boundaries));
	struct twinboot_region *out = malloc((2 * count + 1) * sizeof(*out));
	check_map(rows, count, out, memory_normalise(rows, count, boundaries, out));
	free(boundaries);
	free(out);

	memset(&machine, 0, sizeof(machine));
	machine.regions = physical(rows);
	machine.region_count = count;
	machine.region_capacity = count + MACHINE_EXTRA_REGIONS;
	machine.scratch_size = MACHINE_SCRATCH_SIZE(count);
	machine.scratch = physical(malloc(machine.scratch_size));
	machine.mapped_limit = head.flags & 1 ? (uint64_t)head.limit_page * PAGE_SIZE : UINT64_MAX;
	memory_init(&memory, &machine);
	check_map(rows, machine.region_count, memory.map, memory.count);
	require(type_at(memory.map, memory.count, 0) >= TWINBOOT_MEMORY_RESERVED);

	uint64_t avoid = (uint64_t)head.avoid_page * PAGE_SIZE,
		 avoid_size = (uint64_t)head.avoid_pages * PAGE_SIZE;
	uint64_t page = memory_low_page(&memory, avoid, avoid_size);
	if (page != 0)
		require(page < ONE_MIB && type_at(memory.map, memory.count, page) == TWINBOOT_MEMORY_USABLE &&
			(page + PAGE_SIZE <= avoid || avoid + avoid_size <= page));
	uint64_t arena = memory_arena_open(&memory, avoid, avoid_size);
	require(memory.arena_top - memory.arena_low == arena && memory.arena_next == memory.arena_top);
	if (arena != 0)
		require(memory_is_free(&memory, memory.arena_low, arena, TWINBOOT_MEMORY_USABLE) &&
			memory.arena_top <= FOUR_GIB && memory.arena_top <= machine.mapped_limit &&
			(avoid_size == 0 || memory.arena_top <= avoid ||
			 avoid + avoid_size <= memory.arena_low));
	free(at(machine.scratch));
	return 0;
}
