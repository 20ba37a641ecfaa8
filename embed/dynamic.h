/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel's PT_DYNAMIC says about its relocations. */
#ifndef DYNAMIC_H
#define DYNAMIC_H

#include "elf_file.h"

struct dynamic_table {
	uint64_t address, size, entry_size; /* size 0: there is none */
};

struct dynamic {
	struct dynamic_table rela, relr, plt;
	uint64_t symbols, names; /* addresses of DT_SYMTAB and DT_STRTAB, 0 if there is none */
	uint64_t rel_size;
	bool needs_library, packed;
};

/* All zeros for a kernel without PT_DYNAMIC; false if it asks for what no loader has. */
bool dynamic_read(const struct elf *elf, struct dynamic *dynamic, const struct report *report);

/* The bytes of a table, which is called `tag` in the file; NULL after an error. */
const uint8_t *dynamic_table(const struct elf *elf, const struct dynamic_table *table, const char *tag,
			     uint64_t entry_size, const struct report *report);

/* Whether eight bytes of the kernel lie at an address that is to be relocated. */
bool dynamic_target(const struct elf *elf, uint64_t address, const struct report *report);

/* Calls `visit`, if there is one, for the address of each word that the RELR table names. */
bool dynamic_relr(const struct elf *elf, const struct dynamic *dynamic,
		  void (*visit)(void *context, uint64_t address), void *context, const struct report *report);

/* Only relative relocations, each into memory of the kernel. */
bool check_dynamic(const struct elf *elf, const struct report *report);

#endif
