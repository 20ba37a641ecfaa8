/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flip_host KERNEL.PADDED MODULES.BIN SEED COUNT: core's own check of the payload, as the loaders link it, on
 * a payload in which one bit has been turned over, COUNT times. Each must be found, with the part named.
 *
 * (Built with core/payload.c, formats/crc32c.c and common/text.c.)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

static uint8_t *read_file(const char *name, uint64_t *size)
{
	FILE *file = fopen(name, "rb");
	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
		exit(2);
	*size = (uint64_t)ftell(file);
	rewind(file);
	uint8_t *bytes = aligned_alloc(PAGE_SIZE, (*size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1));
	if (bytes == NULL || fread(bytes, 1, *size, file) != *size)
		exit(2);
	fclose(file);
	return bytes;
}

/* xorshift64* (Vigna 2014) */
static uint64_t next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

int main(int argc, char **argv)
{
	static struct machine machine;
	if (argc != 5)
		return 2;
	uint8_t *kernel = read_file(argv[1], &machine.kernel_size);
	uint8_t *modules = read_file(argv[2], &machine.modules_size);
	machine.kernel = (uintptr_t)kernel;
	machine.modules = (uintptr_t)modules;
	if (!payload_check(&machine)) {
		printf("undamaged: %s\n", machine.error);
		return 1;
	}
	const struct payload_info info = *(const struct payload_info *)modules;
	uint64_t state = strtoull(argv[3], NULL, 10) * 2 + 1, count = strtoull(argv[4], NULL, 10);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t at = next(&state) % (info.modules_stored + info.kernel_stored);
		uint8_t bit = (uint8_t)(1u << (next(&state) >> 61));
		/* The description is small, and what is believed first: it gets a third. */
		if (i % 3 == 0)
			at %= info.info_size;
		uint8_t *byte = at < info.modules_stored ? modules + at : kernel + (at - info.modules_stored);
		const char *code = at < info.info_size ? "TB20" : at < info.modules_stored ? "TB22" : "TB21";
		*byte ^= bit;
		machine.error[0] = 0;
		if (payload_check(&machine) || strncmp(machine.error, code, 4) != 0) {
			printf("byte %llu, bit %#x: %s instead of %s\n", (unsigned long long)at, bit,
			       machine.error[0] != 0 ? machine.error : "believed", code);
			return 1;
		}
		*byte ^= bit;
	}
	printf("%llu flips found\n", (unsigned long long)count);
	return 0;
}
