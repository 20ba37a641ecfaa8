/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux kernels and their initrds, as the build sees them. The kernel that the loader enters is adapters/linux. */
#ifndef LINUX_H
#define LINUX_H

#include "modules.h"
#include "formats/bzimage.h"

/* Whether a file is a kernel that speaks Linux' boot protocol, of whatever version or processor. */
bool linux_is(const uint8_t *data, size_t size);

/* Everything that would stop it from booting with this command line, as far as its file tells. */
bool linux_check(const uint8_t *data, size_t size, const char *command_line, const struct report *report);

/* The memory that a kernel which linux_check() has let through runs in. */
struct manifest_place linux_place(const uint8_t *data, size_t size);

/* Sections of a unified kernel image (UAPI group, specification 5), which others find by their names. */
#define LINUX_SECTION     ".linux"
#define INITRD_SECTION    ".initrd"
#define MICROCODE_SECTION ".ucode"

/* What goes with the kernel; "" where there is nothing. Lists are as modules_parse() takes them. */
struct linux_files {
	const char *initrds;
	const char *microcode;
	const char *os_release;         /* a path */
	const char *uname;              /* the kernel's release, if its own word for it is not meant */
	char release[BZIMAGE_NAME_MAX]; /* linux_add()'s own */
};

/* Adds them, behind the kernel, which is the one module so far. `others` is what MODULES names: Linux sees none of
   those, so there may be none. */
bool linux_add(struct modules *modules, struct linux_files *files, const char *command_line,
	       const char *others, FILE *messages);

/* For a kernel that is no Linux: false, and a sentence, if there are such files. */
bool linux_refuse(const struct linux_files *files, FILE *messages);

/* Warns of those, of what modules_open() has opened, that no Linux can unpack. */
void linux_check_initrds(const struct modules *modules, FILE *messages);

#endif
