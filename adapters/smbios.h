/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SMBIOS_H
#define SMBIOS_H

#include "include/twinboot.h"

/* What follows `prefix` in the first OEM string (SMBIOS 3.6, 7.12, type 11) that begins with it, NUL-terminated, in the
   firmware's own memory; NULL if there is none. Believes nothing but the entry point's checksum, which the loader has
   verified. */
const char *smbios_oem_string(const struct twinboot_handoff *handoff, const char *prefix);

#endif
