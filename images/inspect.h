/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INSPECT_H
#define INSPECT_H

#include "embed/report.h"

/* Prints what is in an image, or on a stick that one was written to, and checks that all of it is there and agrees with
   itself. Everything that is wrong gets a sentence in `messages`; then it is false. */
bool inspect(const char *name, FILE *out, FILE *messages);

#endif
