/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CRC32C_H
#define CRC32C_H

#include <stdint.h>

/* CRC-32C (Castagnoli; RFC 3720 B.4) of `size` bytes, continuing from `crc`; start with 0. */
uint32_t crc32c(uint32_t crc, const void *data, uint64_t size);

#endif
