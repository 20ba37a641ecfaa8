/* SPDX-License-Identifier: BSD-2-Clause */
/* How the UEFI loader's file is made of what objcopy writes. */
#ifndef EFI_FILE_H
#define EFI_FILE_H

#include "embed/report.h"

/*
 * What objcopy cannot do to a PE image (Microsoft PE/COFF specification, 2 to 4):
 *
 *   - sets NX_COMPAT: the image never executes data nor writes to code
 *   - cuts trailing zeros off each section's raw data; firmware fills up to VirtualSize (a large .bss needs
 *     no file)
 *   - makes the sizes of .reloc and of its directory agree, and the section one that is kept: shim leaves out
 *     what can be discarded
 *   - takes back what the headers say of a symbol table, which is not in the file (binutils 2.40: "truncated")
 *   - writes the checksums that efi/own_sums.c compares (formats/own_sums.h)
 *   - refuses an image that strict firmware or signing would refuse
 */
bool efi_finish(const char *in, const char *out, FILE *messages);

/*
 * Adds the payload's parts, but for the kernel, which was linked, and the manifest as sections behind the others.
 * A part ".modules" is in DIRECTORY/modules.bin. Every section is aligned to pages in memory and in the file, so
 * that the file's bytes are sectors of a disk; what the manifest does not count as stored is not in the file. What
 * was there before stays as it is.
 */
bool efi_add_sections(const char *in, const char *manifest, const char *directory, const char *out,
		      FILE *messages);

/* Writes the padded kernel that the file holds, zeros behind what is stored included. */
bool efi_extract_kernel(const char *in, const char *out, FILE *messages);

#endif
