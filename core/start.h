/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets, for enter.S, of the two structures that it reads (core.h, window.c). */
#ifndef START_H
#define START_H

/* struct start: the second page of the loader's window, read on the final tables by every CPU. */
#define START            0xfffffe8000001000 /* LOADER_WINDOW_BASE + PAGE_SIZE; window.c asserts it */
#define START_FINAL_CR3  0
#define START_GDT        8
#define START_STACK      16
#define START_ENTRY      24
#define START_ARGUMENT   32
#define START_CPUS       40
#define START_CPU_COUNT  48
#define START_APIC_BASE  56
#define START_PAT        64
#define START_DIRECT_MAP 72
#define START_MSR_COUNT  80
#define START_NET_STACK  88
#define START_GDT_STRIDE 96
#define START_NET_TAKEN  100
#define START_GDT_LIMIT  104
#define START_IDTR       106
#define START_TSS        116
#define START_MSRS       120

/* struct low_fields: in the low page, behind its code. */
#define LOW_GDTR     0
#define LOW_FAR_AP   16
#define LOW_FAR_BOOT 24
#define LOW_FAR_64   32
#define LOW_CR3      40
#define LOW_CR4      44
#define LOW_EFER     48
#define LOW_AP       56
#define LOW_BOOT     64
#define LOW_GDT      72
#define LOW_SIZE     104

#define LOW_CODE32 0x08
#define LOW_DATA32 0x10
#define LOW_CODE64 0x18

#endif
