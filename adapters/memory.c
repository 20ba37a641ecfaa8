/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/memory.h"

#include "adapters/fail.h"
#include "common/page.h"

#include <string.h>

#define FOUR_GIB UINT64_C(0x100000000)

void memory_open(struct memory *memory, const struct twinboot_handoff *handoff)
{
	*memory = (struct memory){.direct_map = handoff->direct_map_base};
	for (uint32_t i = 0; i < handoff->memory_map_count; i++) {
		const struct twinboot_region *row = &handoff->memory_map[i];
		uint64_t top = row->base_phys + row->length;
		if (top > FOUR_GIB)
			top = FOUR_GIB;
		if (row->type != TWINBOOT_MEMORY_USABLE || row->base_phys >= top ||
		    top - row->base_phys <= memory->top - memory->low)
			continue;
		memory->low = row->base_phys;
		memory->next = memory->top = top;
	}
}

void *memory_take(struct memory *memory, uint64_t size, uint64_t alignment)
{
	uint64_t room = memory->next - memory->low;
	uint64_t base = (memory->next - size) & ~(alignment - 1);
	if (size > room || base < memory->low)
		adapter_fail(ERROR_ADAPTER_MEMORY, size / 1024, room / 1024);
	memory->next = base;
	return memset((void *)(memory->direct_map + base), 0, size); /* NOLINT(performance-no-int-to-ptr) */
}

void *memory_take_page(void *memory)
{
	return memory_take(memory, PAGE_SIZE, PAGE_SIZE);
}
