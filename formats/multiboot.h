/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot as twinboot's build and its adapter read and write it: Multiboot Specification 0.6.96 ("1" below) and
 * Multiboot2 Specification 2.0 ("2"), i386. Everything is little-endian and 32-bit.
 */
#ifndef MULTIBOOT_H
#define MULTIBOOT_H

#include <stdint.h>

/* ---- What the kernel's file has (1: section 3.1, 2: section 3.1) ---- */

#define MULTIBOOT1_SEARCH \
	8192u /* bytes from the file's start that hold the whole header, at a multiple of 4 */
#define MULTIBOOT1_HEADER    UINT32_C(0x1badb002)
#define MULTIBOOT1_MAGIC     UINT32_C(0x2badb002) /* EAX at entry */
#define MULTIBOOT1_REQUIRED  UINT32_C(0x0000ffff) /* flags that a loader must know or refuse */
#define MULTIBOOT1_ALIGN     (1u << 0)            /* modules at page boundaries */
#define MULTIBOOT1_MEMORY    (1u << 1)            /* memory information must be given */
#define MULTIBOOT1_VIDEO     (1u << 2)            /* the video fields are valid */
#define MULTIBOOT1_ADDRESSES (1u << 16)           /* the address fields are valid, and overrule ELF's */
#define MULTIBOOT1_TEXT      1u                   /* mode_type: EGA text */

struct multiboot1_header {
	uint32_t magic, flags, checksum; /* their sum is 0 */
	uint32_t header_address, load_address, load_end_address, bss_end_address, entry_address;
	uint32_t mode_type, width, height, depth;
};
_Static_assert(sizeof(struct multiboot1_header) == 48, "Multiboot 0.6.96, 3.1.1");

#define MULTIBOOT2_SEARCH       32768u /* likewise, at a multiple of 8 */
#define MULTIBOOT2_HEADER       UINT32_C(0xe85250d6)
#define MULTIBOOT2_MAGIC        UINT32_C(0x36d76289) /* EAX at entry */
#define MULTIBOOT2_ARCHITECTURE 0u                   /* i386, protected mode */
#define MULTIBOOT2_OPTIONAL     1u                   /* in a header tag's flags */

struct multiboot2_header {
	uint32_t magic, architecture, length, checksum; /* their sum is 0 */
							/* then tags, each at a multiple of 8 */
};
_Static_assert(sizeof(struct multiboot2_header) == 16, "Multiboot2 2.0, 3.1.1");

enum multiboot2_header_tag {
	MULTIBOOT2_HEADER_END = 0,
	MULTIBOOT2_HEADER_REQUEST = 1,
	MULTIBOOT2_HEADER_ADDRESSES = 2,
	MULTIBOOT2_HEADER_ENTRY = 3,
	MULTIBOOT2_HEADER_CONSOLE = 4,
	MULTIBOOT2_HEADER_FRAMEBUFFER = 5,
	MULTIBOOT2_HEADER_ALIGN = 6,
	MULTIBOOT2_HEADER_BOOT_SERVICES = 7,
	MULTIBOOT2_HEADER_ENTRY_EFI32 = 8,
	MULTIBOOT2_HEADER_ENTRY_EFI64 = 9,
	MULTIBOOT2_HEADER_RELOCATABLE = 10,
};
#define MULTIBOOT2_CONSOLE_REQUIRED (1u << 0)
#define MULTIBOOT2_CONSOLE_TEXT     (1u << 1) /* the kernel can use EGA text */

struct multiboot2_header_entry {
	uint16_t type, flags;
	uint32_t size; /* bytes of the tag, this included */
	/* By type: requests; header, load, load end and bss end address; entry; console flags; width, height
	   and depth; least and greatest address, alignment and preference. */
	uint32_t values[4];
};
_Static_assert(sizeof(struct multiboot2_header_entry) == 24, "Multiboot2 2.0, 3.1.3 and on");

/* ---- What embed tells the adapter: the manifest's adapter data ---- */

enum multiboot_flags {
	MULTIBOOT_RELOCATABLE = 1 << 0, /* entry and image move together */
	MULTIBOOT_HAS_SECTIONS = 1 << 1,
};

