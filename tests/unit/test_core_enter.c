/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/enter.S common/text.c */
/*
 * The way into the kernel, run here: a copy of the window's code in which each privileged instruction faults and
 * is played by the test, on machines that no emulator is. Where the code looks for the window's second page it
 * finds a structure of the test's.
 */
#include "core_host.h"
#include "common/registers.h"

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

#include <cmocka.h>

#define MSR_X2APIC_ID    0x802
#define MSR_MTRR_DEFAULT 0x2ff
#define MTRR_ENABLED     0x800u
#define CR0_CD           0x40000000u
#define FLAGS_ARITHMETIC 0xcd5u /* and DF */

struct __attribute__((packed)) descriptor_table {
	uint16_t limit;
	uint64_t base;
};

/* The processor as it wakes: each test changes what it is about. */
static struct {
	uint64_t apic_base, pat, x2apic_id, mtrrs[3], cr0, cr3;
	uint32_t msrs_written, caches_emptied, written_with_caches_on;
	int mtrrs_off; /* while others were written */
	struct descriptor_table gdt, idt;
	uint16_t selectors[6]; /* ES, CS, SS, DS, FS, GS as ModRM numbers them */
	uint16_t ldt, task;
} cpu;

static const uint32_t mtrr_numbers[3] = {0x200, 0x201, MSR_MTRR_DEFAULT};

static struct start start;
static struct twinboot_cpu cpus[3];
static uint64_t stack[64] __attribute__((aligned(16)));
static uint8_t apic_page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t *code; /* the copy; then a HLT, which is where the kernel would be */
static sigjmp_buf back;
static enum { RUNNING, STOPPED, ENTERED } ended;
static ucontext_t at_entry;
static struct _libc_fpstate float_at_entry;

static uint64_t *msr(uint32_t number)
{
	for (uint32_t i = 0; i < 3; i++)
		if (number == mtrr_numbers[i])
			return &cpu.mtrrs[i];
	if (number == MSR_APIC_BASE)
		return &cpu.apic_base;
	if (number == MSR_PAT)
		return &cpu.pat;
	assert_int_equal(number, MSR_X2APIC_ID);
	assert_true(cpu.apic_base & APIC_BASE_X2); /* else a #GP */
	return &cpu.x2apic_id;
}

/* Intel SDM 3A, figure 11-27: any other change of the mode faults. */
static int is_legal(uint64_t from, uint64_t to)
{
	const uint64_t mode = APIC_BASE_X2 | APIC_BASE_ENABLED;
	if ((from & mode) == (to & mode))
		return 1;
	return (to & mode) == 0 || ((from & mode) == 0 && (to & mode) == APIC_BASE_ENABLED) ||
	       ((from & mode) == APIC_BASE_ENABLED && (to & mode) == mode);
}

static void write_msr(uint32_t number, uint64_t value)
{
	if (number == MSR_APIC_BASE)
		assert_true(is_legal(cpu.apic_base, value));
	*msr(number) = value;
	cpu.msrs_written++;
	if (number != 0x200 && number != 0x201)
		return;
	cpu.written_with_caches_on += !(cpu.cr0 & CR0_CD);
	cpu.mtrrs_off &= !(cpu.mtrrs[2] & MTRR_ENABLED);
}

/* General registers by their number in an instruction. */
static greg_t *general(ucontext_t *context, uint32_t number)
{
	static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
				      REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
	return &context->uc_mcontext.gregs[order[number]];
}

static void leave(ucontext_t *context, int how)
{
	ended = how;
	at_entry = *context;
	float_at_entry = *context->uc_mcontext.fpregs;
	siglongjmp(back, 1);
}

static uint32_t move_control_register(ucontext_t *context, const uint8_t *at, uint32_t rex)
{
	uint64_t *controls[8] = {[0] = &cpu.cr0, [3] = &cpu.cr3}, *control = controls[at[2] >> 3 & 7];
	greg_t *other = general(context, (at[2] & 7) + (rex & 1 ? 8 : 0));
	assert_non_null(control);
	if (at[1] == 0x22)
		*control = (uint64_t)*other;
	else
		*other = (greg_t)*control;
	return 3;
}

static const void *at_address(greg_t address)
{
	return (const void *)(uintptr_t)address;
}

