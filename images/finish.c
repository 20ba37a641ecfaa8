/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finish IN OUT: what objcopy cannot do to a PE image (Microsoft PE/COFF specification, 2 to 4).
 *
 *   - sets NX_COMPAT: the image never executes data nor writes to code
 *   - cuts trailing zeros off each section's raw data; firmware fills up to VirtualSize (a large .bss needs
 * no file)
 *   - writes the checksums that self.c compares (self.h)
 *   - makes the sizes of .reloc and of its directory agree, for shim
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
#include "formats/self.h"

#define MZ_PE_OFFSET    0x3c
#define MACHINE_AMD64   0x8664
#define PE32_PLUS       0x20b
#define NX_COMPAT       0x0100
#define PAGE            4096u
#define RELOC_DIRECTORY 5
#define SECTION_EXECUTE 0x20000000u
#define SECTION_WRITE   0x80000000u

struct coff_header {
	uint8_t signature[4];
	uint16_t machine, sections;
	uint32_t timestamp, symbols, symbol_count;
	uint16_t optional_size, characteristics;
};
_Static_assert(sizeof(struct coff_header) == 24, "PE/COFF 3.3");

struct __attribute__((packed)) optional_header {
	uint16_t magic;
	uint8_t linker_major, linker_minor;
	uint32_t code_size, data_size, bss_size, entry, code_base;
	uint64_t image_base;
	uint32_t section_alignment, file_alignment;
	uint16_t versions[6];
	uint32_t reserved, image_size, headers_size, checksum;
	uint16_t subsystem, dll_characteristics;
	uint64_t stack_reserve, stack_commit, heap_reserve, heap_commit;
	uint32_t loader_flags, directory_count;
	struct {
		uint32_t address, size;
	} directories[16];
};
_Static_assert(sizeof(struct optional_header) == 240, "PE/COFF 3.4, PE32+");

struct section_header {
	char name[8];
	uint32_t virtual_size, address, raw_size, raw_offset;
	uint32_t relocations, line_numbers;
	uint16_t relocation_count, line_number_count;
	uint32_t characteristics;
};
_Static_assert(sizeof(struct section_header) == 40, "PE/COFF 4");

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

static uint32_t without_trailing_zeros(const uint8_t *bytes, uint32_t size)
{
	while (size > 0 && bytes[size - 1] == 0)
		size--;
	return size;
}

/* The section as firmware loads it: raw data, zeros up to its size. The same bytes that are written below. */
static uint32_t loaded_crc32c(const uint8_t *bytes, uint32_t stored, uint32_t size)
{
	static const uint8_t zeros[PAGE];
	uint32_t crc = crc32c(0, bytes, stored);
	for (uint32_t left = size - stored; left > 0;) {
		uint32_t part = left < PAGE ? left : PAGE;
		crc = crc32c(crc, zeros, part);
		left -= part;
	}
	return crc;
}

static struct self *find_self(uint8_t *in, size_t size)
{
	struct self *found = NULL;
	for (size_t i = PAGE; found == NULL && i + sizeof(*found) <= size; i += 4)
		if (memcmp(in + i, SELF_MAGIC, sizeof(found->magic)) == 0)
			found = (struct self *)(in + i);
	return found;
}

/* `self` is part of .rodata, and still zeros while that is summed up. */
static void fill_self(struct self *self, const uint8_t *in, const struct section_header *sections, int count)
{
	static const char *const names[SELF_SECTIONS] = SELF_NAMES;
	struct self filled = {.magic = SELF_MAGIC};
	memset(self, 0, sizeof(*self));
	for (int n = 0; n < SELF_SECTIONS; n++) {
		const struct section_header *s = sections;
		while (s < sections + count && strncmp(s->name, names[n], sizeof(s->name)) != 0)
			s++;
		if (s == sections + count)
			die(names[n], "there is no such section");
		uint32_t held = s->raw_size < s->virtual_size ? s->raw_size : s->virtual_size;
		filled.sections[n].address = s->address;
		filled.sections[n].size = s->virtual_size;
		filled.sections[n].crc32c = loaded_crc32c(in + s->raw_offset, held, s->virtual_size);
	}
	filled.crc32c = crc32c(0, &filled, offsetof(struct self, crc32c));
	*self = filled;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		die("usage", "finish IN OUT");
	size_t size;
	uint8_t *in = read_file(argv[1], &size);
	uint32_t pe = 0;
	if (size >= PAGE)
		memcpy(&pe, in + MZ_PE_OFFSET, sizeof(pe));
	if (pe == 0 || pe > PAGE / 2 || memcmp(in + pe, "PE\0\0", 4) != 0)
		die(argv[1], "not the PE image that objcopy makes");
	struct coff_header *coff = (struct coff_header *)(in + pe);
	struct optional_header *optional = (struct optional_header *)(coff + 1);
	struct section_header *sections =
		(struct section_header *)((uint8_t *)optional + coff->optional_size);
	if (coff->machine != MACHINE_AMD64 || optional->magic != PE32_PLUS ||
	    (uint8_t *)(sections + coff->sections) > in + PAGE || optional->section_alignment != PAGE ||
	    optional->file_alignment != PAGE)
		die(argv[1], "not a PE32+ image for x86-64 with 4096-byte alignment");

	for (int i = 0; i < coff->sections; i++)
		if (sections[i].raw_offset > size || sections[i].raw_size > size - sections[i].raw_offset)
			die(argv[1], "a section lies outside of the file");
	struct self *self = find_self(in, size);
	if (self == NULL)
		die(argv[1], "no place for the loader's own checksums: efi/self.c is missing");
	fill_self(self, in, sections, coff->sections);

	FILE *out = fopen(argv[2], "wb");
	if (out == NULL)
		die(argv[2], strerror(errno));
	output_name = argv[2];
	uint32_t next_address = PAGE, next_offset = PAGE;
	for (int i = 0; i < coff->sections; i++) {
		struct section_header *s = &sections[i];
		if (s->address != next_address)
			die(argv[1], "a gap between sections: every section of linker/efi.ld must be copied");
		if ((s->characteristics & SECTION_EXECUTE) && (s->characteristics & SECTION_WRITE))
			die(argv[1], "a section is both writable and executable");
		const uint8_t *bytes = in + s->raw_offset;
		uint32_t held = s->raw_size < s->virtual_size ? s->raw_size : s->virtual_size;
		uint32_t stored = without_trailing_zeros(bytes, held);
		next_address = round_up(s->address + s->virtual_size);
		s->raw_size = round_up(stored);
		s->raw_offset = s->raw_size != 0 ? next_offset : 0;
		if (fseek(out, next_offset, SEEK_SET) != 0 || fwrite(bytes, 1, stored, out) != stored)
			die(argv[2], "cannot be written");
		next_offset += s->raw_size;
		if (strncmp(s->name, ".reloc", sizeof(s->name)) == 0) {
			optional->directories[RELOC_DIRECTORY].address = s->address;
			optional->directories[RELOC_DIRECTORY].size = s->virtual_size;
		}
	}
	optional->dll_characteristics |= NX_COMPAT;
	optional->checksum = 0; /* none: objcopy's is of other bytes */
	optional->image_size = next_address;
	optional->headers_size = PAGE;
	optional->data_size = next_offset - PAGE - optional->code_size;
	if (fseek(out, 0, SEEK_SET) != 0 || fwrite(in, 1, PAGE, out) != PAGE || fflush(out) != 0 ||
	    ftruncate(fileno(out), next_offset) != 0 || fclose(out) != 0) /* the last page is whole too */
		die(argv[2], "cannot be written");
	return 0;
}
