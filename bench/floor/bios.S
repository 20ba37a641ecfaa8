/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor of the BIOS door: what any loader must do whose payload ends up above 1 MiB, and nothing else. It asks for
 * the memory map, sets the video mode, reads SECTORS sectors from FIRST_SECTOR on in the largest calls that BIOSes take,
 * and copies each once to its final place. Without SECTORS it stops at once: that is the firmware alone.
 */
#include "../report.h"

#define BOUNCE_SEGMENT 0x1000
#define BOUNCE_LINEAR  0x10000
#define PLACE          0x200000 /* as linker/legacy.ld */
#define CALL_SECTORS   127
#define ADDRESS_RANGE  0x600
#define VIDEO_MODE     0x4144 /* 1024x768x32 with a linear framebuffer, as SeaVGABIOS numbers it */

	.code16
	.globl	_start
_start:
#ifdef SECTORS
	ljmp	$0, $1f
1:	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x7c00, %sp
	sti
	cld
	mov	%dl, drive

	xor	%ebx, %ebx
2:	mov	$0xe820, %eax
	mov	$24, %ecx
	mov	$0x534d4150, %edx
	mov	$ADDRESS_RANGE, %di
	int	$0x15
	jc	3f
	test	%ebx, %ebx
	jnz	2b

3:	mov	$0x4f02, %ax
	mov	$VIDEO_MODE, %bx
	int	$0x10
	cmp	$0x004f, %ax
	jne	failed

4:	mov	$CALL_SECTORS, %eax
	cmp	%eax, left
	jae	5f
	mov	left, %eax
5:	mov	%ax, count
	mov	$0x42, %ah
	mov	drive, %dl
	mov	$packet, %si
	int	$0x13
	jc	failed
	cli
	lgdt	gdt_pointer
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmp	$0x08, $6f
	.code32
6:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	$BOUNCE_LINEAR, %esi
	mov	place, %edi
	movzwl	count, %eax
	add	%eax, lba
	mov	%eax, %ecx
	shl	$7, %ecx /* sectors of 512 bytes to words of four */
	rep movsl
	mov	%edi, place
	mov	$0x20, %ecx
	mov	%ecx, %ds
	mov	%ecx, %es
	ljmp	$0x18, $7f
	.code16
7:	mov	%cr0, %ecx
	and	$~1, %cl
	mov	%ecx, %cr0
	ljmp	$0, $8f
8:	xor	%cx, %cx
	mov	%cx, %ds
	mov	%cx, %es
	sti
	sub	%eax, left
	jnz	4b
#endif
	REPORT_TSC

#ifdef SECTORS
failed:	hlt
	jmp	failed

	.balign	4
left:	.long	SECTORS
place:	.long	PLACE
packet:	.byte	16, 0
count:	.word	0
	.word	0, BOUNCE_SEGMENT
lba:	.quad	FIRST_SECTOR
drive:	.byte	0
	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff /* 32-bit code, flat */
	.quad	0x00cf93000000ffff /* data, flat */
	.quad	0x00009b000000ffff /* 16-bit code and data, as real mode leaves its segments */
	.quad	0x000093000000ffff
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt
#endif
	.org	_start + 510
	.word	0xaa55
