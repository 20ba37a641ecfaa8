/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's exception net, or its absence. That it says what it should, kernels see that die of it
   (tests/test_exceptions.py). */
#include "kernel.h"
#include "report.h"
#include "cpu.h"

#define VECTORS        32
#define GATE_INTERRUPT 0x8e /* present, privilege 0, a 64-bit interrupt gate */
#define TSS_SELECTOR   0x18
#define TSS_SIZE       104
#define TSS_STACKS     36 /* offset of the first interrupt stack; Intel SDM 3A, figure 8-11 */
#define TSS_BUSY       0x8b

static bool is_loader_memory(uint64_t virtual, bool executable)
{
	struct mapping m = mapping_of(virtual);

	return m.present && memory_type(m.physical & -PAGE, PAGE) == TWINBOOT_MEMORY_LOADER &&
	       (!executable || (m.executable && !m.writable));
}

/* The first gate that does not lead to the loader's code by an interrupt stack, or VECTORS. */
static unsigned first_bad_gate(void)
{
	const struct gate *gate = (const struct gate *)handoff->exception_net;
	unsigned vector = 0;

	for (; vector < VECTORS; vector++, gate++) {
		uint64_t entry = gate->offset_low | (uint64_t)gate->offset_middle << 16 |
				 (uint64_t)gate->offset_high << 32;
		if (gate->type != GATE_INTERRUPT || gate->selector != 8 || gate->stack != 1 ||
		    !is_loader_memory(entry, true))
			break;
	}
	return vector;
}

static void check_task_register(const struct registers *r)
{
	struct descriptor_table gdtr;

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	const uint64_t *entry = (const uint64_t *)(gdtr.base + TSS_SELECTOR);
	uint64_t base = (entry[0] >> 16 & 0xffffff) | (entry[0] >> 56) << 24 | entry[1] << 32;
	uint64_t limit = (entry[0] & 0xffff) | (entry[0] >> 32 & 0xf0000), stack;

	if (!check("task_register_has_a_tss",
		   r->tr == TSS_SELECTOR && (entry[0] >> 40 & 0xff) == TSS_BUSY && limit == TSS_SIZE - 1,
		   "TR 0x%x, descriptor 0x%lx", r->tr, entry[0]))
		return;
	memcpy(&stack, (const uint8_t *)base + TSS_STACKS, sizeof(stack));
	check("exception_stack_is_loader_memory",
	      is_loader_memory(base, false) && is_loader_memory(stack - 1, false), "TSS 0x%lx, stack 0x%lx",
	      base, stack);
}

void check_exception_net(const struct registers *r)
{
	bool wanted = !(needs->flags & TWINBOOT_NO_EXCEPTION_NET);

	check("exception_net_as_the_note_says", wanted == !!handoff->exception_net, "at 0x%lx",
	      handoff->exception_net);
	check("idtr_is_the_exception_nets",
	      r->idt_base == handoff->exception_net &&
		      r->idt_limit == (wanted ? VECTORS * sizeof(struct gate) - 1 : 0),
	      "base 0x%lx, limit %u", r->idt_base, r->idt_limit);
	if (!wanted || !handoff->exception_net)
		return;
	check("exception_net_catches_all", first_bad_gate() == VECTORS, "not vector %u", first_bad_gate());
	check_task_register(r);
}
