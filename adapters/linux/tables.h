/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables for the way out of an adapter: all writable and executable, as a foreign kernel expects it. */
#ifndef TABLES_H
#define TABLES_H

#include <stdint.h>

/* The root, 4 GiB one to one (5 pages), 2 MiB of this adapter (3), three ranges elsewhere (at most 4 each). */
#define TABLES_MAX 24u

struct tables {
	uint64_t pages[TABLES_MAX][512] __attribute__((aligned(4096))); /* the root is the first */
	uint64_t physical;                                              /* address of the first page */
	uint32_t used;
};

/* Both take whole pages, for four levels. `tables` begins as zeros but for `physical`, with one page in use. */
void tables_map(struct tables *tables, uint64_t virt, uint64_t phys, uint64_t size);
/* One to one, in pages of 2 MiB: everything that shares one with the range is mapped, too. */
void tables_map_one_to_one(struct tables *tables, uint64_t base, uint64_t size);

#endif
