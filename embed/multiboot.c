/* SPDX-License-Identifier: BSD-2-Clause */
#include "multiboot.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
/* Below lie the BIOS' data and, while it runs, the loader's own. */
#define LOWEST_ADDRESS UINT32_C(0x100000)
/* The last page stays free, so that the end of the last page is a number of 32 bits. */
#define HIGHEST_END UINT32_C(0xfffff000)
/* Every information tag that the specification has; 18 says that boot services are still there. */
#define INFORMATION_MAX           21u
#define INFORMATION_BOOT_SERVICES 18u

static bool within(uint64_t offset, uint64_t size, uint64_t limit)
{
	return size <= limit && offset <= limit - size;
}

/* ---- The headers ---- */

static const uint8_t *find(const uint8_t *file, size_t size, uint32_t search, uint32_t step,
			   size_t header_size, uint32_t magic, uint32_t words)
{
	size_t end = size < search ? size : search;

	for (size_t at = 0; within(at, header_size, end); at += step) {
		uint32_t head[4];
		uint32_t sum = 0;

		memcpy(head, file + at, words * sizeof(head[0]));
		for (uint32_t i = 0; i < words; i++)
			sum += head[i];
		if (head[0] == magic && sum == 0)
			return file + at;
	}
	return NULL;
}

/* Without the address fields, which only some headers have. */
#define MULTIBOOT1_LEAST 12u

static const uint8_t *find1(const uint8_t *file, size_t size)
{
	return find(file, size, MULTIBOOT1_SEARCH, 4, MULTIBOOT1_LEAST, MULTIBOOT1_HEADER, 3);
}

static const uint8_t *find2(const uint8_t *file, size_t size)
{
	return find(file, size, MULTIBOOT2_SEARCH, 8, sizeof(struct multiboot2_header), MULTIBOOT2_HEADER, 4);
}

bool multiboot_speaks(const uint8_t *file, size_t size, uint32_t protocol)
{
	return (protocol == 2 ? find2 : find1)(file, size) != NULL;
}

/* What the header says of the image itself: four addresses, and an entry. */
struct addresses {
	bool given;
	uint32_t header, load, load_end, bss_end;
	bool has_entry;
	uint32_t entry;
	size_t header_offset;
};

static void wish_text(struct multiboot_kernel *kernel)
{
	kernel->needs.flags |= TWINBOOT_KEEP_TEXT_MODE;
}

static void wish_mode(struct multiboot_kernel *kernel, const uint32_t mode[3])
{
	kernel->needs.flags &= ~(uint32_t)TWINBOOT_KEEP_TEXT_MODE;
	kernel->needs.framebuffer_width = mode[0];
	kernel->needs.framebuffer_height = mode[1];
	kernel->needs.framebuffer_bits_per_pixel = mode[2];
}

static bool read_header1(struct multiboot_kernel *kernel, struct addresses *addresses, const uint8_t *file,
			 size_t size, const struct report *report)
{
	const uint32_t known = MULTIBOOT1_ALIGN | MULTIBOOT1_MEMORY | MULTIBOOT1_VIDEO;
	const uint8_t *at = find1(file, size);
	struct multiboot1_header header = {0};
	size_t left = size - (size_t)(at - file);

	memcpy(&header, at, left < sizeof(header) ? left : sizeof(header));
	if (header.flags & MULTIBOOT1_REQUIRED & ~known)
		return report_error(
			report,
			"requires Multiboot features 0x%x that nobody has defined; use flags 0 to 2 "
			"of the specification",
			header.flags & MULTIBOOT1_REQUIRED & ~known);
	wish_text(kernel);
	if (header.flags & MULTIBOOT1_VIDEO && header.mode_type != MULTIBOOT1_TEXT)
		wish_mode(kernel, (uint32_t[]){header.width, header.height, header.depth});
	if (header.flags & MULTIBOOT1_ADDRESSES)
		*addresses = (struct addresses){true,
						header.header_address,
						header.load_address,
						header.load_end_address,
						header.bss_end_address,
						true,
						header.entry_address,
						0};
	addresses->header_offset = (size_t)(at - file);
	return true;
}

