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

/* What one walk over everything that is mapped finds. */
static struct {
	uint64_t writable_and_executable, user, misplaced_table; /* one address each, or NOWHERE */
	uint64_t executable_elsewhere, lower_half;               /* bytes */
} found;
#define NOWHERE UINT64_MAX

static void note_leaf(uint64_t virtual, uint64_t size, const struct mapping *m)
{
	bool in_text = virtual >= (uint64_t)text_start && virtual < (uint64_t)text_end;

	if (m->writable && m->executable)
		found.writable_and_executable = virtual;
	if (m->user)
		found.user = virtual;
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
		if (is_leaf(entries[i], level))
			note_leaf(virtual, span(level), &m);
		else
			walk(entries[i] & ADDRESS, level - 1, virtual, m);
	}
}

static void check_everything_mapped(void)
{
	found.writable_and_executable = found.user = found.misplaced_table = NOWHERE;
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
static void check_kernel_segments(void)
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

static bool is_guard_page(uint64_t virtual)
{
	if (virtual == handoff->stack_top - handoff->stack_size - PAGE)
		return true;
	for (unsigned i = 0; i < handoff->cpu_count; i++)
		if (virtual == handoff->cpus[i].stack_top - handoff->stack_size - PAGE)
			return true;
	return false;
}

static bool is_ram(uint32_t type)
{
	return type >= TWINBOOT_MEMORY_USABLE && type <= TWINBOOT_MEMORY_RUNTIME_DATA;
}

/* The first physical address in a range that the direct map does not show as it should, or the range's end.
 */
static uint64_t first_unmapped(uint64_t physical, uint64_t end, uint32_t type, uint64_t *largest)
{
	while (physical < end) {
		uint64_t virtual = handoff->direct_map_base + physical;
		struct mapping m = mapping_of(virtual);
		bool must_write = type == TWINBOOT_MEMORY_USABLE || type == TWINBOOT_MEMORY_LOADER;
		bool wrong = !m.present || m.physical != physical || (must_write && !m.writable) ||
			     (is_ram(type) && m.cache != CACHE_WRITE_BACK);

		if (wrong && !is_guard_page(virtual))
			return physical;
		if (m.present && m.size > *largest)
			*largest = m.size;
		physical += m.left;
	}
	return end;
}

static void check_direct_map(void)
{
	uint64_t largest = 0, low = first_unmapped(0, 4 * GIB, 0, &largest);
	uint64_t bad = NOWHERE, highest = 4 * GIB;

	for (unsigned i = 0; i < handoff->memory_map_count; i++) {
		const struct twinboot_region *region = &handoff->memory_map[i];
		uint64_t end = region->base_phys + region->length;
		if (!is_ram(region->type))
			continue;
		uint64_t first = first_unmapped(region->base_phys, end, region->type, &largest);
		if (first < end)
			bad = first;
		highest = end > highest ? end : highest;
	}
	fact("direct_map_base", "0x%lx", handoff->direct_map_base);
	fact("direct_map_size", "0x%lx", handoff->direct_map_size);
	fact("direct_map_largest_page_kib", "%lu", largest / KIB);
	check("direct_map_size_covers_ram", handoff->direct_map_size >= highest, "0x%lx, RAM ends at 0x%lx",
	      handoff->direct_map_size, highest);
	check("direct_map_has_low_4_gib", low == 4 * GIB, "not physical 0x%lx", low);
	check("direct_map_has_all_ram_write_back", bad == NOWHERE, "not physical 0x%lx", bad);
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
	check_direct_map();
	check_framebuffer_mapping();
	check_stacks();
}
