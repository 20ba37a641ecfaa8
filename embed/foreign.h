/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels that speak another protocol than twinboot's. The kernel in the archive is then an adapter, and the
 * foreign one travels beside it: this finds out which protocol a file speaks, and what its adapter takes along.
 */
#ifndef FOREIGN_H
#define FOREIGN_H

#include "modules.h"

enum protocol {
	PROTOCOL_AUTO,
	PROTOCOL_NATIVE,
	PROTOCOL_LIMINE,
	PROTOCOL_MULTIBOOT2,
	PROTOCOL_MULTIBOOT1,
	PROTOCOL_LINUX
};

#define FOREIGN_MODULES_MAX 24u
#define FOREIGN_PLACES_MAX  2u

/* What goes into the payload on behalf of an adapter. Everything in it is freed by foreign_free(). */
struct foreign {
	enum protocol protocol;
	struct twinboot_needs needs; /* flags and wishes on top of the adapter's own */
	uint32_t module_count;
	struct module modules[FOREIGN_MODULES_MAX]; /* without a path: their bytes are there already */
	void *owned[FOREIGN_MODULES_MAX + 1];       /* memory behind modules and adapter_data */
	uint32_t place_count;
	struct manifest_place places[FOREIGN_PLACES_MAX]; /* `module` counts the modules above */
	void *adapter_data;
	uint32_t adapter_data_size;
};

/* What the build calls a protocol: "auto", "native", and so on; PROTOCOL_AUTO and a sentence for other words. */
bool protocol_by_name(const char *name, enum protocol *protocol, FILE *messages);

/* The protocol that a kernel will be booted by, one line about which it is and what else was seen, and the name of
   its adapter; NULL if it needs none. */
bool foreign_choose(const char *path, enum protocol wanted, const char **adapter, FILE *messages);

struct foreign_options {
	const char *path;
	enum protocol protocol;
	const char *command_line; /* what the kernel will get */
	uint32_t image_mib;       /* most that it may take in memory */
};

/* Reads a kernel that needs an adapter. A native one leaves everything 0. */
bool foreign_read(struct foreign *foreign, const struct foreign_options *options, FILE *messages);
void foreign_free(struct foreign *foreign);

#endif
