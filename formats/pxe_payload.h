/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two network boot files for BIOS have to say to each other. twinboot.payload, which twinboot.0
 * fetches, begins with a load table (load_table.h) in a page of its own, and then has the stored bytes of each
 * part. The payload says where it belongs, so that one twinboot.0 boots them all.
 */
#ifndef PXE_PAYLOAD_H
#define PXE_PAYLOAD_H

/* In twinboot.0: a uint32_t that makes the sum of all the file's words of four bytes 0. */
#define PXE_SUM_OFFSET 8

#define PXE_PAYLOAD_NAME "twinboot.payload"

#endif
