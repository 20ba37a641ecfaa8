/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finish IN OUT: what objcopy cannot do to a PE image (Microsoft PE/COFF specification, 2 to 4).
 *
 *   - sets NX_COMPAT: the image never executes data nor writes to code
 *   - cuts trailing zeros off each section's raw data; firmware fills up to VirtualSize (a large .bss needs
 *     no file)
 *   - makes the sizes of .reloc and of its directory agree, and the section one that is kept: shim leaves out
 *     what can be discarded
 *   - takes back what the headers say of a symbol table, which is not in the file (binutils 2.40: "truncated")
 *   - writes the checksums that efi/own_sums.c compares (formats/own_sums.h)
 *   - refuses an image that strict firmware or signing would refuse
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/crc32c.h"
#include "formats/own_sums.h"

#define PAGE         4096u
#define SECTIONS_MAX 32

/* The file that objcopy made, its headers changed in place, and what of it goes into the new one. */
struct image {
	const char *name;
	uint8_t *bytes;
	size_t size;
	uint32_t pe;
	struct pe_headers *headers;
	struct pe_section_header *sections;
	struct {
		const uint8_t *bytes;
		uint32_t stored; /* without the zeros behind */
	} contents[SECTIONS_MAX];
};

static const char *output_name;

static _Noreturn void die(const char *file, const char *fact)
{
	fprintf(stderr, "finish: %s: %s\n", file, fact);
	if (output_name != NULL)
		remove(output_name);
	exit(1);
}

static uint8_t *read_file(const char *name, size_t *size)
{
	FILE *file = fopen(name, "rb");
	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
		die(name, strerror(errno));
	long length = ftell(file);
	rewind(file);
	/* Private: what is changed stays here. */
	uint8_t *bytes =
		length > 0 ? mmap(NULL, (size_t)length, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(file), 0)
			   : MAP_FAILED;
	if (bytes == MAP_FAILED)
		die(name, "cannot be read");
	fclose(file);
	*size = (size_t)length;
	return bytes;
}

static uint32_t round_up(uint32_t value)
{
	return (value + PAGE - 1) & ~(PAGE - 1);
}

static int is_named(const struct pe_section_header *section, const char *name)
{
	return strncmp(section->name, name, sizeof(section->name)) == 0;
}

/* What objcopy makes, and nothing else: its headers are in the first page, its sections in the file. */
static void open_image(struct image *image, const char *name)
{
	*image = (struct image){.name = name};
	image->bytes = read_file(name, &image->size);
	if (image->size >= PAGE)
		memcpy(&image->pe, image->bytes + PE_OFFSET, sizeof(image->pe));
	if (image->pe == 0 || image->pe > PAGE / 2 || memcmp(image->bytes + image->pe, PE_SIGNATURE, 4) != 0)
		die(name, "not the PE image that objcopy makes");
	image->headers = (struct pe_headers *)(image->bytes + image->pe);
	struct pe_coff_header *coff = &image->headers->coff;
	struct pe_optional_header *optional = &image->headers->optional;
	image->sections = (struct pe_section_header *)((uint8_t *)optional + coff->optional_size);
	if (coff->machine != PE_MACHINE_AMD64 || optional->magic != PE32_PLUS ||
	    coff->sections > SECTIONS_MAX ||
	    (uint8_t *)(image->sections + coff->sections) > image->bytes + PAGE ||
	    optional->section_alignment != PAGE || optional->file_alignment != PAGE)
		die(name, "not a PE32+ image for x86-64 with 4096-byte alignment");
	for (int i = 0; i < coff->sections; i++) {
		const struct pe_section_header *s = &image->sections[i];
		if (s->raw_offset > image->size || s->raw_size > image->size - s->raw_offset)
			die(name, "a section lies outside of the file");
	}
}

/* One section's place in the new file. Returns where the next one begins. */
static uint32_t place_section(struct image *image, int i, uint32_t offset)
{
	struct pe_section_header *s = &image->sections[i];
	const uint8_t *bytes = image->bytes + s->raw_offset;
	uint32_t stored = s->raw_size < s->virtual_size ? s->raw_size : s->virtual_size;
	while (stored > 0 && bytes[stored - 1] == 0)
		stored--;
	image->contents[i].bytes = bytes;
	image->contents[i].stored = stored;
	s->raw_size = round_up(stored);
	s->raw_offset = s->raw_size != 0 ? offset : 0;
	s->characteristics &= ~PE_DISCARDABLE;
	return offset + s->raw_size;
}

