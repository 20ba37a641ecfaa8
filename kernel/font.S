/* SPDX-License-Identifier: BSD-2-Clause */
/* The glyphs of ASCII 32 to 126, 8 pixels by 16, one byte a line, bit 7 leftmost; the build extracts them. */
	.section .rodata
	.globl	kernel_font8x16
kernel_font8x16:
	.incbin	"font8x16.bin"

	.section .note.GNU-stack, "", @progbits
