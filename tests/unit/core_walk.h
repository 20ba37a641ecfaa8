/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables read as a processor reads them (Intel SDM 3A 4.5), strictly: a bit that nobody spoke of is a
 * failure. */
#ifndef CORE_WALK_H
#define CORE_WALK_H

#include "core_host.h"
#include "common/registers.h"

#include <stddef.h>

/* What a broken promise ends in: a unit test may have a better word for it. */
#ifndef REQUIRE
#define REQUIRE(condition) ((condition) ? (void)0 : abort())
#endif

#define NOT_MAPPED UINT64_MAX

/* Memory types (Intel SDM 3A table 12-10). */
#define UC       0
#define WC       1
#define WB       6
#define UC_MINUS 7

struct found {
	uint64_t phys, size; /* NOT_MAPPED; of the page */
	int write, execute;
	uint8_t cache; /* memory type, by KERNEL_PAT */
};

__attribute__((unused)) static struct found walk(const struct paging *paging, uint64_t virt)
{
	struct found found = {NOT_MAPPED, 0, 1, 1, 0};
	const uint64_t *table = paging->root;
	for (int level = (int)paging->levels - 1; level >= 0; level--) {
		uint64_t entry = table[(virt >> (12 + 9 * level)) & 511];
		uint64_t reach = UINT64_C(1) << (12 + 9 * level);
		int is_leaf = level == 0 || (entry & 0x80);
		if (!(entry & 1)) {
			REQUIRE(entry == 0);
			return found;
		}
		found.write &= (entry & 2) != 0;
		found.execute &= !(entry >> 63);
		REQUIRE((entry & 4) == 0); /* never for user mode */
		if (!paging->nx)
			REQUIRE((entry >> 63) == 0); /* reserved without EFER.NXE: a fault */
		if (!is_leaf) {
			REQUIRE((entry & ~(uint64_t)0x000ffffffffff003) == 0);
			table = at(entry & 0x000ffffffffff000);
			const struct memory *memory = paging->owner;
			REQUIRE(physical(table) >= memory->arena_next && physical(table) < memory->arena_top);
			continue;
		}
		REQUIRE(level <= 1 || (level == 2 && paging->huge_pages));
		int pat_bit = level == 0 ? 7 : 12;
		uint64_t address = entry & 0x000ffffffffff000 & ~(reach - 1);
		/* Nothing but the bits that are spoken for: no reserved one, no dirty, no global. */
		uint64_t known = address | 0x8000000000000000 | 0x1b | (level > 0 ? 0x80u : 0) |
				 UINT64_C(1) << pat_bit;
		REQUIRE((entry & ~known) == 0);
		uint32_t index = (entry >> 3 & 3) | (entry >> pat_bit & 1) << 2;
		if (!paging->pat)
			REQUIRE(index < 4);
		found.cache = (uint8_t)(KERNEL_PAT >> (8 * index));
		found.phys = address | (virt & (reach - 1));
		found.size = reach;
		return found;
	}
	return found;
}

#endif
