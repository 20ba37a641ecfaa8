/* SPDX-License-Identifier: BSD-2-Clause */
/* The state at entry, of the boot CPU and of every other one. */
#include "limine/limine.h"

#include "cpu.h"

#define CODE_SELECTOR 0x28
#define DATA_SELECTOR 0x30

/* Nothing beyond what the protocol lists. */
#define CR0_STRICT UINT64_C(0x80010011)
#define CR4_STRICT UINT64_C(0x20)

/* PAT 0 to 5: WB, WT, UC-, UC, WP, WC; the last two are the loader's to choose. */
#define PAT_FIXED  UINT64_C(0x0000ffffffffffff)
#define PAT_STRICT UINT64_C(0x0000010500070406)

/* Local APIC registers (Intel SDM 3A 11.4). */
#define APIC_VERSION  0x30
#define APIC_PRIORITY 0x80
#define APIC_SPURIOUS 0xf0
#define APIC_LINT0    0x350
#define APIC_LINT1    0x360

/* Mapped by space_complete(): by the loader device memory need not be. */
static volatile uint32_t *device(uint64_t physical)
{
	return direct_map(physical);
}

static bool is_x2apic(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2;
}

static uint32_t apic_read(unsigned offset)
{
	return is_x2apic() ? (uint32_t)rdmsr(MSR_X2APIC + offset / 16)
			   : *device((rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS) + offset);
}

/* Fixed, lowest priority, NMI, ExtINT. */
static bool can_interrupt(uint32_t entry)
{
	uint32_t mode = entry >> 8 & 7;

	return (mode == 0 || mode == 1 || mode == 4 || mode == 7) && !(entry >> 16 & 1);
}

void state_read_apic(struct state *state)
{
	static const uint16_t entries[] = {0x320, APIC_LINT0, APIC_LINT1, 0x370, 0x340, 0x330, 0x2f0};
	state->has_apic = cpu_has_apic();
	if (!state->has_apic)
		return;
	unsigned count = (apic_read(APIC_VERSION) >> 16 & 0xff) + 1;

	state->spurious = apic_read(APIC_SPURIOUS);
	state->priority = apic_read(APIC_PRIORITY);
	state->lint[0] = apic_read(APIC_LINT0);
	state->lint[1] = apic_read(APIC_LINT1);
	for (unsigned i = 0; i < count && i < sizeof(entries) / sizeof(*entries); i++)
		state->unmasked |= (uint32_t)can_interrupt(apic_read(entries[i])) << i;
}

static void read_descriptors(struct state *state)
{
	struct descriptor_table gdtr;
	uint16_t task;

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	__asm__ volatile("str %0" : "=r"(task));
	state->gdt = gdtr.base;
	state->task_selector = task;
	memcpy(state->gdt_entries, (const void *)gdtr.base, sizeof(state->gdt_entries));
	if (task && task + 15u <= gdtr.limit) {
		uint64_t words[2];
		memcpy(words, (const void *)(gdtr.base + (task & ~7u)), sizeof(words));
		state->task_limit = (uint32_t)((words[0] & 0xffff) | (words[0] >> 32 & 0xf0000));
		state->task_base =
			(words[0] >> 16 & 0xffffff) | (words[0] >> 32 & 0xff000000) | words[1] << 32;
	}
}

struct state state_read(uint64_t rdi, uint64_t rsp, uint64_t rflags, uint64_t others)
{
	struct state state = {.registers = registers_read(rsp, rflags, others), .rdi = rdi};

	read_descriptors(&state);
	return state;
}

/* Type, S, DPL, P, and L, D, G; limit where the mode knows one; base. */
static bool descriptor_is(uint64_t entry, uint64_t attributes, uint64_t limit)
{
	const uint64_t base = UINT64_C(0xff0000ffffff0000), accessed = UINT64_C(1) << 40;
	const uint64_t all = UINT64_C(0x00e0fe0000000000), limit_bits = UINT64_C(0x000f00000000ffff);

	return !(entry & base) && ((entry | accessed) & (all | accessed)) == (attributes | accessed) &&
	       (limit == UINT64_MAX || (entry & limit_bits) == limit);
}

