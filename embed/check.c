/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"

#include "dynamic.h"
#include "needs.h"
#include "formats/layout.h"

#include <inttypes.h>
#include <string.h>

/* Fewer bytes of code than this hold no kernel. */
#define CODE_SUSPECT 16u

static bool check_interpreter(const struct elf *elf, const struct report *report)
{
	for (uint32_t i = 0; i < elf->segment_count; i++)
		if (elf->segments[i].p_type == PT_INTERP)
			return report_error(report,
					    "asks for a dynamic linker (PT_INTERP), which no loader has; "
					    "link it with -static, -static-pie or ld --no-dynamic-linker");
	return true;
}

static uint64_t code_in_sections(const struct elf *elf)
{
	uint64_t size = 0;

	for (uint64_t i = 0; i < elf->section_count; i++) {
		struct elf_section section = elf_section(elf, i);
		/* A file of debug symbols has the sections, but not their bytes. */
		uint64_t stored = section.header.sh_type == SHT_NOBITS ? 0 : section.header.sh_size;

		if (strcmp(section.name, ".text") == 0)
			return stored;
		if (section.header.sh_flags & SHF_EXECINSTR)
			size += stored;
	}
	return size;
}

static uint64_t code_in_segments(const struct elf *elf)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < elf->load_count; i++)
		if (elf->loads[i].p_flags & PF_X)
			size += elf->loads[i].p_filesz;
	return size;
}

static uint64_t code_size(const struct elf *elf)
{
	return elf->section_count ? code_in_sections(elf) : code_in_segments(elf);
}

static bool check_code(const struct elf *elf, const struct report *report)
{
	if (code_size(elf))
		return true;
	return report_error(report,
			    "has no code: .text is empty; check that the linker is given the objects, that "
			    "its script keeps .text and that --gc-sections has an ENTRY to start from");
}

/* A linker that finds no entry symbol in a shared object says 0, where the headers are. */
static bool is_header(const struct elf *elf, uint64_t offset)
{
	const Elf64_Ehdr *header = &elf->header;

	return offset < sizeof(*header) ||
	       (offset >= header->e_phoff &&
		offset - header->e_phoff < (uint64_t)header->e_phnum * sizeof(Elf64_Phdr));
}

static bool check_entry(const struct elf *elf, uint64_t entry, const struct report *report)
{
	const Elf64_Phdr *load = elf_load_at(elf, entry, 1);
	const uint8_t *code = elf_stored_at(elf, entry, 1);

	/* Zeros behind the bytes of a segment are no code either. */
	if (!load || !(load->p_flags & PF_X) || !code)
		return report_error(report,
				    "has its entry point 0x%" PRIx64
				    " outside every executable segment; name a function "
				    "in .text with ENTRY() in the linker script or with ld -e",
				    entry);
	if (is_header(elf, (uint64_t)(code - elf->data)))
		return report_error(report,
				    "has its entry point 0x%" PRIx64
				    " inside its ELF headers, so its linker found no entry symbol; name a "
				    "function with ENTRY() in the linker script or with ld -e",
				    entry);
	return true;
}

static bool overlap(const struct elf *elf, uint64_t base, uint64_t size)
{
	return elf->base < base + size && elf->end > base;
}

static bool check_addresses(const struct elf *elf, const struct report *report)
{
	const Elf64_Phdr *first = &elf->loads[0];
	const Elf64_Phdr *last = &elf->loads[elf->load_count - 1];

	if (!elf->base && elf->header.e_type == ET_EXEC)
		return report_error(report,
				    "has a segment at 0x%" PRIx64
				    ", in virtual page 0, which is never mapped; link it "
				    "at 1 MiB or above (a linker that puts the headers there stops with "
				    "-z max-page-size=4096)",
				    first->p_vaddr);
	for (uint32_t i = 0; i < elf->load_count; i++) {
		const Elf64_Phdr *load = &elf->loads[i];

		if (load->p_vaddr + load->p_memsz > LOWER_HALF_END && load->p_vaddr < HIGHER_HALF_BASE)
			return report_error(report,
					    "has a segment at 0x%" PRIx64
					    ", which is not canonical with four levels of "
					    "page tables; link it below 0x%" PRIx64 " or above 0x%" PRIx64,
					    load->p_vaddr, LOWER_HALF_END, HIGHER_HALF_BASE);
	}
	if (first->p_vaddr < LOWER_HALF_END && last->p_vaddr >= HIGHER_HALF_BASE)
		return report_error(
			report,
			"has segments in both halves of the address space, 0x%" PRIx64 " and 0x%" PRIx64
			", too far apart for any limit (which is at most %u MiB); link all of it into "
			"one half: it is entered in long mode and needs no trampoline below",
			first->p_vaddr, last->p_vaddr, IMAGE_MIB_MAX);
	if (overlap(elf, DIRECT_MAP_BASE, DIRECT_MAP_SIZE_MAX))
		return report_error(report,
				    "has a segment at 0x%" PRIx64
				    ", where the loader maps physical memory (64 TiB from "
				    "0x%" PRIx64 "); link it at 0x%" PRIx64,
				    first->p_vaddr, DIRECT_MAP_BASE, PIE_BASE);
	if (overlap(elf, LOADER_WINDOW_BASE, LOADER_WINDOW_SIZE))
		return report_error(report,
				    "has a segment at 0x%" PRIx64
				    ", where the loader maps its stacks (512 GiB from "
				    "0x%" PRIx64 "); link it at 0x%" PRIx64,
				    first->p_vaddr, LOADER_WINDOW_BASE, PIE_BASE);
	return true;
}

