/* SPDX-License-Identifier: BSD-2-Clause */
/* The address space that a base revision promises: physical memory in the HHDM, in revision 0 also one to one, and the
   kernel. All of it writable and executable but for the kernel, all of it write-back but for framebuffers. */
#include "adapters/limine/adapter.h"

#include <cpuid.h>
#include <elf.h>

#define FOUR_GIB UINT64_C(0x100000000)

/* As far as four levels reach from the HHDM on without meeting the kernel, and as much as the handoff's direct map. */
#define SPAN_MAX (UINT64_C(64) << 40)

/* Stretches of physical memory. A large page covers one kind alone: memory and devices must not share one. */
enum kind {
	KIND_NONE,
	KIND_MEMORY,
	KIND_OTHER, /* device memory, ROMs, holes */
	KIND_FRAMEBUFFER,
};

#define MEMORY_TYPES \
	(MAP_TYPE(LIMINE_USABLE) | MAP_TYPE(LIMINE_RECLAIMABLE) | MAP_TYPE(LIMINE_EXECUTABLE_AND_MODULES) | \
	 MAP_TYPE(LIMINE_ACPI_RECLAIMABLE) | MAP_TYPE(LIMINE_ACPI_NVS))

/* Whether the HHDM covers it; in revisions 0 to 2 that is asked above 4 GiB only. */
static int is_mapped(uint64_t type, uint32_t base_revision)
{
	switch (type) {
	case LIMINE_RESERVED:
	case LIMINE_BAD:
		return base_revision == 0;
	case LIMINE_ACPI_RECLAIMABLE:
	case LIMINE_ACPI_NVS:
		return base_revision != 3;
	default:
		return 1;
	}
}

static enum kind kind_of(const struct limine_memory *row, uint32_t base_revision)
{
	int everything = base_revision < 3 && row->base < FOUR_GIB;
	if (row->base >= SPAN_MAX || (!everything && !is_mapped(row->type, base_revision)))
		return KIND_NONE;
	if (row->type == LIMINE_FRAMEBUFFER)
		return KIND_FRAMEBUFFER;
	return MEMORY_TYPES & MAP_TYPE(row->type) ? KIND_MEMORY : KIND_OTHER;
}

/* Physical [low, end), but for what lies below `first`. */
static void map_stretch(struct paging *paging, uint64_t base, uint64_t first, uint64_t low, uint64_t end,
			enum kind kind)
{
	uint32_t flags = MAP_WRITE | MAP_EXECUTE | (kind == KIND_FRAMEBUFFER ? MAP_WRITE_COMBINE : 0);
	if (low < first)
		low = first;
	if (kind != KIND_NONE && low < end)
		paging_map(paging, base + low, low, end - low, flags);
}

/* All that is mapped from physical address `first` on, at `base` plus its address. */
static void map_physical(struct adapter *adapter, uint64_t base, uint64_t first)
{
	uint32_t base_revision = adapter->plan->base_revision;
	enum kind gaps = base_revision < 3 ? KIND_OTHER : KIND_NONE;
	uint64_t done = 0;
	for (uint32_t i = 0; i < adapter->map.count; i++) {
		const struct limine_memory *row = &adapter->map.rows[i];
		enum kind kind = kind_of(row, base_revision);
		uint64_t low = row->base, end = low + row->length;
		/* Neighbours of one kind are one stretch: larger pages fit. */
		for (; i + 1 < adapter->map.count && row[1].base == end &&
		       kind_of(&row[1], base_revision) == kind;
		     i++)
			end += (++row)->length;
		map_stretch(&adapter->paging, base, first, done, low < FOUR_GIB ? low : FOUR_GIB, gaps);
		map_stretch(&adapter->paging, base, first, low, end, kind);
		done = end;
	}
	map_stretch(&adapter->paging, base, first, done, FOUR_GIB, gaps);
}

static void map_kernel(struct adapter *adapter)
{
	const struct limine_plan *plan = adapter->plan;
	for (uint32_t i = 0; i < plan->range_count; i++) {
		const struct limine_range *range = &plan->ranges[i];
		paging_map(&adapter->paging, plan->virtual + range->offset,
			   adapter->kernel->data_phys + range->offset, range->size,
			   (range->flags & PF_W ? MAP_WRITE : 0) | (range->flags & PF_X ? MAP_EXECUTE : 0));
	}
}

/* CPUID (Intel SDM 2A): 80000001h EDX bit 26, pages of 1 GiB; 1 EDX bit 16, PAT. */
static uint32_t cpuid_edx(uint32_t leaf, uint32_t bit)
{
	uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
	__get_cpuid(leaf, &eax, &ebx, &ecx, &edx);
	return edx >> bit & 1;
}

void space_build(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	adapter->paging = (struct paging){
		.take = memory_take_page,
		.owner = &adapter->memory,
		.offset = handoff->direct_map_base,
		.root = memory_take_page(&adapter->memory),
		.levels = handoff->flags & TWINBOOT_LEVEL5_PAGING ? 5 : 4,
		.huge_pages = cpuid_edx(0x80000001, 26),
		.nx = (handoff->flags & TWINBOOT_NX) != 0,
		.pat = cpuid_edx(1, 16),
	};
	map_physical(adapter, handoff->direct_map_base, 0);
	if (adapter->plan->base_revision == 0)
		map_physical(adapter, 0, PAGE_SIZE); /* virtual page 0 stays empty */
	map_kernel(adapter);
}