static void check_gdt(const struct state *s)
{
	const uint64_t *entry = s->gdt_entries;

	check("gdt_entries_as_agreed",
	      entry[0] == 0 && descriptor_is(entry[1], UINT64_C(0x00009a0000000000), 0xffff) &&
		      descriptor_is(entry[2], UINT64_C(0x0000920000000000), 0xffff) &&
		      descriptor_is(entry[3], UINT64_C(0x00c09a0000000000), UINT64_C(0x000f00000000ffff)) &&
		      descriptor_is(entry[4], UINT64_C(0x00c0920000000000), UINT64_C(0x000f00000000ffff)) &&
		      descriptor_is(entry[5] & ~(UINT64_C(1) << 55), UINT64_C(0x00209a0000000000),
				    UINT64_MAX) &&
		      descriptor_is(entry[6] & ~(UINT64_C(3) << 54), UINT64_C(0x0000920000000000),
				    UINT64_MAX),
	      "%lx %lx %lx %lx %lx %lx %lx", entry[0], entry[1], entry[2], entry[3], entry[4], entry[5],
	      entry[6]);
	check("gdt_is_handed_over",
	      is_handed_over((const void *)s->gdt, s->registers.gdt_limit + UINT64_C(1)), "0x%lx", s->gdt);
	check("task_register_is_empty", !is_strict() || (s->task_selector && !s->task_base && !s->task_limit),
	      "selector 0x%x, base 0x%lx, limit 0x%x", s->task_selector, s->task_base, s->task_limit);
	check("idt_is_empty", !is_strict() || (s->registers.idt_limit == 0 && s->registers.idt_base == 0),
	      "0x%lx, limit %u", s->registers.idt_base, s->registers.idt_limit);
	check("ldt_is_null", !is_strict() || s->registers.ldt == 0, "0x%x", s->registers.ldt);
}

static void check_segments(const struct registers *r)
{
	check("selectors_as_agreed",
	      r->cs == CODE_SELECTOR && r->ss == DATA_SELECTOR && r->ds == DATA_SELECTOR &&
		      r->es == DATA_SELECTOR && r->fs == DATA_SELECTOR && r->gs == DATA_SELECTOR,
	      "cs=0x%x ss=0x%x ds=0x%x es=0x%x fs=0x%x gs=0x%x", r->cs, r->ss, r->ds, r->es, r->fs, r->gs);
	check("segment_bases_are_0", r->fs_base == 0 && r->gs_base == 0, "FS 0x%lx, GS 0x%lx", r->fs_base,
	      r->gs_base);
}

static void check_control_registers(const struct registers *r)
{
	uint64_t efer = EFER_LME | EFER_LMA | (cpu_has_nx() ? EFER_NXE : 0);
	const struct answer_word *mode = answer(PAGING_MODE);

	fact("cr0", "0x%lx", r->cr0);
	fact("cr4", "0x%lx", r->cr4);
	fact("efer", "0x%lx", r->efer);
	check("cr0_as_agreed", is_strict() ? r->cr0 == CR0_STRICT : (r->cr0 & CR0_STRICT) == CR0_STRICT,
	      "0x%lx", r->cr0);
	check("cr4_as_agreed", is_strict() ? (r->cr4 & ~CR4_LA57) == CR4_STRICT : r->cr4 & CR4_STRICT,
	      "0x%lx", r->cr4);
	check("cr4_la57_as_answered", mode && !(r->cr4 & CR4_LA57) == !mode->value, "cr4 0x%lx, answer %lu",
	      r->cr4, mode ? mode->value : 99);
	check("efer_as_agreed", is_strict() ? r->efer == efer : (r->efer & efer) == efer, "0x%lx", r->efer);
	check("pat_as_agreed", !cpu_has_pat() || (r->pat & PAT_FIXED) == PAT_STRICT, "0x%lx", r->pat);
}

bool stack_is_whole(uint64_t rsp)
{
	uint64_t size = asked_stack > 65536 ? asked_stack : 65536, bottom = rsp + 8 - size;

	return is_handed_over((const void *)bottom, size);
}

/* Interrupts, virtual 8086 mode and the direction flag are off in any case. */
bool flags_are_agreed(uint64_t rflags)
{
	return is_strict() ? rflags == RFLAGS_AT_ENTRY
			   : !(rflags & (RFLAGS_IF | RFLAGS_DF | UINT64_C(1) << 17));
}

static void check_entry(const struct state *s)
{
	const struct registers *r = &s->registers;

	check("rdi_is_0", s->rdi == 0, "0x%lx", s->rdi);
	check("other_registers_are_0", r->others == 0, "ORed 0x%lx", r->others);
	check("rflags_as_agreed", flags_are_agreed(r->rflags), "0x%lx", r->rflags);
	check("rsp_as_after_a_call", r->rsp % 16 == 8, "0x%lx", r->rsp);
	check("return_address_is_null", r->return_address == 0, "0x%lx", r->return_address);
	check("stack_is_handed_over", stack_is_whole(r->rsp), "0x%lx", r->rsp);
}

