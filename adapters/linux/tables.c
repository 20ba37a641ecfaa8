/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/linux/tables.h"

/* Intel SDM 3A, tables 4-15 to 4-20. */
#define ENTRY_PRESENT (UINT64_C(1) << 0)
#define ENTRY_WRITE   (UINT64_C(1) << 1)
#define ENTRY_LARGE   (UINT64_C(1) << 7)
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)

#define SMALL_PAGE UINT64_C(0x1000)
#define LARGE_PAGE UINT64_C(0x200000)

/* The entry for `virt` in a table of `level`: 0 for small pages, 1 for large ones. */
static uint64_t *entry_of(struct tables *tables, uint64_t virt, uint32_t level)
{
	uint64_t *table = tables->pages[0];
	for (uint32_t at = 3;; at--) {
		uint64_t *entry = &table[virt >> (12 + 9 * at) & 511];
		if (at == level)
			return entry;
		if (!(*entry & ENTRY_PRESENT))
			*entry = (tables->physical + tables->used++ * SMALL_PAGE) | ENTRY_PRESENT |
				 ENTRY_WRITE;
		table = tables->pages[((*entry & ENTRY_ADDRESS) - tables->physical) / SMALL_PAGE];
	}
}

void tables_map(struct tables *tables, uint64_t virt, uint64_t phys, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += SMALL_PAGE)
		*entry_of(tables, virt + at, 0) = (phys + at) | ENTRY_PRESENT | ENTRY_WRITE;
}

void tables_map_one_to_one(struct tables *tables, uint64_t base, uint64_t size)
{
	for (uint64_t at = base & ~(LARGE_PAGE - 1); at < base + size; at += LARGE_PAGE)
		*entry_of(tables, at, 1) = at | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_LARGE;
}