static bool read_request(const uint8_t *at, const struct multiboot2_header_entry *tag,
			 const struct report *report)
{
	for (uint32_t offset = 8; offset + 4 <= tag->size; offset += 4) {
		uint32_t wanted;

		memcpy(&wanted, at + offset, sizeof(wanted));
		if (wanted > INFORMATION_MAX || wanted == INFORMATION_BOOT_SERVICES)
			return report_error(
				report,
				"requires Multiboot2 information %u, which cannot be given: boot "
				"services are left before the kernel starts; make the request optional",
				wanted);
	}
	return true;
}

static bool read_relocatable(struct multiboot_kernel *kernel, const uint32_t values[4],
			     const struct report *report)
{
	kernel->data.flags |= MULTIBOOT_RELOCATABLE;
	kernel->least = values[0];
	kernel->greatest = values[1];
	kernel->alignment = values[2] > PAGE ? values[2] : PAGE;
	kernel->prefers_highest = values[3] == 2;
	if (kernel->alignment & (kernel->alignment - 1))
		return report_error(report, "wants an image alignment of 0x%x, which is no power of two",
				    kernel->alignment);
	return true;
}

/* Returns false for what is refused. `optional` tags may be passed over. */
static bool read_tag(struct multiboot_kernel *kernel, struct addresses *addresses, const uint8_t *at,
		     const struct multiboot2_header_entry *tag, const struct report *report)
{
	bool optional = tag->flags & MULTIBOOT2_OPTIONAL;
	const uint32_t *values = tag->values;

	switch (tag->type) {
	case MULTIBOOT2_HEADER_REQUEST:
		return optional || read_request(at, tag, report);
	case MULTIBOOT2_HEADER_ADDRESSES:
		addresses->given = true;
		addresses->header = values[0];
		addresses->load = values[1];
		addresses->load_end = values[2];
		addresses->bss_end = values[3];
		return true;
	case MULTIBOOT2_HEADER_ENTRY:
		addresses->has_entry = true;
		addresses->entry = values[0];
		return true;
	case MULTIBOOT2_HEADER_CONSOLE:
	case MULTIBOOT2_HEADER_ALIGN: /* modules lie at pages anyway */
		return true;
	case MULTIBOOT2_HEADER_FRAMEBUFFER:
		wish_mode(kernel, values);
		return true;
	case MULTIBOOT2_HEADER_RELOCATABLE:
		return read_relocatable(kernel, values, report);
	case MULTIBOOT2_HEADER_BOOT_SERVICES:
	case MULTIBOOT2_HEADER_ENTRY_EFI32:
	case MULTIBOOT2_HEADER_ENTRY_EFI64:
		return optional ||
		       report_error(
			       report,
			       "requires to be entered with UEFI's boot services (header tag %u), which "
			       "twinboot has left by then; make the tag optional, and give an i386 entry",
			       tag->type);
	default:
		return optional ||
		       report_error(report,
				    "requires a Multiboot2 header tag of type %u, which is unknown; "
				    "make it optional",
				    tag->type);
	}
}

static bool read_header2(struct multiboot_kernel *kernel, struct addresses *addresses, const uint8_t *file,
			 size_t size, const struct report *report)
{
	const uint8_t *at = find2(file, size);
	struct multiboot2_header header;
	struct multiboot2_header_entry tag;

	memcpy(&header, at, sizeof(header));
	addresses->header_offset = (size_t)(at - file);
	if (header.architecture != MULTIBOOT2_ARCHITECTURE)
		return report_error(report,
				    "has a Multiboot2 header for architecture %u; give one for i386 (0)",
				    header.architecture);
	if (!within(addresses->header_offset, header.length,
		    size < MULTIBOOT2_SEARCH ? size : MULTIBOOT2_SEARCH))
		return report_error(
			report,
			"has a Multiboot2 header of %u bytes, which runs out of the first 32 KiB; put "
			"its section first in the linker script",
			header.length);
	wish_text(kernel);
	for (uint32_t offset = sizeof(header);;) {
		uint32_t left = header.length > offset ? header.length - offset : 0;

		memset(&tag, 0, sizeof(tag));
		memcpy(&tag, at + offset, left < sizeof(tag) ? left : sizeof(tag));
		if (left < 8 || tag.size < 8 || tag.size > left)
			return report_error(report,
					    "has Multiboot2 header tags that run out of the header; end "
					    "them with a tag of type 0 and size 8");
		if (tag.type == MULTIBOOT2_HEADER_END)
			return true;
		if (!read_tag(kernel, addresses, at + offset, &tag, report))
			return false;
		offset += (tag.size + 7) & ~7u;
	}
}

