/* SPDX-License-Identifier: BSD-2-Clause */
#include "elf_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ELF structures are used as they are in the file");

static bool within(uint64_t offset, uint64_t size, uint64_t limit)
{
	return size <= limit && offset <= limit - size;
}

static const char *machine_name(unsigned int machine)
{
	static const struct {
		unsigned int machine;
		const char *name;
	} names[] = {
		{EM_386, "i386"},        {EM_ARM, "ARM"},
		{EM_AARCH64, "AArch64"}, {EM_RISCV, "RISC-V"},
		{EM_PPC64, "PowerPC64"}, {EM_S390, "S/390"},
		{EM_MIPS, "MIPS"},       {EM_SPARCV9, "SPARC V9"},
		{EM_IA_64, "Itanium"},   {EM_LOONGARCH, "LoongArch"},
		{EM_BPF, "BPF"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "another machine";
}

static bool truncated(const struct elf *elf, const char *what, uint64_t offset, uint64_t size,
		      const struct report *report)
{
	return report_error(report,
			    "is truncated: its %s (%" PRIu64 " bytes at byte %" PRIu64
			    ") reaches beyond the file's %zu bytes; build or copy it again",
			    what, size, offset, elf->size);
}

static bool read_header(struct elf *elf, const struct report *report)
{
	Elf64_Ehdr *header = &elf->header;

	if (!elf->size)
		return report_error(report, "is empty; build it again, its link was interrupted or failed");
	if (elf->size < SELFMAG || memcmp(elf->data, ELFMAG, SELFMAG) != 0)
		return report_error(report, "is not an ELF file; give the kernel as its linker wrote it, "
					    "not a raw binary, archive or script");
	if (elf->size <= EI_DATA)
		return truncated(elf, "ELF header", 0, sizeof(*header), report);
	if (elf->data[EI_CLASS] != ELFCLASS64)
		return report_error(report, "is a 32-bit ELF file; build the kernel for x86-64 "
					    "(gcc -m64, ld -m elf_x86_64)");
	if (elf->data[EI_DATA] != ELFDATA2LSB)
		return report_error(report, "is a big-endian ELF file; build the kernel for x86-64");
	if (elf->size < sizeof(*header))
		return truncated(elf, "ELF header", 0, sizeof(*header), report);
	memcpy(header, elf->data, sizeof(*header));

	if (header->e_machine != EM_X86_64)
		return report_error(report, "is built for %s (e_machine %u); build the kernel for x86-64",
				    machine_name(header->e_machine), header->e_machine);
	if (header->e_type == ET_REL)
		return report_error(report, "is an object file that has not been linked; link it first "
					    "(ld -o kernel.elf kernel.o)");
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return report_error(report,
				    "is no executable (e_type %u); give the kernel as its linker wrote it",
				    header->e_type);
	return true;
}

static bool read_segments(struct elf *elf, const struct report *report)
{
	const Elf64_Ehdr *header = &elf->header;
	uint64_t size = header->e_phnum * sizeof(Elf64_Phdr);

	if (!header->e_phnum)
		return true;
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return report_error(report,
				    "has program headers of %u bytes (e_phentsize), an ELF64 file has 56; "
				    "link it again",
				    header->e_phentsize);
	if (header->e_phnum > ELF_SEGMENTS_MAX)
		return report_error(
			report,
			"has too many program headers (%s%u, at most %u); merge sections into fewer "
			"segments in the linker script",
			header->e_phnum == PN_XNUM ? "PN_XNUM, at least " : "", header->e_phnum,
			ELF_SEGMENTS_MAX);
	if (!within(header->e_phoff, size, elf->size))
		return truncated(elf, "program header table", header->e_phoff, size, report);
	memcpy(elf->segments, elf->data + header->e_phoff, size);
	elf->segment_count = header->e_phnum;
	return true;
}

static Elf64_Shdr section_header(const struct elf *elf, uint64_t index)
{
	Elf64_Shdr header;

	memcpy(&header, elf->data + elf->header.e_shoff + index * sizeof(header), sizeof(header));
	return header;
}

static bool read_sections(struct elf *elf, const struct report *report)
{
	const Elf64_Ehdr *header = &elf->header;
	uint64_t count = header->e_shnum;
	uint64_t names = header->e_shstrndx;

	if (!header->e_shoff)
		return true;
	if (count && header->e_shentsize != sizeof(Elf64_Shdr))
		return report_error(report,
				    "has section headers of %u bytes (e_shentsize), an ELF64 file has 64; "
				    "link it again",
				    header->e_shentsize);
	/* gABI, "ELF Header": numbers that do not fit stand in section header 0. */
	if (!within(header->e_shoff, sizeof(Elf64_Shdr), elf->size))
		return truncated(elf, "section header table", header->e_shoff, count * sizeof(Elf64_Shdr),
				 report);
	if (!count)
		count = section_header(elf, 0).sh_size;
	if (names == SHN_XINDEX)
		names = section_header(elf, 0).sh_link;
	if (count > (elf->size - header->e_shoff) / sizeof(Elf64_Shdr))
		return truncated(elf, "section header table", header->e_shoff, count * sizeof(Elf64_Shdr),
				 report);

	for (uint64_t i = 0; i < count; i++) {
		Elf64_Shdr section = section_header(elf, i);

		if (section.sh_type != SHT_NULL && section.sh_type != SHT_NOBITS && section.sh_size &&
		    !within(section.sh_offset, section.sh_size, elf->size))
			return truncated(elf, "section", section.sh_offset, section.sh_size, report);
	}
	elf->section_count = count;
	elf->section_names = names;
	return true;
}

static bool add_load(struct elf *elf, const Elf64_Phdr *load, const struct report *report)
{
	if (load->p_filesz > load->p_memsz)
		return report_error(report,
				    "has a segment at 0x%" PRIx64 " with more bytes in the file (%" PRIu64
				    ") than in memory (%" PRIu64 "); link it again",
				    load->p_vaddr, load->p_filesz, load->p_memsz);
	if (!load->p_memsz)
		return true;
	if (load->p_filesz && !within(load->p_offset, load->p_filesz, elf->size))
		return truncated(elf, "segment", load->p_offset, load->p_filesz, report);
	/* The last page stays free, so that the end of a segment's last page is a number. */
	if (!within(load->p_vaddr, load->p_memsz, page_down(UINT64_MAX)))
		return report_error(report,
				    "has a segment at 0x%" PRIx64 " of 0x%" PRIx64
				    " bytes, which wraps around the "
				    "end of the address space; link it lower",
				    load->p_vaddr, load->p_memsz);
	elf->loads[elf->load_count] = *load;
	if (!load->p_filesz)
		elf->loads[elf->load_count].p_offset = 0; /* of nothing, so it may have been any number */
	elf->load_count++;
	return true;
}

static int by_address(const void *left, const void *right)
{
	const Elf64_Phdr *a = left;
	const Elf64_Phdr *b = right;

	return (a->p_vaddr > b->p_vaddr) - (a->p_vaddr < b->p_vaddr);
}

static bool sort_loads(struct elf *elf, const struct report *report)
{
	const Elf64_Phdr *last;

	for (uint32_t i = 0; i < elf->segment_count; i++)
		if (elf->segments[i].p_type == PT_LOAD && !add_load(elf, &elf->segments[i], report))
			return false;
	if (!elf->load_count)
		return report_error(report,
				    "has no PT_LOAD segment, so nothing of it would be in memory; link it "
				    "as an executable");

	qsort(elf->loads, elf->load_count, sizeof(elf->loads[0]), by_address);
	for (uint32_t i = 1; i < elf->load_count; i++) {
		const Elf64_Phdr *lower = &elf->loads[i - 1];

		if (elf->loads[i].p_vaddr - lower->p_vaddr < lower->p_memsz)
			return report_error(report,
					    "has overlapping segments: 0x%" PRIx64 " bytes at 0x%" PRIx64
					    " reach into the one at 0x%" PRIx64
					    "; move one in the linker script",
					    lower->p_memsz, lower->p_vaddr, elf->loads[i].p_vaddr);
	}
	last = &elf->loads[elf->load_count - 1];
	elf->base = page_down(elf->loads[0].p_vaddr);
	elf->end = page_up(last->p_vaddr + last->p_memsz);
	return true;
}

bool elf_open(struct elf *elf, const uint8_t *data, size_t size, const struct report *report)
{
	*elf = (struct elf){.data = data, .size = size};
	return read_header(elf, report) && read_segments(elf, report) && read_sections(elf, report) &&
	       sort_loads(elf, report);
}

struct elf_section elf_section(const struct elf *elf, uint64_t index)
{
	struct elf_section section = {section_header(elf, index), ""};
	Elf64_Shdr names;

	if (elf->section_names >= elf->section_count)
		return section;
	names = section_header(elf, elf->section_names);
	if (names.sh_type == SHT_STRTAB && section.header.sh_name < names.sh_size) {
		const char *name = (const char *)elf->data + names.sh_offset + section.header.sh_name;

		if (memchr(name, 0, names.sh_size - section.header.sh_name))
			section.name = name;
	}
	return section;
}

bool elf_is_movable(const struct elf *elf)
{
	return elf->header.e_type == ET_DYN && !elf->base;
}

const Elf64_Phdr *elf_load_at(const struct elf *elf, uint64_t address, uint64_t size)
{
	for (uint32_t i = 0; i < elf->load_count; i++)
		if (address >= elf->loads[i].p_vaddr &&
		    within(address - elf->loads[i].p_vaddr, size, elf->loads[i].p_memsz))
			return &elf->loads[i];
	return NULL;
}

const uint8_t *elf_stored_at(const struct elf *elf, uint64_t address, uint64_t size)
{
	const Elf64_Phdr *load = elf_load_at(elf, address, size);

	if (!load || !within(address - load->p_vaddr, size, load->p_filesz))
		return NULL;
	return elf->data + load->p_offset + (address - load->p_vaddr);
}

const Elf64_Phdr *elf_load_of(const struct elf *elf, const Elf64_Phdr *segment)
{
	const Elf64_Phdr *load = elf_load_at(elf, segment->p_vaddr, segment->p_filesz);

	if (!load || !within(segment->p_vaddr - load->p_vaddr, segment->p_filesz, load->p_filesz) ||
	    segment->p_offset - load->p_offset != segment->p_vaddr - load->p_vaddr)
		return NULL;
	return load;
}
