/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FAIL_H
#define FAIL_H

#include "common/errors.h"

/* Says a sentence of common/errors.h on COM1, with facts as text_format() takes them, and halts: whoever could have
   had the machine back is gone. */
_Noreturn void adapter_fail(const char *format, ...);

#endif