/* ---- The image ---- */

static bool add_piece(struct multiboot_kernel *kernel, const uint8_t *file, size_t file_size, uint64_t offset,
		      uint64_t stored, uint64_t address, uint64_t size, const struct report *report)
{
	if (size == 0)
		return true;
	if (stored > size || !within(offset, stored, file_size))
		return report_error(report,
				    "is truncated: a segment of %" PRIu64 " bytes at byte %" PRIu64
				    " reaches beyond the file's %zu bytes; build or copy it again",
				    stored, offset, file_size);
	if (address < LOWEST_ADDRESS)
		return report_error(
			report,
			"loads at physical address 0x%" PRIx64
			", where the BIOS and the loader keep their data; link it at 1 MiB or above",
			address);
	if (!within(address, size, HIGHEST_END))
		return report_error(report,
				    "loads at physical address 0x%" PRIx64
				    ", and Multiboot knows 4 GiB; link it lower, or give p_paddr (AT in the "
				    "linker script)",
				    address);
	if (kernel->piece_count == MULTIBOOT_PIECES_MAX)
		return report_error(report, "has more than %u segments; merge some in the linker script",
				    MULTIBOOT_PIECES_MAX);
	kernel->pieces[kernel->piece_count++] =
		(struct multiboot_piece){file + offset, (uint32_t)stored, (uint32_t)size, (uint32_t)address};
	return true;
}

/* One program header of either class. */
struct segment {
	uint64_t offset, virtual, physical, stored, size;
};

static struct segment segment_at(const uint8_t *file, uint64_t offset, bool is_64)
{
	if (is_64) {
		Elf64_Phdr phdr;

		memcpy(&phdr, file + offset, sizeof(phdr));
		if (phdr.p_type != PT_LOAD)
			return (struct segment){0};
		return (struct segment){phdr.p_offset, phdr.p_vaddr, phdr.p_paddr, phdr.p_filesz,
					phdr.p_memsz};
	}
	Elf32_Phdr phdr;

	memcpy(&phdr, file + offset, sizeof(phdr));
	if (phdr.p_type != PT_LOAD)
		return (struct segment){0};
	return (struct segment){phdr.p_offset, phdr.p_vaddr, phdr.p_paddr, phdr.p_filesz, phdr.p_memsz};
}

/* The ELF header's fields that both classes have. */
struct elf_file {
	bool is_64;
	uint64_t entry, phoff, shoff;
	uint32_t phnum, phsize, shnum, shsize, shstrndx;
};

static bool elf_header(struct elf_file *elf, const uint8_t *file, size_t size)
{
	Elf64_Ehdr wide;
	Elf32_Ehdr narrow;

	if (size < sizeof(wide) || memcmp(file, ELFMAG, SELFMAG) != 0 || file[EI_DATA] != ELFDATA2LSB)
		return false;
	memcpy(&wide, file, sizeof(wide));
	memcpy(&narrow, file, sizeof(narrow));
	if (file[EI_CLASS] == ELFCLASS64 && wide.e_machine == EM_X86_64)
		*elf = (struct elf_file){true,         wide.e_entry,     wide.e_phoff,
					 wide.e_shoff, wide.e_phnum,     wide.e_phentsize,
					 wide.e_shnum, wide.e_shentsize, wide.e_shstrndx};
	else if (file[EI_CLASS] == ELFCLASS32 && narrow.e_machine == EM_386)
		*elf = (struct elf_file){false,          narrow.e_entry,     narrow.e_phoff,
					 narrow.e_shoff, narrow.e_phnum,     narrow.e_phentsize,
					 narrow.e_shnum, narrow.e_shentsize, narrow.e_shstrndx};
	else
		return false;
	return true;
}

