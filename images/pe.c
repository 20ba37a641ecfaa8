/* SPDX-License-Identifier: BSD-2-Clause */
#include "image.h"

#include <string.h>

/* PE/COFF: the signature's place at 3Ch, then a header of 24 bytes, the optional header, 40 bytes a section.
 */
uint64_t pe_section(uint64_t file, uint32_t size, const char *name)
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
		return file + get32(section + 20);
	}
	die("BOOTX64.EFI has no section %s; build it with twinboot", name);
}
