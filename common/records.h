/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw facts, as a front door meets them: machine->records grows record by record (include/twinboot.h). core copies it
   and adds the end. */
#ifndef RECORDS_H
#define RECORDS_H

#include "common/machine.h"

/* Appends a record of `size` bytes, its header included. Returns it with all else zero, or NULL where there is no room
   for it: then the fact is missing, which is no reason not to boot; the log says so. */
void *record_add(struct machine *machine, uint32_t type, uint32_t size);

/* Makes the last record longer. Returns the `bytes` more, zeroed, or NULL as above. */
void *record_grow(struct machine *machine, uint32_t bytes);

/* The list of video modes: one more, with the firmware's number for it, right behind the one before; and a flag for one
   that is there (enum twinboot_video_mode_flags). */
void record_video_mode(struct machine *machine, const struct machine_framebuffer *mode, uint32_t id);
void record_video_flag(struct machine *machine, uint32_t id, uint16_t flag);

#endif
