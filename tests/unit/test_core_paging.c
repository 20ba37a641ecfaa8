/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/paging.c core/memory.c common/text.c */
/* Page tables, read as a processor reads them (Intel SDM 3A 4.5), against a list of what was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#undef fail /* core has one too */
#define REQUIRE assert_true
#include "core_walk.h"

#define ARENA_SIZE   (UINT64_C(128) << 20)
#define REQUESTS_MAX 16u
#define UNMAP        16u /* a request for nothing, beside the MAP_ flags */

struct request {
	uint64_t virt, phys, size;
	uint32_t flags;
};

struct fixture {
	struct machine machine;
	struct memory memory;
	struct paging paging;
	struct request requests[REQUESTS_MAX];
	uint32_t count;
};

static uint8_t *arena;

static void set_up(struct fixture *f, uint32_t levels, uint32_t huge_pages, uint32_t nx, uint32_t pat)
{
	memset(f, 0, sizeof(*f));
	f->machine.arena = physical(arena);
	f->machine.arena_needed = ARENA_SIZE;
	f->memory.machine = &f->machine;
	memory_arena_open(&f->memory, 0, 0);
	f->paging = (struct paging){memory_take_page, &f->memory, 0,  memory_take(&f->memory, PAGE_SIZE),
				    levels,           huge_pages, nx, pat};
}

static void map(struct fixture *f, uint64_t virt, uint64_t phys, uint64_t size, uint32_t flags)
{
	assert_true(f->count < REQUESTS_MAX);
	f->requests[f->count++] = (struct request){virt, phys, size, flags};
	if (flags & UNMAP)
		paging_unmap(&f->paging, virt, size);
	else
		paging_map(&f->paging, virt, phys, size, flags);
}

/* The last request that covers `virt`. */
static const struct request *request_of(const struct fixture *f, uint64_t virt)
{
	for (uint32_t i = f->count; i-- > 0;)
		if (virt - f->requests[i].virt < f->requests[i].size)
			return &f->requests[i];
	return NULL;
}

static uint8_t cache_of(const struct fixture *f, uint32_t flags)
{
	if (flags & MAP_WRITE_COMBINE)
		return f->paging.pat ? WC : UC_MINUS;
	return flags & MAP_UNCACHED ? UC_MINUS : WB;
}

static void check_address(const struct fixture *f, uint64_t virt)
{
	const struct request *request = request_of(f, virt);
	struct found found = walk(&f->paging, virt);
	if (request == NULL || request->flags & UNMAP) {
		assert_int_equal(found.phys, NOT_MAPPED);
		return;
	}
	assert_int_equal(found.phys, request->phys + (virt - request->virt));
	assert_int_equal(found.write, (request->flags & MAP_WRITE) != 0);
	assert_int_equal(found.execute, (request->flags & MAP_EXECUTE) || !f->paging.nx);
	assert_int_equal(found.cache, cache_of(f, request->flags));
}

static void check_all(const struct fixture *f)
{
	for (uint32_t i = 0; i < f->count; i++) {
		const struct request *r = &f->requests[i];
		const uint64_t edges[] = {0, PAGE_SIZE, LARGE_PAGE, HUGE_PAGE};
		for (uint32_t e = 0; e < 4; e++) {
			check_address(f, r->virt + edges[e]);
			check_address(f, r->virt - edges[e] - 1);
			check_address(f, r->virt + r->size + edges[e]);
			check_address(f, r->virt + r->size - edges[e] - 1);
		}
		for (int n = 0; n < 200; n++)
			check_address(f, r->virt + below(r->size + r->size / 4 + 1));
	}
}

/* Bases far apart in every level, each with room around it. */
static uint64_t random_base(const struct fixture *f)
{
	static const uint64_t bases[] = {0x40000000,         0x7fff00000000,     0xffff800000000000,
					 0xffff807f80000000, 0xfffffe8000000000, 0xffffffff40000000};
	uint64_t base = bases[below(6)];
	if (f->paging.levels == 5 && below(3) == 0)
		base = 0xff00000000000000 + (below(16) << 48);
	return base;
}

static struct request random_request(const struct fixture *f)
{
	static const uint64_t grains[] = {PAGE_SIZE, PAGE_SIZE, LARGE_PAGE, HUGE_PAGE};
	uint64_t grain = grains[below(4)], offset = below(HUGE_PAGE) & ~(grain - 1);
	struct request r = {random_base(f) + offset, (below(UINT64_C(1) << 40) & ~(grain - 1)), 0,
			    (uint32_t)below(16) | (below(4) == 0 ? UNMAP : 0)};
	/* Small pages over gigabytes only take time. */
	int together = (r.virt - r.phys) % LARGE_PAGE == 0;
	r.size = page_up(1 + below(below(2) ? 16 * PAGE_SIZE : together ? 2 * HUGE_PAGE : 8 * LARGE_PAGE));
	if (below(3) == 0)
		r.phys = (r.phys & ~(HUGE_PAGE - 1)) | (r.virt & (HUGE_PAGE - 1));
	/* Not over the end of the address space. */
	if (r.virt + r.size < r.virt)
		r.size = -r.virt;
	if ((r.virt - r.phys) % LARGE_PAGE != 0 && r.size > 8 * LARGE_PAGE)
		r.size = 8 * LARGE_PAGE;
	return r;
}

