/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layout of the virtual address space that a kernel is entered with. embed/ refuses a kernel that is
 * linked into what the loader maps; core/ maps it.
 *
 *     0x0000000000001000  kernels of the lower half and, where wanted, memory one to one
 *     0xffff800000000000  direct map of physical memory, at most 64 TiB
 *     0xfffffe8000000000  the loader's own window: stacks with their guard pages
 *     0xffffffff80000000  a static PIE linked at 0; the usual place of kernels of the higher half
 *
 * Page 0 is never mapped.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stdint.h>

/* Canonical addresses of four-level paging. They are canonical with five levels too, so that one linked
   address serves both. */
#define LOWER_HALF_END   UINT64_C(0x0000800000000000)
#define HIGHER_HALF_BASE UINT64_C(0xffff800000000000)

/* 64 TiB are what Linux maps with four levels, too, and leave half of the higher half to kernels. With five
   levels the direct map starts where the higher half then begins. */
#define DIRECT_MAP_BASE        UINT64_C(0xffff800000000000)
#define DIRECT_MAP_SIZE_MAX    (UINT64_C(64) << 40)
#define DIRECT_MAP_BASE_LEVEL5 UINT64_C(0xff00000000000000)

/* One entry of the top-level table, slot 509: away from the direct map and below the top 1 TiB, in which
   kernels are linked. */
#define LOADER_WINDOW_BASE UINT64_C(0xfffffe8000000000)
#define LOADER_WINDOW_SIZE (UINT64_C(512) << 30)
/* Its upper half: core's own code once more, for exceptions of the kernel. */
#define LOADER_WINDOW_CORE (LOADER_WINDOW_BASE + LOADER_WINDOW_SIZE / 2)

/* Within the top 2 GiB, so that code of -mcmodel=kernel reaches itself. */
#define PIE_BASE UINT64_C(0xffffffff80000000)

#endif
