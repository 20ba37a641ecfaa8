/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manifest: the payload as the build describes it, in one piece that is the last section which the build
 * adds to the UEFI loader's file (`.manifst`), and the last part that the BIOS loader reads. Nothing of it
 * is linked, so a payload changes without a link; only the kernel in its archive is.
 *
 * The payload is a handful of parts. A part lies in one run on disk and in one run in memory; on UEFI it is a
 * section of the loader's file. Trailing pages of zeros are not stored: whoever loads a part puts zeros
 * behind `stored` up to `size`. A module is a range of a part.
 *
 *     .kernel      part 0: kernel.padded, a whole ELF64 file that is its own memory image
 *     .foreign     the kernel that an adapter starts (an ELF file padded likewise), if there is one
 *     .modules     modules and helpers, each from a page boundary on
 *     .linux .initrd .cmdline .osrel .uname .sbat ...   the sections of a unified kernel image
 *     .manifst     this
 *
 * core believes the manifest only after its checksum, and a part only after that part's. All numbers are
 * little-endian; every offset is in bytes from the start of struct manifest; strings are NUL-terminated.
 */
#ifndef MANIFEST_H
#define MANIFEST_H

#include "include/twinboot.h"

#define MANIFEST_MAGIC   UINT64_C(0x5453464e414d5754) /* "TWMANFST" as bytes in memory */
#define MANIFEST_VERSION 1u
#define MANIFEST_SECTION ".manifst" /* a PE section's name has eight characters */

#define PAYLOAD_PAGE         4096u
#define MANIFEST_PARTS_MAX   16u
#define MANIFEST_MODULES_MAX 64u
#define MANIFEST_PLACES_MAX  16u
#define MANIFEST_SIZE_MAX    (UINT32_C(1) << 20) /* bytes; adapter data and strings are in it */
#define MANIFEST_STRING_MAX  4096u /* command line, a module's name or arguments: bytes with the NUL */

enum manifest_flags {
	MANIFEST_MEASURE = 1 << 0,          /* measure every part into PCR 11 where there is a TPM */
	MANIFEST_MEASURE_REQUIRED = 1 << 1, /* and do not boot where that fails */
	MANIFEST_MEASURE_SYSTEMD = 1 << 2,  /* as systemd-stub would, instead of lines of text */
	MANIFEST_CHECK_SHA256 = 1 << 3,     /* compare digests, not CRCs alone */
};

/* Part 0 is the kernel in the archive. */
struct manifest_part {
	char section[8];    /* name in the PE file, padded with NUL as there */
	uint64_t size;      /* bytes in memory, a multiple of PAYLOAD_PAGE */
	uint64_t stored;    /* bytes on disk, a multiple of PAYLOAD_PAGE, at most `size` */
	uint32_t crc32c;    /* over `stored` bytes */
	uint32_t reserved;  /* 0 */
	uint8_t sha256[32]; /* over `stored` bytes */
};

struct manifest_module {
	uint32_t part;      /* index */
	uint32_t role;      /* enum twinboot_role */
	uint64_t offset;    /* bytes from the part's start, a multiple of PAYLOAD_PAGE */
	uint64_t size;      /* bytes of the file, may be 0 */
	uint64_t memory;    /* bytes from `offset` that are this module's, a multiple of PAYLOAD_PAGE */
	uint32_t name;      /* offset of a string */
	uint32_t arguments; /* offset of a string */
	uint8_t sha256[32]; /* over `size` bytes */
};

/*
 * A wish of an adapter for physical memory, which core plans while the firmware is there. With `address` not
 * 0 the range is [address, address + size) and nothing else will do. Else it is the first range of `size`
 * bytes at a multiple of `alignment` from `preferred` on, or, if there is none, the highest one, that ends at
 * or below `limit`.
 */
struct manifest_place {
	uint32_t kind;      /* enum twinboot_placement_kind */
	uint32_t module;    /* index of the module that will run there, or TWINBOOT_NO_MODULE */
	uint64_t address;   /* multiple of PAYLOAD_PAGE, or 0 */
	uint64_t size;      /* bytes, at least the module's `memory` */
	uint64_t alignment; /* power of two, at least PAYLOAD_PAGE */
	uint64_t preferred; /* 0: anywhere */
	uint64_t limit;     /* one past the last byte that may be used; 0: none */
};

struct manifest {
	uint64_t magic;
	uint32_t version;
	uint32_t size;   /* bytes of this structure and all that its offsets point to, then zeros up to a
			    multiple of PAYLOAD_PAGE; the last byte is 0 */
	uint32_t crc32c; /* over `size` bytes, with this field as 0 */
	uint32_t flags;  /* enum manifest_flags */

	uint8_t kernel_sha256[32];   /* of kernel.padded, all of it */
	uint32_t kernel_header_size; /* bytes in front of its first PT_LOAD's page: PAYLOAD_PAGE or 0 */
	uint32_t command_line;       /* offset of a string */
	struct twinboot_needs needs; /* from the kernel's note, defaults filled in */

	uint32_t part_count, module_count, place_count;
	uint32_t parts, modules, places; /* offsets of the arrays */
	uint32_t adapter_data;           /* offset, a multiple of 8; 0 if there is none */
	uint32_t adapter_data_size;      /* bytes */
	uint32_t build_id; /* tells builds apart: the loader and what it finds beside it must agree */
	uint32_t reserved; /* 0 */
};

static inline const struct manifest_part *manifest_parts(const struct manifest *manifest)
{
	return (const struct manifest_part *)((const uint8_t *)manifest + manifest->parts);
}

static inline const struct manifest_module *manifest_modules(const struct manifest *manifest)
{
	return (const struct manifest_module *)((const uint8_t *)manifest + manifest->modules);
}

static inline const struct manifest_place *manifest_places(const struct manifest *manifest)
{
	return (const struct manifest_place *)((const uint8_t *)manifest + manifest->places);
}

_Static_assert(sizeof(struct manifest_part) == 64, "packed by itself");
_Static_assert(sizeof(struct manifest_module) == 72, "packed by itself");
_Static_assert(sizeof(struct manifest_place) == 48, "packed by itself");
_Static_assert(sizeof(struct manifest) == 128, "packed by itself");

#endif
