/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BLAKE2B_H
#define BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

#define BLAKE2B_SIZE 64u

/* BLAKE2b-512 without a key (RFC 7693). */
void blake2b(const uint8_t *data, size_t size, uint8_t digest[BLAKE2B_SIZE]);

#endif
