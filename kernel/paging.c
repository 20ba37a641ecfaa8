/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks the page tables, as the CPU does, and compares what they say with what was promised. */
#include "kernel.h"
#include "report.h"
#include "cpu.h"

#define PRESENT     (UINT64_C(1) << 0)
#define WRITABLE    (UINT64_C(1) << 1)
#define USER        (UINT64_C(1) << 2)
#define PWT         (UINT64_C(1) << 3)
#define PCD         (UINT64_C(1) << 4)
#define LARGE       (UINT64_C(1) << 7) /* in a level-1 entry, the same bit is PAT */
#define PAT_SMALL   (UINT64_C(1) << 7)
#define PAT_LARGE   (UINT64_C(1) << 12)
#define NO_EXECUTE  (UINT64_C(1) << 63)
#define ADDRESS     UINT64_C(0x000ffffffffff000)
#define ENTRIES     512
#define PAT_DEFAULT UINT64_C(0x0007040600070406)
/* docs/contract.md, "The address space" */
#define LOADER_WINDOW      UINT64_C(0xfffffe8000000000)
#define LOADER_WINDOW_SIZE (512 * GIB)

static uint64_t root(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	return cr3 & ADDRESS;
}

static unsigned levels(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	return cr4 & CR4_LA57 ? 5 : 4;
}

/* How much one entry of a table of this level covers. */
static uint64_t span(unsigned level)
{
	return PAGE << 9 * (level - 1);
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return level == 1 || (level <= 3 && entry & LARGE);
}

static uint8_t cache_type(uint64_t entry, unsigned level)
{
	unsigned index = (entry & PWT ? 1 : 0) | (entry & PCD ? 2 : 0) |
			 (entry & (level == 1 ? PAT_SMALL : PAT_LARGE) ? 4 : 0);

	return (cpu_has_pat() ? rdmsr(MSR_PAT) : PAT_DEFAULT) >> 8 * index & 7;
}

/* A page is writable or a user's only if every level says so, and not executable if any says so. */
static struct mapping narrowed(struct mapping above, uint64_t entry)
{
	above.present = entry & PRESENT;
	above.writable = above.writable && entry & WRITABLE;
	above.user = above.user && entry & USER;
	above.executable = above.executable && !(handoff->flags & TWINBOOT_NX && entry & NO_EXECUTE);
	return above;
}

struct mapping mapping_of(uint64_t virtual)
{
	struct mapping m = {.writable = true, .executable = true, .user = true};
	uint64_t table = root();

	for (unsigned level = levels();; level--) {
		uint64_t entry = ((const uint64_t *)direct_map(table))[virtual / span(level) % ENTRIES];
		uint64_t offset = virtual % span(level);

		m = narrowed(m, entry);
		if (!m.present || is_leaf(entry, level)) {
			m.physical = m.present ? (entry & ADDRESS & ~(span(level) - 1)) + offset : 0;
			m.size = span(level);
			m.left = m.size - offset;
			m.cache = cache_type(entry, level);
			return m;
		}
		table = entry & ADDRESS;
	}
}

/* One walk over everything that is mapped finds this. */
static struct {
	/* One address each, or NOWHERE. */
	uint64_t writable_and_executable, user, misplaced_table, misplaced_window;
	uint64_t executable_elsewhere, lower_half; /* bytes */
} found;
#define NOWHERE UINT64_MAX

static void note_leaf(uint64_t virtual, uint64_t size, const struct mapping *m)
{
	bool in_window = virtual - LOADER_WINDOW < LOADER_WINDOW_SIZE;
	bool in_text = virtual >= (uint64_t)text_start && virtual < (uint64_t)text_end;

	if (m->writable && m->executable && !efi_is_writable_code(virtual, size))
		found.writable_and_executable = virtual;
	if (m->user)
		found.user = virtual;
	if (in_window && memory_type(m->physical, size) != TWINBOOT_MEMORY_LOADER)
		found.misplaced_window = virtual;
	if (m->executable && !in_text)
		found.executable_elsewhere += size;
	if (!(virtual >> 63))
		found.lower_half += size;
}

