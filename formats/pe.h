/* SPDX-License-Identifier: BSD-2-Clause */
/* The headers of a PE32+ image (Microsoft PE/COFF specification, 3 and 4), from its signature on. Where that is
   stands, in bytes from the file's start, at 3Ch. All numbers are little-endian. */
#ifndef PE_H
#define PE_H

#include <stdint.h>

#define PE_PAGE               4096u /* this project's alignment, in memory and in the file */
#define PE_OFFSET             0x3c
#define PE_SIGNATURE          "PE\0" /* with the NUL of the string: four bytes */
#define PE_MACHINE_AMD64      0x8664
#define PE32_PLUS             0x20b
#define PE_NX_COMPAT          0x0100
#define PE_DIRECTORY_SECURITY 4
#define PE_DIRECTORY_RELOC    5
#define PE_INITIALIZED_DATA   UINT32_C(0x00000040)
#define PE_DISCARDABLE        UINT32_C(0x02000000)
#define PE_EXECUTE            UINT32_C(0x20000000)
#define PE_READ               UINT32_C(0x40000000)
#define PE_WRITE              UINT32_C(0x80000000)

struct pe_coff_header {
	uint8_t signature[4];
	uint16_t machine, sections;
	uint32_t timestamp, symbols, symbol_count; /* symbols: offset in the file */
	uint16_t optional_size, characteristics;
};
_Static_assert(sizeof(struct pe_coff_header) == 24, "PE/COFF 3.3");

struct __attribute__((packed)) pe_optional_header {
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
_Static_assert(sizeof(struct pe_optional_header) == 240, "PE/COFF 3.4, PE32+");

struct pe_headers {
	struct pe_coff_header coff;
	struct pe_optional_header optional;
	/* then struct pe_section_header[coff.sections], coff.optional_size bytes behind `coff` */
};
_Static_assert(sizeof(struct pe_headers) == 264, "no gap between them");

struct pe_section_header {
	char name[8]; /* padded with NUL */
	uint32_t virtual_size, address, raw_size, raw_offset;
	uint32_t relocations, line_numbers;
	uint16_t relocation_count, line_number_count;
	uint32_t characteristics;
};
_Static_assert(sizeof(struct pe_section_header) == 40, "PE/COFF 4");

#endif
