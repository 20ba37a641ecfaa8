/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reference kernel: believes nothing that it was handed, and says what it found. The list of checks in
 * kernel_run() reads in the order in which each can rely on those before it.
 *
 * Words on the command line: `fail` makes one check fail, so that a harness can see that failures are seen;
 * `hang` halts at the end where QEMU would be ended.
 */
#include "kernel.h"
#include "report.h"
#include "cpu.h"

/* The framebuffer is a wish: a machine without one is examined all the same. The Makefile also builds kernels
   that need more. */
#ifndef REFERENCE_NEEDS
#define REFERENCE_NEEDS 0, 1024, 768, 32, 0
#endif
#define NEEDS(...) TWINBOOT_NEEDS(__VA_ARGS__)
NEEDS(REFERENCE_NEEDS)
const struct twinboot_needs *const needs = &twinboot_note.needs;

/* QEMU's isa-debug-exit: the value v makes QEMU exit with 2v + 1, so 33 and 35. */
#define EXIT_PORT 0xf4
#define EXIT_OK   0x10
#define EXIT_FAIL 0x11

const struct twinboot_handoff *handoff;

static _Noreturn void halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void kernel_end_run(void)
{
	static bool drawing; /* a fault while drawing leads here again */

	if (handoff && !drawing) {
		drawing = true;
		screen_draw();
	}
	report_end();
	if (!handoff || !string_has_word(handoff->command_line, "hang"))
		outl(EXIT_PORT, checks_failed() ? EXIT_FAIL : EXIT_OK);
	halt();
}

_Noreturn void kernel_run(const struct twinboot_handoff *given, uint64_t rsp, uint64_t rflags,
			  uint64_t others)
{
	uint64_t now = rdtsc();

	report_begin();
	check_image_untouched();
	uint64_t idt_base;
	uint16_t idt_limit;
	faults_install(&idt_base, &idt_limit);
	if (!check_handoff(given))
		kernel_end_run();
	handoff = given;

	struct registers registers = registers_read(rsp, rflags, others);

	registers.idt_base = idt_base;
	registers.idt_limit = idt_limit;

	check_registers(&registers);
	check_image_place();
	check_memory_map();
	check_bios_data();
	check_handoff_contents();
	check_modules();
	check_clock(now);
	check_framebuffer();
	check_acpi();
	check_smbios();
	check_records();
	check_efi();
	check_paging();
	check_exception_net(&registers);
	check_faults();
	if (needs->flags & TWINBOOT_LEAVE_CPUS)
		check("cpus_left_alone", !handoff->cpus && !handoff->cpu_count, "%u handed over",
		      handoff->cpu_count);
	else
		check_cpus(&registers);
	check_usable_memory();
	if (string_has_word(handoff->command_line, "fail"))
		check("deliberate_failure", false, "the command line asks for it");
	kernel_end_run();
}
