/* SPDX-License-Identifier: BSD-2-Clause */
#include "legacy.h"

uint32_t crc32c_small(const uint8_t *data, uint32_t size)
{
	uint32_t crc = UINT32_MAX;
	for (; size > 0; size--) {
		crc ^= *data++;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}
