/* SPDX-License-Identifier: BSD-2-Clause */
/* Every byte of the payload passes through here once per boot: in hardware where the CPU has SSE4.2's CRC32
   instruction, by eight tables (8 bytes a step) elsewhere. */
#include "formats/crc32c.h"

#include <cpuid.h>
#include <string.h>

#define POLYNOMIAL_REFLECTED 0x82f63b78u

static uint64_t load64(const uint8_t *bytes)
{
	uint64_t value;
	__builtin_memcpy(&value, bytes, sizeof(value)); /* memcpy() is a call in freestanding code */
	return value;
}

__attribute__((target("crc32"))) static uint32_t in_hardware(uint32_t crc, const uint8_t *data, uint64_t size)
{
	uint64_t wide = crc;
	for (; size >= 128; size -= 128, data += 128)
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++)
			wide = __builtin_ia32_crc32di(wide, load64(data + 8 * i));
	for (; size >= 8; size -= 8, data += 8)
		wide = __builtin_ia32_crc32di(wide, load64(data));
	crc = (uint32_t)wide;
	for (; size > 0; size--)
		crc = __builtin_ia32_crc32qi(crc, *data++);
	return crc;
}

static uint32_t by_table(uint32_t crc, const uint8_t *data, uint64_t size)
{
	static uint32_t table[8][256]; /* table[k][b]: byte b followed by k zero bytes */
	if (table[0][1] == 0) {
		for (uint32_t b = 0; b < 256; b++) {
			uint32_t c = b;
			for (int bit = 0; bit < 8; bit++)
				c = (c >> 1) ^ (c & 1 ? POLYNOMIAL_REFLECTED : 0);
			table[0][b] = c;
		}
		for (int k = 1; k < 8; k++)
			for (int b = 0; b < 256; b++)
				table[k][b] = (table[k - 1][b] >> 8) ^ table[0][table[k - 1][b] & 0xff];
	}
	for (; size >= 8; size -= 8, data += 8) {
		uint64_t x = load64(data) ^ crc;
		crc = 0;
#pragma GCC unroll 8
		for (int k = 0; k < 8; k++)
			crc ^= table[7 - k][(x >> (8 * k)) & 0xff];
	}
	for (; size > 0; size--)
		crc = (crc >> 8) ^ table[0][(crc ^ *data++) & 0xff];
	return crc;
}

uint32_t crc32c(uint32_t crc, const void *data, uint64_t size)
{
	unsigned int eax, ebx, ecx, edx;
	int has_instruction = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_SSE4_2);
	return ~(has_instruction ? in_hardware(~crc, data, size) : by_table(~crc, data, size));
}
