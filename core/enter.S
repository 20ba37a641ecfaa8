/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last instructions of the loader. The final page tables do not map the loader where it lies, so the way
 * leads over a bridge: tables that map this code at its own address and, a second time, at its copy in the
 * loader's window; from the copy, which the final tables map too, it loads those and is gone.
 */
#include "cpu.h"

/* struct enter */
#define BRIDGE_CR3 0
#define COPY       8
#define FINAL_CR3  16
#define EFER       24
#define GDT        32
#define STACK      40
#define ENTRY      48
#define ARGUMENT   56

#define GDT_LIMIT (3 * 8 - 1)

	.code64
	.section .text.enter, "ax", @progbits
	.balign 16
	.globl enter_kernel, enter_kernel_end
	.hidden enter_kernel, enter_kernel_end
enter_kernel:
	cli
	cld
	/* Memory cannot be read on the bridge: everything goes into registers. */
	mov	BRIDGE_CR3(%rdi), %rsi
	mov	COPY(%rdi), %rbx
	mov	FINAL_CR3(%rdi), %r8
	mov	GDT(%rdi), %r9
	mov	STACK(%rdi), %r10
	mov	ENTRY(%rdi), %r11
	mov	ARGUMENT(%rdi), %r12

	/* NXE before any table with NX bits, PAT before any table that selects its entries. */
	mov	$MSR_EFER, %ecx
	mov	EFER(%rdi), %eax
	mov	EFER + 4(%rdi), %edx
	wrmsr
	mov	$KERNEL_CR0, %eax
	mov	%rax, %cr0
	mov	$KERNEL_CR4, %eax
	mov	%rax, %cr4
	mov	%rsi, %cr3
	add	$on_copy - enter_kernel, %rbx
	jmp	*%rbx

on_copy:
	mov	%r8, %cr3
	mov	%r10, %rsp
	push	%r9
	pushw	$GDT_LIMIT
	lgdt	(%rsp)
	movq	$0, 2(%rsp) /* an IDT without a single gate */
	movw	$0, (%rsp)
	lidt	(%rsp)
	mov	%r10, %rsp
	mov	$KERNEL_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	xor	%eax, %eax
	lldt	%ax
	push	$KERNEL_CS
	lea	reloaded(%rip), %rax
	push	%rax
	lretq
reloaded:
	fninit
	push	%r11 /* the RET below takes the entry from here and leaves RSP at the null return address */
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
	ret
enter_kernel_end:

	.section .note.GNU-stack, "", @progbits
