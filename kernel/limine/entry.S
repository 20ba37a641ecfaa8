/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a Limine loader enters: limine_main, which the entry point request names, and limine_cpu_main on every other CPU. */
#include "door.inc"

	.text
	DOOR	limine_main, limine_run
	DOOR	limine_cpu_main, limine_cpu_run

	.section .note.GNU-stack, "", @progbits
