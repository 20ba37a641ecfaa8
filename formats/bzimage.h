/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Linux kernel's file for x86, the "bzImage" (Linux, Documentation/arch/x86/boot.rst):
 *
 *     real-mode code      (setup_sects + 1) sectors of 512 bytes; the setup header stands at 1F1h
 *     protected-mode code syssize * 16 bytes; its 64-bit entry is 200h bytes into it
 *
 * embed/ refuses what cannot be entered in 64-bit mode; adapters/linux believes nothing either, since other tools
 * can put another kernel into a unified kernel image.
 */
#ifndef BZIMAGE_H
#define BZIMAGE_H

#include <stdint.h>

#define BZIMAGE_HEADER      0x1f1u /* offset of the setup header, in the file and in boot_params */
#define BZIMAGE_MAGIC       UINT32_C(0x53726448) /* "HdrS" */
#define BZIMAGE_BOOT_FLAG   0xaa55u
#define BZIMAGE_VERSION_MIN 0x020cu /* 2.12, Linux 3.8: the first with a 64-bit entry that is a promise */
#define BZIMAGE_ENTRY_64    0x200u  /* of the protected-mode code */
#define BZIMAGE_NAME_MAX    128u    /* bytes of a version string that are worth showing */

/* loadflags */
#define BZIMAGE_LOADED_HIGH 0x01u

/* xloadflags */
#define BZIMAGE_XLF_KERNEL_64              0x0001u
#define BZIMAGE_XLF_CAN_BE_LOADED_ABOVE_4G 0x0002u

/* From BZIMAGE_HEADER on. */
struct __attribute__((packed)) linux_setup_header {
	uint8_t setup_sects; /* 0 stands for 4 */
	uint16_t root_flags;
	uint32_t syssize; /* in units of 16 bytes */
	uint16_t ram_size;
	uint16_t vid_mode;
	uint16_t root_dev;
	uint16_t boot_flag; /* BZIMAGE_BOOT_FLAG */
	uint8_t jump;       /* EBh, and how many bytes of header follow 202h */
	uint8_t jump_distance;
	uint32_t header;  /* BZIMAGE_MAGIC */
	uint16_t version; /* of the protocol: major << 8 | minor */
	uint32_t realmode_swtch;
	uint16_t start_sys_seg;
	uint16_t kernel_version; /* offset of a string from 200h on, or 0 */
	uint8_t type_of_loader;
	uint8_t loadflags;
	uint16_t setup_move_size;
	uint32_t code32_start;
	uint32_t ramdisk_image, ramdisk_size;
	uint32_t bootsect_kludge;
	uint16_t heap_end_ptr;
	uint8_t ext_loader_ver, ext_loader_type;
	uint32_t cmd_line_ptr;
	uint32_t initrd_addr_max;
	uint32_t kernel_alignment; /* bytes */
	uint8_t relocatable_kernel;
	uint8_t min_alignment; /* log2 of bytes */
	uint16_t xloadflags;
	uint32_t cmdline_size; /* bytes of the longest command line, its NUL not counted */
	uint32_t hardware_subarch;
	uint64_t hardware_subarch_data;
	uint32_t payload_offset, payload_length;
	uint64_t setup_data;   /* physical address of the first struct linux_setup_data, or 0 */
	uint64_t pref_address; /* where it wants to run */
	uint32_t init_size;    /* bytes that it takes there until it has found its own memory */
	uint32_t handover_offset;
	uint32_t kernel_info_offset;
};
_Static_assert(sizeof(struct linux_setup_header) == 0x26c - BZIMAGE_HEADER,
	       "boot.rst, the real-mode kernel header");

/* What of a file the boot needs to know. All ranges lie within the file. */
struct bzimage {
	struct linux_setup_header header; /* a copy; fields that the file's header is too short for are 0 */
	uint32_t header_size;             /* bytes of it that the file has */
	uint64_t code_offset, code_size;  /* the protected-mode code, in the file */
	uint64_t alignment;               /* bytes, a power of two, of the address that it is loaded at */
	uint64_t memory;                  /* bytes that it needs there, at least code_size */
};

enum bzimage_verdict {
	BZIMAGE_FITS = 0,
	BZIMAGE_IS_OTHER,        /* no such file at all */
	BZIMAGE_TOO_OLD,         /* a protocol before BZIMAGE_VERSION_MIN; `header` is filled */
	BZIMAGE_NO_64_BIT_ENTRY, /* `header` is filled */
	BZIMAGE_CUT_OFF,         /* shorter than its header says; `header` is filled */
	BZIMAGE_BROKEN,          /* a header that contradicts itself; `header` is filled */
};

/* Reads nothing beyond `size` bytes of `file`. `image` is complete only with BZIMAGE_FITS. */
enum bzimage_verdict bzimage_read(struct bzimage *image, const void *file, uint64_t size);

/* The kernel's own name for itself, cut and made printable, with a NUL; empty if it has none. */
void bzimage_name(char name[BZIMAGE_NAME_MAX], const struct bzimage *image, const void *file, uint64_t size);

#endif
