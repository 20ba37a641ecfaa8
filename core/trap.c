/* SPDX-License-Identifier: BSD-2-Clause */
/* An exception in core is a bug, or a machine that lied about its memory. Either way it ends in a sentence.
 */
#include "core.h"

#define VECTORS     32
#define ENTRY_BYTES 16

/* Intel SDM 3A 6.14.1 */
struct gate {
	uint16_t offset_low, selector;
	uint8_t stack, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "a 64-bit gate");
#define GATE_INTERRUPT 0x8e

struct __attribute__((packed)) idt_register {
	uint16_t limit;
	uint64_t base;
};

/* What trap.S and the CPU have pushed. */
struct frame {
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

HIDDEN extern const uint8_t trap_entries[], core_text_start[];
HIDDEN _Noreturn void trap_report(const struct frame *frame);

static struct machine *owner;

_Noreturn void trap_report(const struct frame *frame)
{
	uint64_t cr2;
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	fail_halt(owner, ERROR_EXCEPTION, frame->vector, frame->error, frame->rip,
		  frame->rip - (uintptr_t)core_text_start, cr2);
}

void core_catch_exceptions(struct machine *machine)
{
	static struct gate idt[VECTORS];
	uint16_t selector;
	__asm__("mov %%cs, %0" : "=r"(selector));
	for (uint32_t i = 0; i < VECTORS; i++) {
		uint64_t entry = (uintptr_t)trap_entries + i * ENTRY_BYTES;
		idt[i] = (struct gate){
			.offset_low = (uint16_t)entry,
			.selector = selector,
			.type = GATE_INTERRUPT,
			.offset_middle = (uint16_t)(entry >> 16),
			.offset_high = (uint32_t)(entry >> 32),
		};
	}
	owner = machine;
	struct idt_register idtr = {sizeof(idt) - 1, (uintptr_t)idt};
	__asm__ volatile("lidt %0" : : "m"(idtr));
}
