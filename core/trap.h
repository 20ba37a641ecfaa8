/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions in core itself (trap.c) and in a kernel that has no IDT of its own yet (net.c): both enter by trap.S. */
#ifndef TRAP_H
#define TRAP_H

#include "core.h"

#define TRAP_VECTORS     32 /* what Intel and AMD define or reserve; Intel SDM 3A, table 6-1 */
#define TRAP_ENTRY_BYTES 16 /* from one entry of trap.S to the next */

/* Intel SDM 3A 6.14.1 */
struct gate {
	uint16_t offset_low, selector;
	uint8_t stack, type; /* stack: number of the TSS' interrupt stack, 0: the one that is in use */
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "a 64-bit gate");

struct __attribute__((packed)) table_register {
	uint16_t limit;
	uint64_t base;
};

/* The stack as trap.S and the CPU have filled it. */
struct frame {
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

HIDDEN extern const uint8_t trap_entries[];

/* TRAP_VECTORS gates to trap.S as it lies at `entries`. */
void trap_gates(struct gate *gates, uint64_t entries, uint16_t selector, uint8_t stack);

#endif