/* Plays the instruction of two bytes of opcode at `at`; returns its length. */
static uint32_t play_0f(ucontext_t *context, const uint8_t *at, uint32_t rex)
{
	greg_t *r = context->uc_mcontext.gregs;
	switch (at[1]) {
	case 0x00:
		assert_true(at[2] == 0xd0 || at[2] == 0xd8); /* %ax */
		*(at[2] == 0xd0 ? &cpu.ldt : &cpu.task) = (uint16_t)r[REG_RAX];
		return 3;
	case 0x01:
		if (at[2] == 0x14 && at[3] == 0x24) /* (%rsp) */
			memcpy(&cpu.gdt, at_address(r[REG_RSP]), sizeof(cpu.gdt));
		else if (at[2] == 0x5b) /* a byte's distance from %rbx */
			memcpy(&cpu.idt, at_address(r[REG_RBX] + (int8_t)at[3]), sizeof(cpu.idt));
		else
			abort();
		return 4;
	case 0x09:
		cpu.caches_emptied++;
		return 2;
	case 0x20:
	case 0x22:
		return move_control_register(context, at, rex);
	case 0x30:
		write_msr((uint32_t)r[REG_RCX], (uint64_t)r[REG_RDX] << 32 | (uint32_t)r[REG_RAX]);
		return 2;
	default:
		assert_int_equal(at[1], 0x32);
		r[REG_RDX] = (greg_t)(*msr((uint32_t)r[REG_RCX]) >> 32);
		r[REG_RAX] = (uint32_t)*msr((uint32_t)r[REG_RCX]);
		return 2;
	}
}

static uint32_t play(ucontext_t *context, const uint8_t *at)
{
	greg_t *r = context->uc_mcontext.gregs;
	uint32_t rex = (at[0] & 0xf0) == 0x40 ? at[0] : 0, prefix = rex != 0;
	at += prefix;
	if (at[0] == 0x0f)
		return prefix + play_0f(context, at, rex);
	if (at[0] == 0x8e) {
		cpu.selectors[at[1] >> 3 & 7] = (uint16_t)*general(context, at[1] & 7);
		return prefix + 2;
	}
	assert_int_equal(at[0], 0xcb); /* a far return pops RIP and CS */
	const uint64_t *top = (const uint64_t *)(uintptr_t)r[REG_RSP];
	r[REG_RIP] = (greg_t)top[0];
	cpu.selectors[1] = (uint16_t)top[1];
	r[REG_RSP] += 16;
	return 0;
}

static void on_fault(int signal, siginfo_t *info, void *context_pointer)
{
	ucontext_t *context = context_pointer;
	greg_t *rip = &context->uc_mcontext.gregs[REG_RIP];
	const uint8_t *at = (const uint8_t *)(uintptr_t)*rip;
	(void)signal, (void)info;
	if (at < code || at >= code + PAGE_SIZE)
		abort(); /* a bug of the test's own */
	if (at[0] == 0xf4)
		leave(context, ENTERED);
	if (at[0] == 0xfa)
		leave(context, STOPPED);
	*rip += play(context, at);
}

/* Runs the copy from `symbol` on, with rubbish in every register, until it enters the kernel or stops. */
static void run_from(const uint8_t *symbol)
{
	void *where = code + (symbol - window_code);
	const uint32_t mxcsr = 0x7fc0; /* flush to zero, denormals are zero, rounding towards it */
	ended = RUNNING;
	if (sigsetjmp(back, 1) != 0)
		return;
	__asm__ volatile(
		"ldmxcsr %1\n\tfld1\n\tstd\n\tmov $-1, %%rbp\n\tmov $-1, %%r15\n\tmov $-1, %%r9\n\tjmp *%0"
		:
		: "r"(where), "m"(mxcsr)
		: "memory");
	__builtin_unreachable();
}

static uint64_t kernel(void)
{
	return physical(code) + (uint64_t)(window_end - window_code);
}

