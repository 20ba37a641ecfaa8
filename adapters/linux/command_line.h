/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMAND_LINE_H
#define COMMAND_LINE_H

#include "include/twinboot.h"

/* Linux itself takes no more (COMMAND_LINE_SIZE, of which cmdline_size is what the header says). */
#define COMMAND_LINE_MAX 2048u

/* The command line with its NUL, in `buffer`: what the section .cmdline of a unified kernel image says, or else what the
   build was given; behind a blank, what the machine's SMBIOS adds, unless it may not or would not fit. `limit` is how
   many bytes the kernel takes without the NUL; ends with TB63 if the first part alone has more. */
void command_line_compose(char buffer[COMMAND_LINE_MAX], const struct twinboot_handoff *handoff,
			  uint32_t limit);

#endif
