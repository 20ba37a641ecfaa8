/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Linux is handed on x86: the "zero page" (Linux, Documentation/arch/x86/zero-page.rst) and the list of setup
 * data behind it (boot.rst, setup_data). Fields that no loader fills today have no name here.
 */
#ifndef BOOT_PARAMS_H
#define BOOT_PARAMS_H

#include "formats/bzimage.h"

/* screen_info.orig_video_isVGA */
#define LINUX_VIDEO_VGA_TEXT 0x01u /* any VGA: text */
#define LINUX_VIDEO_EFI      0x70u /* a linear framebuffer, described by masks, with its base in 64 bits */

/* screen_info.capabilities */
#define LINUX_VIDEO_SKIP_QUIRKS 0x1u /* the base is as it is said, also on old Macs */
#define LINUX_VIDEO_64BIT_BASE  0x2u

struct __attribute__((packed)) linux_screen_info {
	uint8_t orig_x, orig_y; /* the cursor */
	uint16_t ext_mem_k;
	uint16_t orig_video_page;
	uint8_t orig_video_mode, orig_video_cols;
	uint8_t flags, unused2;
	uint16_t orig_video_ega_bx; /* BX of INT 10h AH=12h BL=10h; 10h in BL says that there is no EGA */
	uint16_t unused3;
	uint8_t orig_video_lines, orig_video_isVGA;
	uint16_t orig_video_points; /* scan lines of a character */
	uint16_t lfb_width, lfb_height, lfb_depth;
	uint32_t lfb_base, lfb_size; /* with LINUX_VIDEO_EFI: bytes */
	uint16_t cl_magic, cl_offset;
	uint16_t lfb_linelength;
	uint8_t red_size, red_pos, green_size, green_pos, blue_size, blue_pos, rsvd_size, rsvd_pos;
	uint16_t vesapm_seg, vesapm_off;
	uint16_t pages, vesa_attributes;
	uint32_t capabilities;
	uint32_t ext_lfb_base;
	uint8_t reserved[2];
};
_Static_assert(sizeof(struct linux_screen_info) == 0x40, "zero-page.rst");

struct __attribute__((packed)) linux_efi_info {
	uint8_t loader_signature[4]; /* "EL64": a 64-bit UEFI */
	uint32_t systab, memdesc_size, memdesc_version, memmap, memmap_size, systab_hi, memmap_hi;
};
_Static_assert(sizeof(struct linux_efi_info) == 0x20, "zero-page.rst");

/* boot_params.secure_boot, as Linux' EFI stub numbers it */
enum linux_secure_boot {
	LINUX_SECURE_BOOT_UNSET = 0,
	LINUX_SECURE_BOOT_DISABLED = 2,
	LINUX_SECURE_BOOT_ENABLED = 3,
};

/* ACPI 6.5, table 15.1, and the kernel's own number for what it keeps for a device driver (EFI_MEMORY_SP). */
enum linux_e820_type {
	LINUX_E820_RAM = 1,
	LINUX_E820_RESERVED = 2,
	LINUX_E820_ACPI = 3,
	LINUX_E820_NVS = 4,
	LINUX_E820_UNUSABLE = 5,
	LINUX_E820_PERSISTENT = 7,
	LINUX_E820_PERSISTENT_LEGACY = 12, /* NVDIMMs before ACPI 6.0 */
	LINUX_E820_SOFT_RESERVED = 0xefffffff,
};

struct __attribute__((packed)) linux_e820_entry {
	uint64_t addr, size;
	uint32_t type;
};

#define LINUX_E820_TABLE_MAX 128u

struct __attribute__((packed)) linux_boot_params {
	struct linux_screen_info screen_info;
	uint8_t unused_040[0x30];
	uint64_t acpi_rsdp_addr;
	uint8_t unused_078[0x48];
	uint32_t ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr; /* the upper halves */
	uint8_t unused_0cc[0x74];
	uint8_t edid_info[128];
	struct linux_efi_info efi_info;
	uint8_t unused_1e0[8];
	uint8_t e820_entries;
	uint8_t unused_1e9[3];
	uint8_t secure_boot;
	uint8_t unused_1ed[4]; /* the sentinel at 1EFh among them: it stays 0 */
	struct linux_setup_header hdr;
	uint8_t unused_26c[0x2d0 - 0x26c];
	struct linux_e820_entry e820_table[LINUX_E820_TABLE_MAX];
	uint8_t unused_cd0[0x1000 - 0xcd0];
};
_Static_assert(__builtin_offsetof(struct linux_boot_params, acpi_rsdp_addr) == 0x70, "zero-page.rst");
_Static_assert(__builtin_offsetof(struct linux_boot_params, ext_ramdisk_image) == 0xc0, "zero-page.rst");
_Static_assert(__builtin_offsetof(struct linux_boot_params, edid_info) == 0x140, "zero-page.rst");
_Static_assert(__builtin_offsetof(struct linux_boot_params, efi_info) == 0x1c0, "zero-page.rst");
_Static_assert(__builtin_offsetof(struct linux_boot_params, e820_entries) == 0x1e8, "zero-page.rst");
_Static_assert(__builtin_offsetof(struct linux_boot_params, secure_boot) == 0x1ec, "zero-page.rst");
_Static_assert(__builtin_offsetof(struct linux_boot_params, hdr) == BZIMAGE_HEADER, "zero-page.rst");
_Static_assert(__builtin_offsetof(struct linux_boot_params, e820_table) == 0x2d0, "zero-page.rst");
_Static_assert(sizeof(struct linux_boot_params) == 4096, "zero-page.rst");

enum linux_setup_data_type {
	LINUX_SETUP_E820_EXT = 1, /* more rows of struct linux_e820_entry */
	LINUX_SETUP_RNG_SEED = 9, /* random bytes; kernels before 6.0 skip it */
};

struct __attribute__((packed)) linux_setup_data {
	uint64_t next; /* physical address of the next one, or 0 */
	uint32_t type; /* enum linux_setup_data_type */
	uint32_t len;  /* bytes that follow */
};

#endif
