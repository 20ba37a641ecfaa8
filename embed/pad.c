/* SPDX-License-Identifier: BSD-2-Clause */
#include "pad.h"

#include <string.h>

#define COMPARED_AT_ONCE (UINT64_C(4) << 20)

static uint64_t headers_end(const Elf64_Ehdr *header)
{
	return header->e_phoff + header->e_phnum * sizeof(Elf64_Phdr);
}

/* Whether the headers are the first bytes of the image already. */
static bool headers_in_image(const struct elf *elf)
{
	const Elf64_Phdr *first = &elf->loads[0];
	uint64_t table = elf->header.e_phoff;

	return first->p_offset == 0 && first->p_vaddr == elf->base && table >= sizeof(Elf64_Ehdr) &&
	       table % sizeof(uint64_t) == 0 && headers_end(&elf->header) <= first->p_filesz;
}

static Elf64_Phdr place_load(const struct layout *layout, const struct elf *elf, Elf64_Phdr load)
{
	load.p_offset = layout->header_size + (load.p_vaddr - elf->base);
	load.p_filesz = load.p_memsz;
	load.p_align = 4096;
	return load;
}

/* A segment that only points into others. What it points to is found again by address, or it is dropped. */
static Elf64_Phdr place_view(const struct layout *layout, const struct elf *elf, Elf64_Phdr view)
{
	const Elf64_Phdr nothing = {.p_type = PT_NULL};
	uint64_t offset = layout->header_size + (view.p_vaddr - elf->base);

	switch (view.p_type) {
	case PT_NULL:
		return nothing;
	case PT_GNU_RELRO:
		/* Linkers round its end up to a page, beyond its PT_LOAD; only its addresses mean something.
		 */
		if (!elf_load_at(elf, view.p_vaddr, 1))
			return nothing;
		view.p_offset = offset;
		if (view.p_filesz > layout->size - offset)
			view.p_filesz = layout->size - offset;
		return view;
	case PT_PHDR:
		/* gABI: only if the table is part of the memory image. */
		if (layout->header_size || view.p_offset != elf->header.e_phoff || !view.p_filesz)
			return nothing;
		break;
	case PT_DYNAMIC:
		/* check_dynamic() found it by address; core/ reads it and wants it whole. */
		if (!view.p_filesz)
			return nothing;
		view.p_offset = offset;
		view.p_memsz = view.p_filesz;
		return view;
	default:
		break;
	}
	if (!view.p_filesz) {
		/* PT_GNU_STACK, or a TLS segment that is all .tbss. */
		view.p_offset = view.p_memsz && elf_load_at(elf, view.p_vaddr, 0) ? offset : 0;
		return view;
	}
	if (!elf_load_of(elf, &view))
		return nothing;
	view.p_offset = offset;
	return view;
}

void layout_plan(struct layout *layout, const struct elf *elf)
{
	uint32_t load = 0;

	*layout = (struct layout){.header = elf->header};
	layout->header.e_shoff = 0;
	layout->header.e_shnum = 0;
	layout->header.e_shstrndx = SHN_UNDEF;
	layout->header.e_ehsize = sizeof(Elf64_Ehdr);
	if (!headers_in_image(elf)) {
		layout->header.e_phoff = sizeof(Elf64_Ehdr);
		layout->header_size = page_up(headers_end(&layout->header));
	}
	layout->size = layout->header_size + (elf->end - elf->base);

	for (uint32_t i = 0; i < elf->segment_count; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];

		if (segment->p_type != PT_LOAD)
			layout->segments[i] = place_view(layout, elf, *segment);
		else if (segment->p_memsz) /* gABI: in ascending order, which not every input keeps */
			layout->segments[i] = place_load(layout, elf, elf->loads[load++]);
	}
}

