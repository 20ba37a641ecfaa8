/* SPDX-License-Identifier: BSD-2-Clause */
/* GNU Unifont's printable ASCII, 8 x 16, extracted by the build from Debian's psf-unifont. */
	.section .rodata, "a", @progbits
	.globl core_font8x16
	.hidden core_font8x16
core_font8x16:
	.incbin "font8x16.bin"
	.section .note.GNU-stack, "", @progbits
