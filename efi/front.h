/* SPDX-License-Identifier: BSD-2-Clause */
/* What the UEFI loader's own files tell each other. Firmware is called through its own pointers (ms_abi). */
#ifndef FRONT_H
#define FRONT_H

#include <efi.h>
#include <efilib.h>

#include "common/errors.h"
#include "common/log.h"
#include "common/machine.h"
#include "common/text.h"

/* Set once by efi_main(). */
extern EFI_SYSTEM_TABLE *st;
extern EFI_BOOT_SERVICES *bs;

static inline void *at(uint64_t physical)
{
	return (void *)(uintptr_t)physical; /* NOLINT(performance-no-int-to-ptr) */
}

/* own_sums.c: 0 if what the firmware has loaded is not what the build made; `damage` then says where. */
struct own_damage {
	const char *part;
	uint32_t found, expected;
};
int own_sums_agree(struct own_damage *damage);

/* payload.c: finds the loader, the manifest and its parts in the image that the firmware has loaded. Returns 0 with
   machine->error set if they are not what the build has put there. */
int payload_find(struct machine *machine, EFI_HANDLE image);
/* Puts zeros behind what is stored of each part, once core has checked the manifest. */
void payload_clear_tails(const struct machine *machine);

/* memory.c: each returns 0 with machine->error set if it fails. */
int memory_buffers_allocate(struct machine *machine); /* for the map, regions and scratch */
int memory_map_read(struct machine *machine, UINTN *key);
int memory_for_core(struct machine *machine); /* what core_prepare() asked for */
uint64_t memory_take_pages(uint64_t size);    /* for the loader's own use; 0 if there are none */
void memory_give_back(void);                  /* everything allocated here, if the boot does not go on */

void network_stop(void); /* network.c: no card writes to memory any more */

/* video.c: the mode that the kernel wishes, or none. */
void video_set(struct machine *machine, const struct twinboot_needs *needs);

/* Raw facts for machine->records. What the firmware does not tell is missing; no fact ends a boot. */
void facts_gather(struct machine *machine, EFI_HANDLE image); /* facts.c: all but video's and the TPM's */
void facts_medium(struct machine *machine, EFI_HANDLE image); /* medium.c */
void facts_tpm(struct machine *machine);                      /* tpm.c: after whatever is measured */
int facts_make_room(struct machine *machine,
		    uint32_t bytes); /* facts.c: for the next record; 0 if there is none */

/* linux_tables.c: on TWINBOOT_WANT_LINUX_TABLES, what only a boot service can leave for Linux. */
void linux_tables_install(const struct machine *machine);

/* tables.c */
const void *configuration_table(EFI_GUID guid); /* NULL if there is none */
void tables_find(struct machine *machine);
void identity_find(struct machine *machine, EFI_HANDLE image); /* firmware's name, boot device */

int64_t clock_read(void);                   /* clock.c: as twinboot_handoff.wall_clock */
void entropy_read(struct machine *machine); /* entropy.c: what the firmware has of it, if anything */

#endif
