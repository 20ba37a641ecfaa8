/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/sha256.h"

/* FIPS 180-4, 4.2.2 */
static const uint32_t constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t value, uint32_t bits)
{
	return value >> bits | value << (32 - bits);
}

static uint32_t big_endian(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The message schedule (6.2.2, step 1), of which only the last 16 words are ever needed. */
static uint32_t schedule(uint32_t words[16], uint32_t round)
{
	uint32_t *word = &words[round % 16];
	uint32_t w1 = words[(round + 1) % 16], w14 = words[(round + 14) % 16];
	if (round >= 16)
		*word += (rotate(w1, 7) ^ rotate(w1, 18) ^ w1 >> 3) + words[(round + 9) % 16] +
			 (rotate(w14, 17) ^ rotate(w14, 19) ^ w14 >> 10);
	return *word;
}

/* 6.2.2. `v` holds the working variables a to h. */
static void add_block(uint32_t state[8], const uint8_t *block)
{
	uint32_t words[16], v[8];
	for (uint32_t i = 0; i < 16; i++)
		words[i] = big_endian(block + 4 * i);
	for (uint32_t i = 0; i < 8; i++)
		v[i] = state[i];
	for (uint32_t round = 0; round < 64; round++) {
		uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
		uint32_t t1 = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) + choice +
			      constants[round] + schedule(words, round);
		uint32_t t2 = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + majority;
		for (uint32_t i = 7; i > 0; i--)
			v[i] = v[i - 1];
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (uint32_t i = 0; i < 8; i++)
		state[i] += v[i];
}

/* 5.3.3 */
void sha256_begin(struct sha256 *hash)
{
	*hash = (struct sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
					  0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_add(struct sha256 *hash, const void *data, uint64_t size)
{
	const uint8_t *bytes = data;
	while (size > 0) {
		uint32_t used = (uint32_t)hash->size % SHA256_BLOCK;
		if (used == 0 && size >= SHA256_BLOCK) {
			add_block(hash->state, bytes);
			bytes += SHA256_BLOCK;
			size -= SHA256_BLOCK;
			hash->size += SHA256_BLOCK;
			continue;
		}
		hash->block[used] = *bytes++;
		size--;
		hash->size++;
		if (used == SHA256_BLOCK - 1)
			add_block(hash->state, hash->block);
	}
}

/* 5.1.1: one bit, zeros, and the length in bits as eight bytes, up to a whole block */
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_SIZE])
{
	static const uint8_t padding[SHA256_BLOCK] = {0x80};
	uint64_t bits = hash->size * 8;
	uint8_t length[8];
	for (uint32_t i = 0; i < 8; i++)
		length[i] = (uint8_t)(bits >> (56 - 8 * i));
	sha256_add(hash, padding, 1 + (119 - (uint32_t)hash->size % SHA256_BLOCK) % SHA256_BLOCK);
	sha256_add(hash, length, sizeof(length));
	for (uint32_t i = 0; i < SHA256_SIZE; i++)
		digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}
