/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the loaders can boot a kernel. Step 1 of the build. */
#ifndef CHECK_H
#define CHECK_H

#include "elf_file.h"

/* The payload lies below 4 GiB, and the loader, firmware and MMIO need the rest. */
#define IMAGE_MIB_MAX     3072u
#define IMAGE_MIB_DEFAULT 1024u

/* Everything that would stop the kernel from booting, as far as its file tells. */
bool check_kernel(const struct elf *elf, uint32_t image_mib, const struct report *report);
/* The part of it that holds under any protocol: there is code, it is entered where there is some, and it is not too
   large. `entry` is as linked. */
bool check_contents(const struct elf *elf, uint64_t entry, uint32_t image_mib, const struct report *report);
/* What boots but is probably not meant. */
void check_warn(const struct elf *elf, const struct report *report);

#endif
