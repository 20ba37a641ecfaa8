/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptor tables that every CPU enters the kernel with: a GDT and, from contract 2 on, a TSS and an IDT, so that
 * an exception before the kernel's own LIDT ends in a sentence and not in a triple fault. What catches it is core
 * itself, mapped once more in the loader's window: trap.S, net_report() and console.c run there on the kernel's page
 * tables, where no variable of core's can be reached. All they know stands in struct net.
 */
#include "net.h"

#include <string.h>

/* Intel SDM 3A 3.4.5 and 8.2.3. Code and data are flat, present, and accessed already, so that the CPU never writes
   to them. */
#define GDT_CODE64      UINT64_C(0x00af9b000000ffff)
#define GDT_DATA        UINT64_C(0x00cf93000000ffff)
#define GDT_TSS         UINT64_C(0x0000890000000000) /* present, available, a 64-bit TSS */
#define GDT_ENTRIES     3                            /* null, code, data */
#define INTERRUPT_STACK 1                            /* the TSS' first one serves all vectors */

#define PAGE_FAULT 14

HIDDEN extern const uint8_t core_text_start[], core_rodata_end[];
HIDDEN _Noreturn void net_report(const struct frame *frame);

static uint32_t cpus_of(const struct boot *boot)
{
	return boot->cpu_count > 0 ? boot->cpu_count : 1;
}

static int is_wanted(const struct boot *boot)
{
	const struct twinboot_needs *needs = &boot->kernel.manifest->needs;
	return needs->contract >= 2 && !(needs->flags & TWINBOOT_NO_EXCEPTION_NET);
}

uint64_t net_size(const struct boot *boot)
{
	return page_up(sizeof(struct net)) + page_up(cpus_of(boot) * sizeof(struct net_cpu));
}

static void describe_tss(struct net_cpu *cpu, uint64_t virt)
{
	uint64_t tss = virt + offsetof(struct net_cpu, tss), limit = sizeof(cpu->tss) - 1;
	cpu->tss.stacks[INTERRUPT_STACK - 1] = virt + sizeof(*cpu);
	cpu->tss.io_map = sizeof(cpu->tss); /* behind the limit: there is none */
	cpu->gdt[KERNEL_TSS / 8] = GDT_TSS | limit | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
	cpu->gdt[KERNEL_TSS / 8 + 1] = tss >> 32;
}

/* Maps everything from core's code to the end of its constants, with whatever of the front door's lies in between, so
   that all distances stay as they were linked. */
static uint64_t map_core(struct boot *boot)
{
	uint64_t first = page_down((uintptr_t)core_text_start), end = page_up((uintptr_t)core_rodata_end);
	paging_map(&boot->paging, LOADER_WINDOW_CORE, first, end - first, MAP_EXECUTE);
	return LOADER_WINDOW_CORE + ((uintptr_t)trap_entries - first);
}

static void spread(struct boot *boot, struct net_cpu *cpus)
{
	struct start *start = boot->start;
	struct net *net = memory_take(&boot->memory, sizeof(*net));
	for (uint32_t i = 0; i < cpus_of(boot); i++)
		describe_tss(&cpus[i], direct(boot, &cpus[i]));
	trap_gates(net->idt, map_core(boot), KERNEL_CS, INTERRUPT_STACK);
	net->framebuffer = boot->machine->framebuffer;
	net->serial = boot->machine->serial != 0;
	net->kernel_virt = boot->kernel.virt;
	net->kernel_size = boot->kernel.size;
	net->direct_map = boot->direct_map_base;
	net->cpus = direct(boot, cpus);
	net->cpu_count = cpus_of(boot);
	net->stack_size = boot->stack_size;
	net->stacks = stack_top(boot, 0) - boot->stack_size - PAGE_SIZE;
	start->net_stack = direct(boot, net + 1);
	start->gdt_stride = sizeof(*cpus);
	start->gdt_limit = sizeof(cpus->gdt) - 1;
	start->idtr.limit = sizeof(net->idt) - 1;
	start->idtr.base = direct(boot, net->idt);
	start->tss = KERNEL_TSS;
}

void net_build(struct boot *boot)
{
	struct net_cpu *cpus = memory_take(&boot->memory, cpus_of(boot) * sizeof(*cpus));
	for (uint32_t i = 0; i < cpus_of(boot); i++) {
		cpus[i].gdt[KERNEL_CS / 8] = GDT_CODE64;
		cpus[i].gdt[KERNEL_DS / 8] = GDT_DATA;
	}
	boot->start->gdt = direct(boot, cpus);
	boot->start->gdt_limit = GDT_ENTRIES * sizeof(cpus->gdt[0]) - 1;
	if (is_wanted(boot))
		spread(boot, cpus);
}

/* The mnemonics are those of the manuals (Intel SDM 3A, table 7-1). */
static void name_vector(uint64_t vector, char name[4])
{
	static const char names[] = "#DE#DBNMI#BP#OF#BR#UD#NM#DF---#TS#NP#SS#GP#PF---#MF#AC#MC#XM#VE#CP"
				    "------------------#HV#VC#SX---";
	_Static_assert(sizeof(names) == 3 * TRAP_VECTORS + 1, "three characters each");
	memcpy(name, &names[3 * vector], 3);
	name[3] = 0;
}

/* True if `address` lies in the guard page below some CPU's stack. */
static int is_guard_page(const struct net *net, uint64_t address)
{
	uint64_t stride = PAGE_SIZE + net->stack_size, offset = address - net->stacks;
	return offset < net->cpu_count * stride && offset % stride < PAGE_SIZE;
}

void net_sentence(char *text, uint32_t size, const struct net *net, const struct frame *frame, uint64_t cr2)
{
	char name[4], place[40] = "outside of the kernel", cpu[32] = "";
	uint64_t offset = frame->rip - net->kernel_virt;
	/* The frame lies on the stack of the CPU's own TSS, if the kernel has left it that. */
	uint64_t number = ((uintptr_t)frame - net->cpus) / sizeof(struct net_cpu);
	name_vector(frame->vector % TRAP_VECTORS, name);
	if (offset < net->kernel_size)
		text_format(place, sizeof(place), "kernel + %x", offset);
	if (number < net->cpu_count)
		text_format(cpu, sizeof(cpu), " on CPU %u", number);
	uint32_t length = text_format(text, size, ERROR_KERNEL_EXCEPTION, frame->vector, name, cpu,
				      frame->error, frame->rip, place, cr2, frame->rsp);
	if (frame->vector == PAGE_FAULT && is_guard_page(net, cr2))
		text_format(text + length, size - length, ERROR_KERNEL_STACK,
			    (uint64_t)net->stack_size / 1024);
}

_Noreturn void net_report(const struct frame *frame)
{
	const struct start *start = at(START);
	const struct net *net = (const struct net *)at(start->net_stack) - 1;
	char text[MACHINE_ERROR_MAX];
	uint64_t cr2;
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	net_sentence(text, sizeof(text), net, frame, cr2);
	/* COM1 first: a fault while drawing ends the report (trap.S). */
	if (net->serial)
		console_say(text);
	console_show(&net->framebuffer, net->direct_map, text);
	console_halt();
}
