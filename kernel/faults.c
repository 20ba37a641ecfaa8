/* SPDX-License-Identifier: BSD-2-Clause */
/* Provokes the faults that the page tables promise, each caught by the kernel's own handlers. */
#include "kernel.h"
#include "report.h"
#include "cpu.h"

#define VECTORS    32
#define STUB_SIZE  16
#define PAGE_FAULT 14

/* The page fault's error code. */
#define PRESENT UINT64_C(0x01) /* the page is there, the access is not allowed */
#define WRITE   UINT64_C(0x02)
#define FETCH   UINT64_C(0x10) /* known only to a CPU on which NX is on */

struct fault fault_caught;
extern const uint8_t fault_stubs[];

static struct gate gates[VECTORS];

void faults_install(uint64_t *base, uint16_t *limit)
{
	struct descriptor_table idtr = {sizeof(gates) - 1, (uint64_t)gates}, before;
	uint16_t code_segment;

	__asm__("sidt %0" : "=m"(before));
	__asm__("mov %%cs, %0" : "=r"(code_segment));
	for (unsigned i = 0; i < VECTORS; i++) {
		uint64_t stub = (uint64_t)fault_stubs + (uint64_t)i * STUB_SIZE;
		gates[i] = (struct gate){
			.offset_low = (uint16_t)stub,
			.offset_middle = (uint16_t)(stub >> 16),
			.offset_high = (uint32_t)(stub >> 32),
			.selector = code_segment,
			.type = 0x8e, /* present, privilege 0, 64-bit interrupt gate */
		};
	}
	__asm__ volatile("lidt %0" : : "m"(idtr));
	*base = before.base;
	*limit = before.limit;
}

/* catch.S calls this for a fault that nobody expected: a sentence is better than a reset. */
_Noreturn void fault_unexpected(void)
{
	check("no_unexpected_fault", false, "vector %lu, error code 0x%lx, rip 0x%lx, cr2 0x%lx",
	      fault_caught.vector, fault_caught.error, fault_caught.rip, fault_caught.address);
	kernel_end_run();
}

static void read_byte(uint64_t address)
{
	(void)*(volatile uint8_t *)address;
}

/* Writes the byte that is there already, in case the store goes through. */
static void write_byte(uint64_t address)
{
	uint8_t value = 0;

	if (address >= PAGE && mapping_of(address).present)
		value = *(volatile uint8_t *)address;
	*(volatile uint8_t *)address = value;
}

static void execute(uint64_t address)
{
	((void (*)(void))address)();
}

static void expect_page_fault(const char *key, void (*action)(uint64_t), uint64_t address, uint64_t error)
{
	if (!fault_catch(action, address)) {
		check(key, false, "no fault at 0x%lx", address);
		return;
	}
	if (fault_caught.vector != PAGE_FAULT || fault_caught.address != address) {
		check(key, false, "vector %lu, cr2 0x%lx where 0x%lx was meant", fault_caught.vector,
		      fault_caught.address, address);
		return;
	}
	check_saying(key, fault_caught.error == error, "page fault, error code 0x%lx", fault_caught.error);
}

static void expect_no_execution(const char *key, uint64_t address)
{
	if (handoff->flags & TWINBOOT_NX)
		expect_page_fault(key, execute, address, PRESENT | FETCH);
	else
		check_skipped(key, "no NX");
}

/* Each place for code that is no code holds a `ret`, so that it comes back where it is let run. */
#define RET 0xc3
static uint8_t ret_in_data = RET;
static uint8_t ret_in_bss;
static const uint8_t ret_in_rodata = RET;

static void just_return(uint64_t unused)
{
	(void)unused;
}

void check_faults(void)
{
	uint64_t nx = handoff->flags & TWINBOOT_NX;
	uint64_t guard = handoff->stack_top - handoff->stack_size - 1;
	volatile uint8_t ret_on_stack = RET;
	uint64_t code = (uint64_t)just_return;

	ret_in_bss = RET;
	check("fault_catching_works", !fault_catch(just_return, 0), "a fault where there is none");
	expect_page_fault("write_to_text", write_byte, code, PRESENT | WRITE);
	expect_page_fault("write_to_rodata", write_byte, (uint64_t)&ret_in_rodata, PRESENT | WRITE);
	expect_page_fault("write_to_elf_header", write_byte, (uint64_t)kernel_start, PRESENT | WRITE);
	expect_no_execution("execute_data", (uint64_t)&ret_in_data);
	expect_no_execution("execute_bss", (uint64_t)&ret_in_bss);
	expect_no_execution("execute_rodata", (uint64_t)&ret_in_rodata);
	expect_no_execution("execute_stack", (uint64_t)&ret_on_stack);
	/* The same bytes that run at their linked address do not run through the direct map. */
	expect_no_execution("execute_direct_map",
			    (uint64_t)direct_map(code - handoff->kernel_virt + handoff->kernel_phys));
	expect_page_fault("read_stack_guard", read_byte, guard, 0);
	expect_page_fault("write_stack_guard", write_byte, guard, WRITE);
	expect_page_fault("read_hole_in_image", read_byte, (uint64_t)guard_start, 0);
	expect_page_fault("write_end_of_hole_in_image", write_byte, (uint64_t)guard_end - 1, WRITE);
	expect_page_fault("read_page_0", read_byte, 0, 0);
	expect_page_fault("read_end_of_page_0", read_byte, PAGE - 1, 0);
	expect_page_fault("write_page_0", write_byte, 0, WRITE);
	expect_page_fault("call_null", execute, 0, nx ? FETCH : 0);
}
