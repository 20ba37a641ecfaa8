/* SPDX-License-Identifier: BSD-2-Clause */
/* The headers of the UEFI loader's file. */
#ifndef IMAGES_PE_H
#define IMAGES_PE_H

#include "image.h"
#include "formats/pe.h"

/* A copy of its first page, in which all headers are, to be read or changed. */
struct pe {
	struct report report;
	uint64_t size;   /* bytes of the file */
	uint32_t offset; /* of the PE signature */
	uint8_t head[PE_PAGE];
	struct pe_headers *headers; /* in `head`, like the sections */
	struct pe_section_header *sections;
};

/* Refuses what is no PE32+ file for x86-64 with its headers in the first page, its sections aligned to pages and in the
   file. `head` are the file's first bytes, at least PE_PAGE of them if the file has so many. */
bool pe_read(struct pe *pe, const void *head, uint64_t size, const struct report *report);

bool pe_is_named(const struct pe_section_header *section, const char *name);
/* NULL if there is none, which has been reported. */
struct pe_section_header *pe_find(const struct pe *pe, const char *name);

/* Whether the file that begins there has the checksum that its header names, or names none. */
bool pe_checksum_agrees(const struct image *image, uint64_t file, uint32_t size, bool *agrees);

#endif
