/* SPDX-License-Identifier: BSD-2-Clause */
/* What a person is told: one line each, "twinboot: FILE: fact; way out". */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stdio.h>

struct report {
	const char *file; /* the one that is spoken about */
	FILE *stream;     /* NULL: say nothing */
};

/* Always false, so that a check can end with `return report_error(...)`. */
__attribute__((format(printf, 2, 3))) bool report_error(const struct report *report, const char *format, ...);
__attribute__((format(printf, 2, 3))) void report_warning(const struct report *report, const char *format,
							  ...);

#endif
