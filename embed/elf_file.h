/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF64 file for x86-64, seen through its program headers. Everything works on a buffer and believes
 * nothing in it: after elf_open() every offset and size in struct elf stays within the buffer, every
 * address range within 64 bits.
 */
#ifndef ELF_FILE_H
#define ELF_FILE_H

#include "report.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 128u

struct elf {
	const uint8_t *data;
	size_t size;
	bool mapped; /* set by who mapped `data` with input_open() */
	Elf64_Ehdr header;
	Elf64_Phdr segments[ELF_SEGMENTS_MAX]; /* the program headers as they are in the file */
	uint32_t segment_count;
	uint32_t load_count;
	Elf64_Phdr loads[ELF_SEGMENTS_MAX]; /* each PT_LOAD that takes memory, by address; none overlap */
	uint64_t base;                      /* the page of the first one */
	uint64_t end;                       /* behind the last page of the last one */
	uint64_t section_count;             /* 0: no section headers */
	uint64_t section_names;             /* index of the section with the names */
};

struct elf_section {
	Elf64_Shdr header;
	const char *name; /* "" if it has none */
};

/* Nothing of `data` is copied: it must outlive `elf`. */
bool elf_open(struct elf *elf, const uint8_t *data, size_t size, const struct report *report);

/* `index` is below section_count. */
struct elf_section elf_section(const struct elf *elf, uint64_t index);

/* Whether the kernel leaves its address to the loader: a static PIE linked at 0. */
bool elf_is_movable(const struct elf *elf);

/* The PT_LOAD in which all `size` bytes at a virtual address lie, or NULL. */
const Elf64_Phdr *elf_load_at(const struct elf *elf, uint64_t address, uint64_t size);
/* The PT_LOAD that brings a segment's bytes from this very place in the file into memory, or NULL. */
const Elf64_Phdr *elf_load_of(const struct elf *elf, const Elf64_Phdr *segment);
/* The bytes that the file has for a virtual address, or NULL where it has not all of them. */
const uint8_t *elf_stored_at(const struct elf *elf, uint64_t address, uint64_t size);

static inline uint64_t page_down(uint64_t address)
{
	return address & ~UINT64_C(4095);
}

static inline uint64_t page_up(uint64_t address)
{
	return page_down(address + 4095);
}

#endif
