/* SPDX-License-Identifier: BSD-2-Clause */
/* The header, and the way from the entry to C: the state is kept before anything changes it. */
#define MSR_EFER 0xc0000080

	.section .multiboot, "a"
#if PROTOCOL == 1
	.balign	4
	.long	0x1badb002, 3 | VIDEO << 2, -(0x1badb002 + (3 | VIDEO << 2))
	.long	0, 0, 0, 0, 0 /* no address fields */
	.long	0, 800, 600, 32
#else
	.balign	8
header:	.long	0xe85250d6, 0, header_end - header, -(0xe85250d6 + (header_end - header))
#if VIDEO
	.short	5, 0
	.long	20, 800, 600, 32, 0
#endif
	.short	0, 0
	.long	8
header_end:
#endif

	.text
	.globl	_start
_start:	mov	$stack_top, %esp
	push	%ebx
	push	%eax
	pushfl
	popl	entry_state
	mov	%cr0, %eax
	mov	%eax, entry_state + 4
	mov	%cr4, %eax
	mov	%eax, entry_state + 8
	mov	$MSR_EFER, %ecx
	rdmsr
	mov	%eax, entry_state + 12
	call	kernel_main

	.data
	.balign	4
	.globl	entry_state
entry_state:
	.long	0, 0, 0, 0

	.bss
	.balign	16
	.skip	16384
stack_top:

	.section .note.GNU-stack, "", @progbits
