/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The payload as the build describes it. embed/ writes the section .modules, both loaders link it behind
 * .kernel, core/ believes it only after its checksum.
 *
 *     .kernel    kernel.padded: a whole ELF64 file that is its own memory image
 *     .modules   struct payload_info, strings, then each module at a page boundary
 *
 * Trailing pages of zeros of either need not be stored on disk: `*_stored` counts the bytes that are, and
 * whoever loads the payload puts zeros after them up to `*_size`. Whole pages, since UEFI firmware loads
 * whole ones from the file, and no byte of theirs may be without a checksum.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include "include/twinboot.h"

#define PAYLOAD_MAGIC       UINT64_C(0x44414f4c59415054) /* "TPAYLOAD" as bytes in memory */
#define PAYLOAD_PAGE        4096u
#define PAYLOAD_MODULES_MAX 64u
#define PAYLOAD_STRING_MAX  4096u /* command line, a module's name or arguments: bytes with the NUL */

/* Every offset is in bytes from the start of struct payload_info. Strings are NUL-terminated. */
struct payload_module {
	uint64_t data;      /* offset, a multiple of PAYLOAD_PAGE */
	uint64_t size;      /* bytes, may be 0 */
	uint32_t name;      /* offset */
	uint32_t arguments; /* offset */
};

struct payload_info {
	uint64_t magic;
	uint32_t info_size;   /* bytes of this structure, the module table and all strings */
	uint32_t info_crc32c; /* over info_size bytes, with this field as 0 */

	uint64_t kernel_size;    /* bytes of .kernel in memory: _kernel_end_addr - _kernel_start_addr */
	uint64_t kernel_stored;  /* bytes of .kernel up to the last page that is not all zeros */
	uint32_t kernel_crc32c;  /* over kernel_stored bytes */
	uint32_t modules_crc32c; /* over the bytes of .modules from info_size to modules_stored */
	uint64_t modules_size;   /* bytes of .modules, a multiple of PAYLOAD_PAGE */
	uint64_t modules_stored; /* the same of .modules, at least info_size */

	uint8_t kernel_sha256[32];   /* of kernel.padded */
	struct twinboot_needs needs; /* from the kernel's note, defaults filled in */
	uint32_t command_line;       /* offset */
	uint32_t module_count;       /* at most PAYLOAD_MODULES_MAX */
	struct payload_module modules[];
};

_Static_assert(sizeof(struct payload_module) == 24, "payload_module is packed");
_Static_assert(sizeof(struct payload_info) == 120, "payload_info is packed");

#endif
