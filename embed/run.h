/* SPDX-License-Identifier: BSD-2-Clause */
/* Other programs: binutils and mtools. */
#ifndef RUN_H
#define RUN_H

#include "report.h"

/* Set to show each command before it runs, on standard error, so that it can be pasted into a shell. */
extern bool run_shows_commands;

/* True once a program was not there at all. */
extern bool run_lacked_a_program;

/* The signal that asked this program to end, or 0. From then on nothing is run any more. */
extern volatile int run_ended_by;

/* Lets SIGINT and SIGTERM end what runs and set run_ended_by, so that nothing is left half-written. */
void run_heed_signals(void);

/* Runs a program, found by PATH; its arguments end with NULL. False if it cannot be run, which has been reported
   about arguments[0], or if it did not end with 0: then it has said why itself. */
bool run(const char *const arguments[], FILE *messages);

/* The program that a user prefers, in the environment variable of that name, or `usual`. */
const char *run_program(const char *variable, const char *usual);

/* Prints a command as a shell would read it. */
void run_show(const char *const arguments[], FILE *stream);

#endif
