/* SPDX-License-Identifier: BSD-2-Clause */
/* An image as a file, and what lies where in it. Whatever cannot be done is said by whoever cannot do it, and
   ends in false. */
#ifndef IMAGE_H
#define IMAGE_H

#include "embed/file.h"
#include "embed/sum.h"

#define SECTOR 512u /* of a boot sector, and of most disks */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "structures are used as they lie on disk, where they are little-endian");

/* A file or a device that can be read anywhere. */
struct image {
	struct report report;
	int descriptor;
	uint64_t size; /* bytes */
};

bool image_open(struct image *image, const char *name, FILE *messages);
void image_close(const struct image *image);
bool image_read(const struct image *image, void *to, uint64_t size, uint64_t offset);
/* Adds bytes of the image to both sums. */
bool image_sum(const struct image *image, uint64_t offset, uint64_t size, struct sum *sum);

/* All in bytes from the image's start. docs/images.md draws it. */
struct disk_layout {
	uint32_t sector; /* 512 or 4096 */
	bool gpt;
	bool iso; /* disks with larger sectors than 512 bytes are no CDs */
	uint64_t size;
	uint64_t loader;
	uint64_t copy; /* the payload's own place, if BIOS does not read it from BOOTX64.EFI; else 0 */
	uint64_t esp, esp_size;
	uint8_t id[16]; /* disk identifier and GUIDs come from this */
};

#endif
