/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flip_host KERNEL.PADDED MODULES.BIN MANIFEST.BIN SEED COUNT: core's own check of the payload, as the loaders link it, on
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

static struct machine_range load(const char *name)
{
	struct machine_range range;
	range.base = (uintptr_t)read_file(name, &range.size);
	return range;
}

static void *flipped(const struct machine *machine, uint64_t at, const char **code)
{
	const struct manifest *manifest = (const void *)(uintptr_t)machine->manifest.base;
	const struct manifest_part *parts = manifest_parts(manifest);
	*code = "TB20";
	if (at < manifest->size)
		return (uint8_t *)manifest + at;
	at -= manifest->size;
	*code = "TB21";
	if (at < parts[0].stored)
		return (uint8_t *)(uintptr_t)machine->parts[0].base + at;
	*code = "TB22";
	return (uint8_t *)(uintptr_t)machine->parts[1].base + (at - parts[0].stored);
}

int main(int argc, char **argv)
{
	static struct machine machine;
	if (argc != 6)
		return 2;
	machine.parts[0] = load(argv[1]);
	machine.parts[1] = load(argv[2]);
	machine.part_count = 2;
	machine.manifest = load(argv[3]);
	if (!payload_check(&machine)) {
		printf("undamaged: %s\n", machine.error);
		return 1;
	}
	const struct manifest *manifest = (const void *)(uintptr_t)machine.manifest.base;
	uint64_t size = manifest->size, all = size;
	for (int i = 0; i < 2; i++)
		all += manifest_parts(manifest)[i].stored;
	uint64_t state = strtoull(argv[4], NULL, 10) * 2 + 1, count = strtoull(argv[5], NULL, 10);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t at = next(&state) % all;
		uint8_t bit = (uint8_t)(1u << (next(&state) >> 61));
		/* The manifest is small, and what is believed first: it gets a third. */
		if (i % 3 == 0)
			at %= size;
		const char *code;
		uint8_t *byte = flipped(&machine, at, &code);
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
