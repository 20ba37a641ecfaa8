/* SPDX-License-Identifier: BSD-2-Clause */
#include "relocate.h"

#include "dynamic.h"

#include <inttypes.h>
#include <string.h>

struct relocation {
	const struct elf *elf;
	const struct report *report;
	struct dynamic dynamic;
	uint8_t *image;
	uint64_t slide;
};

static void put(const struct relocation *relocation, uint64_t address, uint64_t value)
{
	memcpy(relocation->image + (address - relocation->elf->base), &value, sizeof(value));
}

/* For dynamic_relr(), which has looked at the address. */
static void add_slide(void *context, uint64_t address)
{
	const struct relocation *relocation = context;
	uint64_t value;

	memcpy(&value, relocation->image + (address - relocation->elf->base), sizeof(value));
	put(relocation, address, value + relocation->slide);
}

/* The symbol's name, or where it cannot be read its number. */
static const char *name_of(const struct relocation *relocation, const Elf64_Sym *symbol)
{
	const struct elf *elf = relocation->elf;
	uint64_t address = relocation->dynamic.names + symbol->st_name;
	const Elf64_Phdr *load = elf_load_at(elf, address, 1);
	const uint8_t *name = elf_stored_at(elf, address, 1);

	return name && memchr(name, 0, load->p_filesz - (address - load->p_vaddr)) ? (const char *)name
										   : "(without a name)";
}

/* What the symbol stands for where the kernel will run. */
static bool symbol_value(const struct relocation *relocation, uint64_t index, uint64_t *value)
{
	Elf64_Sym symbol;
	uint64_t address = relocation->dynamic.symbols + index * sizeof(symbol);
	const uint8_t *bytes = elf_stored_at(relocation->elf, address, sizeof(symbol));

	if (!relocation->dynamic.symbols || !bytes)
		return report_error(relocation->report,
				    "has a relocation against symbol %" PRIu64
				    ", which is outside its segments; keep .dynsym in a PT_LOAD segment in "
				    "the linker script",
				    index);
	memcpy(&symbol, bytes, sizeof(symbol));
	*value = 0;
	if (symbol.st_shndx == SHN_UNDEF && index && ELF64_ST_BIND(symbol.st_info) != STB_WEAK)
		return report_error(relocation->report,
				    "uses the symbol %s, which it does not define; define it, or declare it "
				    "weak and expect 0",
				    name_of(relocation, &symbol));
	if (symbol.st_shndx != SHN_UNDEF)
		*value = symbol.st_value + (symbol.st_shndx == SHN_ABS ? 0 : relocation->slide);
	return true;
}

/* System V psABI for AMD64, table 4.9. */
static bool apply(const struct relocation *relocation, const Elf64_Rela *entry)
{
	uint64_t type = ELF64_R_TYPE(entry->r_info);
	uint64_t addend = (uint64_t)entry->r_addend;
	uint64_t value = relocation->slide;

	if (type == R_X86_64_NONE)
		return true;
	if (type != R_X86_64_RELATIVE && type != R_X86_64_64 && type != R_X86_64_GLOB_DAT &&
	    type != R_X86_64_JUMP_SLOT)
		return report_error(relocation->report,
				    "has a relocation of type %" PRIu64 " for 0x%" PRIx64
				    ", which a kernel cannot have; build it without ifunc, target_clones "
				    "and thread-local variables, and link it with -static-pie",
				    type, entry->r_offset);
	if (!dynamic_target(relocation->elf, entry->r_offset, relocation->report))
		return false;
	if (type != R_X86_64_RELATIVE && !symbol_value(relocation, ELF64_R_SYM(entry->r_info), &value))
		return false;
	put(relocation, entry->r_offset,
	    value + (type == R_X86_64_RELATIVE || type == R_X86_64_64 ? addend : 0));
	return true;
}

static bool apply_table(const struct relocation *relocation, const struct dynamic_table *table,
			const char *tag)
{
	Elf64_Rela entry;
	const uint8_t *bytes;

	if (!table->size)
		return true;
	bytes = dynamic_table(relocation->elf, table, tag, sizeof(entry), relocation->report);
	for (uint64_t i = 0; bytes && i < table->size / sizeof(entry); i++) {
		memcpy(&entry, bytes + i * sizeof(entry), sizeof(entry));
		if (!apply(relocation, &entry))
			return false;
	}
	return bytes != NULL;
}

bool relocate(const struct elf *elf, uint8_t *image, uint64_t slide, const struct report *report)
{
	struct relocation relocation = {.elf = elf, .report = report, .image = image, .slide = slide};

	return dynamic_read(elf, &relocation.dynamic, report) &&
	       apply_table(&relocation, &relocation.dynamic.rela, "DT_RELA") &&
	       apply_table(&relocation, &relocation.dynamic.plt, "DT_JMPREL") &&
	       dynamic_relr(elf, &relocation.dynamic, add_slide, &relocation, report);
}
