/* SPDX-License-Identifier: BSD-2-Clause */
/* The BIOS loader as it was linked, and the boot sector's parameters, in one place for who writes and who reads
   them. */
#ifndef LOADER_H
#define LOADER_H

#include "image.h"
#include "formats/load_table.h"

/* legacy.bin: boot sector and loader as they lie in memory, in whole sectors. */
struct loader {
	struct boot_sector boot;
	uint8_t bytes[LOADER_SIZE_MAX]; /* the load table first */
	uint32_t size;                  /* bytes */
};

bool loader_open(struct loader *loader, const char *name, FILE *messages);

struct boot_parameters {
	uint32_t sector; /* bytes, as the BIOS counts them at this door */
	uint64_t loader; /* bytes from the image's start */
	uint32_t size;   /* bytes */
	uint32_t sum;
};

void boot_put(struct boot_sector *sector, const struct boot_parameters *parameters);
struct boot_parameters boot_get(const struct boot_sector *sector);
/* The sum of its words of four bytes. */
uint32_t boot_sum(const uint8_t *bytes, uint64_t size);
uint32_t boot_pieces(uint32_t size);

#endif
