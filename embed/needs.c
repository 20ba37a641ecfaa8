/* SPDX-License-Identifier: BSD-2-Clause */
#include "needs.h"

#include "formats/layout.h"

#include <inttypes.h>
#include <string.h>

static const char note_name[] = "twinboot";

static uint64_t note_align(uint32_t size)
{
	return (size + UINT64_C(3)) & ~UINT64_C(3);
}

static bool take_note(const Elf64_Nhdr *header, const uint8_t *description, const uint8_t **found,
		      const struct report *report)
{
	if (header->n_type != TWINBOOT_NOTE_TYPE)
		return report_error(
			report,
			"has a twinboot note of the unknown type %u; build it with this version's "
			"twinboot.h or take a newer twinboot",
			header->n_type);
	/* A later contract may append. */
	if (header->n_descsz < sizeof(struct twinboot_needs))
		return report_error(report,
				    "has a twinboot note of %u bytes, it takes %zu; state the needs with "
				    "TWINBOOT_NEEDS()",
				    header->n_descsz, sizeof(struct twinboot_needs));
	/* Two PT_NOTE segments may cover one section. */
	if (*found && *found != description)
		return report_error(report, "has two twinboot notes; use TWINBOOT_NEEDS() only once");
	*found = description;
	return true;
}

/*
 * Notes are padded to 4 bytes, or to 8 in a segment so aligned (.note.gnu.property); linker scripts merge
 * both kinds into one segment and put zeros between them. No note has an empty name, so walking in steps of
 * 4 over zeros finds every note in either.
 */
static bool walk_notes(const uint8_t *notes, uint64_t size, const uint8_t **found,
		       const struct report *report)
{
	uint64_t offset = 0;
	Elf64_Nhdr header;

	while (offset < size && size - offset >= sizeof(header)) {
		uint64_t rest = size - offset - sizeof(header);
		const uint8_t *name = notes + offset + sizeof(header);
		uint64_t name_size;

		memcpy(&header, notes + offset, sizeof(header));
		if (!header.n_namesz) {
			offset += 4;
			continue;
		}
		name_size = note_align(header.n_namesz);
		if (name_size > rest || header.n_descsz > rest - name_size)
			return report_error(
				report,
				"has a malformed ELF note (byte %" PRIu64 " of %" PRIu64
				" in its notes); state the needs with TWINBOOT_NEEDS() and keep note "
				"sections free of anything else",
				offset, size);
		if (header.n_namesz == sizeof(note_name) && memcmp(name, note_name, sizeof(note_name)) == 0 &&
		    !take_note(&header, name + name_size, found, report))
			return false;
		offset += sizeof(header) + name_size + note_align(header.n_descsz);
	}
	return true;
}

/* A linker script with PHDRS but without PT_NOTE would silently lose the needs. */
static bool check_lost_note(const struct elf *elf, const struct report *report)
{
	const struct report quiet = {report->file, NULL};
	const uint8_t *found = NULL;

	for (uint64_t i = 0; i < elf->section_count; i++) {
		Elf64_Shdr header = elf_section(elf, i).header;

		if (header.sh_type == SHT_NOTE)
			walk_notes(elf->data + header.sh_offset, header.sh_size, &found, &quiet);
	}
	return !found ||
	       report_error(report, "has its twinboot note in no loaded PT_NOTE segment, so its needs would "
				    "be ignored; add 'note PT_NOTE;' to PHDRS and ':text :note' to "
				    ".note.twinboot in the linker script");
}

static bool find_note(const struct elf *elf, const uint8_t **found, const struct report *report)
{
	*found = NULL;
	for (uint32_t i = 0; i < elf->segment_count; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];

		if (segment->p_type == PT_NOTE && elf_load_of(elf, segment) &&
		    !walk_notes(elf->data + segment->p_offset, segment->p_filesz, found, report))
			return false;
	}
	return *found || check_lost_note(elf, report);
}

#define CONTRACT_1_FLAGS \
	(TWINBOOT_NEED_FRAMEBUFFER | TWINBOOT_NEED_IDENTITY_MAP | TWINBOOT_NEED_IN_PLACE | \
	 TWINBOOT_WANT_LEVEL5_PAGING | TWINBOOT_NEED_LEVEL5_PAGING | TWINBOOT_LEAVE_CPUS)
