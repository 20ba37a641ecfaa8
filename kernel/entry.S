/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doors into the kernel: kernel_main for the boot CPU (the ELF entry point), cpu_main for each parked CPU
 * that is woken. Both note the registers as they are, before compiled code changes them, and call
 *
 *     target(what RDI held, RSP at entry, RFLAGS at entry, all other general registers ORed)
 *
 * Only then do they make true what compiled code relies on, so that a broken promise is reported and not fatal.
 */
	.macro DOOR name, target
	.globl \name
	.type \name, @function
\name:
	pushfq
	or	%rax, %rcx
	.irp	register, rbx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	or	%\register, %rcx
	.endr
	pop	%rdx
	mov	%rsp, %rsi
	cli
	cld
	and	$-16, %rsp
	xor	%ebp, %ebp		/* the end of every backtrace */
	call	\target
1:	cli
	hlt
	jmp	1b
	.size \name, . - \name
	.endm

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