#define IO_APIC 1

static unsigned io_apics, lines_unmasked;

static void look_at_io_apic(const uint8_t *entry)
{
	uint32_t address;

	if (entry[0] != IO_APIC)
		return;
	io_apics++;
	memcpy(&address, entry + 4, sizeof(address));
	*device(address) = 1;
	unsigned last = *device(address + 0x10) >> 16 & 0xff;
	for (unsigned line = 0; line <= last; line++) {
		*device(address) = 0x10 + 2 * line;
		lines_unmasked += can_interrupt(*device(address + 0x10));
	}
}

/* The pins that the MADT calls NMI, for this processor. */
static uint32_t nmi_pins;
static uint32_t boot_processor;

static void look_at_nmi(const uint8_t *entry)
{
	uint32_t processor = entry[2];
	unsigned pin = entry[5], flags = entry[3];

	if (entry[0] == 10) {
		memcpy(&processor, entry + 4, sizeof(processor));
		pin = entry[8];
		flags = entry[2];
	} else if (entry[0] == 4) {
		processor = processor == 0xff ? UINT32_MAX : processor;
	} else {
		return;
	}
	if (pin < 2 && (processor == UINT32_MAX || processor == boot_processor))
		nmi_pins |= (1u | (uint32_t)((flags & 3) == 3) << 1 | (uint32_t)((flags >> 2 & 3) == 3) << 2)
			    << 4 * pin;
}

static bool lint_suits(uint32_t lint, uint32_t pin)
{
	uint32_t expected = 0x10400 | (pin & 2 ? 1u << 13 : 0) | (pin & 4 ? 1u << 15 : 0);

	return !(pin & 1) || (lint & 0x1a700) == expected;
}

static void check_local_apic(const struct state *s)
{
	const struct answer_mp *mp = answer(MP);

	if (!s->has_apic || !is_strict()) {
		check_skipped("local_apic_as_agreed", s->has_apic ? "not agreed on" : "there is none");
		return;
	}
	boot_processor = mp && mp->count ? mp->cpus[0]->processor_id : 0;
	madt_entries(look_at_nmi);
	check("local_apic_as_agreed", s->spurious == 0x1ff && s->priority == 0 && !s->unmasked,
	      "SVR 0x%x, TPR 0x%x, unmasked entries 0x%x", s->spurious, s->priority, s->unmasked);
	fact("lint", "0x%x 0x%x", s->lint[0], s->lint[1]);
	check("lint_pins_as_the_madt_says",
	      lint_suits(s->lint[0], nmi_pins & 15) && lint_suits(s->lint[1], nmi_pins >> 4),
	      "0x%x 0x%x, expected kinds 0x%x", s->lint[0], s->lint[1], nmi_pins);
	check("x2apic_as_asked", asked_x2apic || !is_x2apic(), "APIC base 0x%lx", s->registers.apic_base);
}

static void check_interrupts(const struct state *s)
{
	uint8_t masks[2] = {inb(0x21), inb(0xa1)};

	check("legacy_interrupts_are_masked", masks[0] == 0xff && masks[1] == 0xff, "0x%x, 0x%x", masks[0],
	      masks[1]);
	madt_entries(look_at_io_apic);
	fact("io_apics", "%u", io_apics);
	check("io_apics_are_masked", !lines_unmasked, "%u lines are not", lines_unmasked);
	check_local_apic(s);
}

void check_state(const struct state *s)
{
	check_entry(s);
	check_segments(&s->registers);
	check_gdt(s);
	check_control_registers(&s->registers);
	check_interrupts(s);
}

const char *state_difference(const struct state *a, const struct state *b)
{
	const struct {
		const char *name;
		uint64_t a, b;
	} pairs[] = {
		{"spurious vector", a->spurious, b->spurious},
		{"task priority", a->priority, b->priority},
		{"unmasked entries", a->unmasked, b->unmasked},
		{"task register's base", a->task_base, b->task_base},
		{"task register's limit", a->task_limit, b->task_limit},
	};

	for (unsigned i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (pairs[i].a != pairs[i].b)
			return pairs[i].name;
	return memcmp(a->gdt_entries, b->gdt_entries, sizeof(a->gdt_entries)) ? "GDT" : NULL;
}