#define CONTRACT_2_FLAGS \
	(TWINBOOT_KEEP_TEXT_MODE | TWINBOOT_WANT_X2APIC | TWINBOOT_WANT_XAPIC | TWINBOOT_WANT_LINUX_TABLES | \
	 TWINBOOT_NO_EXCEPTION_NET)

static bool check_flags(uint32_t contract, uint32_t flags, const struct report *report)
{
	const uint32_t text = TWINBOOT_KEEP_TEXT_MODE | TWINBOOT_NEED_FRAMEBUFFER;
	const uint32_t apic = TWINBOOT_WANT_X2APIC | TWINBOOT_WANT_XAPIC;

	if (flags & ~(CONTRACT_1_FLAGS | CONTRACT_2_FLAGS))
		return report_error(report,
				    "has a twinboot note with unknown flags 0x%x; use those of enum "
				    "twinboot_need_flags",
				    flags & ~(CONTRACT_1_FLAGS | CONTRACT_2_FLAGS));
	if (contract == 1 && flags & CONTRACT_2_FLAGS)
		return report_error(
			report,
			"has a twinboot note that says contract 1 and has flags of contract 2 (0x%x); "
			"state the needs with TWINBOOT_NEEDS()",
			flags & CONTRACT_2_FLAGS);
	if ((flags & text) == text)
		return report_error(report,
				    "needs a framebuffer and asks to keep the text mode; a screen is in "
				    "one mode: leave one of the two out");
	if ((flags & apic) == apic)
		return report_error(report,
				    "asks for local APICs in x2APIC and in xAPIC mode; leave one of the "
				    "two out");
	return true;
}

static bool check_needs(const struct elf *elf, const struct twinboot_needs *needs,
			const struct report *report)
{
	if (needs->contract > TWINBOOT_CONTRACT_VERSION)
		return report_error(
			report,
			"needs contract version %u, this twinboot has version %u; take a newer twinboot or "
			"build the kernel with an older twinboot.h",
			needs->contract, TWINBOOT_CONTRACT_VERSION);
	if (!check_flags(needs->contract, needs->flags, report))
		return false;
	if (needs->stack_size > TWINBOOT_STACK_MAX)
		return report_error(
			report,
			"asks for a stack of %u bytes, at most %u are given; ask for less, and let the "
			"kernel make a larger stack of its own",
			needs->stack_size, TWINBOOT_STACK_MAX);
	if (needs->flags & TWINBOOT_NEED_IN_PLACE && elf_is_movable(elf))
		return report_error(
			report,
			"asks to lie at its linked address (TWINBOOT_NEED_IN_PLACE), but is a static PIE "
			"linked at 0, which goes to 0x%" PRIx64 "; link it with -no-pie at 2 MiB",
			PIE_BASE);
	if (needs->flags & TWINBOOT_NEED_IN_PLACE && elf->base >= HIGHER_HALF_BASE)
		return report_error(
			report,
			"asks to lie at its linked address (TWINBOOT_NEED_IN_PLACE), but is linked at "
			"0x%" PRIx64 ", where no physical memory is; link it low, at 2 MiB, or do not ask",
			elf->base);
	return true;
}

bool needs_has_note(const struct elf *elf)
{
	const struct report quiet = {"", NULL};
	const uint8_t *note;

	return find_note(elf, &note, &quiet) && note;
}

bool needs_read(const struct elf *elf, struct twinboot_needs *needs, const struct report *report)
{
	const uint8_t *note;

	*needs = (struct twinboot_needs){0};
	if (!find_note(elf, &note, report))
		return false;
	if (note)
		memcpy(needs, note, sizeof(*needs));
	if (!check_needs(elf, needs, report))
		return false;
	if (!needs->contract)
		needs->contract = TWINBOOT_CONTRACT_VERSION;
	if (!needs->stack_size)
		needs->stack_size = TWINBOOT_STACK_DEFAULT;
	needs->stack_size = (uint32_t)page_up(needs->stack_size);
	return true;
}
