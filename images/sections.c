/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sections LINKED.EFI MANIFEST.BIN DIRECTORY OUT.EFI: adds the payload's parts, but for the kernel, which was
 * linked, and the manifest to the UEFI loader's file as sections behind its others (Microsoft PE/COFF
 * specification, 4). A part ".modules" is in DIRECTORY/modules.bin.
 *
 * Every section is aligned to pages in memory and in the file, so that the file's bytes are sectors of a disk;
 * what the manifest does not count as stored is not in the file. What was there before stays as it is.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "embed/file.h"
#include "formats/manifest.h"
#include "formats/pe.h"

struct file {
	struct report report;
	struct input input;
	uint8_t head[PE_PAGE]; /* a copy of its first page, which changes */
	struct pe_headers *headers;
	struct pe_section_header *sections;
};

static bool open_file(struct file *file, const char *name)
{
	uint32_t offset;

	file->report = (struct report){name, stderr};
	if (!input_open(&file->input, &file->report))
		return false;
	if (file->input.size < PE_PAGE || file->input.size % PE_PAGE != 0)
		return report_error(&file->report, "is not the PE file that finish makes; build it again");
	memcpy(file->head, file->input.data, PE_PAGE);
	memcpy(&offset, file->head + PE_OFFSET, sizeof(offset));
	if (offset > PE_PAGE / 2 || memcmp(file->head + offset, PE_SIGNATURE, 4) != 0)
		return report_error(&file->report, "is not the PE file that finish makes; build it again");
	file->headers = (struct pe_headers *)(file->head + offset);
	file->sections = (struct pe_section_header *)((uint8_t *)&file->headers->optional +
						      file->headers->coff.optional_size);
	return true;
}

/* A section's header; its bytes go to the end of the file, which is as long as `output` was so far. */
static bool add_header(struct file *file, const char name[8], uint64_t size, uint64_t stored, uint64_t *end,
		       uint32_t characteristics)
{
	struct pe_section_header *section = &file->sections[file->headers->coff.sections];

	if ((uint8_t *)(section + 1) > file->head + PE_PAGE)
		return report_error(&file->report,
				    "has no room for another section's header in its first page");
	if (size > UINT32_MAX - file->headers->optional.image_size || *end + stored > UINT32_MAX)
		return report_error(
			&file->report,
			"grows beyond 4 GiB, which no PE file can; use a smaller kernel or fewer modules");
	*section = (struct pe_section_header){
		.virtual_size = (uint32_t)size,
		.address = file->headers->optional.image_size,
		.raw_size = (uint32_t)stored,
		.raw_offset = stored != 0 ? (uint32_t)*end : 0,
		.characteristics = characteristics,
	};
	memcpy(section->name, name, sizeof(section->name));
	file->headers->coff.sections++;
	file->headers->optional.image_size += (uint32_t)size;
	file->headers->optional.data_size += (uint32_t)stored;
	*end += stored;
	return true;
}

/* Writable, since the loader puts zeros behind what is stored. */
static bool add_part(struct file *file, const struct manifest_part *part, const char *directory,
		     const struct output *output, uint64_t *end)
{
	char name[sizeof(part->section) + 1] = {0}, path[PATH_MAX];
	uint64_t offset = *end;
	struct input input = {0};
	struct report report = {path, stderr};

	memcpy(name, part->section, sizeof(part->section));
	snprintf(path, sizeof(path), "%s/%s.bin", directory, name + 1);
	bool done = input_open(&input, &report);

	if (done && input.size < part->stored)
		done = report_error(&report, "is shorter than the manifest says; build it again");
	done = done &&
	       add_header(file, part->section, part->size, part->stored, end,
			  PE_INITIALIZED_DATA | PE_READ | PE_WRITE) &&
	       output_write(output, input.data, part->stored, offset);
	input_close(&input);
	return done;
}

static bool add_manifest(struct file *file, const struct manifest *manifest, const struct output *output,
			 uint64_t *end)
{
	uint64_t offset = *end;

	return add_header(file, MANIFEST_SECTION, manifest->size, manifest->size, end,
			  PE_INITIALIZED_DATA | PE_READ) &&
	       output_write(output, manifest, manifest->size, offset);
}

static bool write_file(struct file *file, const struct manifest *manifest, const char *directory,
		       const struct output *output)
{
	uint64_t end = file->input.size;

	if (!output_write(output, file->input.data, file->input.size, 0))
		return false;
	for (uint32_t i = 1; i < manifest->part_count; i++)
		if (!add_part(file, &manifest_parts(manifest)[i], directory, output, &end))
			return false;
	return add_manifest(file, manifest, output, &end) && output_write(output, file->head, PE_PAGE, 0);
}

int main(int count, char **arguments)
{
	static struct file file;
	struct input manifest = {0};
	struct output output = {0};

	if (count != 5) {
		fputs("usage: sections LINKED.EFI MANIFEST.BIN DIRECTORY OUT.EFI\n", stderr);
		return 2;
	}
	bool done = open_file(&file, arguments[1]) &&
		    input_open(&manifest, &(struct report){arguments[2], stderr}) &&
		    output_open(&output, arguments[4], stderr) &&
		    write_file(&file, (const struct manifest *)manifest.data, arguments[3], &output) &&
		    output_commit(&output);
	output_discard(&output);
	input_close(&manifest);
	input_close(&file.input);
	return !done;
}