static void set_up(void)
{
	/* cmocka has its own in each test. What fails in the handler never comes back from it. */
	const struct sigaction action = {.sa_sigaction = on_fault,
					 .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	sigaction(SIGSEGV, &action, NULL);
	memset(&cpu, 0, sizeof(cpu));
	cpu.mtrrs_off = 1;
	cpu.apic_base = 0xfee00000 | APIC_BASE_ENABLED;
	cpu.pat = 0x0007040600070406; /* as after reset */
	cpu.cr0 = KERNEL_CR0;
	cpu.x2apic_id = 7;
	cpu.ldt = 0x28;
	cpu.task = 0x40;
	memset(cpus, 0, sizeof(cpus));
	memset(stack, 0x5a, sizeof(stack));
	stack[63] = 0; /* as memory_take() gives it: the null return address */
	for (uint32_t i = 0; i < 3; i++) {
		cpus[i].apic_id = 5 + i;
		cpus[i].stack_top = physical(stack + 64);
		cpus[i].goto_address = kernel(); /* nobody is waited for */
		cpus[i].argument = 0x1111111111111111 * (i + 1);
	}
	start = (struct start){
		.final_cr3 = 0x123000,
		.gdt = 0xffff800000456000,
		.gdt_limit = 23,
		.stack = physical(stack + 63),
		.entry = kernel(),
		.argument = 0x77777777,
		.cpus = physical(cpus),
		.cpu_count = 3,
		.apic_base = 0xfee00000 | APIC_BASE_ENABLED | APIC_BASE_X2,
		.pat = KERNEL_PAT,
	};
}

/* The contract's "Registers at entry". */
static void has_entered_with(uint64_t argument)
{
	const greg_t *r = at_entry.uc_mcontext.gregs;
	static const int zero[] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RBP, REG_R8,
				   REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
	assert_int_equal(ended, ENTERED);
	assert_int_equal(r[REG_RDI], argument);
	assert_int_equal(r[REG_RSP], physical(stack + 63));
	assert_int_equal(stack[63], 0);
	for (uint32_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		assert_int_equal(r[zero[i]], 0);
	assert_int_equal(r[REG_EFL] & FLAGS_ARITHMETIC, 0);
	assert_int_equal(float_at_entry.mxcsr, 0x1f80);
	assert_int_equal(float_at_entry.cwd, 0x37f);
	assert_int_equal(float_at_entry.swd, 0);
	assert_int_equal(cpu.cr3, 0x123000);
	assert_int_equal(cpu.cr0, KERNEL_CR0);
	assert_int_equal(cpu.ldt, 0);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(cpu.selectors[i], i == 1 ? KERNEL_CS : KERNEL_DS);
}

/* Contract 1: one GDT, an IDT without a gate, the task register as it was. */
static void has_no_net(void)
{
	assert_true(cpu.gdt.limit == 23 && cpu.gdt.base == 0xffff800000456000);
	assert_true(cpu.idt.limit == 0 && cpu.idt.base == 0);
	assert_int_equal(cpu.task, 0x40);
}

static void the_boot_cpu_enters_the_kernel(void **state)
{
	(void)state;
	set_up();
	run_from(window_boot);
	has_entered_with(0x77777777);
	has_no_net();
	assert_int_equal(cpu.msrs_written, 0);
}

/* With the exception net each has a GDT and a TSS of its own. */
static void every_cpu_loads_its_own_tables(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		set_up();
		start.gdt_stride = 256;
		start.gdt_limit = 39;
		start.idtr.limit = 511;
		start.idtr.base = 0xffff800000789010;
		start.tss = KERNEL_TSS;
		cpu.x2apic_id = 5 + i;
		run_from(i == 0 ? window_boot : window_ap);
		has_entered_with(i == 0 ? 0x77777777 : 0x1111111111111111 * (i + 1));
		assert_true(cpu.gdt.limit == 39 && cpu.gdt.base == 0xffff800000456000 + UINT64_C(256) * i);
		assert_true(cpu.idt.limit == 511 && cpu.idt.base == 0xffff800000789010);
		assert_int_equal(cpu.task, KERNEL_TSS);
	}
}

static void another_cpu_parks_and_goes_where_it_is_sent(void **state)
{
	(void)state;
	set_up();
	run_from(window_ap);
	has_entered_with(0x3333333333333333);
	has_no_net();
	assert_int_equal(cpus[2].state, TWINBOOT_CPU_PARKED);
	assert_true(cpus[0].state == 0 && cpus[1].state == 0);
}

static void it_gets_the_boot_cpus_apic_mode_and_base(void **state)
{
	(void)state;
	static const uint64_t bases[] = {0xfee00000 | APIC_BASE_ENABLED | APIC_BASE_X2,
					 0xfed00000 | APIC_BASE_ENABLED | APIC_BASE_X2,
					 UINT64_C(0x12fee00000) | APIC_BASE_ENABLED | APIC_BASE_X2};
	static const uint64_t own[] = {0, APIC_BASE_X2, APIC_BASE_BOOT_CPU,
				       APIC_BASE_BOOT_CPU | APIC_BASE_X2};
	for (uint32_t i = 0; i < 12; i++) {
		set_up();
		start.apic_base = bases[i % 3];
		cpu.apic_base |= own[i / 3];
		run_from(window_ap);
		has_entered_with(0x3333333333333333);
		assert_int_equal(cpu.apic_base, bases[i % 3] | (own[i / 3] & APIC_BASE_BOOT_CPU));
		assert_int_equal(cpu.pat, KERNEL_PAT);
	}
	set_up();
	start.pat = 0; /* a processor without */
	cpu.apic_base = start.apic_base;
	run_from(window_ap);
	has_entered_with(0x3333333333333333);
	assert_int_equal(cpu.msrs_written, 0);
}

/* An INIT leaves a CPU in x2APIC mode, where the firmware had put it. */
static void it_leaves_x2apic_mode_as_the_boot_cpu_did(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		set_up();
		start.apic_base = 0xfee00000 | APIC_BASE_ENABLED;
		start.direct_map = physical(apic_page) - 0xfee00000;
		apic_page[0x23] = 6;
		cpu.apic_base |= APIC_BASE_X2 | (i > 0 ? APIC_BASE_BOOT_CPU : 0);
		run_from(window_ap);
		has_entered_with(0x2222222222222222);
		assert_int_equal(cpu.apic_base, start.apic_base | (i > 0 ? APIC_BASE_BOOT_CPU : 0));
		assert_int_equal(cpu.pat, KERNEL_PAT);
	}
}

