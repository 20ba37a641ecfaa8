/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps of a build that are this program's own, each a command that can be given by hand: twinboot step NAME. */
#ifndef STEPS_H
#define STEPS_H

#include "embed/run.h"

/* Runs a step as the command line would, and shows it like any other command: its name, its arguments, NULL. */
bool step_run(const char *const arguments[]);

/* The same for other people's programs. */
bool step_run_program(const char *const arguments[]);

/* Whether what runs longer than a second says so. */
extern bool step_shows_progress;

#endif
