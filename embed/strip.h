/* SPDX-License-Identifier: BSD-2-Clause */
/* Step 2 of the build: debug symbols away. */
#ifndef STRIP_H
#define STRIP_H

#include "report.h"

bool strip_debug(const char *kernel, const char *out, FILE *messages);

#endif
