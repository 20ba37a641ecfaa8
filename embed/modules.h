/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that travel beside the kernel. */
#ifndef MODULES_H
#define MODULES_H

#include "file.h"
#include "formats/manifest.h"

#define MODULES_SECTION ".modules" /* where ordinary modules and helpers go */
#define FOREIGN_SECTION ".foreign" /* the kernel that an adapter starts */

struct module {
	const char *path; /* NULL: its bytes are no file's, and were there before */
	const char *name;
	const char *arguments;
	const char *section; /* of the UEFI loader's file; modules of one section follow one another */
	uint32_t role;       /* enum twinboot_role */
	struct input input;  /* the file, once modules_open() was there */
};

struct modules {
	char *text; /* holds what modules_parse() has cut up */
	struct module list[MANIFEST_MODULES_MAX];
	uint32_t count;
};

/* Adds what MODULES= names: "path[:name[:arguments]] ...", with double quotes as in a shell. Once. */
bool modules_parse(struct modules *modules, const char *text, FILE *messages);
/* Adds one more; its strings must outlive `modules`. */
bool modules_add(struct modules *modules, struct module module, FILE *messages);
/* Maps every file. */
bool modules_open(struct modules *modules, FILE *messages);
void modules_close(struct modules *modules);

#endif
