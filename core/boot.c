/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The story of a boot from where both front doors meet: core_prepare() while the firmware is there, core_boot() when
 * it is gone. Each step is done elsewhere; core.h says where.
 */
#include "core.h"

int core_prepare(struct machine *machine)
{
	struct boot boot;
	uint32_t rows = machine->region_count;
	acpi_pm_timer_sample(machine); /* now, so that core_boot() need not wait to measure */
	/* Nothing is believed that has not been checked. */
	int ready = payload_check(machine) && plan_boot(&boot, machine);
	machine->region_count = rows; /* without the rows that the plan has added */
	if (ready)
		log_line(machine, "payload: checked, kernel %u KiB", machine->parts[0].size / 1024);
	return ready;
}

void core_boot(struct machine *machine)
{
	struct boot boot;
	core_catch_exceptions(machine);
	/* The plan is made once more, on the final map. */
	if (!plan_boot(&boot, machine))
		core_halt(machine, machine->error);

	/* The kernel's place is written over from kernel_settle() on: its program headers are saved before. */
	kernel_keep_headers(&boot.kernel, &boot.memory);
	memory_take_low_page(&boot);
	kernel_settle(&boot);
	kernel_relocate(&boot.kernel);
	log_line(machine, "kernel: virtual %x, physical %x, %u KiB", boot.kernel.virt, boot.kernel.phys,
		 boot.kernel.size / 1024);

	/* The window lies in the address space, and the exception net in the window. */
	address_space_build(&boot);
	window_build(&boot);
	apic_choose_mode(&boot);
	net_build(&boot);
	cpu_quiet_interrupts();

	/* After everything else that takes memory, which the map must show. */
	struct twinboot_handoff *handoff = handoff_make(&boot);
	log_line(machine, "page tables and handoff: %u KiB at %x",
		 (boot.memory.arena_top - boot.memory.arena_next) / 1024, boot.memory.arena_next);

	/* On finished tables: the CPUs that arrive run on them. */
	cpus_start(&boot, handoff->tsc_hz);
	log_line(machine, "CPUs: %u, of which %u parked", (uint64_t)boot.cpu_count, cpus_parked(&boot));
	log_line(machine, "entering the kernel at %x, on %u-level page tables at %x", boot.kernel.entry,
		 (uint64_t)boot.paging.levels, (uint64_t)(uintptr_t)boot.paging.root);
	handoff_take_log(&boot, handoff); /* no line comes after this */
	handoff->tsc_handoff = __builtin_ia32_rdtsc();
	enter_kernel(&boot);
}
