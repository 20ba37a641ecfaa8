/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/memory.c common/paging.c common/text.c */
/*
 * The exception net: the tables that CPUs enter with, and the sentence about each of the 32 vectors, also of those that
 * no emulator raises. The code is included; trap.S is a place and no more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#undef fail /* core has one too */
#define REQUIRE assert_true
#include "core_walk.h"

#include "core/net.c"
#include "core/trap.c"

/* What the linker would place. */
__asm__(".pushsection .text\n.balign 4096\n.globl core_text_start, trap_entries, core_rodata_end\n"
	".hidden core_text_start, trap_entries, core_rodata_end\n"
	"core_text_start: .skip 64\ntrap_entries: .skip 512 + 8192\ncore_rodata_end:\n.popsection\n");

/* Nobody here gets that far. */
void console_show(const struct machine_framebuffer *framebuffer, uint64_t memory, const char *text)
{
	(void)framebuffer, (void)memory, (void)text;
	abort();
}

void console_say(const char *text)
{
	(void)text;
	abort();
}

void console_halt(void)
{
	abort();
}

void core_halt(const struct machine *halted, const char *text)
{
	(void)halted, (void)text;
	abort();
}

#define CPUS       3u
#define STACK_SIZE 16384u

static struct machine machine;
static struct manifest manifest;
static struct start start;
static struct boot boot;
static uint8_t *arena;

#define ARENA_PAGES 64u

/* The direct map is the host's own address space. */
static void prepare(uint32_t contract, uint32_t flags, uint32_t cpus)
{
	if (arena == NULL)
		arena = low_memory((size_t)ARENA_PAGES * PAGE_SIZE);
	memset(&start, 0, sizeof(start));
	manifest.needs = (struct twinboot_needs){.contract = contract, .flags = flags};
	machine = (struct machine){.serial = 1, .framebuffer = {.base = 0x1234000, .width = 640}};
	boot = (struct boot){
		.machine = &machine,
		.kernel = {.manifest = &manifest, .virt = 0xffffffff80000000, .size = 0x5000},
		.start = &start,
		.stack_size = STACK_SIZE,
		.cpu_count = cpus,
		.memory = {.machine = &machine,
			   .arena_low = physical(arena),
			   .arena_next = physical(arena) + ARENA_PAGES * PAGE_SIZE,
			   .arena_top = physical(arena) + ARENA_PAGES * PAGE_SIZE},
	};
	boot.paging = (struct paging){.take = memory_take_page,
				      .owner = &boot.memory,
				      .root = memory_take(&boot.memory, PAGE_SIZE),
				      .levels = 4,
				      .nx = 1};
}

static const struct net *net(void)
{
	return (const struct net *)at(start.net_stack) - 1;
}

static struct net_cpu *cpu(uint32_t index)
{
	return at(start.gdt + (uint64_t)index * start.gdt_stride);
}

static void flat_segments(const uint64_t *gdt)
{
	assert_true(gdt[0] == 0);
	assert_true(gdt[1] == UINT64_C(0x00af9b000000ffff));
	assert_true(gdt[2] == UINT64_C(0x00cf93000000ffff));
}

static void every_cpu_has_tables_of_its_own(void **state)
{
	(void)state;
	prepare(2, 0, CPUS);
	uint64_t before = boot.memory.arena_next;
	net_build(&boot);
	uint64_t tables = 3 * PAGE_SIZE; /* page directory pointers, page directory, page table */
	assert_true(before - boot.memory.arena_next == net_size(&boot) + tables);
	assert_int_equal(start.gdt_limit, 39);
	assert_int_equal(start.tss, 0x18);
	for (uint32_t i = 0; i < CPUS; i++) {
		const struct net_cpu *c = cpu(i);
		uint64_t low = c->gdt[3];
		uint64_t base = (low >> 16 & 0xffffff) | (low >> 56) << 24 | c->gdt[4] << 32;
		flat_segments(c->gdt);
		assert_true(base == physical(&c->tss));
		assert_int_equal(low >> 40 & 0xff, 0x89); /* present, available 64-bit TSS */
		assert_int_equal((low & 0xffff) | (low >> 32 & 0xf0000), 103);
		assert_int_equal(low >> 52 & 0xf, 0);
		assert_true(c->tss.stacks[0] == physical(c + 1) && c->tss.stacks[0] % 16 == 0);
		assert_int_equal(c->tss.io_map, 104);
		assert_true(physical(&c->tss) / PAGE_SIZE == (physical(&c->tss) + 103) / PAGE_SIZE);
	}
}

static void gates_lead_to_cores_code_in_the_window(void **state)
{
	(void)state;
	prepare(2, 0, CPUS);
	net_build(&boot);
	assert_int_equal(start.idtr.limit, 32 * 16 - 1);
	const struct gate *gates = at(start.idtr.base);
	uint64_t first = physical(core_text_start), offset = physical(trap_entries) - first;
	for (uint32_t i = 0; i < 32; i++) {
		uint64_t to = gates[i].offset_low | (uint64_t)gates[i].offset_middle << 16 |
			      (uint64_t)gates[i].offset_high << 32;
		assert_true(to == LOADER_WINDOW_CORE + offset + UINT64_C(16) * i);
		assert_int_equal(gates[i].selector, 8);
		assert_int_equal(gates[i].stack, 1);
		assert_int_equal(gates[i].type, 0x8e);
	}
	for (uint64_t at = 0; at < 3 * PAGE_SIZE; at += PAGE_SIZE) {
		struct found page = walk(&boot.paging, LOADER_WINDOW_CORE + at);
		assert_true(page.execute && !page.write && page.phys == first + at);
	}
	assert_true(walk(&boot.paging, LOADER_WINDOW_CORE + 3 * PAGE_SIZE).phys == NOT_MAPPED);
	assert_true(walk(&boot.paging, LOADER_WINDOW_CORE - PAGE_SIZE).phys == NOT_MAPPED);
}

