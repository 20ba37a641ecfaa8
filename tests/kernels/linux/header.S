/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel of Linux' boot protocol in one file: a boot sector and a setup sector with nothing but the header, then code
 * that says how it was entered. It runs wherever it is put; RELOCATABLE, PREF_ADDRESS, KERNEL_ALIGNMENT and INIT_SIZE are
 * what it says of that.
 */

	.section .setup, "a", @progbits
	.fill	0x1ef, 1, 0xcc
	.byte	0xff			/* the sentinel: it must not be copied */
	.byte	0xcc
	.byte	1			/* setup_sects */
	.word	0			/* root_flags */
	.long	syssize
	.word	0, 0, 0			/* ram_size, vid_mode, root_dev */
	.word	0xaa55			/* boot_flag */
	.byte	0xeb, setup_header_end - magic
magic:	.ascii	"HdrS"
	.word	0x20f			/* version */
	.long	0			/* realmode_swtch */
	.word	0x1000			/* start_sys_seg */
	.word	version - 0x200		/* kernel_version */
	.byte	0, 1			/* type_of_loader, loadflags: LOADED_HIGH */
	.word	0			/* setup_move_size */
	.long	0x100000		/* code32_start */
	.long	0, 0, 0			/* ramdisk_image, ramdisk_size, bootsect_kludge */
	.word	0			/* heap_end_ptr */
	.byte	0, 0			/* ext_loader_ver, ext_loader_type */
	.long	0			/* cmd_line_ptr */
	.long	0x7fffffff		/* initrd_addr_max */
	.long	KERNEL_ALIGNMENT
	.byte	RELOCATABLE, 21		/* relocatable_kernel, min_alignment */
	.word	3			/* xloadflags: 64-bit entry, above 4 GiB */
	.long	2047			/* cmdline_size */
	.long	0			/* hardware_subarch */
	.quad	0			/* hardware_subarch_data */
	.long	0, 0			/* payload_offset, payload_length */
	.quad	0			/* setup_data */
	.quad	PREF_ADDRESS
	.long	INIT_SIZE
	.long	0, 0			/* handover_offset, kernel_info_offset */
setup_header_end:
	.skip	16, 0xcc		/* what a later protocol would have here is not copied */
version: .asciz	"probe of the boot protocol"

	.section .entry, "ax", @progbits
	.globl	load_address
load_address:
	/* The 32-bit entry, which nobody uses. */
	.code32
1:	hlt
	jmp	1b
	.org	0x200
	.code64
	rdtsc
	lea	stack_top(%rip), %rsp	/* the protocol promises none */
	pushfq
	shl	$32, %rdx
	lea	(%rdx, %rax), %rdi
	pop	%rdx
	cld
	call	probe			/* (tsc, boot_params, rflags) */

	.bss
	.balign	16
	.skip	16384
stack_top:

	.section .note.GNU-stack, "", @progbits
