/* SPDX-License-Identifier: BSD-2-Clause */
#include "image.h"

#include <string.h>

/* PE/COFF: the signature's place at 3Ch, then a header of 24 bytes, the optional header, 40 bytes a section.
 */
struct pe_place pe_section(uint64_t file, uint32_t size, const char *name)
{
	uint8_t head[4096];
	read_at(file, head, sizeof(head));
	uint32_t pe = get32(head + 0x3c);
	if (pe > 1024 || memcmp(head + pe, "PE\0\0", 4) != 0)
		die("BOOTX64.EFI is not a PE file");
	const uint8_t *section = head + pe + 24 + get16(head + pe + 20);
	for (int i = 0; i < get16(head + pe + 6) && section + 40 <= head + sizeof(head); i++, section += 40) {
		if (strncmp((const char *)section, name, 8) != 0)
			continue;
		if (get32(section + 20) > size || get32(section + 16) > size - get32(section + 20))
			die("BOOTX64.EFI is cut off: its section %s lies outside", name);
		return (struct pe_place){file + get32(section + 20), get32(section + 16), get32(section + 8)};
	}
	die("BOOTX64.EFI has no section %s; build it with twinboot", name);
}

int pe_checksum_agrees(uint64_t file, uint32_t size)
{
	uint8_t block[4096];
	uint32_t place = 0, stored = 0, sum = 0;
	for (uint32_t at = 0, part; at < size; at += part) {
		part = size - at < sizeof(block) ? size - at : sizeof(block);
		memset(block, 0, sizeof(block));
		read_at(file + at, block, part);
		if (at == 0) {
			place = get32(block + 0x3c) + 24 + 64;
			if (place > sizeof(block) - 4)
				return 0;
			stored = get32(block + place);
			put32(block + place, 0);
		}
		for (uint32_t i = 0; i < part; i += 2) {
			sum += get16(block + i);
			sum = (sum & 0xffff) + (sum >> 16);
		}
	}
	return stored == 0 || stored == sum + size;
}
