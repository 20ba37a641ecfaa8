/* SPDX-License-Identifier: BSD-2-Clause */
/* Is the loader itself what the build made? Asked before anything else runs, and before anything is written.
 */
#include "front.h"
#include "formats/own_sums.h"

#include <cpuid.h>
#include <stddef.h>

/* linker/efi.ld: where the firmware has put this image */
__attribute__((visibility("hidden"))) extern const uint8_t ImageBase[];

/* Filled in by images/finish.c. */
__attribute__((used, visibility("hidden"), section(".rodata.own_sums"))) const struct own_sums own_sums = {
	.magic = OWN_SUMS_MAGIC,
};

/* core's crc32c() keeps its tables in .data, which is still to be checked: here four bits a step, where there
   is no instruction. Both without the inversions at either end. */
static uint32_t by_nibbles(uint32_t crc, const uint8_t *data, uint64_t size)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	for (; size > 0; size--) {
		crc ^= *data++;
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return crc;
}

__attribute__((target("crc32"))) static uint32_t in_hardware(uint32_t crc, const uint8_t *data, uint64_t size)
{
	uint64_t wide = crc;
	for (uint64_t word; size >= sizeof(word); size -= sizeof(word), data += sizeof(word)) {
		__builtin_memcpy(&word, data, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	for (crc = (uint32_t)wide; size > 0; size--)
		crc = __builtin_ia32_crc32qi(crc, *data++);
	return crc;
}

/* As crc32c() of formats/crc32c.h. */
static uint32_t sum(uint32_t crc, const void *data, uint64_t size)
{
	unsigned int eax, ebx, ecx, edx;
	int has_instruction = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_SSE4_2);
	return ~(has_instruction ? in_hardware(~crc, data, size) : by_nibbles(~crc, data, size));
}

static uint32_t sum_of_section(const struct own_sums *sums, const uint8_t *image, uint32_t section)
{
	static const uint8_t zeros[sizeof(struct own_sums)];
	const uint8_t *start = image + sums->sections[section].address, *hole = (const uint8_t *)sums;
	uint32_t size = sums->sections[section].size;
	if (section != OWN_RODATA)
		return sum(0, start, size);
	uint32_t before = (uint32_t)(hole - start), after = before + sizeof(*sums);
	uint32_t crc = sum(0, start, before);
	crc = sum(crc, zeros, sizeof(*sums));
	return sum(crc, start + after, size - after);
}

static int agree(const struct own_sums *sums, const uint8_t *image, struct own_damage *damage)
{
	static const char names[OWN_SECTIONS][8] = OWN_SUMS_NAMES;
	*damage = (struct own_damage){"its checksums", sum(0, sums, offsetof(struct own_sums, crc32c)),
				      sums->crc32c};
	if (damage->found != damage->expected)
		return 0;
	for (uint32_t i = 0; i < OWN_SECTIONS; i++) {
		*damage = (struct own_damage){names[i], sum_of_section(sums, image, i),
					      sums->sections[i].crc32c};
		if (damage->found != damage->expected)
			return 0;
	}
	/* The headers last: which of their fields count stands in .rodata, which adds up by now. */
	*damage = (struct own_damage){"its headers", own_sums_of_headers(sums, image, sum),
				      sums->headers_crc32c};
	return damage->found == damage->expected;
}

int own_sums_agree(struct own_damage *damage)
{
	const struct own_sums *sums = &own_sums;
	__asm__("" : "+r"(sums)); /* what the compiler knows of it is not what is there */
	return agree(sums, ImageBase, damage);
}
