/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls every waiting CPU and has each say in what state it came. */
#include "limine/limine.h"

#include "cpu.h"

#define CPUS_MAX 256
#define ARGUMENT UINT64_C(0x1234567800000000)

static struct came {
	struct state state;
	uint64_t argument;
	volatile bool done;
} came[CPUS_MAX];

_Noreturn void limine_cpu_run(struct limine_cpu *cpu, uint64_t rsp, uint64_t rflags, uint64_t others)
{
	struct came *slot = &came[cpu->extra_argument & (CPUS_MAX - 1)];

	slot->state = state_read((uint64_t)cpu, rsp, rflags, others);
	space_reload();
	state_read_apic(&slot->state);
	slot->argument = cpu->extra_argument;
	__asm__ volatile("" : : : "memory"); /* x86 keeps the order, the compiler must too */
	slot->done = true;
	for (;;)
		__asm__ volatile("cli; hlt");
}

static bool comes_in_time(const struct came *slot)
{
	uint64_t start = rdtsc(), patience = handoff->tsc_hz ? handoff->tsc_hz : UINT64_C(1) << 32;

	while (!slot->done && rdtsc() - start < patience)
		__asm__ volatile("pause");
	return slot->done;
}

static void check_came(unsigned number, const struct limine_cpu *cpu, const struct state *boot_cpu)
{
	const struct state *s = &came[number].state;
	const struct registers *r = &s->registers;
	const char *name = registers_difference(r, &boot_cpu->registers);
	char key[48];

	if (!name && is_strict())
		name = state_difference(s, boot_cpu);
	format_text(key, sizeof(key), "cpu_%u_is_the_one_listed", number);
	check(key,
	      r->apic_id == cpu->apic_id && s->rdi == (uint64_t)cpu &&
		      came[number].argument == (ARGUMENT | number),
	      "APIC ID %u, listed as %u; RDI 0x%lx, argument 0x%lx", r->apic_id, cpu->apic_id, s->rdi,
	      came[number].argument);
	format_text(key, sizeof(key), "cpu_%u_state_as_boot_cpus", number);
	check(key, !name, "not %s", name);
	format_text(key, sizeof(key), "cpu_%u_entered_as_boot_cpu", number);
	check(key,
	      r->rsp % 16 == 8 && r->return_address == 0 && flags_are_agreed(r->rflags) && r->others == 0 &&
		      stack_is_whole(r->rsp),
	      "rsp 0x%lx, return address 0x%lx, rflags 0x%lx, other registers 0x%lx", r->rsp,
	      r->return_address, r->rflags, r->others);
}

static void call(unsigned number, struct limine_cpu *cpu, const struct state *boot_cpu)
{
	char key[40];

	cpu->extra_argument = ARGUMENT | number;
	cpu->goto_address = (void *)limine_cpu_main;
	format_text(key, sizeof(key), "cpu_%u_answers", number);
	if (check(key, comes_in_time(&came[number]), "not within its time"))
		check_came(number, cpu, boot_cpu);
}

/* Processors of the MADT that are not in the list. */
static unsigned missing;

static void look_up(uint32_t apic_id, uint32_t processor_id)
{
	const struct answer_mp *mp = answer(MP);
	uint64_t i = 0;

	while (i < mp->count &&
	       (mp->cpus[i]->apic_id != apic_id || mp->cpus[i]->processor_id != processor_id))
		i++;
	missing += i == mp->count;
}

/* Two stacks must not be one. */
static unsigned shared_stacks(uint64_t count)
{
	unsigned pairs = 0;

	for (uint64_t i = 1; i < count && i < CPUS_MAX; i++)
		for (uint64_t j = 1; j < i; j++) {
			uint64_t a = came[i].state.registers.rsp, b = came[j].state.registers.rsp;
			pairs += (a > b ? a - b : b - a) < asked_stack;
		}
	return pairs;
}

static bool list_is_handed_over(const struct answer_mp *mp)
{
	for (uint64_t i = 0; i < mp->count; i++)
		if (!is_handed_over(mp->cpus[i], sizeof(*mp->cpus[i])) || mp->cpus[i]->goto_address)
			return false;
	return is_handed_over(mp, sizeof(*mp)) && is_handed_over(mp->cpus, mp->count * sizeof(*mp->cpus));
}

void check_processors(const struct state *boot_cpu)
{
	const struct answer_mp *mp = answer(MP);
	char key[40];

	if (!mp) {
		check("mp_is_answered_where_there_is_a_local_apic", !boot_cpu->has_apic, "no answer");
		fact("cpu_count", "none");
		return;
	}
	fact("cpu_count", "%lu", mp->count);
	check("mp_flags_as_the_apic_is", !(mp->flags & 1) == !(boot_cpu->registers.apic_base & APIC_BASE_X2),
	      "0x%x", mp->flags);
	check("mp_list_is_handed_over", list_is_handed_over(mp), "not all of it, or a CPU is called already");
	check("mp_boot_cpu_is_this_one", mp->boot_apic_id == boot_cpu->registers.apic_id, "%u where it is %u",
	      mp->boot_apic_id, boot_cpu->registers.apic_id);
	madt_processors(look_up);
	check("cpus_are_those_of_the_madt", !missing, "%u missing", missing);
	for (unsigned i = 0; i < mp->count && i < CPUS_MAX; i++) {
		format_text(key, sizeof(key), "cpu_%u", i);
		fact(key, "APIC ID %u, processor %u", mp->cpus[i]->apic_id, mp->cpus[i]->processor_id);
		if (mp->cpus[i]->apic_id != mp->boot_apic_id)
			call(i, mp->cpus[i], boot_cpu);
	}
	check("stacks_are_distinct", !shared_stacks(mp->count), "%u pairs are not", shared_stacks(mp->count));
}
