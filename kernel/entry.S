/* SPDX-License-Identifier: BSD-2-Clause */
/* The doors into the kernel: kernel_main for the boot CPU (the ELF entry point), cpu_main for each parked CPU that is woken. */
#include "door.inc"

	.text
	DOOR	kernel_main, kernel_run
	DOOR	cpu_main, cpu_run

/*
 * A few pages of .data that no code writes to. Word i holds i * 0x9e3779b1: had a page gone missing, moved or
 * been zeroed, image.c would see it.
 */
	.section .pattern, "aw", @progbits
	.balign	8
	.globl	image_pattern, image_pattern_end
image_pattern:
	.set	word, 0
	.rept	3000
	.long	(word * 0x9e3779b1) & 0xffffffff
	.set	word, word + 1
	.endr
image_pattern_end:

	.section .note.GNU-stack, "", @progbits
