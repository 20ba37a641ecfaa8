/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the adapter to the kernel it starts.
 *
 * The adapter's page tables and the kernel's need not have a single executable page in common, so the way leads over a
 * bridge: tables that map cross() at its own address and the shelter where the kernel's tables have it, in the HHDM. The
 * shelter is a copy of the code below in memory that the kernel may reclaim; it loads the kernel's tables, makes the
 * state that the protocol promises and enters the kernel. The other CPUs wait in it until the kernel calls them.
 */
#include "adapters/limine/crossing.h"
#include "common/registers.h"

	.code64

/* void cross(uint64_t bridge, uint64_t shelter, struct crossing *crossing, uint64_t tables): all physical or in the HHDM */
	.section .text.cross, "ax", @progbits
	.balign 64
	.globl cross
	.hidden cross
cross:
	cli
	cld
	mov	%rdi, %cr3
	jmp	*%rsi

	.section .text.shelter, "ax", @progbits
	.balign 16
	.globl shelter, shelter_end
	.hidden shelter, shelter_end
shelter:
	/* On the bridge there is no memory but this code. */
	mov	%rcx, %cr3
	mov	%rdx, %rbx
	mov	CROSSING_STACK(%rbx), %rsp
	lgdt	CROSSING_GDTR(%rbx)
	lidt	CROSSING_IDTR(%rbx)
	mov	$LIMINE_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	xor	%eax, %eax
	lldt	%ax
	mov	$LIMINE_TR, %eax
	ltr	%ax
	push	$LIMINE_CS
	lea	1f(%rip), %rax
	push	%rax
	lretq
1:	mov	$LIMINE_CR0, %eax
	mov	%rax, %cr0
	mov	CROSSING_CR4(%rbx), %eax
	mov	%rax, %cr4

	mov	CROSSING_ENTRY(%rbx), %r11
	mov	CROSSING_CPU(%rbx), %r12
	test	%r12, %r12
	jz	3f
	movl	$1, CROSSING_ARRIVED(%rbx)
	/* Not MONITOR and MWAIT: core/enter.S says why. */
2:	pause
	mov	CPU_GOTO(%r12), %r11
	test	%r11, %r11
	jz	2b

3:	push	%r11 /* RET takes it from here, and leaves RSP at the null return address */
	mov	%r12, %rdi
	xor	%eax, %eax
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%ebp, %ebp
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	pushq	$2 /* all flags clear; bit 1 always reads 1 */
	popfq
	ret
shelter_end:

	.section .note.GNU-stack, "", @progbits
