/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMAND_LINE_H
#define COMMAND_LINE_H

#include "include/twinboot.h"

/* Linux itself takes no more (COMMAND_LINE_SIZE, of which cmdline_size is what the header says). */
#define COMMAND_LINE_MAX 2048u

/* The build's command line, and behind a blank what the machine's own SMBIOS adds to it, in `buffer`. Where there is
   nothing to add, or it may not be, or does not fit `limit` bytes without the NUL, the build's own, where it
   lies. */
const char *command_line_compose(char buffer[COMMAND_LINE_MAX], const struct twinboot_handoff *handoff,
				 uint32_t limit);

#endif