struct multiboot_data {
	uint32_t protocol; /* 1 or 2 */
	uint32_t flags;    /* enum multiboot_flags */
	uint32_t base;     /* physical address that the image's first byte was linked at */
	uint32_t entry;    /* physical address, likewise */
	/* The ELF section headers, with the tables that no segment holds, are the module of role SYMBOLS: the
	   headers come first, and sh_addr of what follows them is its offset in that module, marked by
	   sh_flags without SHF_ALLOC. */
	uint32_t section_count;
	uint32_t section_size;  /* bytes a header: 40 or 64 */
	uint32_t section_names; /* index */
	uint32_t reserved;      /* 0 */
};
_Static_assert(sizeof(struct multiboot_data) == 32, "packed by itself");

/* ---- What the kernel is handed: Multiboot 1, section 3.3 ---- */

enum multiboot1_info_flags {
	MULTIBOOT1_INFO_MEMORY = 1 << 0,
	MULTIBOOT1_INFO_BOOT_DEVICE = 1 << 1,
	MULTIBOOT1_INFO_COMMAND_LINE = 1 << 2,
	MULTIBOOT1_INFO_MODULES = 1 << 3,
	MULTIBOOT1_INFO_ELF_SECTIONS = 1 << 5,
	MULTIBOOT1_INFO_MEMORY_MAP = 1 << 6,
	MULTIBOOT1_INFO_LOADER_NAME = 1 << 9,
	MULTIBOOT1_INFO_VBE = 1 << 11,
	MULTIBOOT1_INFO_FRAMEBUFFER = 1 << 12,
};

struct __attribute__((packed, aligned(4))) multiboot1_info {
	uint32_t flags;
	uint32_t memory_lower, memory_upper; /* KiB below 640 KiB, and from 1 MiB to the first hole */
	uint32_t boot_device;
	uint32_t command_line;
	uint32_t module_count, modules;
	uint32_t section_count, section_size, sections, section_names;
	uint32_t memory_map_size, memory_map;
	uint32_t drives_size, drives;
	uint32_t config_table;
	uint32_t loader_name;
	uint32_t apm_table;
	uint32_t vbe_control, vbe_mode_info;
	uint16_t vbe_mode, vbe_interface_segment, vbe_interface_offset, vbe_interface_size;
	uint64_t framebuffer;
	uint32_t framebuffer_pitch, framebuffer_width, framebuffer_height;
	uint8_t framebuffer_depth, framebuffer_type;
	uint8_t red_position, red_size, green_position, green_size, blue_position, blue_size;
};
_Static_assert(sizeof(struct multiboot1_info) == 116, "Multiboot 0.6.96, 3.3");

enum multiboot_framebuffer_type { MULTIBOOT_FRAMEBUFFER_RGB = 1, MULTIBOOT_FRAMEBUFFER_TEXT = 2 };

struct multiboot1_module {
	uint32_t start, end, arguments, reserved;
};
_Static_assert(sizeof(struct multiboot1_module) == 16, "Multiboot 0.6.96, 3.3");

struct __attribute__((packed)) multiboot1_region {
	uint32_t size; /* of what follows: 20 */
	uint64_t base, length;
	uint32_t type; /* as E820h has it */
};
_Static_assert(sizeof(struct multiboot1_region) == 24, "Multiboot 0.6.96, 3.3");

/* ---- Multiboot 2, section 3.6 ---- */

enum multiboot2_tag {
	MULTIBOOT2_TAG_END = 0,
	MULTIBOOT2_TAG_COMMAND_LINE = 1,
	MULTIBOOT2_TAG_LOADER_NAME = 2,
	MULTIBOOT2_TAG_MODULE = 3,
	MULTIBOOT2_TAG_MEMORY = 4,
	MULTIBOOT2_TAG_BOOT_DEVICE = 5,
	MULTIBOOT2_TAG_MEMORY_MAP = 6,
	MULTIBOOT2_TAG_VBE = 7,
	MULTIBOOT2_TAG_FRAMEBUFFER = 8,
	MULTIBOOT2_TAG_ELF_SECTIONS = 9,
	MULTIBOOT2_TAG_EFI64_SYSTEM_TABLE = 12,
	MULTIBOOT2_TAG_SMBIOS = 13,
	MULTIBOOT2_TAG_ACPI_OLD = 14,
	MULTIBOOT2_TAG_ACPI_NEW = 15,
	MULTIBOOT2_TAG_NETWORK = 16,
	MULTIBOOT2_TAG_EFI_MEMORY_MAP = 17,
	MULTIBOOT2_TAG_LOAD_BASE = 21,
};

struct multiboot2_region {
	uint64_t base, length;
	uint32_t type, reserved;
};
_Static_assert(sizeof(struct multiboot2_region) == 24, "Multiboot2 2.0, 3.6.8");

#endif