/* Its ID is the register's, in memory that the kernel's direct map shows. */
static void in_xapic_mode_the_id_is_read_from_memory(void **state)
{
	(void)state;
	set_up();
	start.apic_base = 0xfee00000 | APIC_BASE_ENABLED;
	start.direct_map = physical(apic_page) - 0xfee00000;
	apic_page[0x23] = 6;
	run_from(window_ap);
	has_entered_with(0x2222222222222222);
	assert_int_equal(cpus[1].state, TWINBOOT_CPU_PARKED);
}

/* Intel SDM 3A 12.11.8: only where they differ, then all of them, off and without caches. */
static void mtrrs_become_the_boot_cpus(void **state)
{
	(void)state;
	for (uint32_t differs = 0; differs < 7; differs++) {
		set_up();
		start.msr_count = 3;
		for (uint32_t i = 0; i < 3; i++) {
			start.msrs[i].msr = mtrr_numbers[i];
			start.msrs[i].value = 0x1234567800000006 + i * 0x1000 + (i == 2 ? MTRR_ENABLED : 0);
			cpu.mtrrs[i] = start.msrs[i].value;
		}
		if (differs > 0) /* by a bit of either half */
			cpu.mtrrs[(differs - 1) / 2] ^= differs % 2 ? UINT64_C(1) << 40 : 2;
		run_from(window_ap);
		has_entered_with(0x3333333333333333);
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(cpu.mtrrs[i], start.msrs[i].value);
		assert_int_equal(cpu.caches_emptied, differs > 0 ? 2 : 0);
		assert_int_equal(cpu.msrs_written, differs > 0 ? 6 : 2);
		assert_true(cpu.mtrrs_off && cpu.written_with_caches_on == 0);
	}
}

static void who_is_not_awaited_stops(void **state)
{
	(void)state;
	set_up();
	cpu.x2apic_id = 99; /* not in the list */
	run_from(window_ap);
	assert_int_equal(ended, STOPPED);
	set_up();
	cpus[2].stack_top = 0; /* given up */
	run_from(window_ap);
	assert_int_equal(ended, STOPPED);
	set_up();
	cpus[2].state = TWINBOOT_CPU_ABSENT; /* given up while it was on its way */
	run_from(window_ap);
	assert_int_equal(ended, STOPPED);
	assert_int_equal(cpus[2].state, TWINBOOT_CPU_ABSENT);
}

/* The copy, its own page of memory instead of the window's second page. */
static void copy_code(void)
{
	const uint64_t there = LOADER_WINDOW_BASE + PAGE_SIZE, here = physical(&start);
	size_t size = (size_t)(window_end - window_code);
	code = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED || size >= PAGE_SIZE)
		abort();
	memcpy(code, window_code, size);
	for (size_t i = 0; i + sizeof(there) <= size; i++)
		if (memcmp(code + i, &there, sizeof(there)) == 0)
			memcpy(code + i, &here, sizeof(here));
	code[size] = 0xf4;
}

int main(void)
{
	static uint8_t signal_stack[64 << 10];
	const stack_t other = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_boot_cpu_enters_the_kernel),
		cmocka_unit_test(every_cpu_loads_its_own_tables),
		cmocka_unit_test(another_cpu_parks_and_goes_where_it_is_sent),
		cmocka_unit_test(it_gets_the_boot_cpus_apic_mode_and_base),
		cmocka_unit_test(it_leaves_x2apic_mode_as_the_boot_cpu_did),
		cmocka_unit_test(in_xapic_mode_the_id_is_read_from_memory),
		cmocka_unit_test(mtrrs_become_the_boot_cpus),
		cmocka_unit_test(who_is_not_awaited_stops),
	};
	copy_code();
	sigaltstack(&other, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
