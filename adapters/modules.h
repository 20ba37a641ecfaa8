/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ADAPTER_MODULES_H
#define ADAPTER_MODULES_H

#include "include/twinboot.h"

/* enum twinboot_role of the module with that index. */
uint32_t module_role(const struct twinboot_handoff *handoff, uint32_t index);

/* The first module of that role and, unless it is NULL, of that name; NULL if there is none. */
const struct twinboot_module *module_find(const struct twinboot_handoff *handoff, enum twinboot_role role,
					  const char *name);

#endif
