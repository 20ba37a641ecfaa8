/* SPDX-License-Identifier: BSD-2-Clause */
#include "tool.h"

int new_main(int count, char **arguments)
{
	(void)count, (void)arguments;
	return usage_error("new: not yet");
}
