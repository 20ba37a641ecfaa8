/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILES_H
#define FILES_H

#include "disk_layout.h"

/* Lets mtools make the file system in the image that is being written, and put both files into it, the first one
   first: it begins where the layout wants it. */
bool files_write(const struct disk_layout *layout, const struct fat_plan *fat, const char *x64,
		 const char *ia32, const struct output *output);

#endif
