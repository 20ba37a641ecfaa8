/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel that is measured: reads the TSC with its first instruction, reports that and the loader's own
 * stamps and log. payload.S makes it as large as is wanted.
 */
#include <twinboot.h>

#include "report.h"

#ifndef NEEDS
#define NEEDS TWINBOOT_LEAVE_CPUS
#endif
TWINBOOT_NEEDS(NEEDS, 1024, 768, 32, 0)

__asm__(".globl kernel_main\n"
	"kernel_main:\n\t"
	"rdtsc\n\t"
	"shl $32, %rdx\n\t"
	"lea (%rax, %rdx), %rsi\n\t"
	"jmp report");

__attribute__((used)) static _Noreturn void report(const struct twinboot_handoff *handoff, uint64_t tsc)
{
	uint32_t parked = 0;
	for (uint32_t i = 0; i < handoff->cpu_count; i++)
		parked += handoff->cpus[i].state == TWINBOOT_CPU_PARKED;
	report_text("\n");
	report_text(handoff->log);
	report_value("loader_entry", handoff->tsc_loader_entry);
	report_value("payload_ready", handoff->tsc_payload_ready);
	report_value("handoff", handoff->tsc_handoff);
	report_value("tsc_hz", handoff->tsc_hz);
	report_value("parked", parked);
	report_value("kernel_entry", tsc);
	report_end();
}
