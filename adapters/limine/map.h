/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory map in Limine's words. Nothing here touches the machine: the host tests run it. */
#ifndef MAP_H
#define MAP_H

#include "formats/limine.h"
#include "include/twinboot.h"

/* Sorted rows that never overlap; no two neighbours that touch are of one type. */
struct map {
	struct limine_memory *rows;
	uint32_t count;
};

/* Room that is enough for `regions` rows of the handoff and `ranges` calls of map_set(): each call splits at most two
   rows, and fills gaps, of which there are no more than rows and one, and at most two more for each call. */
#define MAP_ROWS(regions, ranges) (2 * (uint64_t)(regions) + 1 + 4 * (uint64_t)(ranges))

/* One bit for each type. */
#define MAP_TYPE(type) (1u << (type))

/* The handoff's rows. Modules and command lines are the loader's until map_set() says which of them a kernel sees. */
void map_fill(struct map *map, const struct twinboot_handoff *handoff, uint32_t base_revision);

/* Whole pages around [base, base + size) become `type`, also where no row was, but for rows whose type is one of `keep`. */
void map_set(struct map *map, uint64_t base, uint64_t size, enum limine_memory_type type, uint32_t keep);

#endif
