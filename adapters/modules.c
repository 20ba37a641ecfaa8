/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/modules.h"

#include <stddef.h>

uint32_t module_role(const struct twinboot_handoff *handoff, uint32_t index)
{
	const uint8_t *rows = (const uint8_t *)handoff->module_facts;
	const uint8_t *row = rows + (uint64_t)index * handoff->module_fact_size;
	return ((const struct twinboot_module_fact *)row)->role;
}

static int is_same(const char *a, const char *b)
{
	for (; *a != 0 && *a == *b; a++, b++)
		;
	return *a == *b;
}

const struct twinboot_module *module_find(const struct twinboot_handoff *handoff, enum twinboot_role role,
					  const char *name)
{
	for (uint32_t i = 0; i < handoff->module_count; i++)
		if (module_role(handoff, i) == role &&
		    (name == NULL || is_same(handoff->modules[i].name, name)))
			return &handoff->modules[i];
	return NULL;
}
