/* SPDX-License-Identifier: BSD-2-Clause */
/* Files: inputs are mapped, not read; outputs appear under their name only when they are whole. */
#ifndef FILE_H
#define FILE_H

#include "report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
	const uint8_t *data;
	size_t size;
};

/* Maps the file that `report` speaks about. */
bool input_open(struct input *input, const struct report *report);
void input_close(const struct input *input);
/* Takes bytes of a mapped file out of memory until they are looked at again. */
void input_let_go(const uint8_t *data, size_t size);

/* Grows as `temporary` until output_commit() gives it its name. What fails has been reported. */
struct output {
	struct report report; /* its file: a copy of the path */
	char *temporary;      /* path.tmp */
	int descriptor;       /* -1: not open */
};

/* Names the temporary file, for another program to write. */
bool output_name(struct output *output, const char *path, FILE *messages);
/* The same, and opens it. */
bool output_open(struct output *output, const char *path, FILE *messages);
bool output_write(const struct output *output, const void *data, size_t size, uint64_t offset);
/* What has not been written is zero, and a hole on disk where the file system has holes. */
bool output_resize(const struct output *output, uint64_t size);
bool output_commit(struct output *output);
/* The same, but a file that has these very bytes already stays as it is, as old as it is. */
bool output_commit_changed(struct output *output);
/* Removes what has not been committed; for a zeroed output, too. */
void output_discard(struct output *output);

#endif
