/* SPDX-License-Identifier: BSD-2-Clause */
/* What the boot disk's own tables say, for the record of the boot medium. Built for i686 and for the UEFI application. */
#ifndef MEDIUM_H
#define MEDIUM_H

#include "include/twinboot.h"

/* A door's way to read its boot disk: `bytes`, at most MEDIUM_READ_MAX, from sector `lba` on, into a buffer that the
   next call may use again. NULL if that fails. */
#define MEDIUM_READ_MAX 16384u
typedef const uint8_t *medium_read(uint64_t lba, uint32_t bytes);

/* Fills in the MBR's signature; on a disk also what MBR or GPT say, with the partition that has sector `payload`. What
   cannot be read or contradicts itself leaves its fields at 0. */
void medium_describe(struct twinboot_boot_medium *medium, medium_read *read, uint64_t payload);

#endif