static void walk(uint64_t table, unsigned level, uint64_t base, struct mapping above)
{
	const uint64_t *entries = direct_map(table);

	if (memory_type(table, PAGE) != TWINBOOT_MEMORY_LOADER)
		found.misplaced_table = table;
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct mapping m = narrowed(above, entries[i]);
		uint64_t virtual = base + i * span(level);

		if (!m.present)
			continue;
		if (level == levels() && i >= ENTRIES / 2)
			virtual |= -(span(level) * ENTRIES); /* canonical: the sign is extended */
		m.physical = entries[i] & ADDRESS & ~(span(level) - 1);
		if (is_leaf(entries[i], level))
			note_leaf(virtual, span(level), &m);
		else
			walk(entries[i] & ADDRESS, level - 1, virtual, m);
	}
}

static void check_everything_mapped(void)
{
	found.writable_and_executable = found.user = NOWHERE;
	found.misplaced_table = found.misplaced_window = NOWHERE;
	walk(root(), levels(), 0, (struct mapping){.writable = true, .executable = true, .user = true});

	fact("paging_levels", "%u", levels());
	fact("executable_outside_kernel_kib", "%lu", found.executable_elsewhere / KIB);
	fact("lower_half_mapped_kib", "%lu", found.lower_half / KIB);
	if (handoff->flags & TWINBOOT_NX)
		check("no_page_writable_and_executable", found.writable_and_executable == NOWHERE, "0x%lx is",
		      found.writable_and_executable);
	else
		check_skipped("no_page_writable_and_executable", "no NX");
	check("no_page_for_user_mode", found.user == NOWHERE, "0x%lx is", found.user);
	check("page_tables_in_loader_memory", found.misplaced_table == NOWHERE,
	      "not the one at physical 0x%lx", found.misplaced_table);
	/* Parked CPUs run there, and one that comes late still goes through it. */
	check("window_in_loader_memory", found.misplaced_window == NOWHERE, "not 0x%lx",
	      found.misplaced_window);
	check("page_0_not_mapped", !mapping_of(0).present, "it is, to physical 0x%lx",
	      mapping_of(0).physical);
}

static bool page_suits(uint64_t virtual, uint32_t flags)
{
	struct mapping m = mapping_of(virtual);
	bool executable = flags & SEGMENT_EXECUTABLE || !(handoff->flags & TWINBOOT_NX);

	return m.present && m.writable == !!(flags & SEGMENT_WRITABLE) && m.executable == executable &&
	       m.physical == handoff->kernel_phys + (virtual - handoff->kernel_virt);
}

/* Every page of every segment, none more and none less than the segment's flags say. */
void check_kernel_segments(void)
{
	unsigned count;
	const struct segment *segment = image_segments(&count);
	uint64_t bad = 0;
	uint32_t flags = 0;

	for (; count; count--, segment++) {
		if (segment->type != SEGMENT_LOAD)
			continue;
		uint64_t start = segment->virtual + handoff->kernel_slide, end = start + segment->memory_size;
		for (uint64_t page = start / PAGE * PAGE; page < end; page += PAGE)
			if (!page_suits(page, segment->flags))
				bad = page, flags = segment->flags;
	}
	check("kernel_segments_have_own_permissions", !bad,
	      "0x%lx of a segment with flags %u: %s%s%s, physical 0x%lx", bad, flags,
	      mapping_of(bad).present ? "present" : "absent", mapping_of(bad).writable ? " writable" : "",
	      mapping_of(bad).executable ? " executable" : "", mapping_of(bad).physical);
}

