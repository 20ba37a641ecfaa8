/* SPDX-License-Identifier: BSD-2-Clause */
/* Included before everything else in legacy/'s C files: the assembler works for 64-bit objects (-Wa,--64),
   the code is 32-bit. */
__asm__(".code32");