bool layout_write(const struct layout *layout, const struct elf *elf, const struct output *output)
{
	if (!output_resize(output, layout->size))
		return false;
	for (uint32_t i = 0; i < elf->load_count; i++) {
		const Elf64_Phdr *load = &elf->loads[i];

		if (!output_write(output, elf->data + load->p_offset, load->p_filesz,
				  place_load(layout, elf, *load).p_offset))
			return false;
	}
	return output_write(output, &layout->header, sizeof(layout->header), 0) &&
	       output_write(output, layout->segments, elf->segment_count * sizeof(layout->segments[0]),
			    layout->header.e_phoff);
}

static bool all_zero(const uint8_t *bytes, uint64_t size)
{
	return !size || (!bytes[0] && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Compares bytes `from` to `to` of two segments as they are in memory: zeros follow what is stored. */
static bool same_piece(const struct elf *a_elf, const Elf64_Phdr *a, const struct elf *b_elf,
		       const Elf64_Phdr *b, uint64_t from, uint64_t to)
{
	const uint8_t *a_data = a_elf->data + a->p_offset;
	const uint8_t *b_data = b_elf->data + b->p_offset;
	uint64_t a_end = a->p_filesz < to ? a->p_filesz : to;
	uint64_t b_end = b->p_filesz < to ? b->p_filesz : to;
	uint64_t both = a_end < b_end ? a_end : b_end;

	if (both < from)
		both = from;
	return memcmp(a_data + from, b_data + from, both - from) == 0 &&
	       (a_end <= both || all_zero(a_data + both, a_end - both)) &&
	       (b_end <= both || all_zero(b_data + both, b_end - both));
}

static void let_go(const struct elf *elf, const Elf64_Phdr *load, uint64_t from, uint64_t to)
{
	if (to > load->p_filesz)
		to = load->p_filesz;
	if (elf->mapped && from < to)
		input_let_go(elf->data + load->p_offset + from, to - from);
}

/* Piece by piece: what has been compared of two large files need not stay in memory. */
static bool same_bytes(const struct elf *a_elf, const Elf64_Phdr *a, const struct elf *b_elf,
		       const Elf64_Phdr *b, uint64_t from, uint64_t to)
{
	uint64_t stored = a->p_filesz > b->p_filesz ? a->p_filesz : b->p_filesz;

	if (to > stored)
		to = stored;
	while (from < to) {
		uint64_t end = to - from > COMPARED_AT_ONCE ? from + COMPARED_AT_ONCE : to;

		if (!same_piece(a_elf, a, b_elf, b, from, end))
			return false;
		let_go(a_elf, a, from, end);
		let_go(b_elf, b, from, end);
		from = end;
	}
	return true;
}

bool layout_same(const struct layout *a, const struct elf *a_elf, const struct layout *b,
		 const struct elf *b_elf)
{
	uint64_t from = 0;

	if (a->header_size != b->header_size || a->size != b->size ||
	    memcmp(&a->header, &b->header, sizeof(a->header)) != 0 ||
	    memcmp(a->segments, b->segments, sizeof(a->segments)) != 0)
		return false;
	for (uint32_t i = 0; i < a_elf->load_count; i++) {
		const Elf64_Phdr *a_load = &a_elf->loads[i];
		const Elf64_Phdr *b_load = &b_elf->loads[i];

		/* Headers in the image are written anew. */
		if (i == 0 && !a->header_size) {
			if (!same_bytes(a_elf, a_load, b_elf, b_load, sizeof(Elf64_Ehdr), a->header.e_phoff))
				return false;
			from = headers_end(&a->header);
		}
		if (!same_bytes(a_elf, a_load, b_elf, b_load, from, a_load->p_memsz))
			return false;
		from = 0;
	}
	return true;
}

bool is_padded(const struct elf *elf, uint64_t *header_size)
{
	struct layout layout;

	layout_plan(&layout, elf);
	*header_size = layout.header_size;
	return elf->size == layout.size && memcmp(elf->data, &layout.header, sizeof(layout.header)) == 0 &&
	       memcmp(elf->segments, layout.segments, sizeof(layout.segments)) == 0;
}
