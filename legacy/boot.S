/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot sector reads the loader, makes sure that it is whole, and enters it with the drive number in DL. Everything
 * else can then be C. An image holds this sector twice, in sector 0 and where El Torito looks on a CD; the two differ in
 * the numbers that compose wrote at their end.
 */
#include "formats/load_table.h"
#include "say.inc"

#define STACK_TOP       0x7c00
#define TRIES           3
#define FIRST_HARD_DISK 0x80

#define BIOS_BOOT_RECOVERY 0x18 /* Plug and Play BIOS Specification 1.0A, 3.6 */

#define BIOS_DISK        0x13
#define DISK_RESET       0x00
#define DISK_READ_PACKET 0x42

	.code16
	.section .boot, "ax", @progbits
	.globl boot_sector
boot_sector:
	/* Firmware that emulates disks writes drive numbers and the like into what it takes for a BIOS parameter block
	   (BPB), so code starts behind one. ThinkPads boot a stick only if that block's sector size and geometry look
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

	/* DL can be wrong (HP Brio 8314), and its value tells nothing: a CD is E0h on one machine and 9Fh on another
	   (VMware). So the drive that it names is believed if this loader is there; if not, the first hard disk gets a
	   chance. */
	mov	%dl, drive
	call	load
	cmpb	$FIRST_HARD_DISK, drive
	je	stop
	movb	$FIRST_HARD_DISK, drive
	call	load
stop:	mov	$sentence, %si
	SAY
	int	$BIOS_BOOT_RECOVERY /* the next boot device gets its turn */
	jmp	stop

	/* Services destroy what they do not return. */
disk:	push	%ds
	pusha
	mov	drive, %dl
	int	$BIOS_DISK
	popa
	pop	%ds
	ret
drive:	.byte	0

	/* Windows 9x stamps bytes DAh to DFh. */
	.org boot_sector + 0xe0
	/* Enters the loader if it is on the drive, and returns if not. */
load:	pushl	packet + BOOT_PACKET_LBA
	movw	$LOADER_ADDRESS / 16, packet + BOOT_PACKET_SEGMENT
	movzbw	pieces, %bp
1:	mov	$TRIES, %di
2:	movzbw	count, %ax /* each time: a read that fails leaves here how far it came */
	mov	%ax, packet + BOOT_PACKET_COUNT
	mov	$DISK_READ_PACKET, %ah
	mov	$packet, %si
	call	disk
	jnc	3f
	mov	$DISK_RESET, %ah
	call	disk
	dec	%di
	jnz	2b /* a read that fails once can succeed */
	jmp	5f
3:	addw	$LOADER_PIECE / 16, packet + BOOT_PACKET_SEGMENT
	movzbl	count, %eax
	add	%eax, packet + BOOT_PACKET_LBA
	dec	%bp
	jnz	1b

	mov	words, %cx
	mov	$LOADER_ADDRESS / 16, %ax
	mov	%ax, %ds
	xor	%si, %si
	xor	%edx, %edx
	cld
4:	lodsl
	add	%eax, %edx
	loop	4b
	mov	%cx, %ds
	cmp	%edx, sum
	jne	5f
	mov	drive, %dl
	ljmp	$0, $loader_entry
5:	popl	packet + BOOT_PACKET_LBA
	ret

sentence:
	.asciz	"twinboot: TB00: cannot read loader; attach as hard disk or write image again\r\n"

	/* compose writes the rest. */
	.org boot_sector + BOOT_PACKET_OFFSET
packet:	.byte	16, 0
	.word	0
	.word	0, LOADER_ADDRESS / 16
	.quad	0
	.org boot_sector + BOOT_SUM_OFFSET
sum:	.long	0
words:	.word	0
pieces:	.byte	0
count:	.byte	0
	.org boot_sector + BOOT_CODE_END /* disk identifier and partition table */
	.org boot_sector + 510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
