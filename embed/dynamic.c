/* SPDX-License-Identifier: BSD-2-Clause */
#include "dynamic.h"

#include <inttypes.h>
#include <string.h>

/* Newer than some <elf.h>, and Android's packed tables, which lld writes too. */
#ifndef DT_RELR
#define DT_RELRSZ  35
#define DT_RELR    36
#define DT_RELRENT 37
#endif
#define DT_ANDROID_REL  0x6000000f
#define DT_ANDROID_RELA 0x60000011

static void read_tag(struct dynamic *dynamic, const Elf64_Dyn *entry)
{
	uint64_t value = entry->d_un.d_val;

	switch (entry->d_tag) {
	case DT_NEEDED:
		dynamic->needs_library = true;
		break;
	case DT_RELA:
		dynamic->rela.address = value;
		break;
	case DT_RELASZ:
		dynamic->rela.size = value;
		break;
	case DT_RELAENT:
		dynamic->rela.entry_size = value;
		break;
	case DT_RELR:
		dynamic->relr.address = value;
		break;
	case DT_RELRSZ:
		dynamic->relr.size = value;
		break;
	case DT_RELRENT:
		dynamic->relr.entry_size = value;
		break;
	case DT_RELSZ:
		dynamic->rel_size = value;
		break;
	case DT_JMPREL:
		dynamic->plt.address = value;
		break;
	case DT_PLTRELSZ:
		dynamic->plt.size = value;
		break;
	case DT_PLTREL:
		dynamic->plt.entry_size = value == DT_RELA ? sizeof(Elf64_Rela) : sizeof(Elf64_Rel);
		break;
	case DT_SYMTAB:
		dynamic->symbols = value;
		break;
	case DT_STRTAB:
		dynamic->names = value;
		break;
	case DT_ANDROID_REL:
	case DT_ANDROID_RELA:
		dynamic->packed = true;
		break;
	default:
		break;
	}
}

const uint8_t *dynamic_table(const struct elf *elf, const struct dynamic_table *table, const char *tag,
			     uint64_t entry_size, const struct report *report)
{
	const uint8_t *bytes = elf_stored_at(elf, table->address, table->size);

	if (table->entry_size != entry_size || table->size % entry_size) {
		report_error(report,
			     "has a %s table of %" PRIu64 " bytes in entries of %" PRIu64
			     ", an entry has %" PRIu64 "; link it again",
			     tag, table->size, table->entry_size, entry_size);
		return NULL;
	}
	if (!bytes)
		report_error(report,
			     "has its %s table (%" PRIu64 " bytes at 0x%" PRIx64
			     ") outside its segments; keep "
			     ".rela.dyn and .relr.dyn in a PT_LOAD segment in the linker script",
			     tag, table->size, table->address);
	return bytes;
}

bool dynamic_target(const struct elf *elf, uint64_t address, const struct report *report)
{
	if (elf_load_at(elf, address, sizeof(uint64_t)))
		return true;
	return report_error(report,
			    "has a relocation at 0x%" PRIx64 ", outside its segments; keep the section it "
			    "belongs to in a PT_LOAD segment in the linker script",
			    address);
}

static const char *relocation_name(uint64_t type)
{
	switch (type) {
	case R_X86_64_64:
		return "R_X86_64_64";
	case R_X86_64_GLOB_DAT:
		return "R_X86_64_GLOB_DAT";
	case R_X86_64_JUMP_SLOT:
		return "R_X86_64_JUMP_SLOT";
	case R_X86_64_DTPMOD64:
		return "R_X86_64_DTPMOD64";
	case R_X86_64_TPOFF64:
		return "R_X86_64_TPOFF64";
	case R_X86_64_IRELATIVE:
		return "R_X86_64_IRELATIVE";
	default:
		return "relocation";
	}
}

static bool refuse_types(const struct elf *elf, const uint8_t *table, uint64_t count, const Elf64_Rela *first,
			 const struct report *report)
{
	uint64_t type = ELF64_R_TYPE(first->r_info);
	uint64_t same = 0;
	Elf64_Rela entry;

	for (uint64_t i = 0; i < count; i++) {
		memcpy(&entry, table + i * sizeof(entry), sizeof(entry));
		same += ELF64_R_TYPE(entry.r_info) == type;
	}
	return report_error(
		report,
		"has %" PRIu64 " relocation(s) of type %" PRIu64 " (%s), the first for 0x%" PRIx64
		", and only relative ones are applied; %s",
		same, type, relocation_name(type), first->r_offset,
		type == R_X86_64_IRELATIVE ? "build it without ifunc and target_clones"
		: elf->header.e_type == ET_DYN
			? "link it with -static-pie and not -shared, and define every symbol, weak "
			  "ones too, or link it with -no-pie"
			: "link it with -static, and define every symbol, weak ones too");
}

