/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DYNAMIC_H
#define DYNAMIC_H

#include "elf_file.h"

/* Dynamic linking: only relative relocations, each into memory of the kernel. */
bool check_dynamic(const struct elf *elf, const struct report *report);

#endif
