/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LOG_H
#define LOG_H

#include "common/machine.h"

/* Adds a line to machine->log: TSC ticks since the loader's entry, then `format` as text_format() takes it.
   With LOG=1 at build time the line also goes to COM1. Both front doors and core write here, so the words are
   the same. */
void log_line(struct machine *machine, const char *format, ...);

/* Sets machine->error to what text_format() makes of `format`, one of errors.h. Returns 0, so that a check
   can `return fail(…)`. */
int fail(struct machine *machine, const char *format, ...);

/* The lines that every front door writes about its firmware, once it knows. */
void log_firmware(struct machine *machine);
void log_memory(struct machine *machine);
void log_payload(struct machine *machine);
void log_framebuffer(struct machine *machine);

#endif
