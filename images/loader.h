/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LOADER_H
#define LOADER_H

#include "image.h"

struct boot_parameters {
	uint32_t sector; /* bytes, as the BIOS counts them at this door */
	uint64_t loader; /* bytes from the image's start */
	uint32_t size;   /* bytes */
	uint32_t sum;
};

void boot_put(uint8_t sector[SECTOR], const struct boot_parameters *parameters);
struct boot_parameters boot_get(const uint8_t sector[SECTOR]);
uint32_t boot_sum(const uint8_t *loader, uint32_t size);

#endif
