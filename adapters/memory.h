/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for what an adapter leaves to its kernel, out of the handoff's map. */
#ifndef ADAPTER_MEMORY_H
#define ADAPTER_MEMORY_H

#include "include/twinboot.h"

/* The largest run of usable memory below 4 GiB, which 32-bit code reaches too: taken from its top downwards, so that
   [next, top) is in use. */
struct memory {
	uint64_t direct_map;     /* virtual address of physical 0 */
	uint64_t low, next, top; /* physical */
};

void memory_open(struct memory *memory, const struct twinboot_handoff *handoff);

/* `size` zeroed bytes at a multiple of `alignment`, a power of two; ends with TB60 where there are none. */
void *memory_take(struct memory *memory, uint64_t size, uint64_t alignment);

/* A page, for struct paging. */
void *memory_take_page(void *memory);

static inline uint64_t memory_physical(const struct memory *memory, const void *pointer)
{
	return (uintptr_t)pointer - memory->direct_map;
}

#endif
