/* SPDX-License-Identifier: BSD-2-Clause */
#include "strip.h"

#include "elf_file.h"
#include "file.h"
#include "run.h"

static bool run_objcopy(const char *kernel, const char *out, const struct report *report)
{
	const char *objcopy = run_program("OBJCOPY", "objcopy");

	if (run((const char *const[]){objcopy, "--strip-debug", "--", kernel, out, NULL}, report->stream))
		return true;
	report_warning(
		report,
		"%s --strip-debug failed (see above); it is used unstripped, which changes nothing that "
		"is loaded",
		objcopy);
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
