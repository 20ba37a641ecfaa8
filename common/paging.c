/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables from nothing: the firmware's are never touched (EDK2 makes its own read-only). */
#include "common/paging.h"

/* Intel SDM 3A, tables 4-15 to 4-20. */
#define ENTRY_PRESENT   (UINT64_C(1) << 0)
#define ENTRY_WRITE     (UINT64_C(1) << 1)
#define ENTRY_PWT       (UINT64_C(1) << 3)
#define ENTRY_PCD       (UINT64_C(1) << 4)
#define ENTRY_LARGE     (UINT64_C(1) << 7)
#define ENTRY_PAT_SMALL (UINT64_C(1) << 7)
#define ENTRY_PAT_LARGE (UINT64_C(1) << 12)
#define ENTRY_NX        (UINT64_C(1) << 63)
#define ENTRY_ADDRESS   UINT64_C(0x000ffffffffff000)

#define ENTRIES 512

/* Beside the MAP_ flags: nothing is to be there. */
#define ABSENT (1u << 31)

/* Permissions stand in the last level only; the levels above allow all. Memory types as KERNEL_PAT lays them
   out: PAT index 2 (PCD) is UC-, 5 (PAT and PWT) is write-combining. */
static uint64_t leaf(const struct paging *paging, uint64_t phys, uint32_t level, uint32_t flags)
{
	if (flags & ABSENT)
		return 0;
	uint64_t entry = phys | ENTRY_PRESENT;
	if (level > 0)
		entry |= ENTRY_LARGE;
	if (flags & MAP_WRITE)
		entry |= ENTRY_WRITE;
	if (!(flags & MAP_EXECUTE) && paging->nx)
		entry |= ENTRY_NX;
	if (flags & MAP_WRITE_COMBINE && paging->pat)
		entry |= ENTRY_PWT | (level > 0 ? ENTRY_PAT_LARGE : ENTRY_PAT_SMALL);
	else if (flags & (MAP_UNCACHED | MAP_WRITE_COMBINE))
		entry |= ENTRY_PCD;
	return entry;
}

/* The table that a large page stands for, page by page: same memory, same permissions, same memory type. */
static void split(uint64_t *table, uint64_t large, uint32_t level)
{
	uint64_t attributes = large & (ENTRY_PRESENT | ENTRY_WRITE | ENTRY_PWT | ENTRY_PCD | ENTRY_NX);
	if (level > 0)
		attributes |= ENTRY_LARGE | (large & ENTRY_PAT_LARGE);
	else if (large & ENTRY_PAT_LARGE)
		attributes |= ENTRY_PAT_SMALL;
	uint64_t phys = large & ENTRY_ADDRESS & ~ENTRY_PAT_LARGE;
	for (uint64_t i = 0; i < ENTRIES; i++)
		table[i] = (phys + (i << (12 + 9 * level))) | attributes;
}

/* The table below `entry`, which stands at `level` + 1. */
static uint64_t *next_table(struct paging *paging, uint64_t *entry, uint32_t level)
{
	int is_page = *entry & ENTRY_LARGE; /* reserved, so 0, in an entry that points to a table */
	if (!(*entry & ENTRY_PRESENT) || is_page) {
		uint64_t *table = paging->take(paging->owner);
		if (is_page)
			split(table, *entry, level);
		*entry = ((uintptr_t)table - paging->offset) | ENTRY_PRESENT | ENTRY_WRITE;
	}
	return (uint64_t *)(uintptr_t)((*entry & ENTRY_ADDRESS) +
				       paging->offset); /* NOLINT(performance-no-int-to-ptr) */
}

/* Levels count from 0 (page table, 4 KiB a page) upwards. */
static void map_level(struct paging *paging, uint64_t *table, uint32_t level, uint64_t virt, uint64_t phys,
		      uint64_t size, uint32_t flags)
{
	uint64_t reach = UINT64_C(1) << (12 + 9 * level);
	int leaves = level == 0 || level == 1 || (level == 2 && paging->huge_pages);
	while (size > 0) {
		uint64_t *entry = &table[(virt / reach) % ENTRIES];
		uint64_t step = reach - (virt & (reach - 1));
		if (step > size)
			step = size;
		int is_table = level > 0 && (*entry & ENTRY_PRESENT) && !(*entry & ENTRY_LARGE);
		int is_absent = !(*entry & ENTRY_PRESENT) && (flags & ABSENT);
		if (leaves && !is_table && step == reach && (phys & (reach - 1)) == 0)
			*entry = leaf(paging, phys, level, flags);
		else if (!is_absent) /* what is not there needs no table in which it is not */
			map_level(paging, next_table(paging, entry, level - 1), level - 1, virt, phys, step,
				  flags);
		virt += step;
		phys += step;
		size -= step;
	}
}

void paging_map(struct paging *paging, uint64_t virt, uint64_t phys, uint64_t size, uint32_t flags)
{
	map_level(paging, paging->root, paging->levels - 1, virt, phys, size, flags);
}

void paging_unmap(struct paging *paging, uint64_t virt, uint64_t size)
{
	map_level(paging, paging->root, paging->levels - 1, virt, virt, size, ABSENT);
}