static bool read_elf(struct multiboot_kernel *kernel, const uint8_t *file, size_t size,
		     const struct report *report)
{
	struct elf_file elf;

	if (!elf_header(&elf, file, size))
		return report_error(report,
				    "has a Multiboot header, but is neither an ELF file for i386 or x86-64 "
				    "nor has the header's address fields; build it for one of the two");
	if (elf.phsize != (elf.is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) ||
	    !within(elf.phoff, (uint64_t)elf.phnum * elf.phsize, size))
		return report_error(report,
				    "is truncated: its program headers lie outside of it; build or copy it "
				    "again");
	kernel->data.entry = (uint32_t)elf.entry;
	for (uint32_t i = 0; i < elf.phnum; i++) {
		struct segment s = segment_at(file, elf.phoff + (uint64_t)i * elf.phsize, elf.is_64);

		if (!add_piece(kernel, file, size, s.offset, s.stored, s.physical, s.size, report))
			return false;
		/* The entry is a virtual address where the two differ. */
		if (elf.entry >= s.virtual && elf.entry - s.virtual < s.size)
			kernel->data.entry = (uint32_t)(elf.entry - s.virtual + s.physical);
	}
	return true;
}

static bool read_addresses(struct multiboot_kernel *kernel, const struct addresses *a, const uint8_t *file,
			   size_t size, const struct report *report)
{
	uint64_t before = (uint64_t)a->header - a->load;
	uint64_t offset = a->header_offset - before;
	uint64_t stored = a->load_end ? (uint64_t)a->load_end - a->load : size - offset;
	uint64_t whole = a->bss_end ? (uint64_t)a->bss_end - a->load : stored;

	if (a->header < a->load || before > a->header_offset || (a->load_end && a->load_end < a->load) ||
	    (a->bss_end && a->bss_end < a->load + stored))
		return report_error(report,
				    "has Multiboot address fields that contradict each other (header 0x%x, "
				    "load 0x%x to 0x%x, bss to 0x%x); correct them, or leave them out of "
				    "an ELF file",
				    a->header, a->load, a->load_end, a->bss_end);
	return add_piece(kernel, file, size, offset, stored, a->load, whole, report);
}

static int by_address(const void *left, const void *right)
{
	const struct multiboot_piece *a = left;
	const struct multiboot_piece *b = right;

	return (a->address > b->address) - (a->address < b->address);
}

static bool settle_pieces(struct multiboot_kernel *kernel, const struct report *report)
{
	struct multiboot_piece *pieces = kernel->pieces;
	uint32_t last = kernel->piece_count - 1;

	if (kernel->piece_count == 0)
		return report_error(report,
				    "has no PT_LOAD segment, so nothing of it would be in memory; link it "
				    "as an executable");
	qsort(pieces, kernel->piece_count, sizeof(pieces[0]), by_address);
	for (uint32_t i = 0; i < last; i++)
		if (pieces[i + 1].address - pieces[i].address < pieces[i].size)
			return report_error(
				report,
				"has segments that overlap at physical address 0x%x; move one in the "
				"linker script",
				pieces[i + 1].address);
	kernel->data.base = pieces[0].address & ~(PAGE - 1);
	kernel->end = pieces[last].address + pieces[last].size;
	if (kernel->data.entry < kernel->data.base || kernel->data.entry >= kernel->end)
		return report_error(report,
				    "is entered at 0x%x, outside of its image at 0x%x to 0x%x; correct the "
				    "entry point",
				    kernel->data.entry, kernel->data.base, kernel->end);
	return true;
}

bool multiboot_read(struct multiboot_kernel *kernel, const uint8_t *file, size_t size, uint32_t protocol,
		    const struct report *report)
{
	struct addresses addresses = {0};

	if (!multiboot_speaks(file, size, protocol))
		return report_error(
			report,
			"has no Multiboot %u header in its first %u KiB; put its section first in "
			"the linker script",
			protocol, (protocol == 2 ? MULTIBOOT2_SEARCH : MULTIBOOT1_SEARCH) / 1024);
	*kernel = (struct multiboot_kernel){.data.protocol = protocol};
	kernel->needs.contract = TWINBOOT_CONTRACT_VERSION;
	kernel->needs.stack_size = TWINBOOT_STACK_DEFAULT;
	kernel->needs.flags = TWINBOOT_LEAVE_CPUS;
	if (!(protocol == 2 ? read_header2 : read_header1)(kernel, &addresses, file, size, report))
		return false;
	if (addresses.given ? !read_addresses(kernel, &addresses, file, size, report)
			    : !read_elf(kernel, file, size, report))
		return false;
	if (addresses.has_entry)
		kernel->data.entry = addresses.entry;
	return settle_pieces(kernel, report);
}

