/* SPDX-License-Identifier: BSD-2-Clause */
#include "blake2b.h"

#include <stdbool.h>
#include <string.h>

#define BLOCK 128u

/* RFC 7693, 2.6 */
static const uint64_t start[8] = {
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

/* 2.7 */
static const uint8_t order[10][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
	{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
	{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
	{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
	{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint64_t rotate(uint64_t value, unsigned int bits)
{
	return value >> bits | value << (64 - bits);
}

/* 3.1 */
static void mix(uint64_t v[16], unsigned int a, unsigned int b, unsigned int c, unsigned int d, uint64_t x,
		uint64_t y)
{
	v[a] += v[b] + x;
	v[d] = rotate(v[d] ^ v[a], 32);
	v[c] += v[d];
	v[b] = rotate(v[b] ^ v[c], 24);
	v[a] += v[b] + y;
	v[d] = rotate(v[d] ^ v[a], 16);
	v[c] += v[d];
	v[b] = rotate(v[b] ^ v[c], 63);
}

/* 3.2 */
static void compress(uint64_t h[8], const uint8_t block[BLOCK], uint64_t counted, bool is_last)
{
	uint64_t v[16], m[16];

	memcpy(m, block, sizeof(m));
	memcpy(v, h, 8 * sizeof(*h));
	memcpy(v + 8, start, sizeof(start));
	v[12] ^= counted;
	v[14] ^= is_last ? UINT64_MAX : 0;
	for (unsigned int round = 0; round < 12; round++) {
		const uint8_t *s = order[round % 10];

		for (unsigned int i = 0; i < 4; i++)
			mix(v, i, 4 + i, 8 + i, 12 + i, m[s[2 * i]], m[s[2 * i + 1]]);
		for (unsigned int i = 0; i < 4; i++)
			mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[8 + 2 * i]],
			    m[s[9 + 2 * i]]);
	}
	for (unsigned int i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
}

void blake2b(const uint8_t *data, size_t size, uint8_t digest[BLAKE2B_SIZE])
{
	uint8_t last[BLOCK] = {0};
	uint64_t h[8];
	size_t done = 0;

	memcpy(h, start, sizeof(h));
	h[0] ^= 0x01010000 ^ BLAKE2B_SIZE; /* no key, 64 bytes out */
	for (; size - done > BLOCK; done += BLOCK)
		compress(h, data + done, done + BLOCK, false);
	if (size > done)
		memcpy(last, data + done, size - done);
	compress(h, last, size, true);
	memcpy(digest, h, BLAKE2B_SIZE);
}
