/* SPDX-License-Identifier: BSD-2-Clause */
#define _POSIX_C_SOURCE 200809L

#include "strip.h"

#include "elf_file.h"
#include "file.h"

#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static bool run_objcopy(const char *kernel, const char *out, const struct report *report)
{
	const char *objcopy = getenv("OBJCOPY");
	int status = 0;
	pid_t child;

	if (!objcopy || !*objcopy)
		objcopy = "objcopy";
	const char *arguments[] = {objcopy, "--strip-debug", "--", kernel, out, NULL};
	int error = posix_spawnp(&child, objcopy, NULL, NULL, (char **)arguments, environ);

	if (!error && waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	report_warning(
		report,
		"%s --strip-debug failed (%s); it is used unstripped, which changes nothing that is loaded",
		objcopy, error ? strerror(error) : "see above");
	return false;
}

bool strip_debug(const char *kernel, const char *out, FILE *messages)
{
	const struct report report = {kernel, messages};
	struct output output = {0};
	struct input input;
	struct elf elf;
	bool done;

	if (!input_open(&input, &report))
		return false;
	done = elf_open(&elf, input.data, input.size, &report) && output_name(&output, out, messages);
	/* objcopy refuses a file without section headers, and that has no debug symbols. */
	if (done && !(elf.section_count && run_objcopy(kernel, output.temporary, &report))) {
		output_discard(&output);
		done = output_open(&output, out, messages) &&
		       output_write(&output, input.data, input.size, 0);
	}
	done = done && output_commit(&output);
	output_discard(&output);
	input_close(&input);
	return done;
}
