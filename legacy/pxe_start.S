/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twinboot.0 begins here: a network boot ROM loads and calls it (Intel, Preboot Execution Environment 2.1, 4.4.5). This
 * code makes sure that the loader behind it is whole, keeps what is needed to call the ROM and to go back to it, and
 * enters the loader.
 */
#include "formats/pxe_payload.h"
#include "say.inc"

#define LOAD_SEGMENT 0x7c0 /* boot_sector, from its beginning */

	.code16
	.section .boot, "ax", @progbits
	.globl boot_sector
boot_sector:
	ljmp	$0, $1f /* 07C0:0000 is as good */
	.org boot_sector + PXE_SUM_OFFSET
	.long	0 /* netboot writes it */
1:	pushfw
	pushaw
	pushw	%ds
	pushw	%es
	cld
	mov	$LOAD_SEGMENT, %ax
	mov	%ax, %ds
	xor	%si, %si
	xor	%edx, %edx
	mov	$pxe_dwords, %cx
2:	lodsl
	add	%eax, %edx
	loop	2b
	mov	%cx, %ds
	mov	$damaged, %si
	test	%edx, %edx
	jnz	stop
	mov	%sp, %bp
	mov	26(%bp), %eax /* under the return address: !PXE's address; of it, pxe.c believes the checksum */
	xor	%dx, %dx
	mov	%dx, %ds
	mov	%eax, pxe_on_stack
	mov	%bx, pxenv_at_entry
	mov	%es, pxenv_at_entry + 2
	mov	%sp, rom_stack
	mov	%ss, rom_stack + 2
	jmp	loader_entry

/* handler_call() calls this. It calls the ROM's own entry point, with the parameters on the stack for !PXE and in
   registers for PXENV+. Interrupts are on, since the ROM waits for its clock. */
	.globl pxe_handler
pxe_handler:
	sti
	push	%es
	push	%di
	push	%bx
	lcall	*%cs:pxe_entry
	add	$6, %sp
	iretw

/* handler_call() comes here to give the machine back to the ROM, which tries the next boot device. */
	.globl pxe_leave
pxe_leave:
	cli
	lss	%cs:rom_stack, %sp
leave:	popw	%es
	popw	%ds
	popaw
	popfw
	mov	$1, %ax /* PXENV_EXIT_FAILURE */
	lretw

stop:	SAY
	jmp	leave

damaged:
	.asciz	"twinboot: TB00: twinboot.0 is damaged; copy it to the server again\r\n"

	.balign 4
	.globl pxe_on_stack, pxenv_at_entry, pxe_entry
pxe_on_stack:	.long	0
pxenv_at_entry:	.long	0
pxe_entry:	.long	0
rom_stack:	.long	0

	.section .note.GNU-stack, "", @progbits
