/* SPDX-License-Identifier: BSD-2-Clause */
/* An exception in core is a bug, or a machine that lied about its memory. Either way it ends in a sentence.
 */
#include "trap.h"

/* Intel SDM 3A 6.14.1: present, for privilege 0, a 64-bit interrupt gate. */
#define GATE_INTERRUPT 0x8e

HIDDEN extern const uint8_t core_text_start[];
HIDDEN _Noreturn void trap_report(const struct frame *frame);

static struct machine *owner;

_Noreturn void trap_report(const struct frame *frame)
{
	char text
		[MACHINE_ERROR_MAX]; /* not the machine's: another sentence may be on its way to the screen */
	uint64_t cr2;
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	text_format(text, sizeof(text), ERROR_EXCEPTION, frame->vector, frame->error, frame->rip,
		    frame->rip - (uintptr_t)core_text_start, cr2);
	core_halt(owner, text);
}

void trap_gates(struct gate *gates, uint64_t entries, uint16_t selector, uint8_t stack)
{
	for (uint32_t i = 0; i < TRAP_VECTORS; i++) {
		uint64_t entry = entries + (uint64_t)i * TRAP_ENTRY_BYTES;
		gates[i] = (struct gate){
			.offset_low = (uint16_t)entry,
			.selector = selector,
			.stack = stack,
			.type = GATE_INTERRUPT,
			.offset_middle = (uint16_t)(entry >> 16),
			.offset_high = (uint32_t)(entry >> 32),
		};
	}
}

void core_catch_exceptions(struct machine *machine)
{
	static struct gate idt[TRAP_VECTORS];
	uint16_t selector;
	__asm__("mov %%cs, %0" : "=r"(selector));
	trap_gates(idt, (uintptr_t)trap_entries, selector, 0);
	owner = machine;
	struct table_register idtr = {sizeof(idt) - 1, (uintptr_t)idt};
	__asm__ volatile("lidt %0" : : "m"(idtr));
}
