/* SPDX-License-Identifier: BSD-2-Clause */
/* The manifest (formats/manifest.h) and the parts that it describes beside the kernel. */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include "modules.h"

struct payload_options {
	const char *kernel;       /* kernel.padded */
	const char *command_line; /* the kernel's */
	struct modules *modules;  /* opened */
	uint32_t flags;           /* enum manifest_flags */
	/* What an adapter wants besides: needs on behalf of its kernel, memory, and bytes that only it
	   understands. */
	struct twinboot_needs
		wishes; /* flags are added to the kernel's own, other fields replace them unless 0 */
	const struct manifest_place *places;
	uint32_t place_count;
	uint32_t adapter_data_size; /* bytes */
	const void *adapter_data;
	const char *directory; /* where manifest.bin is written, and a file for each part: modules.bin, … */
	const char *depfile;   /* what make must watch for `target`, or NULL */
	const char *target;
};

/* manifest.bin comes last: where it is, the parts are. */
bool payload_write(const struct payload_options *options, FILE *messages);

/* Linker script fragment: where legacy.elf has the kernel. */
bool payload_write_place(const char *kernel, const char *out, FILE *messages);

#endif
