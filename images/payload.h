/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload in the UEFI loader's file, and the load table that leads to it. */
#ifndef IMAGES_PAYLOAD_H
#define IMAGES_PAYLOAD_H

#include "image.h"

struct payload {
	struct manifest *manifest;         /* allocated */
	uint64_t at[LOAD_TABLE_PARTS_MAX]; /* of each part's stored bytes in the image, the manifest's last */
};

/* Finds everything in the PE file that begins at `file` of the image and has `size` bytes. */
struct payload payload_open(uint64_t file, uint32_t size);

/* A load table of all its parts, without the kernel's place in memory and without its checksum. */
struct load_table payload_table(const struct payload *payload);

/* The kernel's place as in `linked`, the load table of a BIOS loader as it was linked. Ends the program if that
   was linked with another kernel. */
void payload_link(struct load_table *table, const struct load_table *linked);

/* Its checksum; the table lies in LOAD_TABLE_SIZE bytes, which are zero behind it. */
uint32_t load_table_crc32c(const struct load_table *table);

#endif
