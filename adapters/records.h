/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECORDS_H
#define RECORDS_H

#include "include/twinboot.h"

/* The first record of that type, or NULL. */
const void *record_find(const struct twinboot_handoff *handoff, enum twinboot_record_type type);

#endif
