/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way in which a boot can end without a kernel, one line each: a code to look up in docs/errors.md,
 * then the sentence, with the facts as text_format() conversions. The boot sector, which has no room for
 * sentences, has its own in legacy/boot.S.
 */
#ifndef ERRORS_H
#define ERRORS_H

/* legacy/: BIOS */
#define ERROR_NO_LONG_MODE "TB01: this processor has no 64-bit mode; use a machine with an x86-64 processor"
#define ERROR_A20 \
	"TB02: address line A20 stays off, so memory above 1 MiB cannot be used; turn on \"Gate A20\" " \
	"in the BIOS set-up"
#define ERROR_LOW_MEMORY \
	"TB03: the BIOS leaves %u KiB of base memory, twinboot needs %u KiB; turn off network boot or " \
	"other option ROMs in the BIOS set-up"
#define ERROR_LOAD_TABLE \
	"TB04: the load table, with which the loader on disk begins, is damaged; write the image " \
	"again"
#define ERROR_DISK_READ \
	"TB05: cannot read the boot disk: drive %x, sector %u, status %x; the image may be cut off or " \
	"the disk failing: write the image again, whole"
#define ERROR_MEMORY_MAP \
	"TB07: the BIOS gives no memory map (INT 15h E820h: %s); update the BIOS or boot by UEFI"
#define ERROR_PAYLOAD_PLACE \
	"TB08: not enough memory: the payload's section %s needs %u KiB in one piece between 2 MiB and " \
	"4 GiB, and the largest free piece has %u KiB; give the machine more memory"
#define ERROR_FILE_REPLACED \
	"TB09: BOOTX64.EFI on the stick was replaced after the image was made (first cluster %u and " \
	"%u bytes, but the image was made for %u and %u); write a new image, or make it with " \
	"SEPARATE_PAYLOAD=1"
#define ERROR_SECTOR_SIZE \
	"TB10: BIOS drive %x reads sectors of %u bytes; twinboot knows 512, 1024, 2048 and 4096: " \
	"attach the image to another controller"
#define ERROR_NO_PXE \
	"TB11: no PXE services are to be found; start this program from a network boot ROM (PXE 2.1) " \
	"or iPXE"
#define ERROR_PXE_ANSWER \
	"TB12: the network boot ROM tells of no server and file that it booted from (status %x); let " \
	"the DHCP server name both in one answer"
#define ERROR_PXE_FETCH \
	"TB13: cannot fetch %s from %u.%u.%u.%u by TFTP: %s after %u KiB (status %x), tried %u times; " \
	"see that the server runs and has the file beside twinboot.0"
#define ERROR_PXE_PAYLOAD \
	"TB14: %s from %u.%u.%u.%u is not a payload that this twinboot.0 knows, or is damaged; copy " \
	"both files anew, from one build"

/* core/: both firmwares */
#define ERROR_MANIFEST \
	"TB20: the payload's manifest is damaged, or of another build than the loader (%s); write the " \
	"image again"
#define ERROR_KERNEL_CHECKSUM \
	"TB21: the kernel is damaged (checksum %x, should be %x over %u bytes); write the image again"
#define ERROR_PART_CHECKSUM \
	"TB22: the modules are damaged (section %s, checksum %x, should be %x over %u bytes); write " \
	"the image again"
#define ERROR_KERNEL_FORMAT \
	"TB23: the embedded kernel is not the padded ELF file that the build made (%s); build the " \
	"image again"
#define ERROR_OUT_OF_MEMORY \
	"TB24: not enough memory: %u KiB needed for page tables, stacks and the handoff, and no free " \
	"range of the memory map below 4 GiB is that large; give the machine more memory"
#define ERROR_NOT_IN_PLACE \
	"TB25: the kernel must lie at its linked address %x (%u KiB), and the memory map has other " \
	"things there; link it elsewhere, or without TWINBOOT_NEED_IN_PLACE"
#define ERROR_NO_FRAMEBUFFER \
	"TB26: the kernel needs a framebuffer, and this machine's firmware offers none; connect a " \
	"display or use a graphics adapter that the firmware knows"
#define ERROR_NO_LEVEL5 \
	"TB27: the kernel needs five-level paging, and this processor has four levels; use a " \
	"processor with LA57"
