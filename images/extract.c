/* SPDX-License-Identifier: BSD-2-Clause */
#include "efi_file.h"

#include "pe.h"

static bool write_kernel(const struct input *input, const struct pe *pe, const char *out)
{
	const struct pe_section_header *section = pe_find(pe, ".kernel");
	struct output output = {0};

	if (!section)
		return false;
	bool done = output_open(&output, out, pe->report.stream) &&
		    output_resize(&output, section->virtual_size) &&
		    output_write(&output, input->data + section->raw_offset, section->raw_size, 0) &&
		    output_commit_changed(&output);
	output_discard(&output);
	return done;
}

bool efi_extract_kernel(const char *in, const char *out, FILE *messages)
{
	static struct pe pe;
	const struct report report = {in, messages};
	struct input input = {0};
	bool done = input_open(&input, &report) && pe_read(&pe, input.data, input.size, &report) &&
		    write_kernel(&input, &pe, out);

	input_close(&input);
	return done;
}
