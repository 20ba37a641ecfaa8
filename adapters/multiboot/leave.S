/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * _Noreturn void multiboot_leave(uint64_t cr3, uint64_t low_page, uint32_t entry, uint32_t magic, uint32_t info)
 *
 * Out of long mode and into a Multiboot kernel (0.6.96, 3.2; Multiboot2 2.0, 3.3). The tables at `cr3` map this code
 * where it is, and the low page, below 4 GiB, one to one: there paging can be turned off. Nothing here uses a stack.
 */
#include "common/registers.h"

#define LOW_CODE32 0x08
#define LOW_DATA32 0x10

	.text
	.globl	multiboot_leave
multiboot_leave:
	mov	%rdi, %cr3
	mov	%rsi, %rbp
	mov	%r8d, %ebx
	jmp	*%rsi

/* Copied to the low page, whose address is in %rbp: entry %edx, magic %ecx, information %ebx. */
	.balign	16
	.globl	low_code, low_code_end
low_code:
	lea	gdt(%rip), %rax
	mov	%rax, gdt_pointer + 2(%rip)
	lea	1f(%rip), %rax
	mov	%eax, far_pointer(%rip)
	lgdt	gdt_pointer(%rip)
	ljmpl	*far_pointer(%rip)
	.code32
1:	mov	$CR0_PE | CR0_ET, %eax
	mov	%eax, %cr0 /* PG off ends long mode (Intel SDM 3A 10.8.5.4) */
	mov	%ecx, %esi
	mov	%edx, %edi
	mov	$MSR_EFER, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	mov	%eax, %cr4
	mov	$LOW_DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%eax, %ss
	mov	%esi, %eax
	jmp	*%edi
	.code64

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff /* Intel SDM 3A 3.4.5: 32-bit code from 0 to 4 GiB */
	.quad	0x00cf93000000ffff /* data, likewise */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	0
far_pointer:
	.long	0
	.word	LOW_CODE32
low_code_end:

	.section .note.GNU-stack, "", @progbits
