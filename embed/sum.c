/* SPDX-License-Identifier: BSD-2-Clause */
#include "sum.h"

#include "formats/crc32c.h"

void sum_begin(struct sum *sum)
{
	*sum = (struct sum){0};
	sha256_begin(&sum->sha256);
}

void sum_add(struct sum *sum, const void *data, uint64_t size)
{
	sum->crc32c = crc32c(sum->crc32c, data, size);
	sha256_add(&sum->sha256, data, size);
	sum->size += size;
}

void sum_add_zeros(struct sum *sum, uint64_t size)
{
	static const uint8_t zeros[4096];

	while (size) {
		uint64_t piece = size < sizeof(zeros) ? size : sizeof(zeros);

		sum_add(sum, zeros, piece);
		size -= piece;
	}
}
