/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux' boot_params, filled from twinboot's handoff. Nothing here touches the machine: the host tests run it. */
#ifndef PARAMS_H
#define PARAMS_H

#include "adapters/linux/boot_params.h"
#include "include/twinboot.h"

/* More rows than any machine was seen to have (312, a Gigabyte B550M's UEFI); Linux itself has room for more. */
#define E820_EXTRA_MAX 1024u

/* All that Linux is pointed to. It lies in one piece, which KASLR and the memory map's reader then spare. */
struct linux_params {
	struct linux_boot_params boot_params; /* first: its address is handed over in RSI */
	struct {
		struct linux_setup_data head;
		struct linux_e820_entry rows[E820_EXTRA_MAX];
	} e820_ext;
	struct {
		struct linux_setup_data head;
		uint8_t bytes[32];
	} rng_seed;
};

/* One run of physical memory. */
struct range {
	uint64_t base, size; /* bytes; size 0: there is none */
};

/* What lies where, in physical memory. */
struct linux_layout {
	uint64_t params;       /* struct linux_params */
	uint64_t kernel;       /* the protected-mode code, once it has been copied there */
	uint64_t command_line; /* NUL-terminated */
	struct range initrd;   /* all of them */
};

/* Fills zeroed `params`. The handoff's random bytes move there: nobody else may find them. */
void params_fill(struct linux_params *params, struct twinboot_handoff *handoff, const struct bzimage *kernel,
		 const struct linux_layout *layout);

#endif
