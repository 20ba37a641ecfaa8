/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps 1 and 3 of the build, on files. */
#ifndef KERNEL_H
#define KERNEL_H

#include "report.h"

#include <stdint.h>

/* Refuses what no loader could boot, or what takes more memory than `image_mib`; warns of what is probably not
   meant. */
bool kernel_check(const char *path, uint32_t image_mib, FILE *messages);

/* Writes the padded file. `original`, if it is not NULL, is the kernel before objcopy took its debug symbols, which
   can lose bytes that are loaded: then the original is padded. */
bool kernel_pad(const char *stripped, const char *out, const char *original, uint32_t image_mib,
		FILE *messages);

#endif
