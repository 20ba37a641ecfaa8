/* SPDX-License-Identifier: BSD-2-Clause */
/* Wakes every parked CPU and has each say in what state it arrived. */
#include "kernel.h"
#include "report.h"
#include "cpu.h"

#define CPUS_MAX 256

/* A woken CPU leaves this for the boot CPU, which waits for `done`. */
static struct answer {
	struct registers registers;
	volatile bool done;
} answers[CPUS_MAX];

/* On the woken CPU, from entry.S. It comes to rest there. */
_Noreturn void cpu_run(uint64_t argument, uint64_t rsp, uint64_t rflags, uint64_t others)
{
	struct answer *answer = (struct answer *)argument;

	answer->registers = registers_read(rsp, rflags, others);
	__asm__ volatile("" : : : "memory"); /* x86 keeps the order, the compiler must too */
	answer->done = true;
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* A second, or about that where nobody knows how fast the counter runs. */
static bool answers_in_time(const struct answer *answer)
{
	uint64_t start = rdtsc(), patience = handoff->tsc_hz ? handoff->tsc_hz : UINT64_C(1) << 32;

	while (!answer->done && rdtsc() - start < patience)
		__asm__ volatile("pause");
	return answer->done;
}

const char *registers_difference(const struct registers *a, const struct registers *b)
{
	const struct {
		const char *name;
		uint64_t a, b;
	} pairs[] = {
		{"cr0", a->cr0, b->cr0},
		{"cr3", a->cr3, b->cr3},
		{"cr4", a->cr4, b->cr4},
		{"pat", a->pat, b->pat},
		{"efer", a->efer, b->efer},
		{"mtrrs", a->mtrrs, b->mtrrs},
		{"cs", a->cs, b->cs},
		{"ss", a->ss, b->ss},
		{"ds", a->ds, b->ds},
		{"es", a->es, b->es},
		{"fs", a->fs, b->fs},
		{"gs", a->gs, b->gs},
		{"ldt", a->ldt, b->ldt},
		{"fs_base", a->fs_base, b->fs_base},
		{"gs_base", a->gs_base, b->gs_base},
		{"gdt_limit", a->gdt_limit, b->gdt_limit},
		{"idt_limit", a->idt_limit, b->idt_limit},
		{"idt_base", a->idt_base, b->idt_base},
		{"tr", handoff->exception_net ? a->tr : 0, handoff->exception_net ? b->tr : 0},
		{"x87", a->x87_control | a->x87_status << 16, b->x87_control | b->x87_status << 16},
		{"x87 tags", a->x87_tags, b->x87_tags},
		{"mxcsr", a->mxcsr, b->mxcsr},
		{"apic_base", a->apic_base & ~APIC_BASE_BOOT_CPU, b->apic_base & ~APIC_BASE_BOOT_CPU},
	};

	for (unsigned i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (pairs[i].a != pairs[i].b)
			return pairs[i].name;
	return NULL;
}

static void check_answer(unsigned number, const struct registers *boot_cpu)
{
	const struct twinboot_cpu *cpu = &handoff->cpus[number];
	const struct registers *r = &answers[number].registers;
	const char *name = registers_difference(r, boot_cpu);
	char key[40];

	format_text(key, sizeof(key), "cpu_%u_is_the_one_listed", number);
	check(key, r->apic_id == cpu->apic_id, "APIC ID %u, listed as %u", r->apic_id, cpu->apic_id);
	format_text(key, sizeof(key), "cpu_%u_registers_as_boot_cpus", number);
	check(key, !name, "not %s", name);
	format_text(key, sizeof(key), "cpu_%u_entered_as_boot_cpu", number);
	check(key,
	      r->rsp % 16 == 8 && r->return_address == 0 && r->rflags == RFLAGS_AT_ENTRY && r->others == 0 &&
		      r->rsp < cpu->stack_top && r->rsp >= cpu->stack_top - handoff->stack_size,
	      "rsp 0x%lx, stack top 0x%lx, return address 0x%lx, rflags 0x%lx, other registers 0x%lx", r->rsp,
	      cpu->stack_top, r->return_address, r->rflags, r->others);
}

static void check_parked(unsigned number, const struct registers *boot_cpu)
{
	struct twinboot_cpu *cpu = &handoff->cpus[number];
	struct answer *answer = &answers[number];
	char key[40];

	cpu->argument = (uint64_t)answer;
	cpu->goto_address = (uint64_t)cpu_main;
	format_text(key, sizeof(key), "cpu_%u_answers", number);
	if (check(key, answers_in_time(answer), "not within its time"))
		check_answer(number, boot_cpu);
}

static bool is_in_madt[CPUS_MAX];
static unsigned not_handed_over;

/* Is called for each processor of the MADT, which may well list one twice. */
static void look_up(uint32_t apic_id, uint32_t processor_id)
{
	unsigned i = 0;

	(void)processor_id;
	while (i < handoff->cpu_count && handoff->cpus[i].apic_id != apic_id)
		i++;
	if (i == handoff->cpu_count)
		not_handed_over++;
	else if (i < CPUS_MAX)
		is_in_madt[i] = true;
}

static unsigned invented(void)
{
	unsigned number = 0;

	for (unsigned i = 0; i < handoff->cpu_count && i < CPUS_MAX; i++)
		number += !is_in_madt[i];
	return number;
}

static unsigned alike(void)
{
	unsigned pairs = 0;

	for (unsigned i = 0; i < handoff->cpu_count; i++)
		for (unsigned j = 0; j < i; j++)
			pairs += handoff->cpus[i].apic_id == handoff->cpus[j].apic_id ||
				 (handoff->cpus[i].stack_top &&
				  handoff->cpus[i].stack_top == handoff->cpus[j].stack_top);
	return pairs;
}

void check_cpus(const struct registers *boot_cpu)
{
	static const char *const states[] = {
		[0] = "?",
		[TWINBOOT_CPU_BOOT] = "boot",
		[TWINBOOT_CPU_PARKED] = "parked",
		[TWINBOOT_CPU_ABSENT] = "absent",
	};
	const struct twinboot_cpu *cpus = handoff->cpus;
	unsigned count = handoff->cpu_count, absent = 0;
	char key[40];

	madt_processors(look_up);
	fact("cpu_count", "%u", count);
	check("cpus_are_those_of_the_madt", !not_handed_over && !invented(), "%u missing, %u invented",
	      not_handed_over, invented());
	if (!cpus)
		return;
	check("first_cpu_is_the_boot_cpu",
	      cpus[0].state == TWINBOOT_CPU_BOOT && cpus[0].apic_id == boot_cpu->apic_id &&
		      cpus[0].stack_top == handoff->stack_top,
	      "state %u, APIC ID %u where it is %u", cpus[0].state, cpus[0].apic_id, boot_cpu->apic_id);
	check("cpus_are_distinct", alike() == 0, "%u pairs share an APIC ID or a stack", alike());
	for (unsigned i = 0; i < count; i++) {
		format_text(key, sizeof(key), "cpu_%u", i);
		fact(key, "%s, APIC ID %u, processor %u", states[cpus[i].state < 4 ? cpus[i].state : 0],
		     cpus[i].apic_id, cpus[i].processor_id);
		absent += cpus[i].state == TWINBOOT_CPU_ABSENT;
		if (i < CPUS_MAX && cpus[i].state == TWINBOOT_CPU_PARKED)
			check_parked(i, boot_cpu);
	}
	fact("cpus_absent", "%u", absent);
}
