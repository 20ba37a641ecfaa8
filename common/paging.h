/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables of four or five levels, made from nothing. */
#ifndef PAGING_H
#define PAGING_H

#include "common/page.h"

#define MAP_WRITE         (1u << 0)
#define MAP_EXECUTE       (1u << 1)
#define MAP_UNCACHED      (1u << 2)
#define MAP_WRITE_COMBINE (1u << 3)

struct paging {
	void *(*take)(void *owner); /* a zeroed page for a table; never returns without one */
	void *owner;
	uint64_t offset; /* physical memory is read and written here at its address plus this */
	uint64_t *root;
	uint32_t levels;     /* 4 or 5 */
	uint32_t huge_pages; /* the CPU has 1 GiB pages */
	uint32_t nx;
	uint32_t pat;
};

/* Maps whole pages, with the largest that fit. Mapping a page again replaces it. */
void paging_map(struct paging *paging, uint64_t virt, uint64_t phys, uint64_t size, uint32_t flags);

/* Takes whole pages out: they are not present from now on, whatever was mapped there. */
void paging_unmap(struct paging *paging, uint64_t virt, uint64_t size);

#endif