void multiboot_image(const struct multiboot_kernel *kernel, uint8_t *image)
{
	for (uint32_t i = 0; i < kernel->piece_count; i++)
		memcpy(image + (kernel->pieces[i].address - kernel->data.base), kernel->pieces[i].bytes,
		       kernel->pieces[i].stored);
}

/* ---- Symbols ---- */

/* A section header of either class, and back. */
static Elf64_Shdr section_get(const uint8_t *at, bool is_64)
{
	Elf64_Shdr wide;
	Elf32_Shdr narrow;

	if (is_64) {
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, at, sizeof(narrow));
	return (Elf64_Shdr){narrow.sh_name,      narrow.sh_type,   narrow.sh_flags, narrow.sh_addr,
			    narrow.sh_offset,    narrow.sh_size,   narrow.sh_link,  narrow.sh_info,
			    narrow.sh_addralign, narrow.sh_entsize};
}

static void section_put_address(uint8_t *at, bool is_64, uint32_t address)
{
	uint64_t wide = address;

	if (is_64)
		memcpy(at + offsetof(Elf64_Shdr, sh_addr), &wide, sizeof(wide));
	else
		memcpy(at + offsetof(Elf32_Shdr, sh_addr), &address, sizeof(address));
}

static bool is_carried(const Elf64_Shdr *section)
{
	return !(section->sh_flags & SHF_ALLOC) && section->sh_type != SHT_NULL &&
	       section->sh_type != SHT_NOBITS && section->sh_size != 0;
}

bool multiboot_symbols(struct multiboot_kernel *kernel, const uint8_t *file, size_t size, uint8_t **symbols,
		       size_t *symbols_size, const struct report *report)
{
	struct elf_file elf;
	uint64_t table, end;

	*symbols = NULL;
	*symbols_size = 0;
	if (!elf_header(&elf, file, size) || elf.shnum == 0)
		return true;
	table = (uint64_t)elf.shnum * elf.shsize;
	if (elf.shsize != (elf.is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr)) ||
	    !within(elf.shoff, table, size))
		return report_error(report,
				    "is truncated: its section headers lie outside of it; build or copy it "
				    "again, or strip it");
	end = (table + 15) & ~UINT64_C(15);
	for (uint32_t i = 0; i < elf.shnum; i++) {
		Elf64_Shdr section = section_get(file + elf.shoff + (uint64_t)i * elf.shsize, elf.is_64);

		if (!is_carried(&section))
			continue;
		if (!within(section.sh_offset, section.sh_size, size))
			return report_error(report,
					    "is truncated: a section lies outside of it; build or copy it "
					    "again, or strip it");
		end += (section.sh_size + 15) & ~UINT64_C(15);
	}
	if (end > UINT32_MAX)
		return report_error(report, "has symbols of more than 4 GiB; strip it");
	*symbols = calloc(1, end);
	if (!*symbols)
		return report_error(report, "has symbols that do not fit the memory; free some, or strip it");
	*symbols_size = end;
	memcpy(*symbols, file + elf.shoff, table);
	end = (table + 15) & ~UINT64_C(15);
	for (uint32_t i = 0; i < elf.shnum; i++) {
		uint8_t *header = *symbols + (uint64_t)i * elf.shsize;
		Elf64_Shdr section = section_get(header, elf.is_64);

		if (!is_carried(&section))
			continue;
		memcpy(*symbols + end, file + section.sh_offset, section.sh_size);
		section_put_address(header, elf.is_64, (uint32_t)end);
		end += (section.sh_size + 15) & ~UINT64_C(15);
	}
	kernel->data.flags |= MULTIBOOT_HAS_SECTIONS;
	kernel->data.section_count = elf.shnum;
	kernel->data.section_size = elf.shsize;
	kernel->data.section_names = elf.shstrndx;
	return true;
}
