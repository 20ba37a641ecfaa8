/* SPDX-License-Identifier: BSD-2-Clause */
/* The section .modules: what core/payload.h describes. */
#ifndef INFO_H
#define INFO_H

#include "report.h"

struct info_options {
	const char *kernel;       /* kernel.padded */
	const char *sha256;       /* its digest, 64 hexadecimal digits */
	const char *command_line; /* the kernel's */
	const char *modules;      /* "path[:name[:arguments]] ...", with double quotes as in a shell */
	const char *out;          /* the section's bytes */
	const char *ld;           /* linker script fragment: payload_header_size */
	const char *depfile;      /* what make must watch, or NULL */
};

bool info_write(const struct info_options *options, FILE *messages);

#endif