static bool check_rela(const struct elf *elf, const struct dynamic_table *table, const struct report *report)
{
	const uint8_t *bytes;
	Elf64_Rela entry;

	if (!table->size)
		return true;
	bytes = dynamic_table(elf, table, "DT_RELA", sizeof(entry), report);
	if (!bytes)
		return false;
	for (uint64_t i = 0; i < table->size / sizeof(entry); i++) {
		memcpy(&entry, bytes + i * sizeof(entry), sizeof(entry));
		if (ELF64_R_TYPE(entry.r_info) == R_X86_64_NONE)
			continue;
		if (ELF64_R_TYPE(entry.r_info) != R_X86_64_RELATIVE)
			return refuse_types(elf, bytes, table->size / sizeof(entry), &entry, report);
		if (!dynamic_target(elf, entry.r_offset, report))
			return false;
	}
	return true;
}

/* gABI, "Relative Relocation Table": an even word is the address of a relocation, an odd one a bitmap of the
   63 words that follow what the table has described so far. */
bool dynamic_relr(const struct elf *elf, const struct dynamic *dynamic, void (*visit)(void *, uint64_t),
		  void *context, const struct report *report)
{
	const struct dynamic_table *table = &dynamic->relr;
	const uint8_t *bytes;
	uint64_t next = 0;
	uint64_t word;

	if (!table->size)
		return true;
	bytes = dynamic_table(elf, table, "DT_RELR", sizeof(word), report);
	if (!bytes)
		return false;
	for (uint64_t i = 0; i < table->size / sizeof(word); i++) {
		memcpy(&word, bytes + i * sizeof(word), sizeof(word));
		uint64_t bits = word & 1 ? word >> 1 : 1;

		if (!(word & 1))
			next = word;
		else if (!i)
			return report_error(report,
					    "has a DT_RELR table that starts with a bitmap; link it again");
		for (uint64_t address = next; bits; bits >>= 1, address += sizeof(word)) {
			if (!(bits & 1))
				continue;
			if (!dynamic_target(elf, address, report))
				return false;
			if (visit)
				visit(context, address);
		}
		next += (word & 1 ? 63 : 1) * sizeof(word);
	}
	return true;
}

static bool check_tags(const struct dynamic *dynamic, const struct report *report)
{
	if (dynamic->needs_library)
		return report_error(report,
				    "needs shared libraries (DT_NEEDED), which no loader has; link it with "
				    "-static or -static-pie");
	if (dynamic->rel_size || dynamic->packed)
		return report_error(report,
				    "has relocations in a form that x86-64 does not use (%s); link it with "
				    "ld -z norel --pack-dyn-relocs=none",
				    dynamic->packed ? "Android's packed tables" : "DT_REL");
	return true;
}

/* The bytes of PT_DYNAMIC: what counts is what its address shows, as for every program that relocates itself.
 */
static bool find_tags(const struct elf *elf, const uint8_t **tags, uint64_t *size,
		      const struct report *report)
{
	for (uint32_t i = 0; i < elf->segment_count; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];

		if (segment->p_type != PT_DYNAMIC || !segment->p_filesz)
			continue;
		if (*tags)
			return report_error(report,
					    "has two PT_DYNAMIC segments; keep one in the linker script");
		*tags = elf_stored_at(elf, segment->p_vaddr, segment->p_filesz);
		*size = segment->p_filesz;
		if (!*tags)
			return report_error(
				report,
				"has its PT_DYNAMIC at 0x%" PRIx64 " outside its PT_LOAD segments, so "
				"it cannot be relocated; give .dynamic to both in the linker script",
				segment->p_vaddr);
	}
	return true;
}

bool dynamic_read(const struct elf *elf, struct dynamic *dynamic, const struct report *report)
{
	const uint8_t *tags = NULL;
	uint64_t size = 0;
	Elf64_Dyn entry;

	*dynamic = (struct dynamic){0};
	if (!find_tags(elf, &tags, &size, report))
		return false;
	for (uint64_t i = 0; i < size / sizeof(entry); i++) {
		memcpy(&entry, tags + i * sizeof(entry), sizeof(entry));
		if (entry.d_tag == DT_NULL)
			break;
		read_tag(dynamic, &entry);
	}
	return check_tags(dynamic, report);
}

bool check_dynamic(const struct elf *elf, const struct report *report)
{
	struct dynamic dynamic;

	if (!dynamic_read(elf, &dynamic, report))
		return false;
	if (dynamic.plt.size)
		return report_error(
			report,
			"has %" PRIu64 " bytes of relocations for a PLT (DT_JMPREL), and only relative "
			"ones are applied; link it with -static-pie and not -shared, define every "
			"symbol, and build it without ifunc",
			dynamic.plt.size);
	return check_rela(elf, &dynamic.rela, report) && dynamic_relr(elf, &dynamic, NULL, NULL, report);
}