#define ERROR_CONTRACT \
	"TB28: the kernel needs contract version %u, and this loader has version %u; build the image " \
	"with a newer twinboot"
#define ERROR_EXCEPTION \
	"TB30: exception %u in the loader: error code %x, RIP %x (core's text + %x), CR2 %x; please " \
	"report this with the machine's name"
#define ERROR_NO_SSE \
	"TB31: this processor has no SSE2, which every x86-64 processor has; in a virtual machine, " \
	"choose another CPU model"
#define ERROR_PLACE \
	"TB33: the kernel needs %u KiB of memory at address %x, and %s is in the way at %x; link it elsewhere, or boot " \
	"it on another machine"
#define ERROR_NO_PLACE \
	"TB34: the kernel needs %u KiB of memory in one piece below %x, and there is none; give the machine more memory"
#define ERROR_MEMORY_ROWS "TB29: the firmware's memory map has %u entries, more than this loader has room for"
#define ERROR_CONFIDENTIAL \
	"TB32: this is a confidential virtual machine (%s), which this loader does not support; start it without memory encryption"

/* efi/: UEFI */
#define ERROR_EFI_MEMORY \
	"TB40: the firmware gives no memory for the loader's own data (status %x); give the machine " \
	"more memory"
#define ERROR_EFI_MAP "TB41: the firmware's memory map cannot be read (status %x)"
#define ERROR_EFI_EXIT \
	"TB42: the firmware does not let go: ExitBootServices failed %u times (status %x); update the " \
	"firmware"
#define ERROR_EFI_SELF \
	"TB43: the loader itself is damaged in %s (checksum %x, should be %x); write the image again"
#define ERROR_EFI_IMAGE \
	"TB45: the firmware says that it has loaded %u KiB of this program, and the kernel or the modules would lie " \
	"beyond; write the image again, or update the firmware"

/* efi/ia32.c: what it says on a machine whose UEFI is 32-bit. It has no text_format(). */
#define ERROR_EFI_32BIT \
	"TB44: this machine's UEFI is 32-bit, and twinboot needs a 64-bit one; boot the same image " \
	"through legacy BIOS (CSM), if the set-up offers it"

/* core/, once the kernel runs: its last words, since it has no IDT of its own yet */
#define ERROR_KERNEL_EXCEPTION \
	"TB50: the kernel died of exception %u (%s)%s, before it loaded an IDT of its own: error code %x, " \
	"RIP %x (%s), CR2 %x, RSP %x"
#define ERROR_KERNEL_STACK "; its stack of %u KiB is full: ask for more in the kernel's note"

/* adapters/: kernels that start foreign ones */
#define ERROR_NO_LINUX \
	"TB60: there is no Linux kernel beside the adapter that should start it; build the image again"
#define ERROR_LINUX_FORMAT \
	"TB61: %s is no Linux kernel that can be entered in 64-bit mode (%u); put one of protocol 2.12 or later " \
	"with XLF_KERNEL_64 into the image"
#define ERROR_LINUX_MEMORY \
	"TB62: not enough memory: Linux needs %u KiB in one piece from address %x on; give the machine more memory"
#define ERROR_LINUX_COMMAND_LINE \
	"TB63: Linux' command line has %u bytes, and this kernel takes %u; shorten it and build the image again"

/* adapters/limine */
#define ERROR_NO_LIMINE \
	"TB65: there is no Limine kernel beside the adapter that should start it; build the image again"
#define ERROR_ADAPTER_MEMORY \
	"TB66: not enough memory for what the kernel is handed: %u KiB needed, %u KiB left below 4 GiB; give the " \
	"machine more memory"
#define ERROR_LIMINE_CPU \
	"TB67: the processor with APIC ID %u was parked and does not come when called; please report this with the " \
	"machine's name"
#define ERROR_LIMINE_X2APIC \
	"TB68: the kernel wants local APICs in xAPIC mode, and this machine's are locked in x2APIC mode; ask for x2APIC in " \
	"the MP request"

/* adapters/multiboot */
#define ERROR_NO_MULTIBOOT \
	"TB70: there is no Multiboot kernel beside the adapter that should start it; build the image again"
#define ERROR_MULTIBOOT_INFORMATION \
	"TB71: what the Multiboot kernel is to be told does not fit %u KiB; please report this with the machine's name"

#endif
