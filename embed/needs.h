/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel says it needs in its ELF note (include/twinboot.h). */
#ifndef NEEDS_H
#define NEEDS_H

#include "elf_file.h"
#include "include/twinboot.h"

/* Fills in the defaults where the kernel is silent; false if no loader of this version can meet the needs. */
bool needs_read(const struct elf *elf, struct twinboot_needs *needs, const struct report *report);

/* Whether the kernel says anything: then it was written for twinboot. */
bool needs_has_note(const struct elf *elf);

#endif
