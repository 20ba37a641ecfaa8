/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same measurement for the peers: a kernel for Multiboot 2 (GRUB) and Multiboot (syslinux) that asks for the same
 * video mode and may lie anywhere. It runs in the 32-bit state that both protocols promise.
 */
#include "report.h"

#define ARCHITECTURE_I386 0

	.section .text
	.balign	8
multiboot2:
	.long	0xe85250d6, ARCHITECTURE_I386, multiboot2_end - multiboot2
	.long	-(0xe85250d6 + ARCHITECTURE_I386 + (multiboot2_end - multiboot2))
	/* Framebuffer */
	.word	5, 0
	.long	20, 1024, 768, 32
	.balign	8
	/* Relocatable: anywhere between 2 MiB and 2 GiB, as low as possible */
	.word	10, 0
	.long	24, 0x200000, 0x7fffffff, 4096, 1
	.balign	8
	.word	0, 0
	.long	8
multiboot2_end:

	.balign	4
	.long	0x1badb002, 0x4, -(0x1badb002 + 0x4) /* flag 2: video mode */
	.long	0, 0, 0, 0, 0
	.long	0, 1024, 768, 32

	.code32
	.globl	_start
_start:
	REPORT_TSC
	.section .note.GNU-stack, "", @progbits
