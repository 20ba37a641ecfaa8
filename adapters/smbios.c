/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/smbios.h"

#include <stddef.h>
#include <string.h>

#define FOUR_GIB UINT64_C(0x100000000)

/* SMBIOS 3.6, 5.2.1 and 5.2.2: where the entry points say that the structures are. */
#define ENTRY2_LENGTH  0x16
#define ENTRY2_ADDRESS 0x18
#define ENTRY3_LENGTH  0x0c
#define ENTRY3_ADDRESS 0x10

/* 6.1.2 and 7.12 */
#define HEADER_SIZE      4u
#define TYPE_OEM_STRINGS 11u
#define TYPE_END         127u

struct table {
	const uint8_t *at, *end;
};

static const uint8_t *direct(const struct twinboot_handoff *handoff, uint64_t physical)
{
	return (const uint8_t *)(uintptr_t)(handoff->direct_map_base + physical);
}

/* Above 4 GiB the direct map has RAM alone, and some firmware keeps its tables in what it calls reserved. */
static int is_mapped(const struct twinboot_handoff *handoff, uint64_t base, uint64_t size)
{
	if (base < FOUR_GIB && size <= FOUR_GIB - base)
		return 1;
	for (uint32_t i = 0; i < handoff->memory_map_count; i++) {
		const struct twinboot_region *row = &handoff->memory_map[i];
		if (row->type <= TWINBOOT_MEMORY_RUNTIME_DATA && base >= row->base_phys &&
		    base - row->base_phys < row->length && size <= row->length - (base - row->base_phys))
			return 1;
	}
	return 0;
}

static uint64_t number(const uint8_t *bytes, uint32_t size)
{
	uint64_t value = 0;
	memcpy(&value, bytes, size);
	return value;
}

static struct table find_table(const struct twinboot_handoff *handoff)
{
	uint64_t address = 0, length = 0;
	if (handoff->smbios3_phys != 0) {
		const uint8_t *entry = direct(handoff, handoff->smbios3_phys);
		address = number(entry + ENTRY3_ADDRESS, 8);
		length = number(entry + ENTRY3_LENGTH, 4);
	} else if (handoff->smbios2_phys != 0) {
		const uint8_t *entry = direct(handoff, handoff->smbios2_phys);
		address = number(entry + ENTRY2_ADDRESS, 4);
		length = number(entry + ENTRY2_LENGTH, 2);
	}
	if (!is_mapped(handoff, address, length))
		length = 0;
	return (struct table){direct(handoff, address), direct(handoff, address) + length};
}

/* Behind the two NULs that end a structure's strings; NULL where the table ends before them. */
static const uint8_t *end_of_strings(const uint8_t *strings, const uint8_t *end)
{
	for (; end - strings >= 2; strings++)
		if (strings[0] == 0 && strings[1] == 0)
			return strings + 2;
	return NULL;
}

/* The string's rest behind `prefix`, or NULL. */
static const char *rest_behind(const char *string, const char *prefix)
{
	for (; *prefix != 0; string++, prefix++)
		if (*string != *prefix)
			return NULL;
	return string;
}

/* `strings` end with an empty one. */
static const char *find_string(const char *strings, const char *prefix)
{
	while (*strings != 0) {
		const char *found = rest_behind(strings, prefix);
		if (found != NULL)
			return found;
		while (*strings++ != 0)
			;
	}
	return NULL;
}

const char *smbios_oem_string(const struct twinboot_handoff *handoff, const char *prefix)
{
	const struct table table = find_table(handoff);
	for (const uint8_t *at = table.at; table.end - at >= (ptrdiff_t)HEADER_SIZE;) {
		uint8_t type = at[0], length = at[1];
		if (type == TYPE_END || length < HEADER_SIZE || length > table.end - at)
			break;
		const uint8_t *strings = at + length, *next = end_of_strings(strings, table.end);
		if (next == NULL)
			break;
		const char *found =
			type == TYPE_OEM_STRINGS ? find_string((const char *)strings, prefix) : NULL;
		if (found != NULL)
			return found;
		at = next;
	}
	return NULL;
}
