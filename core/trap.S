/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry for each exception vector (Intel SDM 3A 6.15), 16 bytes apart. Where core runs, all lead to trap_report().
 * The same code is also mapped in the kernel's address space, in the loader's window: there they lead to net_report().
 */
#include "start.h"

	.code64
	.section .text, "ax", @progbits
	.globl trap_entries
	.hidden trap_entries, trap_report, net_report
	.balign 16
trap_entries:
	.set	vector, 0
	.rept	32
	.balign 16
	/* 8, 10 to 14, 17, 21, 29 and 30 push an error code themselves. */
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	push	$0
	.endif
	push	$vector
	jmp	1f
	.set	vector, vector + 1
	.endr
1:	cld
	mov	%rsp, %rdi
	lea	trap_entries(%rip), %rax
	test	%rax, %rax
	js	2f /* the window lies in the upper half of the address space, a front door's core never */
	and	$-16, %rsp
	call	trap_report /* never returns */

	/* The stack that the CPU has switched to holds no more than the frame. There is one stack to report on: the
	   first exception gets it. What comes later (another CPU's, or one in the report itself) ends here. */
2:	mov	$START, %rbx
	lock btsl $0, START_NET_TAKEN(%rbx)
	jc	3f
	mov	START_NET_STACK(%rbx), %rsp
	call	net_report /* never returns */
3:	cli
	hlt
	jmp	3b

	.section .note.GNU-stack, "", @progbits
