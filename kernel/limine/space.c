/* SPDX-License-Identifier: BSD-2-Clause */
/* The address space that the loader made: physical memory in the HHDM as the base revision has it, the kernel, and not a
   page more. */
#include "limine/limine.h"

#include "cpu.h"

#define PRESENT UINT64_C(1)
#define LARGE   (UINT64_C(1) << 7)
#define ADDRESS UINT64_C(0x000ffffffffff000)
#define ENTRIES 512
#define NOWHERE UINT64_MAX

static uint64_t hhdm(void)
{
	return handoff->direct_map_base;
}

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

/* What the base revision says of a row of that type, `type` -1 being no row at all. */
static bool is_promised(int type, uint64_t physical)
{
	uint32_t revision = base_revision();

	if (revision <= 2 && physical < 4 * GIB)
		return true;
	switch (type) {
	case -1:
		return false;
	case RESERVED:
	case BAD:
		return revision == 0;
	case ACPI_RECLAIMABLE:
	case ACPI_NVS:
	case RESERVED_MAPPED:
		return revision != 3;
	default:
		return true;
	}
}

/* What was wrong, each as the last address at which it was seen. */
struct faults {
	uint64_t missing, kind, cache, beyond;
};

/* One page of physical memory that one row, or none, lies in. */
static uint64_t look_at(struct faults *faults, uint64_t base, uint64_t physical, uint64_t end, int type)
{
	struct mapping m = mapping_of(base + physical);
	uint8_t cache = type == FRAMEBUFFER ? CACHE_WRITE_COMBINING : CACHE_WRITE_BACK;
	uint64_t left = m.left < end - physical ? m.left : end - physical;

	if (is_promised(type, physical)) {
		if (!m.present)
			faults->missing = physical;
		else if (m.physical != physical || !m.writable || !m.executable || m.user)
			faults->kind = physical;
		else if (m.cache != cache && cpu_has_pat())
			faults->cache = physical;
	} else if (m.present) {
		faults->beyond = physical;
	}
	return left;
}

/* Rows and the gaps between them, below 4 GiB as far as the map goes and above it row by row. A page that two rows touch
   is the better one's. */
static void look_at_all(struct faults *faults, uint64_t base, uint64_t first)
{
	const struct answer_memory_map *map = answer(MEMORY_MAP);
	uint64_t at = first;

	for (uint64_t i = 0; i < map->count; i++) {
		const struct memory_row *row = map->rows[i];
		uint64_t low = (row->base + PAGE - 1) / PAGE * PAGE,
			 end = (row->base + row->length) / PAGE * PAGE;
		uint64_t gap_end = low < 4 * GIB ? row->base / PAGE * PAGE : at;
		while (at < gap_end)
			at += look_at(faults, base, at, gap_end, -1);
		if (at < low)
			at = low;
		while (at < end)
			at += look_at(faults, base, at, end, (int)row->type);
	}
	while (at < 4 * GIB)
		at += look_at(faults, base, at, 4 * GIB, -1);
}

static void check_faults_of(const char *name, uint64_t base, uint64_t first)
{
	struct faults faults = {NOWHERE, NOWHERE, NOWHERE, NOWHERE};
	char key[40];

	look_at_all(&faults, base, first);
	format_text(key, sizeof(key), "%s_has_what_is_promised", name);
	check(key, faults.missing == NOWHERE, "not physical 0x%lx", faults.missing);
	format_text(key, sizeof(key), "%s_is_read_write_execute", name);
	check(key, faults.kind == NOWHERE, "not physical 0x%lx", faults.kind);
	format_text(key, sizeof(key), "%s_memory_types_as_agreed", name);
	check(key, faults.cache == NOWHERE, "not physical 0x%lx", faults.cache);
	format_text(key, sizeof(key), "%s_has_nothing_more", name);
	check(key, faults.beyond == NOWHERE, "it has physical 0x%lx", faults.beyond);
}

/* What the walk over everything mapped finds: the last address that is no business of the loader's. */
static uint64_t stray, lower_half, misplaced_table;

static uint64_t span(unsigned level)
{
	return PAGE << 9 * (level - 1);
}

static void note_leaf(uint64_t virtual, uint64_t size, uint64_t physical)
{
	bool is_hhdm = virtual >= hhdm() && virtual - hhdm() == physical;
	bool is_kernel = virtual - handoff->kernel_virt < handoff->kernel_size;

	if (!(virtual >> 63))
		lower_half += size;
	else if (!is_hhdm && !is_kernel)
		stray = virtual;
}

static void walk(uint64_t table, unsigned level, uint64_t base)
{
	const uint64_t *entries = direct_map(table);

	if (row_type(table, PAGE) != RECLAIMABLE)
		misplaced_table = table;
	for (unsigned i = 0; i < ENTRIES; i++) {
		uint64_t virtual = base + i * span(level);

		if (!(entries[i] & PRESENT))
			continue;
		if (level == levels() && i >= ENTRIES / 2)
			virtual |= -(span(level) * ENTRIES);
		if (level == 1 || (level <= 3 && entries[i] & LARGE))
			note_leaf(virtual, span(level), entries[i] & ADDRESS & ~(span(level) - 1));
		else
			walk(entries[i] & ADDRESS, level - 1, virtual);
	}
}

static void check_everything_mapped(void)
{
	stray = misplaced_table = NOWHERE;
	walk(root(), levels(), 0);
	fact("paging_levels", "%u", levels());
	check("nothing_else_is_mapped", stray == NOWHERE, "0x%lx is", stray);
	check("page_tables_are_handed_over", misplaced_table == NOWHERE, "not the one at physical 0x%lx",
	      misplaced_table);
	check("lower_half_is_empty", base_revision() == 0 || !lower_half, "%lu KiB are mapped",
	      lower_half / KIB);
	check("page_0_not_mapped", !mapping_of(0).present, "it is");
}

void check_space(void)
{
	fact("hhdm", "0x%lx", hhdm());
	check_everything_mapped();
	check_faults_of("hhdm", hhdm(), 0);
	if (base_revision() == 0)
		check_faults_of("identity_map", 0, PAGE);
	check_kernel_segments();
}

static uint64_t low[4][ENTRIES] __attribute__((aligned(4096)));

static uint64_t own_physical(const void *object)
{
	return (uint64_t)object - handoff->kernel_virt + handoff->kernel_phys;
}

void space_complete(void)
{
	const uint64_t present_and_writable = 3;
	uint64_t *table = direct_map(root());

	for (unsigned level = levels(); level > 3; level--)
		table = direct_map(table[hhdm() / span(level) % ENTRIES] & ADDRESS);
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned j = 0; j < ENTRIES; j++)
			low[i][j] = (i * GIB + j * span(2)) | LARGE | present_and_writable;
		table[hhdm() / span(3) % ENTRIES + i] = own_physical(low[i]) | present_and_writable;
	}
	space_reload();
}

void space_reload(void)
{
	__asm__ volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" : : : "rax", "memory");
}