/* Contract 1: three entries, an IDT of limit 0, the task register as it was. */
static void who_wants_no_net_gets_none(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		prepare(i == 0 ? 1 : 2, i == 0 ? 0 : TWINBOOT_NO_EXCEPTION_NET, CPUS);
		net_build(&boot);
		flat_segments(at(start.gdt));
		assert_int_equal(start.gdt_stride, 0);
		assert_int_equal(start.gdt_limit, 23);
		assert_true(start.idtr.limit == 0 && start.idtr.base == 0 && start.tss == 0);
	}
}

/* ---- What is said ---- */

static char said[MACHINE_ERROR_MAX];

static const char *sentence(uint32_t index, struct frame frame, uint64_t cr2)
{
	/* As the CPU and trap.S push it. */
	struct frame *on_stack = (struct frame *)(cpu(index) + 1) - 1;
	*on_stack = frame;
	net_sentence(said, sizeof(said), net(), on_stack, cr2);
	return said;
}

static void every_vector_has_its_name(void **state)
{
	(void)state;
	static const char *const names[32] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
					      "#DF", "---", "#TS", "#NP", "#SS", "#GP", "#PF", "---",
					      "#MF", "#AC", "#MC", "#XM", "#VE", "#CP", "---", "---",
					      "---", "---", "---", "---", "#HV", "#VC", "#SX", "---"};
	prepare(2, 0, CPUS);
	net_build(&boot);
	for (uint64_t i = 0; i < 32; i++) {
		char expected[64];
		text_format(expected, sizeof(expected), "exception %u (%s) on CPU %u,", i, names[i],
			    i % CPUS);
		assert_non_null(
			strstr(sentence((uint32_t)(i % CPUS), (struct frame){.vector = i}, 0), expected));
	}
}

static void all_facts_are_said(void **state)
{
	(void)state;
	prepare(2, 0, CPUS);
	net_build(&boot);
	struct frame frame = {
		.vector = 13, .error = 0x28, .rip = 0xffffffff80004fff, .rsp = 0xfffffe8000006fb8};
	assert_string_equal(
		sentence(2, frame, 0xabc),
		"TB50: the kernel died of exception 13 (#GP) on CPU 2, before it loaded an IDT of "
		"its own: error code 0x28, RIP 0xffffffff80004fff (kernel + 0x4fff), CR2 0xabc, RSP "
		"0xfffffe8000006fb8");
	frame.rip++;
	assert_non_null(strstr(sentence(0, frame, 0), "RIP 0xffffffff80005000 (outside of the kernel)"));
	frame.rip = 0xffffffff7fffffff;
	assert_non_null(strstr(sentence(0, frame, 0), "(outside of the kernel)"));
	/* On a stack that is not the loader's: nobody knows which CPU this is. */
	net_sentence(said, sizeof(said), net(), &frame, 0);
	assert_non_null(strstr(said, "(#GP), before"));
	/* The longest there can be fits. */
	frame = (struct frame){14, UINT64_MAX, UINT64_MAX, 0, 0, UINT64_MAX, 0};
	assert_true(strlen(sentence(2, frame, LOADER_WINDOW_BASE + 2 * PAGE_SIZE)) < MACHINE_ERROR_MAX - 50);
}

static int says_that_the_stack_is_full(uint64_t vector, uint64_t cr2)
{
	return strstr(sentence(0, (struct frame){.vector = vector}, cr2),
		      "; its stack of 16 KiB is full: ask for more") != NULL;
}

static void a_full_stack_is_named(void **state)
{
	(void)state;
	prepare(2, 0, CPUS);
	net_build(&boot);
	for (uint32_t i = 0; i < CPUS; i++) {
		uint64_t bottom = stack_top(&boot, i) - STACK_SIZE;
		assert_true(says_that_the_stack_is_full(14, bottom - 1));
		assert_true(says_that_the_stack_is_full(14, bottom - PAGE_SIZE));
		assert_false(says_that_the_stack_is_full(14, bottom));
		assert_false(says_that_the_stack_is_full(13, bottom - 1));
	}
	assert_false(says_that_the_stack_is_full(14, stack_top(&boot, CPUS - 1)));
	assert_false(says_that_the_stack_is_full(14, stack_top(&boot, 0) - STACK_SIZE - PAGE_SIZE - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cpu_has_tables_of_its_own),
		cmocka_unit_test(gates_lead_to_cores_code_in_the_window),
		cmocka_unit_test(who_wants_no_net_gets_none),
		cmocka_unit_test(every_vector_has_its_name),
		cmocka_unit_test(all_facts_are_said),
		cmocka_unit_test(a_full_stack_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
