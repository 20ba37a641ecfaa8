/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel.h"

#include "check.h"
#include "pad.h"

struct kernel {
	struct report report;
	struct input input;
	struct elf elf;
	struct layout layout; /* how it would be padded */
};

static bool open_kernel(struct kernel *kernel, const char *path, FILE *messages)
{
	*kernel = (struct kernel){.report = {path, messages}};
	return input_open(&kernel->input, &kernel->report);
}

static bool check_opened(struct kernel *kernel, uint32_t image_mib)
{
	if (!elf_open(&kernel->elf, kernel->input.data, kernel->input.size, &kernel->report))
		return false;
	kernel->elf.mapped = true;
	return check_kernel(&kernel->elf, image_mib, &kernel->report);
}

bool kernel_check(const char *path, uint32_t image_mib, FILE *messages)
{
	static struct kernel kernel;
	bool is_good = open_kernel(&kernel, path, messages) && check_opened(&kernel, image_mib);

	if (is_good)
		check_warn(&kernel.elf, &kernel.report);
	input_close(&kernel.input);
	return is_good;
}

/* Which of the two is padded; NULL if none can be. `original` is NULL if there is none. */
static const struct kernel *choose(struct kernel *stripped, struct kernel *original, uint32_t image_mib)
{
	if (original) {
		if (!check_opened(original, image_mib))
			return NULL;
		layout_plan(&original->layout, &original->elf);
		stripped->report.stream = NULL;
	}
	bool is_good = check_opened(stripped, image_mib);
	if (is_good)
		layout_plan(&stripped->layout, &stripped->elf);
	if (!original)
		return is_good ? stripped : NULL;
	if (is_good && layout_same(&stripped->layout, &stripped->elf, &original->layout, &original->elf))
		return stripped;
	report_warning(&original->report, "would lose loaded bytes to objcopy --strip-debug and is used "
					  "unstripped; give all bytes of its segments to sections");
	return original;
}

bool kernel_pad(const char *stripped_path, const char *out, const char *original_path, uint32_t image_mib,
		FILE *messages)
{
	static struct kernel stripped, original;
	const struct kernel *chosen = NULL;
	struct output output = {0};

	if (open_kernel(&stripped, stripped_path, messages) &&
	    (!original_path || open_kernel(&original, original_path, messages)))
		chosen = choose(&stripped, original_path ? &original : NULL, image_mib);
	bool done = chosen && output_open(&output, out, messages) &&
		    layout_write(&chosen->layout, &chosen->elf, &output) && output_commit_changed(&output);
	output_discard(&output);
	input_close(&stripped.input);
	input_close(&original.input);
	return done;
}
