/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults, on purpose and otherwise. No fault is ever returned from: either fault_catch() waits for it, then
 * control goes there, or the kernel is at its end. So there is nothing to save and no iretq.
 */
	.text

/* bool fault_catch(void (*action)(uint64_t), uint64_t argument): calls action(argument); true if it faulted,
   with the particulars in fault_caught. */
	.globl	fault_catch
	.type	fault_catch, @function
fault_catch:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	sub	$8, %rsp		/* 16-byte alignment for the call */
	mov	%rsp, catch_stack(%rip)
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	xor	%eax, %eax
catch_return:
	movq	$0, catch_stack(%rip)
	add	$8, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size fault_catch, . - fault_catch

/* One stub of 16 bytes for each of the CPU's own vectors. Some push an error code themselves. */
	.globl	fault_stubs
	.balign	16
fault_stubs:
	.set	vector, 0
	.rept	32
	.balign	16
	.if	((0x60227d00 >> vector) & 1) == 0
	push	$0
	.endif
	push	$vector
	jmp	fault_common
	.set	vector, vector + 1
	.endr

/* On the stack: vector, error code, then what the CPU pushed, RIP first. */
fault_common:
	cld
	pop	fault_caught(%rip)
	pop	fault_caught+8(%rip)
	mov	(%rsp), %rax
	mov	%rax, fault_caught+16(%rip)
	mov	%cr2, %rax
	mov	%rax, fault_caught+24(%rip)
	mov	catch_stack(%rip), %rax
	test	%rax, %rax
	jz	1f
	mov	%rax, %rsp
	mov	$1, %eax
	jmp	catch_return
1:	and	$-16, %rsp
	call	fault_unexpected

	.bss
	.balign	8
catch_stack:
	.skip	8			/* 0: nobody waits */

	.section .note.GNU-stack, "", @progbits
