/* SPDX-License-Identifier: BSD-2-Clause */
/* The compiler includes this before everything else in legacy/'s C files: the assembler makes 64-bit objects
   (-Wa,--64), and would take their 32-bit code for 64-bit code. */
__asm__(".code32");
