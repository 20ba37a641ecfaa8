/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * There are three ways between the worlds: from the boot sector's real mode to C in protected mode, from there to a BIOS
 * service in real mode and back, and from there to a function of core in long mode and back.
 */
#include "common/registers.h"

#define CODE32 0x08
#define DATA32 0x10
#define CODE16 0x18
#define DATA16 0x20
#define CODE64 0x28

	.section .loader.entry, "awx", @progbits
	.code16
	.globl loader_entry
loader_entry:
	cli
	movzbl	%dl, %ebx
	lgdtl	gdt_pointer
	mov	%cr0, %eax
	or	$CR0_PE, %al
	mov	%eax, %cr0
	ljmp	$CODE32, $1f
	.code32
1:	mov	$DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$legacy_stack_top, %esp /* ESP, not SP: BIOSes leave rubbish in the upper half */
	cld
	call	base_memory_check /* before .bss is written to: the BIOS' own data may lie there */
	mov	$legacy_bss_start, %edi
	mov	$legacy_bss_dwords, %ecx
	xor	%eax, %eax
	rep stosl
	push	%ebx
	call	legacy_main /* never returns */

/*
 * void bios_call(uint32_t vector, struct bios_registers *registers)
 * void handler_call(uint32_t handler, struct bios_registers *registers)
 *
 * Calls a real-mode interrupt by its number, or its handler by segment and offset. All registers travel, since services
 * destroy what they do not return; they do so on the stack, which lies below 64 KiB and so is the same in both modes.
 * The IRET at the end of a service turns interrupts on, which lets the timer's in, and the CLI behind it turns them off
 * again. (It would be needed anyway: E820 of VirtualBox 5.2 comes back with IF set.)
 */
	.globl bios_call
bios_call:
	mov	4(%esp), %eax
	mov	(, %eax, 4), %eax /* the interrupt vector table at 0 */
	mov	%eax, 4(%esp)
	.globl handler_call
handler_call:
	pushal
	mov	36(%esp), %eax /* handler */
	mov	40(%esp), %esi
	mov	%esp, saved_esp

	/* The service's IRET takes these: flags, CS, IP. */
	pushw	$0x0202 /* IF */
	pushw	$0
	pushw	$returned
	/* Our LRET goes to the service itself. */
	pushl	%eax
	sub	$32, %esp
	mov	%esp, %edi
	mov	$32 / 4, %ecx
	rep movsl /* struct bios_registers, without its flags */

	ljmp	$CODE16, $1f
	.code16
1:	mov	$DATA16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%cr0, %eax
	and	$~CR0_PE, %al
	mov	%eax, %cr0
	ljmp	$0, $2f
2:	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	lidtl	real_mode_idt
	popl	%edi
	popl	%esi
	popl	%ebp
	popl	%ebx
	popl	%edx
	popl	%ecx
	popl	%eax
	popw	%es
	popw	%ds
	lretw

returned:
	cli
	cld
	pushfw
	pushw	%ds
	pushw	%es
	pushl	%eax
	pushl	%ecx
	pushl	%edx
	pushl	%ebx
	pushl	%ebp
	pushl	%esi
	pushl	%edi
	xor	%eax, %eax
	mov	%eax, %ds
	lgdtl	gdt_pointer
	mov	%cr0, %eax
	or	$CR0_PE, %al
	mov	%eax, %cr0
	ljmp	$CODE32, $3f
	.code32
3:	mov	$DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	movzwl	%sp, %esi
	mov	saved_esp, %esp
	mov	40(%esp), %edi
	mov	$36 / 4, %ecx
	rep movsl
	popal
	ret

/*
 * uint32_t long_mode_call(uint32_t page_tables, const void *function, struct machine *machine)
 *
 * Calls a function of core in long mode (Intel SDM 3A 10.8.5), and comes back with its result. An exception on the way
 * ends in core's sentence. CR0, CR4 and EFER are afterwards what they were: the BIOS may have its own bits in them.
 * The interrupt descriptor table that core has put up stays until bios_call takes the real-mode one back.
 */
	.globl long_mode_call
long_mode_call:
	push	%ebx
	push	%esi
	push	%edi
	mov	16(%esp), %eax
	mov	%eax, %cr3
	mov	20(%esp), %esi /* function */
	mov	24(%esp), %edi /* machine */
	mov	%cr0, %eax
	push	%eax
	mov	%cr4, %eax
	push	%eax
	mov	$MSR_EFER, %ecx
	rdmsr
	push	%edx
	push	%eax
	mov	$KERNEL_CR4, %eax
	mov	%eax, %cr4
	xor	%edx, %edx
	mov	$EFER_LME, %eax
	wrmsr
	mov	$KERNEL_CR0, %eax
	mov	%eax, %cr0
	ljmp	$CODE64, $1f
	.code64
1:	mov	%esp, %ebx /* the upper halves are undefined so far; writing the lower ones clears them */
	and	$-16, %esp
	mov	%esi, %r12d
	mov	%edi, %r13d
	mov	%r13, %rdi
	call	core_catch_exceptions
	mov	%r13, %rdi
	call	*%r12
	mov	%ebx, %esp
	push	$CODE32
	push	$2f
	lretq
	.code32
2:	mov	%eax, %esi
	mov	12(%esp), %eax
	mov	%eax, %cr0 /* without paging, and so without long mode */
	pop	%eax
	pop	%edx
	mov	$MSR_EFER, %ecx
	wrmsr
	pop	%eax
	mov	%eax, %cr4
	pop	%eax /* CR0 */
	mov	%esi, %eax
	pop	%edi
	pop	%esi
	pop	%ebx
	ret

	.balign 8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff /* 32-bit code, flat */
	.quad	0x00cf93000000ffff /* data, flat */
	.quad	0x00009b000000ffff /* 16-bit code, 64 KiB from 0: as real mode leaves its segments */
	.quad	0x000093000000ffff /* data of the same kind */
	.quad	0x00af9b000000ffff /* 64-bit code */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
real_mode_idt:
	.word	0x3ff
	.long	0
saved_esp:
	.long	0

	.section .note.GNU-stack, "", @progbits