static bool is_in_a_segment(uint64_t page)
{
	unsigned count;
	const struct segment *segment = image_segments(&count);

	for (; count; count--, segment++) {
		uint64_t start = segment->virtual + handoff->kernel_slide, end = start + segment->memory_size;
		if (segment->type == SEGMENT_LOAD && page < end && page + PAGE > start)
			return true;
	}
	return false;
}

/* Guard pages: what a linker script leaves out is not there, also where the identity map would show it. */
static void check_holes_in_image(void)
{
	uint64_t first = handoff->kernel_virt, end = first + handoff->kernel_size, bad = 0, pages = 0;

	for (uint64_t page = first; page < end; page += PAGE) {
		if (is_in_a_segment(page))
			continue;
		pages++;
		if (mapping_of(page).present)
			bad = page;
	}
	check("pages_of_no_segment_not_mapped", pages && !bad, "0x%lx is, %lu pages are in none", bad, pages);
}

static bool is_ram(uint32_t type)
{
	return type >= TWINBOOT_MEMORY_USABLE && type <= TWINBOOT_MEMORY_RUNTIME_DATA;
}

/* Physical memory of one type, or below 4 GiB of none (type 0), from the start upwards. */
struct range {
	uint64_t start, end;
	uint32_t type;
};

/* The range behind `range`, false after the last one. What lies above 4 GiB and in no row is left out. */
static bool next_range(struct range *range)
{
	uint64_t start = range->end;

	for (unsigned i = 0; i < handoff->memory_map_count; i++) {
		const struct twinboot_region *row = &handoff->memory_map[i];
		uint64_t end = row->base_phys + row->length;
		if (end <= start)
			continue;
		if (row->base_phys <= start || start >= 4 * GIB)
			*range = (struct range){row->base_phys, end, row->type};
		else
			*range =
				(struct range){start, row->base_phys < 4 * GIB ? row->base_phys : 4 * GIB, 0};
		return true;
	}
	*range = (struct range){start, 4 * GIB, 0};
	return start < 4 * GIB;
}

/* One look at the map of physical memory that begins at `base`. Each fault is noted with its last physical address. */
struct view {
	uint64_t base;
	uint64_t ram, low, cached; /* RAM that is missing or not write-back, anything missing, MMIO cached */
	uint64_t ram_end, largest; /* largest page */
};

static bool suits(uint32_t type, const struct mapping *m, uint64_t physical)
{
	bool must_write = type == TWINBOOT_MEMORY_USABLE || type == TWINBOOT_MEMORY_LOADER;

	return m->present && m->physical == physical && (m->writable || !must_write);
}

static void look_at(struct view *view, struct range range)
{
	for (uint64_t at = range.start; at < range.end;) {
		struct mapping m = mapping_of(view->base + at);
		if (view->base + at - handoff->kernel_virt < handoff->kernel_size) {
			at += PAGE; /* the kernel, and not what lies there */
			continue;
		}
		bool is_there = suits(range.type, &m, at);
		bool is_uncached = m.cache == CACHE_UNCACHED || m.cache == CACHE_UNCACHED_MINUS;

		if (is_ram(range.type) && (!is_there || m.cache != CACHE_WRITE_BACK))
			view->ram = at;
		if (!is_there)
			view->low = at;
		else if (!is_ram(range.type) && range.type != TWINBOOT_MEMORY_FRAMEBUFFER && !is_uncached)
			view->cached = at;
		if (m.present && m.size > view->largest)
			view->largest = m.size;
		at += m.left;
	}
}

/* Looks at all RAM, and at whatever else lies below 4 GiB, from the physical address `first` on. */
static struct view view_from(uint64_t base, uint64_t first)
{
	struct view view = {
		.base = base, .ram = NOWHERE, .low = NOWHERE, .cached = NOWHERE, .ram_end = 4 * GIB};

