/* SPDX-License-Identifier: BSD-2-Clause */
#include "efi_file.h"

#include "pe.h"
#include "formats/crc32c.h"
#include "formats/own_sums.h"

#include <string.h>

#define SECTIONS_MAX 32u

static const char *const own_sections[OWN_SECTIONS] = OWN_SUMS_NAMES;

/* The file that objcopy made, its headers as they will be, and what of it goes into the new one. */
struct unfinished {
	struct pe pe;
	struct input input;
	struct {
		const uint8_t *bytes;
		uint32_t stored; /* without the zeros behind */
	} contents[SECTIONS_MAX];
	uint32_t size; /* of the new file */
};

static uint32_t round_up(uint32_t value)
{
	return (value + PE_PAGE - 1) & ~(PE_PAGE - 1);
}

static bool open_unfinished(struct unfinished *file, const struct report *report)
{
	return input_open(&file->input, report) &&
	       pe_read(&file->pe, file->input.data, file->input.size, report) &&
	       (file->pe.headers->coff.sections <= SECTIONS_MAX ||
		report_error(report, "has more than %u sections; see linker/efi.ld", SECTIONS_MAX));
}

/* One section's place in the new file. */
static void place_section(struct unfinished *file, uint32_t i)
{
	struct pe_section_header *s = &file->pe.sections[i];
	const uint8_t *bytes = file->input.data + s->raw_offset;
	uint32_t stored = s->raw_size < s->virtual_size ? s->raw_size : s->virtual_size;

	while (stored > 0 && bytes[stored - 1] == 0)
		stored--;
	file->contents[i].bytes = bytes;
	file->contents[i].stored = stored;
	s->raw_size = round_up(stored);
	s->raw_offset = s->raw_size != 0 ? file->size : 0;
	s->characteristics &= ~PE_DISCARDABLE;
	file->size += s->raw_size;
}

static bool place_sections(struct unfinished *file)
{
	struct pe_optional_header *optional = &file->pe.headers->optional;
	uint32_t next_address = PE_PAGE;

	file->size = PE_PAGE;
	for (uint32_t i = 0; i < file->pe.headers->coff.sections; i++) {
		const struct pe_section_header *s = &file->pe.sections[i];

		if (s->address != next_address)
			return report_error(&file->pe.report,
					    "has a gap between its sections; every section of "
					    "linker/efi.ld that is loaded must be copied");
		if ((s->characteristics & PE_EXECUTE) && (s->characteristics & PE_WRITE))
			return report_error(
				&file->pe.report,
				"has a section %.8s that is both writable and executable; see linker/efi.ld",
				s->name);
		next_address = round_up(s->address + s->virtual_size);
		place_section(file, i);
		if (pe_is_named(s, ".reloc")) {
			optional->directories[PE_DIRECTORY_RELOC].address = s->address;
			optional->directories[PE_DIRECTORY_RELOC].size = s->virtual_size;
		}
	}
	optional->image_size = next_address;
	return true;
}

static void set_headers(struct unfinished *file)
{
	struct pe_headers *headers = file->pe.headers;

	headers->coff.symbols = headers->coff.symbol_count = 0;
	headers->optional.dll_characteristics |= PE_NX_COMPAT;
	headers->optional.checksum = 0; /* none: objcopy's is of other bytes */
	headers->optional.headers_size = PE_PAGE;
	headers->optional.data_size = file->size - PE_PAGE - headers->optional.code_size;
}

/* ---- The loader's own checksums ---- */

/* Where they go, in the section of that index; NULL if there is no place. */
static const uint8_t *find_own_sums(const struct unfinished *file, uint32_t i)
{
	const uint8_t *bytes = file->contents[i].bytes;

	for (uint32_t at = 0; at + sizeof(struct own_sums) <= file->contents[i].stored; at += 4)
		if (memcmp(bytes + at, OWN_SUMS_MAGIC, sizeof(OWN_SUMS_MAGIC)) == 0)
			return bytes + at;
	return NULL;
}

