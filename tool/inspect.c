/* SPDX-License-Identifier: BSD-2-Clause */
/* twinboot inspect */
#include "tool.h"

#include "images/inspect.h"

#include <string.h>

static const char help[] =
	"usage: twinboot inspect FILE|DEVICE\n"
	"\n"
	"Shows what is in an image, or on the medium that one was written to, and checks all of it.\n"
	"Ends with 1 and a sentence for each thing that is wrong.\n";

int inspect_main(int count, char **arguments)
{
	if (count == 2 && (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0)) {
		fputs(help, stdout);
		return EXIT_GOOD;
	}
	if (count != 2 || (arguments[1][0] == '-' && arguments[1][1]))
		return usage_error("inspect: wants one image or device");
	return inspect(arguments[1], stdout, stderr) ? EXIT_GOOD : EXIT_KERNEL;
}
