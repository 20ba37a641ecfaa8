/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload in the UEFI loader's file, and the load table that leads to it. */
#ifndef IMAGES_PAYLOAD_H
#define IMAGES_PAYLOAD_H

#include "image.h"
#include "loader.h"
#include "formats/manifest.h"

struct payload {
	struct manifest *manifest;         /* allocated; payload_close() frees it */
	uint64_t at[LOAD_TABLE_PARTS_MAX]; /* of each part's stored bytes in the image, the manifest's last */
	uint64_t own_size;                 /* bytes of the file that are the loader's own: up to the kernel */
};

/* Finds everything in the PE file that begins at `file` of the image and has `size` bytes. */
bool payload_open(struct payload *payload, const struct image *image, uint64_t file, uint64_t size);
void payload_close(struct payload *payload);

/* Bytes on disk of all parts together, the manifest's included. */
uint64_t payload_stored(const struct payload *payload);

/* A load table of all its parts, without the kernel's place in memory and without its checksum. */
struct load_table payload_table(const struct payload *payload);

/* The kernel's place as in a BIOS loader as it was linked; refuses one that was linked with another kernel. */
bool payload_link(struct load_table *table, const struct loader *loader, const struct report *report);

/* A load table's checksum; it lies in LOAD_TABLE_SIZE bytes, which are zero behind it. */
uint32_t load_table_crc32c(const struct load_table *table);

#endif
