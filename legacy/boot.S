/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot sector: reads the load table and the loader behind it, makes sure of them, and enters the loader with the
 * drive number in DL. Everything else can then be C.
 */
#include "load_table.h"

#define STACK_TOP          0x7c00
#define LOAD_TABLE_ADDRESS 0x7e00 /* linker/legacy.ld asserts that load_table lies here */
#define TRIES           3
#define FIRST_HARD_DISK 0x80

#define BIOS_VIDEO       0x10
#define VIDEO_TELETYPE   0x0e
#define BIOS_DISK        0x13
#define DISK_RESET       0x00
#define DISK_READ_PACKET 0x42
#define BIOS_SERIAL      0x14
#define SERIAL_START     0x00
#define SERIAL_SEND      0x01
#define SERIAL_9600_8N1  0xe3

	.code16
	.section .boot, "ax", @progbits
	.globl boot_sector
boot_sector:
	/* Firmware that emulates disks writes drive numbers and the like into what it takes for a BPB, so code
	   starts behind one; and some (ThinkPads) boots a stick only if the BPB's sector size and geometry look
	   right. */
	jmp	start
	nop
	.org boot_sector + 11
	.word	512 /* bytes a sector */
	.org boot_sector + 24
	.word	18 /* sectors a track */
	.word	2  /* heads */
	.org boot_sector + 0x5a
start:
	ljmp	$0, $flat /* some BIOSes enter at 07C0:0000 */
flat:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$STACK_TOP, %sp
	sti
	cld

	/* DL can be wrong: no image of ours boots as a floppy, so below 80h the first hard disk is tried (HP Brio
	   8314), and believed if it holds this loader. */
	cmp	$FIRST_HARD_DISK, %dl
	jae	1f
	mov	$FIRST_HARD_DISK, %dl
1:	mov	%dl, drive

	mov	$TRIES, %cx
2:	push	%cx
	mov	$DISK_READ_PACKET, %ah
	mov	drive, %dl
	mov	$packet, %si
	int	$BIOS_DISK
	jnc	3f
	xor	%ax, %ax /* reset, and try again: a read that fails once can succeed */
	mov	drive, %dl
	int	$BIOS_DISK
	pop	%cx
	loop	2b
	mov	$cannot_read, %si
	jmp	stop
cannot_read:
	.asciz	"twinboot: TB00: cannot read; attach as hard disk\r\n"

	/* Windows 9x stamps bytes DAh to DFh. */
	.org boot_sector + 0xd8
3:	jmp	4f
	.org boot_sector + 0xe0
4:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	cld
	mov	$load_table, %si
	movzwl	packet + BOOT_PACKET_COUNT, %ecx
	shl	$7, %ecx /* sectors of 512 bytes to words of four */
	xor	%edx, %edx
5:	lodsl
	add	%eax, %edx
	dec	%ecx
	jnz	5b
	cmp	%edx, sum
	mov	$damaged, %si
	jne	stop
	mov	drive, %dl
	ljmp	$0, $loader_entry

stop:	xor	%ax, %ax
	mov	%ax, %ds
	cld
	mov	$SERIAL_START << 8 | SERIAL_9600_8N1, %ax
	xor	%dx, %dx
	int	$BIOS_SERIAL
6:	lodsb
	test	%al, %al
	jz	7f
	push	%ax
	mov	$VIDEO_TELETYPE, %ah
	mov	$7, %bx
	int	$BIOS_VIDEO
	pop	%ax
	mov	$SERIAL_SEND, %ah
	xor	%dx, %dx
	int	$BIOS_SERIAL
	jmp	6b
7:	hlt
	jmp	7b

damaged:
	.asciz	"twinboot: TB00: the loader on disk is damaged; write the image again\r\n"
drive:	.byte	0

	.org boot_sector + BOOT_PACKET_OFFSET
packet:	.byte	16, 0
	.word	0 /* sectors: compose */
	.word	0, LOAD_TABLE_ADDRESS / 16
	.quad	0 /* first sector: compose */
	.org boot_sector + BOOT_SUM_OFFSET
sum:	.long	0 /* compose */
	/* disk identifier and partition table: sfdisk */
	.org boot_sector + 510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
