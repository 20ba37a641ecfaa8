/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux kernels and their initrds, as the build sees them. The kernel that the loader enters is adapters/linux. */
#ifndef LINUX_H
#define LINUX_H

#include "report.h"
#include "formats/manifest.h"

#include <stddef.h>

/* Whether a file is a kernel that speaks Linux' boot protocol, of whatever version or processor. */
bool linux_is(const uint8_t *data, size_t size);

/* Everything that would stop it from booting with this command line, as far as its file tells. */
bool linux_check(const uint8_t *data, size_t size, const char *command_line, const struct report *report);

/* The memory that a kernel which linux_check() has let through runs in. */
struct manifest_place linux_place(const uint8_t *data, size_t size);

/* Warns of an initrd that no Linux can unpack. */
void linux_check_initrd(const uint8_t *data, size_t size, const struct report *report);

#endif