/* All headers as they will be. Returns the new file's size. */
static uint32_t lay_out(struct image *image)
{
	struct pe_coff_header *coff = &image->headers->coff;
	struct pe_optional_header *optional = &image->headers->optional;
	uint32_t next_address = PAGE, next_offset = PAGE;
	for (int i = 0; i < coff->sections; i++) {
		const struct pe_section_header *s = &image->sections[i];
		if (s->address != next_address)
			die(image->name,
			    "a gap between sections: every section of linker/efi.ld must be copied");
		if ((s->characteristics & PE_EXECUTE) && (s->characteristics & PE_WRITE))
			die(image->name, "a section is both writable and executable");
		next_address = round_up(s->address + s->virtual_size);
		next_offset = place_section(image, i, next_offset);
		if (is_named(s, ".reloc")) {
			optional->directories[PE_DIRECTORY_RELOC].address = s->address;
			optional->directories[PE_DIRECTORY_RELOC].size = s->virtual_size;
		}
	}
	coff->symbols = coff->symbol_count = 0;
	optional->dll_characteristics |= PE_NX_COMPAT;
	optional->checksum = 0; /* none: objcopy's is of other bytes */
	optional->image_size = next_address;
	optional->headers_size = PAGE;
	optional->data_size = next_offset - PAGE - optional->code_size;
	return next_offset;
}

/* The section as firmware loads it: raw data, zeros up to its size. The same bytes that are written below. */
static uint32_t loaded_crc32c(const struct image *image, int i)
{
	static const uint8_t zeros[PAGE];
	uint32_t crc = crc32c(0, image->contents[i].bytes, image->contents[i].stored);
	for (uint32_t left = image->sections[i].virtual_size - image->contents[i].stored; left > 0;) {
		uint32_t part = left < PAGE ? left : PAGE;
		crc = crc32c(crc, zeros, part);
		left -= part;
	}
	return crc;
}

static int find_section(const struct image *image, const char *name)
{
	for (int i = 0; i < image->headers->coff.sections; i++)
		if (is_named(&image->sections[i], name))
			return i;
	die(name, "there is no such section");
}

static struct own_sums *find_own_sums(const struct image *image)
{
	for (size_t i = PAGE; i + sizeof(struct own_sums) <= image->size; i += 4)
		if (memcmp(image->bytes + i, OWN_SUMS_MAGIC, sizeof(OWN_SUMS_MAGIC)) == 0)
			return (struct own_sums *)(image->bytes + i);
	die(image->name, "no place for the loader's own checksums: efi/own_sums.c is missing");
}

/* They are part of .rodata, and still zeros while that is summed up. */
static void fill_own_sums(const struct image *image)
{
	static const char *const names[OWN_SECTIONS] = OWN_SUMS_NAMES;
	struct own_sums *place = find_own_sums(image), sums = {.magic = OWN_SUMS_MAGIC};
	memset(place, 0, sizeof(*place));
	sums.pe = image->pe;
	sums.headers_size =
		(uint32_t)((uint8_t *)(image->sections + image->headers->coff.sections) - image->bytes);
	sums.headers_crc32c = own_sums_of_headers(&sums, image->bytes, crc32c);
	for (int n = 0; n < OWN_SECTIONS; n++) {
		int i = find_section(image, names[n]);
		sums.sections[n].address = image->sections[i].address;
		sums.sections[n].size = image->sections[i].virtual_size;
		sums.sections[n].crc32c = loaded_crc32c(image, i);
	}
	sums.crc32c = crc32c(0, &sums, offsetof(struct own_sums, crc32c));
	*place = sums;
}

static void write_file(const struct image *image, uint32_t size)
{
	FILE *out = fopen(output_name, "wb");
	if (out == NULL)
		die(output_name, strerror(errno));
	int is_written = fwrite(image->bytes, 1, PAGE, out) == PAGE;
	for (int i = 0; i < image->headers->coff.sections && is_written; i++)
		is_written = fseek(out, image->sections[i].raw_offset, SEEK_SET) == 0 &&
			     fwrite(image->contents[i].bytes, 1, image->contents[i].stored, out) ==
				     image->contents[i].stored;
	/* The last page is whole, too. */
	if (!is_written || fflush(out) != 0 || ftruncate(fileno(out), size) != 0 || fclose(out) != 0)
		die(output_name, "cannot be written");
}

int main(int argc, char **argv)
{
	struct image image;
	if (argc != 3)
		die("usage", "finish IN OUT");
	open_image(&image, argv[1]);
	uint32_t size = lay_out(&image);
	fill_own_sums(&image);
	output_name = argv[2];
	write_file(&image, size);
	return 0;
}
