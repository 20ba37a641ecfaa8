/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel that speaks the Limine boot protocol: found out from its file, before any machine has seen it. Its
 * requests are looked for where a Limine loader would look at boot, and all that the protocol refuses is
 * refused here.
 */
#ifndef EMBED_LIMINE_H
#define EMBED_LIMINE_H

#include "elf_file.h"
#include "include/twinboot.h"
#include "formats/limine_plan.h"

struct limine {
	const struct elf *elf;
	const struct report *report;
	uint64_t slide;
	uint8_t *image;    /* the kernel's memory, relocated */
	uint64_t size;     /* bytes of it, whole pages */
	uint64_t from, to; /* offsets between which requests count */
	uint32_t found_count;
	uint64_t found[LIMINE_REQUESTS_MAX]; /* offsets of the requests, answered or not */
	struct twinboot_needs needs;         /* of the adapter, on behalf of the kernel */
	struct limine_plan *plan;
};

/* Whether the kernel has a base revision tag, a start marker or a request. */
bool limine_is_spoken(const struct elf *elf);

/* Reads, checks and relocates all of it. `elf` must be the file as its linker wrote it: .limine_reqs is a
   section. To be freed with limine_free(), also after false. */
bool limine_read(struct limine *limine, const struct elf *elf, uint32_t image_mib,
		 const struct report *report);
void limine_free(struct limine *limine);

/* Internal modules: files beside the kernel's that the kernel itself names. */
#define LIMINE_INTERNAL_MAX 16u
struct limine_internal {
	char *path; /* to be freed; `name` is its end, with a slash in front */
	const char *name;
	const char *string; /* in the kernel's image */
};

/* Those whose files are there, with the right hash where the kernel gives one. One that is missing and required is an
   error, one that is missing is warned of. */
bool limine_internal_modules(const struct limine *limine, const char *kernel_path,
			     struct limine_internal modules[LIMINE_INTERNAL_MAX], uint32_t *count);

uint64_t limine_plan_size(const struct limine_plan *plan);

/* One line: the base revision, and what the kernel asks for. */
void limine_describe(const struct limine *limine, FILE *stream);

#endif
