/* SPDX-License-Identifier: BSD-2-Clause */
/* One entry for each exception vector (Intel SDM 3A 6.15), 16 bytes apart; all lead to trap_report(). */
	.code64
	.section .text, "ax", @progbits
	.globl trap_entries
	.hidden trap_entries, trap_report
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
1:	mov	%rsp, %rdi
	and	$-16, %rsp
	cld
	call	trap_report /* never returns */

	.section .note.GNU-stack, "", @progbits
