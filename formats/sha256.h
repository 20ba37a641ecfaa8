/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 (FIPS 180-4). Plain C without library calls, so that every world can compile it. */
#ifndef SHA256_H
#define SHA256_H

#include <stdint.h>

#define SHA256_SIZE  32u /* bytes of a digest */
#define SHA256_BLOCK 64u /* bytes */

/* A digest in the making. A plain copy of it goes on by itself. */
struct sha256 {
	uint32_t state[8];
	uint64_t size; /* bytes so far */
	uint8_t block[SHA256_BLOCK];
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *data, uint64_t size);
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_SIZE]);

#endif
