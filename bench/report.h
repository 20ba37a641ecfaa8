/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the programs that are measured report: `name=` and sixteen digits on COM1, one pair a line, the TSC where the
 * measurement ends last; then QEMU ends through isa-debug-exit. Once as a macro that needs no memory and no stack and
 * assembles alike as 16-bit and 32-bit code, once as C.
 */
#define COM1        0x3f8
#define LINE_STATUS 0x3fd
#define READY       0x20
#define DEBUG_EXIT  0xf4
#define SUCCESS     0x10

#ifdef __ASSEMBLER__
	.macro	REPORT_TSC
	rdtsc
	mov	%eax, %ebp
	mov	%edx, %esi
	mov	$1 + 16, %ecx
	mov	$'=', %ebx
91:	mov	$LINE_STATUS, %dx
92:	in	%dx, %al
	test	$READY, %al
	jz	92b
	mov	%ebx, %eax
	mov	$COM1, %dx
	out	%al, %dx
	xor	%ebx, %ebx
	shld	$4, %esi, %ebx
	shld	$4, %ebp, %esi
	shl	$4, %ebp
	add	$'0', %ebx
	cmp	$'9', %ebx
	jbe	93f
	add	$'a' - '9' - 1, %ebx
93:	dec	%ecx
	jnz	91b
	mov	$SUCCESS, %eax
	mov	$DEBUG_EXIT, %dx
	out	%al, %dx
94:	hlt
	jmp	94b
	.endm
#else
#include <stdint.h>

static inline void report_byte(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t report_status(void)
{
	uint8_t status;
	__asm__ volatile("inb %1, %0" : "=a"(status) : "Nd"((uint16_t)LINE_STATUS));
	return status;
}

static inline void report_text(const char *text)
{
	for (; *text; text++) {
		while (!(report_status() & READY))
			;
		report_byte(COM1, (uint8_t)*text);
	}
}

static inline void report_value(const char *name, uint64_t value)
{
	char digits[] = "=0000000000000000\n";
	for (int i = 16; i > 0; i--, value >>= 4)
		digits[i] = "0123456789abcdef"[value & 15];
	report_text(name);
	report_text(digits);
}

static inline _Noreturn void report_end(void)
{
	report_byte(DEBUG_EXIT, SUCCESS);
	for (;;)
		__asm__ volatile("cli; hlt");
}
#endif
