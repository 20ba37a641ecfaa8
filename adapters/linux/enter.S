/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * _Noreturn void linux_enter(uint64_t cr3, uint64_t gdt, uint64_t entry, uint64_t boot_params)
 *
 * Out of twinboot's address space and into Linux' (boot.rst, 64-bit boot protocol). Both map this code at the same
 * place; the loader's stack and GDT lie only in the first. All four arguments are physical addresses, which the
 * tables at `cr3` map one to one. Interrupts are off already, and stay off.
 */
#define BOOT_CS 0x10 /* boot.rst, "__BOOT_CS": the selectors are part of the protocol */
#define BOOT_DS 0x18

	.text
	.globl	linux_enter
linux_enter:
	lea	stack_end(%rip), %rsp
	push	%rsi
	pushw	$(gdt_end - linux_gdt - 1)
	lgdt	(%rsp)
	mov	%rdi, %cr3
	mov	$BOOT_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%rcx, %rsi
	add	$10, %rsp
	push	$BOOT_CS
	push	%rdx
	lretq

	.data
	.balign	16
	.globl	linux_gdt
linux_gdt:
	.quad	0
	.quad	0
	.quad	0x00af9b000000ffff	/* Intel SDM 3A 3.4.5: flat 64-bit code, accessed */
	.quad	0x00cf93000000ffff	/* flat data */
gdt_end:

	.bss
	.balign	16
	.skip	32
stack_end:

	.section .note.GNU-stack, "", @progbits
