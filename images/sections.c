/* SPDX-License-Identifier: BSD-2-Clause */
#include "efi_file.h"

#include "manifest.h"
#include "pe.h"

#include <limits.h>
#include <string.h>

/* The file in the making: its headers, and where the next section goes. */
struct growing {
	struct pe pe;
	const struct output *output;
	uint64_t size; /* bytes so far */
};

static bool add_section(struct growing *file, const struct pe_section_header *as, const void *bytes)
{
	struct pe_headers *headers = file->pe.headers;
	struct pe_section_header *section = &file->pe.sections[headers->coff.sections];

	if ((uint8_t *)(section + 1) > file->pe.head + PE_PAGE)
		return report_error(
			&file->pe.report,
			"has no room for another section's header in its first page; use fewer sections");
	if (as->virtual_size > UINT32_MAX - headers->optional.image_size ||
	    file->size + as->raw_size > UINT32_MAX)
		return report_error(
			&file->pe.report,
			"would grow beyond 4 GiB, which no PE file can; use a smaller kernel or fewer "
			"modules");
	*section = *as;
	section->address = headers->optional.image_size;
	section->raw_offset = as->raw_size != 0 ? (uint32_t)file->size : 0;
	headers->coff.sections++;
	headers->optional.image_size += as->virtual_size;
	headers->optional.data_size += as->raw_size;
	file->size += as->raw_size;
	return output_write(file->output, bytes, as->raw_size, file->size - as->raw_size);
}

/* Writable, since the loader puts zeros behind what is stored. */
static bool add_part(struct growing *file, const struct manifest_part *part, const char *directory)
{
	struct pe_section_header section = {.virtual_size = (uint32_t)part->size,
					    .raw_size = (uint32_t)part->stored,
					    .characteristics = PE_INITIALIZED_DATA | PE_READ | PE_WRITE};
	char name[sizeof(part->section) + 1] = {0}, path[PATH_MAX];
	const struct report report = {path, file->pe.report.stream};
	struct input input = {0};

	memcpy(section.name, part->section, sizeof(section.name));
	memcpy(name, part->section, sizeof(part->section));
	snprintf(path, sizeof(path), "%s/%s.bin", directory, name + 1);
	bool done = input_open(&input, &report);
	if (done && input.size < part->stored)
		done = report_error(&report, "is shorter than the manifest says; build it again");
	done = done && add_section(file, &section, input.data);
	input_close(&input);
	return done;
}

static bool add_manifest(struct growing *file, const struct manifest *manifest)
{
	return add_section(file,
			   &(struct pe_section_header){.name = MANIFEST_SECTION,
						       .virtual_size = manifest->size,
						       .raw_size = manifest->size,
						       .characteristics = PE_INITIALIZED_DATA | PE_READ},
			   manifest);
}

static bool add_all(struct growing *file, const struct input *in, const struct manifest *manifest,
		    const char *directory)
{
	if (!output_write(file->output, in->data, in->size, 0))
		return false;
	for (uint32_t i = 1; i < manifest->part_count; i++)
		if (!add_part(file, &manifest_parts(manifest)[i], directory))
			return false;
	return add_manifest(file, manifest) && output_write(file->output, file->pe.head, PE_PAGE, 0);
}

bool efi_add_sections(const char *in, const char *manifest_file, const char *directory, const char *out,
		      FILE *messages)
{
	static struct growing file;
	const struct report report = {in, messages}, manifest_report = {manifest_file, messages};
	struct input input = {0}, manifest = {0};
	struct output output = {0};
	bool done = input_open(&input, &report) && pe_read(&file.pe, input.data, input.size, &report) &&
		    input_open(&manifest, &manifest_report) &&
		    manifest_is_whole(manifest.data, manifest.size, &manifest_report) &&
		    output_open(&output, out, messages);

	file.output = &output;
	file.size = input.size;
	done = done && add_all(&file, &input, (const struct manifest *)manifest.data, directory) &&
	       output_commit(&output);
	output_discard(&output);
	input_close(&manifest);
	input_close(&input);
	return done;
}
