/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes that make a measured kernel as large as is wanted. */
	.section .data
	.balign	4096
	.incbin	PAYLOAD
	.section .note.GNU-stack, "", @progbits
