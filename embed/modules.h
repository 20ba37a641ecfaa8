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

/* What a list of files is for. */
struct module_kind {
	const char *variable; /* that names them: MODULES, INITRD, ... */
	const char *section;  /* as in struct module */
	uint32_t role;
};

#define MODULES_LISTS_MAX 3u

struct modules {
	char *lists[MODULES_LISTS_MAX]; /* hold what modules_parse() has cut up */
	uint32_t list_count;
	struct module list[MANIFEST_MODULES_MAX];
	uint32_t count;
};

/* Adds a list, "path[:name[:arguments]] ...", with double quotes as in a shell. At most MODULES_LISTS_MAX times. */
bool modules_parse(struct modules *modules, const struct module_kind *kind, const char *text, FILE *messages);
/* Adds one more; its strings must outlive `modules`. `variable` is what a message blames. */
bool modules_add(struct modules *modules, struct module module, const char *variable, FILE *messages);
/* Maps every file. */
bool modules_open(struct modules *modules, FILE *messages);
void modules_close(struct modules *modules);

#endif
