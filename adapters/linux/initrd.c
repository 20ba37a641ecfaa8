/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/linux/initrd.h"

#include "adapters/fail.h"
#include "adapters/modules.h"
#include "common/page.h"

#include <stddef.h>
#include <string.h>

#define INITRDS_MAX 64u /* as many as a payload has modules */

struct initrds {
	const struct twinboot_module *list[INITRDS_MAX];
	uint32_t count;
	uint64_t size; /* of all, from page to page */
};

uint64_t find_memory(const struct twinboot_handoff *handoff, uint64_t size, uint64_t alignment, uint64_t from)
{
	for (uint32_t i = 0; i < handoff->memory_map_count; i++) {
		const struct twinboot_region *row = &handoff->memory_map[i];
		uint64_t base = row->base_phys < from ? from : row->base_phys;
		uint64_t end = row->base_phys + row->length;
		base = (base + alignment - 1) & ~(alignment - 1);
		if (row->type == TWINBOOT_MEMORY_USABLE && base < end && end - base >= size)
			return base;
	}
	return 0;
}

static void add_role(struct initrds *initrds, const struct twinboot_handoff *handoff, enum twinboot_role role)
{
	for (uint32_t i = 0; i < handoff->module_count && initrds->count < INITRDS_MAX; i++) {
		if (module_role(handoff, i) != role)
			continue;
		initrds->list[initrds->count++] = &handoff->modules[i];
		initrds->size = page_up(initrds->size) + handoff->modules[i].size;
	}
}

static int lie_in_a_row(const struct initrds *initrds)
{
	for (uint32_t i = 1; i < initrds->count; i++) {
		const struct twinboot_module *last = initrds->list[i - 1];
		if (initrds->list[i]->data_phys != page_up(last->data_phys + last->size))
			return 0;
	}
	return 1;
}

static uint64_t copy(const struct initrds *initrds, const struct twinboot_handoff *handoff,
		     uint64_t free_from)
{
	uint64_t base = find_memory(handoff, page_up(initrds->size), PAGE_SIZE, free_from), used = 0;
	if (base == 0)
		adapter_fail(ERROR_LINUX_MEMORY, initrds->size / 1024, free_from);
	uint8_t *to = (uint8_t *)(uintptr_t)(handoff->direct_map_base + base);
	memset(to, 0, page_up(initrds->size));
	for (uint32_t i = 0; i < initrds->count; i++) {
		memcpy(to + used, initrds->list[i]->data, initrds->list[i]->size);
		used = page_up(used + initrds->list[i]->size);
	}
	return base;
}

struct range initrd_join(const struct twinboot_handoff *handoff, uint64_t free_from)
{
	struct initrds initrds = {.count = 0};
	add_role(&initrds, handoff, TWINBOOT_ROLE_MICROCODE);
	add_role(&initrds, handoff, TWINBOOT_ROLE_INITRD);
	if (initrds.count == 0)
		return (struct range){0, 0};
	if (lie_in_a_row(&initrds))
		return (struct range){initrds.list[0]->data_phys, initrds.size};
	return (struct range){copy(&initrds, handoff, free_from), initrds.size};
}
