/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/paging.c core/memory.c common/text.c */
/* Any bytes as requests for mappings: what was asked for last is what a processor finds. */
#include "../unit/core_walk.h"

#define ARENA_SIZE   (UINT64_C(32) << 20)
#define REQUESTS_MAX 12u
#define UNMAP        0x80u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct __attribute__((packed)) packed_request {
	uint8_t base;  /* one of bases */
	uint8_t flags; /* the lower half: MAP_; then by which page physical and virtual are apart; UNMAP */
	uint32_t virt; /* page from there on */
	uint32_t pages;
};

struct request {
	uint64_t virt, phys, size;
	uint32_t flags;
};

static const uint64_t bases[] = {
	0, 0x40000000, 0x7ffe00000000, 0xffff800000000000, 0xfffffe8000000000, 0xffffffff80000000};

static struct request requests[REQUESTS_MAX];
static uint32_t count;

static void check(const struct paging *paging, uint64_t virt)
{
	struct found found = walk(paging, virt);
	for (uint32_t i = count; i-- > 0;) {
		const struct request *r = &requests[i];
		if (virt - r->virt >= r->size)
			continue;
		if (r->flags & UNMAP)
			break;
		uint8_t cache = r->flags & MAP_WRITE_COMBINE ? (paging->pat ? WC : UC_MINUS)
				: r->flags & MAP_UNCACHED    ? UC_MINUS
							     : WB;
		REQUIRE(found.phys == r->phys + (virt - r->virt));
		REQUIRE(found.write == !!(r->flags & MAP_WRITE) && found.cache == cache);
		REQUIRE(found.execute == (r->flags & MAP_EXECUTE || !paging->nx));
		return;
	}
	REQUIRE(found.phys == NOT_MAPPED);
}

static void map_all(struct paging *paging, const uint8_t *data, size_t size)
{
	static const uint64_t apart[] = {0,          PAGE_SIZE,     LARGE_PAGE,    HUGE_PAGE, 0x1000000000,
					 0x12345000, 0xfffc0000000, LARGE_PAGE / 2};
	struct packed_request p;
	for (count = 0; size >= sizeof(p) && count < REQUESTS_MAX; data += sizeof(p), size -= sizeof(p)) {
		memcpy(&p, data, sizeof(p));
		uint64_t virt = bases[p.base % 6] + (uint64_t)(p.virt % 0x80000) * PAGE_SIZE;
		uint64_t bytes = (1 + (uint64_t)p.pages % 0x80000) * PAGE_SIZE;
		/* Small pages over gigabytes only cost time. */
		uint64_t distance = apart[p.flags >> 4 & 7];
		if (distance % LARGE_PAGE != 0)
			bytes %= 2 * LARGE_PAGE;
		if (virt + bytes < virt)
			bytes = -virt;
		if (bytes == 0)
			continue;
		uint64_t phys = (virt + distance) & 0x000ffffffffff000;
		if (phys + bytes > UINT64_C(1) << 52)
			phys = (virt & (HUGE_PAGE - 1)) + distance;
		requests[count++] = (struct request){virt, phys, bytes, p.flags & (UNMAP | 15)};
		if (p.flags & UNMAP)
			paging_unmap(paging, virt, bytes);
		else
			paging_map(paging, virt, phys, bytes, p.flags & 15);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine machine;
	static uint8_t *arena;
	struct memory memory = {.machine = &machine};
	if (size < 1)
		return 0;
	if (arena == NULL)
		arena = aligned_alloc(PAGE_SIZE, ARENA_SIZE);
	machine.arena = physical(arena);
	machine.arena_needed = ARENA_SIZE;
	memory_arena_open(&memory, 0, 0);
	struct paging paging = {.take = memory_take_page,
				.owner = &memory,
				.root = memory_take(&memory, PAGE_SIZE),
				.levels = data[0] & 1 ? 5 : 4,
				.huge_pages = data[0] & 2,
				.nx = data[0] & 4,
				.pat = data[0] & 8};
	if (HALTS(map_all(&paging, data + 1, size - 1)))
		return 0; /* out of memory, in a sentence */
	for (uint32_t i = 0; i < count; i++) {
		static const uint64_t steps[] = {0, PAGE_SIZE, LARGE_PAGE, HUGE_PAGE};
		const struct request *r = &requests[i];
		for (uint32_t s = 0; s < 4; s++) {
			check(&paging, r->virt + steps[s]);
			check(&paging, r->virt - steps[s] - 1);
			check(&paging, r->virt + r->size + steps[s]);
			check(&paging, r->virt + r->size - steps[s] - 1);
		}
	}
	return 0;
}
