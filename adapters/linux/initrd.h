/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INITRD_H
#define INITRD_H

#include "adapters/linux/params.h"

/* The first usable memory of `size` bytes at a multiple of `alignment`, a power of two, that begins at `from` or
   above; 0 if there is none. */
uint64_t find_memory(const struct twinboot_handoff *handoff, uint64_t size, uint64_t alignment,
		     uint64_t from);

/* All of the initrds as one, microcode first, which Linux looks for at the beginning. Each begins at a page, and
   Linux' unpacker skips the zeros in between. They stay where they are if they lie like that; else they are
   copied, to memory from `free_from` on. Ends with TB62 if there is none. */
struct range initrd_join(const struct twinboot_handoff *handoff, uint64_t free_from);

#endif
