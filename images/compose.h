/* SPDX-License-Identifier: BSD-2-Clause */
/* The image: a FAT file system with the UEFI loaders in it, and around it boot sectors, partition table, ISO 9660 and
   the BIOS loader. No root, no loop device; the same bytes every time. */
#ifndef COMPOSE_H
#define COMPOSE_H

#include "disk_layout.h"

struct compose_options {
	struct disk_options disk;
	const char *x64, *ia32; /* BOOTX64.EFI, BOOTIA32.EFI */
	const char *legacy;     /* legacy.bin, linked with the kernel that BOOTX64.EFI holds */
	const char *out;
};

bool compose(const struct compose_options *options, FILE *messages);

#endif
