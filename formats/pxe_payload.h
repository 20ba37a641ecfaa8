/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twinboot.payload, which twinboot.0 fetches: this page, then what is stored of the kernel and of the
 * modules, one right after the other. The payload says where it belongs, so that one twinboot.0 boots them
 * all. Numbers are little-endian.
 */
#ifndef PXE_PAYLOAD_H
#define PXE_PAYLOAD_H

/* In twinboot.0: a uint32_t that makes the sum of all the file's words of four bytes 0. */
#define PXE_SUM_OFFSET 8

#ifndef __ASSEMBLER__
#include <stdint.h>

#define PXE_PAYLOAD_NAME    "twinboot.payload"
#define PXE_PAYLOAD_MAGIC   UINT64_C(0x3054454e4e495754) /* "TWINNET0" as bytes in the file */
#define PXE_PAYLOAD_VERSION 1u

struct pxe_payload {
	uint64_t magic;
	uint32_t version;
	uint32_t crc32c; /* over this structure, with this field as 0 */
	uint64_t kernel, kernel_size,
		kernel_stored;                 /* physical address; bytes in memory; bytes in the file */
	uint64_t modules_size, modules_stored; /* at the page behind the kernel */
};
_Static_assert(sizeof(struct pxe_payload) == 56, "packed by itself");
#endif

#endif