static void what_was_asked_for_is_what_is_mapped(void **state)
{
	(void)state;
	static struct fixture f;
	for (uint32_t round = 0; round < 400; round++) {
		set_up(&f, round % 2 ? 5 : 4, round & 2, round & 4, round & 8);
		uint32_t wanted = 1 + (uint32_t)below(REQUESTS_MAX);
		while (f.count < wanted) {
			struct request r = random_request(&f);
			if (f.count > 0 && below(2)) { /* over an earlier one, in its middle */
				const struct request *old = &f.requests[below(f.count)];
				r.virt = old->virt + page_down(below(old->size));
				r.size = page_up(1 + below(old->size));
				if (r.virt + r.size < r.virt || r.size > 8 * LARGE_PAGE)
					r.size = PAGE_SIZE;
			}
			map(&f, r.virt, r.phys, r.size, r.flags);
		}
		check_all(&f);
	}
}

/* The largest page around `virt` that lies in the request and is aligned in both worlds. */
static uint64_t largest(const struct fixture *f, const struct request *r, uint64_t virt)
{
	const uint64_t sizes[] = {HUGE_PAGE, LARGE_PAGE};
	for (uint32_t i = f->paging.huge_pages ? 0 : 1; i < 2; i++) {
		uint64_t first = virt & ~(sizes[i] - 1);
		if (first >= r->virt && first + (sizes[i] - 1) - r->virt < r->size &&
		    (r->virt - r->phys) % sizes[i] == 0)
			return sizes[i];
	}
	return PAGE_SIZE;
}

static void the_largest_pages_that_fit(void **state)
{
	(void)state;
	static struct fixture f;
	uint64_t seen[3] = {0};
	for (uint32_t round = 0; round < 400; round++) {
		set_up(&f, 4 + round % 2, round & 2, 1, 1);
		struct request r = random_request(&f);
		map(&f, r.virt, r.phys, r.size, r.flags & ~UNMAP);
		for (int n = 0; n < 300; n++) {
			uint64_t virt = r.virt + below(r.size), size = walk(&f.paging, virt).size;
			assert_int_equal(size, largest(&f, &r, virt));
			seen[size == HUGE_PAGE ? 2 : size == LARGE_PAGE]++;
		}
	}
	assert_true(seen[0] > 100 && seen[1] > 100 && seen[2] > 100);
}

static void splitting_keeps_what_is_around(void **state)
{
	(void)state;
	static struct fixture f;
	for (uint32_t flags = 0; flags < 16; flags++) {
		set_up(&f, 4, 1, 1, 1);
		map(&f, 0xffff800000000000, 0, 2 * HUGE_PAGE, flags);
		assert_int_equal(walk(&f.paging, 0xffff800000000000).size, HUGE_PAGE);
		map(&f, 0xffff800000000000 + 5 * LARGE_PAGE + 7 * PAGE_SIZE, HUGE_PAGE, PAGE_SIZE,
		    flags ^ 15);
		assert_int_equal(walk(&f.paging, 0xffff800000000000).size, LARGE_PAGE);
		assert_int_equal(walk(&f.paging, 0xffff800000000000 + 5 * LARGE_PAGE).size, PAGE_SIZE);
		assert_int_equal(walk(&f.paging, 0xffff800000000000 + HUGE_PAGE).size, HUGE_PAGE);
		for (uint64_t page = 4 * LARGE_PAGE; page < 7 * LARGE_PAGE; page += PAGE_SIZE)
			check_address(&f, 0xffff800000000000 + page);
		check_all(&f);
	}
}

static void what_was_never_there_takes_no_tables(void **state)
{
	(void)state;
	static struct fixture f;
	set_up(&f, 4, 1, 1, 1);
	uint64_t next = f.memory.arena_next;
	paging_unmap(&f.paging, 0x1000, 3 * HUGE_PAGE);
	assert_int_equal(f.memory.arena_next, next);
	/* Large pages go as a whole, whatever they led to. */
	map(&f, 0x40000000, 0x12345000 & ~(LARGE_PAGE - 1), 2 * LARGE_PAGE, MAP_WRITE);
	next = f.memory.arena_next;
	map(&f, 0x40000000, 0, 2 * LARGE_PAGE, UNMAP);
	assert_int_equal(f.memory.arena_next, next);
	check_all(&f);
}

static void no_memory_for_tables_ends_in_a_sentence(void **state)
{
	(void)state;
	static struct fixture f;
	set_up(&f, 4, 0, 1, 1);
	f.memory.arena_low = f.memory.arena_next - 2 * PAGE_SIZE; /* three tables are needed */
	assert_true(HALTS(paging_map(&f.paging, 0x1000, 0x1000, PAGE_SIZE, 0)));
	assert_memory_equal(f.machine.error, "TB24", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_for_is_what_is_mapped),
		cmocka_unit_test(the_largest_pages_that_fit),
		cmocka_unit_test(splitting_keeps_what_is_around),
		cmocka_unit_test(what_was_never_there_takes_no_tables),
		cmocka_unit_test(no_memory_for_tables_ends_in_a_sentence),
	};
	arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		     -1, 0);
	return arena == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
