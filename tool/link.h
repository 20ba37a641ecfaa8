/* SPDX-License-Identifier: BSD-2-Clause */
/* The pipeline: from a kernel's ELF file to both loaders with it inside. docs/design.md draws it. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>

/* Where everything on the way lies: a directory of the build's own, or one that is kept and in which nothing is done
   again that need not be. */
struct work {
	char *directory;
	bool is_kept;
};

/* With `keep` NULL, a temporary directory. Reports what goes wrong. */
bool work_open(struct work *work, const char *keep);
/* Removes what is not kept. */
void work_close(struct work *work);
/* A file of that name in it. */
char *work_path(const struct work *work, const char *name);

/* Chooses what goes into the archive, the kernel or the adapter that starts it; size check, strip, pad: makes
   kernel.padded. `protocol`: by which it boots; `max_image`: MiB; or NULL. */
bool link_pad(const struct work *work, const char *kernel, const char *protocol, const char *max_image);
/* From kernel.padded: wraps it into libkernel_bin.a and links that into legacy.elf; makes legacy.bin. */
bool link_legacy(const struct work *work);
/* The same for efi.so; makes linked.EFI. After link_legacy(), which makes the archive. */
bool link_efi(const struct work *work);

#endif
