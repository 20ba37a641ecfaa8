/* SPDX-License-Identifier: BSD-2-Clause */
/* What the verbs of `twinboot` share. */
#ifndef TOOL_H
#define TOOL_H

#include <stdbool.h>
#include <stdio.h>

/* Documented in docs/command.md. Beyond these: 128 + the signal that ended it. */
enum exit_code {
	EXIT_GOOD = 0,
	EXIT_KERNEL = 1, /* the kernel failed (run, test), or something is wrong with what was inspected */
	EXIT_USAGE = 2,
	EXIT_INPUT = 3, /* input that cannot be used, or output that cannot be written */
	EXIT_TOOL = 4,  /* a program that is needed is missing */
	EXIT_TIME = 124,
};

/* Each verb gets its arguments with its own name first, as getopt wants them. */
int build_main(int count, char **arguments);
int image_main(int count, char **arguments);
int inspect_main(int count, char **arguments);
int doctor_main(int count, char **arguments);
int new_main(int count, char **arguments);
int step_main(int count, char **arguments);

/* Says what is wrong with the command line, and where help is. Returns EXIT_USAGE. */
__attribute__((format(printf, 1, 2))) int usage_error(const char *format, ...);

/* EXIT_GOOD, or what kind of failure the sentence that was said was about. */
int exit_code(bool done);

/* paths.c: the prelinked loaders, linker scripts and so on: a file of that name among them, allocated. */
char *part_path(const char *name);
/* A program of twinboot's own that is no part of this one; NULL if it is not installed. */
char *libexec_path(const char *name);
/* This program's own file. */
const char *own_path(void);

#endif