static uint64_t mib(uint64_t bytes)
{
	return (bytes >> 20) + !!(bytes & 0xfffff);
}

static bool check_size(const struct elf *elf, uint32_t image_mib, const struct report *report)
{
	uint64_t size = elf->end - elf->base;
	uint64_t used = 0;
	uint64_t widest = 0;
	uint32_t above = 0; /* the segment above the widest gap */

	if (elf_is_movable(elf) && size > page_down(UINT64_MAX) - PIE_BASE)
		return report_error(
			report,
			"takes %" PRIu64 " MiB of memory, and a position-independent kernel linked at 0 goes "
			"to 0x%" PRIx64 ", where only 2 GiB are left; link it at an address of its own",
			mib(size), PIE_BASE);
	if (mib(size) <= image_mib)
		return true;

	for (uint32_t i = 0; i < elf->load_count; i++) {
		const Elf64_Phdr *lower = &elf->loads[i ? i - 1 : 0];
		uint64_t gap = i ? elf->loads[i].p_vaddr - lower->p_vaddr - lower->p_memsz : 0;

		used += elf->loads[i].p_memsz;
		if (gap > widest) {
			widest = gap;
			above = i;
		}
	}
	if (mib(used) > IMAGE_MIB_MAX)
		return report_error(report,
				    "takes %" PRIu64
				    " MiB of memory and no limit allows more than %u MiB; make "
				    "it smaller, or let it take its large buffers from the memory map",
				    mib(used), IMAGE_MIB_MAX);
	if (mib(used) > image_mib)
		return report_error(
			report,
			"takes %" PRIu64 " MiB of memory and the limit is %u MiB; make it smaller, or "
			"raise the limit to %" PRIu64 " MiB (--max-image)",
			mib(used), image_mib, mib(size) <= IMAGE_MIB_MAX ? mib(size) : IMAGE_MIB_MAX);
	if (mib(size) > IMAGE_MIB_MAX)
		return report_error(report,
				    "has segments so far apart (a gap of %" PRIu64 " MiB below 0x%" PRIx64
				    ") that it would be padded to %" PRIu64 " MiB, the limit is %u MiB and "
				    "--max-image raises it to at most %u; link them closer together",
				    mib(widest), elf->loads[above].p_vaddr, mib(size), image_mib,
				    IMAGE_MIB_MAX);
	return report_error(report,
			    "has segments so far apart (a gap of %" PRIu64 " MiB below 0x%" PRIx64
			    ") that it would be padded to %" PRIu64
			    " MiB, the limit is %u MiB; link them closer "
			    "together, or raise the limit to %" PRIu64 " MiB (--max-image)",
			    mib(widest), elf->loads[above].p_vaddr, mib(size), image_mib, mib(size));
}

bool check_contents(const struct elf *elf, uint64_t entry, uint32_t image_mib, const struct report *report)
{
	return check_code(elf, report) && check_entry(elf, entry, report) &&
	       check_size(elf, image_mib, report);
}

bool check_kernel(const struct elf *elf, uint32_t image_mib, const struct report *report)
{
	struct twinboot_needs needs;

	return check_interpreter(elf, report) && check_dynamic(elf, report) && check_addresses(elf, report) &&
	       check_contents(elf, elf->header.e_entry, image_mib, report) && needs_read(elf, &needs, report);
}

static const char *permissions(uint32_t flags)
{
	static const char *const names[] = {"---", "--X", "-W-", "-WX", "R--", "R-X", "RW-", "RWX"};

	return names[flags & (PF_R | PF_W | PF_X)];
}

void check_warn(const struct elf *elf, const struct report *report)
{
	if (code_size(elf) < CODE_SUSPECT)
		report_warning(report,
			       "has only %" PRIu64
			       " bytes of code; check that its entry point and its linker "
			       "script bring in all of it",
			       code_size(elf));
	for (uint32_t i = 0; i < elf->load_count; i++) {
		const Elf64_Phdr *load = &elf->loads[i];
		const Elf64_Phdr *lower = &elf->loads[i ? i - 1 : 0];

		if (load->p_flags & PF_W && load->p_flags & PF_X)
			report_warning(report,
				       "has a segment at 0x%" PRIx64
				       " that is writable and executable, and gets "
				       "that; give code and data segments of their own",
				       load->p_vaddr);
		if (i && page_down(lower->p_vaddr + lower->p_memsz - 1) == page_down(load->p_vaddr) &&
		    lower->p_flags != load->p_flags)
			report_warning(report,
				       "has segments at 0x%" PRIx64 " (%s) and 0x%" PRIx64
				       " (%s) that share the page "
				       "0x%" PRIx64
				       ", which becomes %s; align them to 4096 in the linker script",
				       lower->p_vaddr, permissions(lower->p_flags), load->p_vaddr,
				       permissions(load->p_flags), page_down(load->p_vaddr),
				       permissions(lower->p_flags | load->p_flags));
	}
}