static uint32_t add_zeros(uint32_t crc, uint32_t size)
{
	static const uint8_t zeros[PE_PAGE];

	for (uint32_t piece; size > 0; size -= piece) {
		piece = size < sizeof(zeros) ? size : (uint32_t)sizeof(zeros);
		crc = crc32c(crc, zeros, piece);
	}
	return crc;
}

/* The section as firmware loads it: raw data, zeros up to its size. Where the checksums will stand, zeros too. */
static uint32_t loaded_crc32c(const struct unfinished *file, uint32_t i, const uint8_t *hole)
{
	const uint8_t *bytes = file->contents[i].bytes, *end = bytes + file->contents[i].stored;
	uint32_t crc = 0;

	if (hole && hole >= bytes && hole < end) {
		crc = crc32c(0, bytes, (uint64_t)(hole - bytes));
		crc = add_zeros(crc, sizeof(struct own_sums));
		bytes = hole + sizeof(struct own_sums);
	}
	crc = crc32c(crc, bytes, (uint64_t)(end - bytes));
	return add_zeros(crc, file->pe.sections[i].virtual_size - file->contents[i].stored);
}

static bool make_own_sums(const struct unfinished *file, const uint8_t *place, struct own_sums *sums)
{
	const struct pe *pe = &file->pe;

	*sums = (struct own_sums){.magic = OWN_SUMS_MAGIC, .pe = pe->offset};
	sums->headers_size = (uint32_t)((uint8_t *)(pe->sections + pe->headers->coff.sections) - pe->head);
	sums->headers_crc32c = own_sums_of_headers(sums, pe->head, crc32c);
	for (int n = 0; n < OWN_SECTIONS; n++) {
		const struct pe_section_header *section = pe_find(pe, own_sections[n]);

		if (!section)
			return false;
		sums->sections[n].address = section->address;
		sums->sections[n].size = section->virtual_size;
		sums->sections[n].crc32c = loaded_crc32c(file, (uint32_t)(section - pe->sections), place);
	}
	sums->crc32c = crc32c(0, sums, offsetof(struct own_sums, crc32c));
	return true;
}

static bool write_own_sums(const struct unfinished *file, const struct output *output)
{
	const struct pe_section_header *rodata = pe_find(&file->pe, own_sections[OWN_RODATA]);
	uint32_t i = rodata ? (uint32_t)(rodata - file->pe.sections) : 0;
	const uint8_t *place = rodata ? find_own_sums(file, i) : NULL;
	struct own_sums sums;

	if (!place)
		return report_error(&file->pe.report, "has no place for the loader's own checksums; "
						      "efi/own_sums.c is missing");
	return make_own_sums(file, place, &sums) &&
	       output_write(output, &sums, sizeof(sums),
			    rodata->raw_offset + (uint64_t)(place - file->contents[i].bytes));
}

/* ---- The file ---- */

static bool write_file(const struct unfinished *file, const struct output *output)
{
	if (!output_resize(output, file->size) || !output_write(output, file->pe.head, PE_PAGE, 0))
		return false;
	for (uint32_t i = 0; i < file->pe.headers->coff.sections; i++)
		if (!output_write(output, file->contents[i].bytes, file->contents[i].stored,
				  file->pe.sections[i].raw_offset))
			return false;
	return write_own_sums(file, output);
}

bool efi_finish(const char *in, const char *out, FILE *messages)
{
	static struct unfinished file;
	const struct report report = {in, messages};
	struct output output = {0};
	bool done;

	file = (struct unfinished){0};
	done = open_unfinished(&file, &report) && place_sections(&file);
	if (done) {
		set_headers(&file);
		done = output_open(&output, out, messages) && write_file(&file, &output) &&
		       output_commit(&output);
	}
	output_discard(&output);
	input_close(&file.input);
	return done;
}
