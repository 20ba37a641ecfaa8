/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ENTRY_POINTS_H
#define ENTRY_POINTS_H

#include <stdint.h>

/* Entry points of ACPI and SMBIOS, wherever the firmware keeps them: each true only with the right signature
   and checksum. Up to 36 bytes are read. Built for i686 too. */
int is_rsdp(const uint8_t *bytes);    /* ACPI 6.5, 5.2.5.3; either revision */
int is_smbios2(const uint8_t *bytes); /* SMBIOS 3.7, 5.2.1 */
int is_smbios3(const uint8_t *bytes); /* SMBIOS 3.7, 5.2.2 */

#endif
