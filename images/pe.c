/* SPDX-License-Identifier: BSD-2-Clause */
#include "pe.h"

#include <stddef.h>
#include <string.h>

static bool refuse(const struct pe *pe)
{
	return report_error(
		&pe->report,
		"is not a PE32+ file for x86-64 with sections aligned to 4096 bytes, as twinboot makes "
		"them; build it again");
}

static bool sections_are_in_the_file(const struct pe *pe)
{
	for (uint32_t i = 0; i < pe->headers->coff.sections; i++) {
		const struct pe_section_header *s = &pe->sections[i];

		if (s->raw_offset > pe->size || s->raw_size > pe->size - s->raw_offset)
			return report_error(
				&pe->report,
				"is cut off: its section %.8s lies outside; build or copy it again", s->name);
	}
	return true;
}

bool pe_read(struct pe *pe, const void *head, uint64_t size, const struct report *report)
{
	*pe = (struct pe){.report = *report, .size = size};
	if (size < PE_PAGE)
		return refuse(pe);
	memcpy(pe->head, head, PE_PAGE);
	memcpy(&pe->offset, pe->head + PE_OFFSET, sizeof(pe->offset));
	if (pe->offset > PE_PAGE / 2 || memcmp(pe->head + pe->offset, PE_SIGNATURE, 4) != 0)
		return refuse(pe);
	pe->headers = (struct pe_headers *)(pe->head + pe->offset);
	const struct pe_coff_header *coff = &pe->headers->coff;
	const struct pe_optional_header *optional = &pe->headers->optional;
	pe->sections = (struct pe_section_header *)((uint8_t *)optional + coff->optional_size);
	if (coff->machine != PE_MACHINE_AMD64 || optional->magic != PE32_PLUS ||
	    coff->optional_size > PE_PAGE / 4 ||
	    (uint8_t *)(pe->sections + coff->sections) > pe->head + PE_PAGE ||
	    optional->section_alignment != PE_PAGE || optional->file_alignment != PE_PAGE)
		return refuse(pe);
	return sections_are_in_the_file(pe);
}

bool pe_is_named(const struct pe_section_header *section, const char *name)
{
	return strncmp(section->name, name, sizeof(section->name)) == 0;
}

struct pe_section_header *pe_find(const struct pe *pe, const char *name)
{
	for (uint32_t i = 0; i < pe->headers->coff.sections; i++)
		if (pe_is_named(&pe->sections[i], name))
			return &pe->sections[i];
	report_error(&pe->report, "has no section %.8s; build it with twinboot", name);
	return NULL;
}

#define CHECKSUM_OFFSET ((uint32_t)offsetof(struct pe_headers, optional.checksum))

/* PE/COFF, "CheckSum": the 16-bit words added up with their carries, then the size. */
bool pe_checksum_agrees(const struct image *image, uint64_t file, uint32_t size, bool *agrees)
{
	uint8_t block[PE_PAGE];
	uint32_t offset = 0, stored = 0, sum = 0;

	for (uint32_t at = 0, piece; at < size; at += piece) {
		piece = size - at < sizeof(block) ? size - at : (uint32_t)sizeof(block);
		memset(block, 0, sizeof(block));
		if (!image_read(image, block, piece, file + at))
			return false;
		if (at == 0) {
			memcpy(&offset, block + PE_OFFSET, sizeof(offset));
			if (offset > sizeof(block) / 2)
				break;
			memcpy(&stored, block + offset + CHECKSUM_OFFSET, sizeof(stored));
			memset(block + offset + CHECKSUM_OFFSET, 0, sizeof(stored));
		}
		for (uint32_t i = 0; i < piece; i += 2) {
			sum += block[i] | (uint32_t)block[i + 1] << 8;
			sum = (sum & 0xffff) + (sum >> 16);
		}
	}
	*agrees = offset <= sizeof(block) / 2 && (stored == 0 || stored == sum + size);
	return true;
}