	for (struct range range = {0}; next_range(&range);) {
		struct range part = range;
		if (is_ram(part.type) && part.end > view.ram_end)
			view.ram_end = part.end;
		if (!is_ram(part.type) && part.end > 4 * GIB)
			part.end = 4 * GIB;
		if (part.start < first)
			part.start = first;
		look_at(&view, part);
	}
	return view;
}

static void check_direct_map(void)
{
	struct view view = view_from(handoff->direct_map_base, 0);

	fact("direct_map_base", "0x%lx", handoff->direct_map_base);
	fact("direct_map_size", "0x%lx", handoff->direct_map_size);
	fact("direct_map_largest_page_kib", "%lu", view.largest / KIB);
	check("direct_map_size_covers_ram", handoff->direct_map_size >= view.ram_end,
	      "0x%lx, RAM ends at 0x%lx", handoff->direct_map_size, view.ram_end);
	check("direct_map_has_low_4_gib", view.low == NOWHERE, "not physical 0x%lx", view.low);
	check("direct_map_has_all_ram_write_back", view.ram == NOWHERE, "not physical 0x%lx", view.ram);
	check("direct_map_has_mmio_uncached", view.cached == NOWHERE, "not physical 0x%lx", view.cached);
}

static void check_identity_map(void)
{
	if (!check("identity_map_as_needed",
		   handoff->flags & TWINBOOT_IDENTITY_MAPPED || !(needs->flags & TWINBOOT_NEED_IDENTITY_MAP),
		   "flags 0x%x", handoff->flags) ||
	    !(handoff->flags & TWINBOOT_IDENTITY_MAPPED)) {
		fact("identity_map_as_direct_map", "none");
		return;
	}
	struct view view = view_from(0, PAGE);

	check("identity_map_as_direct_map",
	      view.low == NOWHERE && view.ram == NOWHERE && view.cached == NOWHERE,
	      "missing 0x%lx, RAM not write-back 0x%lx, MMIO cached 0x%lx", view.low, view.ram, view.cached);
}

static void check_framebuffer_mapping(void)
{
	const struct twinboot_framebuffer *fb = handoff->framebuffer;
	uint64_t bad = 0;

	if (!framebuffer_is_sane())
		return;
	if (!cpu_has_pat()) {
		check_skipped("framebuffer_write_combining", "no PAT");
		return;
	}

	uint64_t at = (uint64_t)fb->base, end = at + fb->size;

	while (at < end) {
		struct mapping m = mapping_of(at);
		if (!m.present || !m.writable || m.cache != CACHE_WRITE_COMBINING ||
		    m.physical != at - handoff->direct_map_base)
			bad = at;
		at += m.left;
	}
	check("framebuffer_write_combining", !bad, "0x%lx is of memory type %u", bad, mapping_of(bad).cache);
}

/* Every page of a stack is plain data in the loader's memory, and nothing is below. */
static bool stack_suits(uint64_t top)
{
	uint64_t bottom = top - handoff->stack_size;

	for (uint64_t page = bottom; page < top; page += PAGE) {
		struct mapping m = mapping_of(page);
		if (!m.present || !m.writable || (m.executable && handoff->flags & TWINBOOT_NX) ||
		    memory_type(m.physical, PAGE) != TWINBOOT_MEMORY_LOADER)
			return false;
	}
	return !mapping_of(bottom - PAGE).present;
}

static void check_stacks(void)
{
	unsigned bad = 0;

	check("stack_is_guarded_data", stack_suits(handoff->stack_top), "stack below 0x%lx",
	      handoff->stack_top);
	for (unsigned i = 0; i < handoff->cpu_count; i++)
		if (handoff->cpus[i].stack_top && !stack_suits(handoff->cpus[i].stack_top))
			bad = i;
	check("every_cpus_stack_is_guarded_data", !bad, "not that of CPU %u", bad);
}

void check_paging(void)
{
	check_everything_mapped();
	check_kernel_segments();
	check_holes_in_image();
	check_direct_map();
	check_identity_map();
	check_framebuffer_mapping();
	check_stacks();
}
