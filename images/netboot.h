/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NETBOOT_H
#define NETBOOT_H

#include "embed/report.h"

struct netboot_options {
	const char *x64;    /* BOOTX64.EFI, which UEFI loads as it is */
	const char *legacy; /* legacy.bin, the loader for disks: it knows where the kernel belongs */
	const char *pxe;    /* pxe.bin */
	const char *payload, *program; /* to be written: twinboot.payload and twinboot.0 */
};

/* Writes the payload as the BIOS network boot program fetches it, and that program with its sum
   (formats/pxe_payload.h). */
bool netboot_write(const struct netboot_options *options, FILE *messages);

#endif
