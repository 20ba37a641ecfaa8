/* SPDX-License-Identifier: BSD-2-Clause */
/* Relocations that need not wait for the boot: those of a kernel whose address the build knows. */
#ifndef RELOCATE_H
#define RELOCATE_H

#include "elf_file.h"

/* Applies them to `image`, the elf->end - elf->base bytes of the kernel's memory, which will run `slide`
   bytes above where it was linked. Besides relative ones those against the kernel's own symbols. */
bool relocate(const struct elf *elf, uint8_t *image, uint64_t slide, const struct report *report);

#endif
