/* SPDX-License-Identifier: BSD-2-Clause */
/* Both checksums of some bytes, in one pass. */
#ifndef SUM_H
#define SUM_H

#include "formats/sha256.h"

struct sum {
	uint64_t size; /* bytes so far */
	uint32_t crc32c;
	struct sha256 sha256;
};

void sum_begin(struct sum *sum);
void sum_add(struct sum *sum, const void *data, uint64_t size);
void sum_add_zeros(struct sum *sum, uint64_t size);

#endif
