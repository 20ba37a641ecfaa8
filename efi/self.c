/* SPDX-License-Identifier: BSD-2-Clause */
/* Is the loader itself what the build made? Asked before anything else runs, and before anything is written.
 */
#include "front.h"
#include "formats/self.h"

#include <cpuid.h>
#include <stddef.h>

/* linker/efi.ld: where the firmware has put this image */
__attribute__((visibility("hidden"))) extern const uint8_t ImageBase[];

/* Filled in by efi/finish. */
__attribute__((used, visibility("hidden"), section(".rodata.self"))) const struct self loader_itself = {
	.magic = SELF_MAGIC,
};

/* core's crc32c() keeps its tables in .data, which is still to be checked: here four bits a step, where there
   is no instruction. */
static uint32_t by_nibbles(uint32_t crc, const uint8_t *data, uint32_t size)
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

__attribute__((target("crc32"))) static uint32_t in_hardware(uint32_t crc, const uint8_t *data, uint32_t size)
{
	uint64_t wide = crc;
	for (; size >= 8; size -= 8, data += 8)
		wide = __builtin_ia32_crc32di(wide, *(const uint64_t *)data);
	for (crc = (uint32_t)wide; size > 0; size--)
		crc = __builtin_ia32_crc32qi(crc, *data++);
	return crc;
}

/* Without the inversions at either end. */
static uint32_t sum(uint32_t crc, const uint8_t *data, uint32_t size)
{
	unsigned int eax, ebx, ecx, edx;
	int has_instruction = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_SSE4_2);
	return has_instruction ? in_hardware(crc, data, size) : by_nibbles(crc, data, size);
}

static uint32_t sum_of_section(const struct self *self, uint32_t section)
{
	static const uint8_t zeros[sizeof(struct self)];
	const uint8_t *start = ImageBase + self->sections[section].address, *hole = (const uint8_t *)self;
	uint32_t size = self->sections[section].size;
	if (section != SELF_RODATA)
		return ~sum(UINT32_MAX, start, size);
	uint32_t before = (uint32_t)(hole - start), after = before + sizeof(*self);
	uint32_t crc = sum(UINT32_MAX, start, before);
	crc = sum(crc, zeros, sizeof(*self));
	return ~sum(crc, start + after, size - after);
}

/* Not every firmware loads what only it reads itself. */
static int was_left_out(const struct self *self, uint32_t section)
{
	const uint8_t *bytes = ImageBase + self->sections[section].address;
	for (uint32_t i = 0; i < self->sections[section].size; i++)
		if (bytes[i] != 0)
			return 0;
	return section == SELF_RELOC;
}

int self_check(struct self_damage *damage)
{
	static const char names[SELF_SECTIONS][8] = SELF_NAMES;
	const struct self *self = &loader_itself;
	__asm__("" : "+r"(self)); /* what the compiler knows of it is not what is there */
	*damage = (struct self_damage){
		"its checksums",
		~sum(UINT32_MAX, (const uint8_t *)self, offsetof(struct self, crc32c)),
		self->crc32c,
	};
	if (damage->found != damage->expected)
		return 0;
	for (uint32_t i = 0; i < SELF_SECTIONS; i++) {
		*damage = (struct self_damage){names[i], sum_of_section(self, i), self->sections[i].crc32c};
		if (damage->found != damage->expected && !was_left_out(self, i))
			return 0;
	}
	return 1;
}
