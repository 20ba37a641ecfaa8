/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IMAGES_MANIFEST_H
#define IMAGES_MANIFEST_H

#include "embed/report.h"
#include "formats/manifest.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether `bytes` are a manifest of this version whose checksum agrees, with rows and strings inside of it. */
bool manifest_is_whole(const void *bytes, size_t size, const struct report *report);

#endif
