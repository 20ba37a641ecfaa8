/* SPDX-License-Identifier: BSD-2-Clause */
#define _POSIX_C_SOURCE 200809L

#include "payload.h"

#include "check.h"
#include "needs.h"
#include "pad.h"
#include "sum.h"
#include "formats/crc32c.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Where BIOS loads a kernel that does not say where: above the first MiB, whose memory belongs to the
   firmware, and at a large page. */
#define USUAL_ADDRESS (UINT64_C(2) << 20)
#define FOUR_GIB      (UINT64_C(4) << 30)

struct payload {
	const struct payload_options *options;
	FILE *messages;
	struct input kernel;
	uint64_t kernel_header_size;
	struct manifest *manifest; /* MANIFEST_SIZE_MAX bytes, of which manifest->size are taken */
	struct output outputs[MANIFEST_PARTS_MAX + 1]; /* each part's but the kernel's, depfile, manifest */
	uint32_t output_count;
};

static struct manifest_part *part_at(const struct payload *payload, uint32_t index)
{
	return (struct manifest_part *)manifest_parts(payload->manifest) + index;
}

static struct manifest_module *module_at(const struct payload *payload, uint32_t index)
{
	return (struct manifest_module *)manifest_modules(payload->manifest) + index;
}

/* Bytes up to the last page that is not all zeros. */
static uint64_t stored_size(const uint8_t *data, uint64_t size)
{
	while (size && !data[size - 1])
		size--;
	return page_up(size);
}

/* ---- Room in the manifest ---- */

static uint32_t take(struct payload *payload, uint64_t size, uint32_t alignment)
{
	uint32_t offset = (payload->manifest->size + alignment - 1) / alignment * alignment;

	payload->manifest->size = offset + (uint32_t)size;
	return offset;
}

static uint32_t put(struct payload *payload, const void *data, uint64_t size, uint32_t alignment)
{
	uint32_t offset = take(payload, size, alignment);

	if (size)
		memcpy((uint8_t *)payload->manifest + offset, data, size);
	return offset;
}

static uint32_t put_string(struct payload *payload, const char *text)
{
	return put(payload, text, strlen(text) + 1, 1);
}

/* Modules and their strings have limits of their own, and fit. */
static bool make_room(struct payload *payload)
{
	const struct payload_options *options = payload->options;
	const struct report report = {"adapter data", payload->messages};
	uint64_t most =
		sizeof(struct manifest) + MANIFEST_PARTS_MAX * sizeof(struct manifest_part) +
		MANIFEST_MODULES_MAX * (sizeof(struct manifest_module) + 2 * (uint64_t)MANIFEST_STRING_MAX) +
		MANIFEST_PLACES_MAX * sizeof(struct manifest_place) + MANIFEST_STRING_MAX + PAYLOAD_PAGE;

	if (options->adapter_data_size > MANIFEST_SIZE_MAX - most)
		return report_error(&report, "has %u bytes, at most %u are carried; make it smaller",
				    options->adapter_data_size, (unsigned int)(MANIFEST_SIZE_MAX - most));
	payload->manifest = calloc(1, MANIFEST_SIZE_MAX);
	if (!payload->manifest)
		return report_error(&report, "has no room: %s; free some memory", strerror(errno));
	return true;
}

/* ---- The kernel ---- */

static bool open_padded(struct input *input, uint64_t *header_size, struct elf *elf,
			const struct report *report)
{
	if (!input_open(input, report) || !elf_open(elf, input->data, input->size, report))
		return false;
	return is_padded(elf, header_size) ||
	       report_error(report, "is not a padded kernel; it is made by the step \"pad\"");
}

static void add_wishes(struct twinboot_needs *needs, const struct twinboot_needs *wishes)
{
	needs->flags |= wishes->flags;
	if (wishes->framebuffer_width) {
		needs->framebuffer_width = wishes->framebuffer_width;
		needs->framebuffer_height = wishes->framebuffer_height;
		needs->framebuffer_bits_per_pixel = wishes->framebuffer_bits_per_pixel;
	}
	if (wishes->stack_size)
		needs->stack_size = wishes->stack_size;
}

static bool open_kernel(struct payload *payload)
{
	static struct elf elf;
	const struct report report = {payload->options->kernel, payload->messages};

	if (!open_padded(&payload->kernel, &payload->kernel_header_size, &elf, &report) ||
	    !needs_read(&elf, &payload->manifest->needs, &report))
		return false;
	add_wishes(&payload->manifest->needs, &payload->options->wishes);
	return true;
}

static void describe_kernel(struct payload *payload)
{
	struct manifest_part *part = part_at(payload, 0);
	const uint8_t *data = payload->kernel.data;
	struct sum sum, whole;

	memcpy(part->section, ".kernel", sizeof(".kernel"));
	part->size = payload->kernel.size;
	part->stored = stored_size(data, part->size);
	sum_begin(&sum);
	sum_add(&sum, data, part->stored);
	whole = sum;
	sum_add_zeros(&whole, part->size - part->stored);
	part->crc32c = sum.crc32c;
	sha256_end(&sum.sha256, part->sha256);
	sha256_end(&whole.sha256, payload->manifest->kernel_sha256);
	payload->manifest->kernel_header_size = (uint32_t)payload->kernel_header_size;
}

/* ---- Modules, and the parts that they make ---- */

/* Modules of one section follow one another, so it is the last part or a new one. */
static struct manifest_part *part_of(struct payload *payload, const char *section)
{
	struct manifest *manifest = payload->manifest;
	struct manifest_part *last = part_at(payload, manifest->part_count - 1);

	if (strncmp(last->section, section, sizeof(last->section)) == 0)
		return last;
	manifest->part_count++;
	memcpy(last[1].section, section, strnlen(section, sizeof(last->section)));
	return last + 1;
}

static void describe_module(struct payload *payload, uint32_t index)
{
	const struct module *module = &payload->options->modules->list[index];
	struct manifest_part *part = part_of(payload, module->section);
	struct manifest_module *row = module_at(payload, index);
	uint64_t stored = stored_size(module->input.data, module->input.size);
	struct sha256 sha256;

	sha256_begin(&sha256);
	sha256_add(&sha256, module->input.data, module->input.size);
	sha256_end(&sha256, row->sha256);
	row->part = payload->manifest->part_count - 1;
	row->role = module->role;
	row->offset = part->size;
	row->size = module->input.size;
	row->memory = page_up(row->size);
	row->name = put_string(payload, module->name);
	row->arguments = put_string(payload, module->arguments);
	if (stored)
		part->stored = row->offset + stored;
	part->size += row->memory;
}

/* Over what is stored of a part: its modules' bytes, and zeros between them. */
static void sum_part(struct payload *payload, uint32_t index)
{
	struct manifest_part *part = part_at(payload, index);
	struct sum sum;

	sum_begin(&sum);
	for (uint32_t i = 0; i < payload->manifest->module_count; i++) {
		const struct manifest_module *row = module_at(payload, i);

		if (row->part != index || row->offset >= part->stored)
			continue;
		sum_add_zeros(&sum, row->offset - sum.size);
		sum_add(&sum, payload->options->modules->list[i].input.data,
			row->size < part->stored - row->offset ? row->size : part->stored - row->offset);
	}
	sum_add_zeros(&sum, part->stored - sum.size);
	part->crc32c = sum.crc32c;
	sha256_end(&sum.sha256, part->sha256);
	if (!part->size) /* empty files alone: a section has a size */
		part->size = PAYLOAD_PAGE;
}

static void describe_modules(struct payload *payload)
{
	struct manifest *manifest = payload->manifest;

	manifest->module_count = payload->options->modules->count;
	for (uint32_t i = 0; i < manifest->module_count; i++)
		describe_module(payload, i);
	for (uint32_t i = 1; i < manifest->part_count; i++)
		sum_part(payload, i);
}

/* ---- The whole ---- */

/* Before anything is summed up: that takes seconds a GiB. */
static bool check_size(const struct payload *payload)
{
	const struct report report = {payload->options->kernel, payload->messages};
	const struct modules *modules = payload->options->modules;
	uint64_t size = payload->kernel.size;

	for (uint32_t i = 0; i < modules->count; i++)
		size += page_up(modules->list[i].input.size);
	return size <= (uint64_t)IMAGE_MIB_MAX << 20 ||
	       report_error(&report,
			    "and its modules take %" PRIu64
			    " MiB together, at most %u can be loaded; leave out modules or make them smaller",
			    size >> 20, IMAGE_MIB_MAX);
}

static bool check_command_line(const struct payload *payload)
{
	const struct report report = {"CMDLINE", payload->messages};
	size_t size = strlen(payload->options->command_line);

	return size < MANIFEST_STRING_MAX ||
	       report_error(&report, "has a command line of %zu bytes, at most %u are carried; shorten it",
			    size, MANIFEST_STRING_MAX - 1);
}

/* The rows come first, so that both loaders find them in the first page; then everything of any length. */
static void describe(struct payload *payload)
{
	const struct payload_options *options = payload->options;
	struct manifest *manifest = payload->manifest;

	manifest->magic = MANIFEST_MAGIC;
	manifest->version = MANIFEST_VERSION;
	manifest->flags = options->flags;
	manifest->size = sizeof(*manifest);
	manifest->part_count = 1;
	manifest->parts = take(payload, MANIFEST_PARTS_MAX * sizeof(struct manifest_part), 8);
	manifest->modules = take(payload, options->modules->count * sizeof(struct manifest_module), 8);
	manifest->place_count = options->place_count;
	manifest->places =
		put(payload, options->places, options->place_count * sizeof(struct manifest_place), 8);
	manifest->adapter_data_size = options->adapter_data_size;
	if (options->adapter_data_size)
		manifest->adapter_data = put(payload, options->adapter_data, options->adapter_data_size, 8);
	manifest->command_line = put_string(payload, options->command_line);
	describe_kernel(payload);
	describe_modules(payload);
	manifest->size = (uint32_t)page_up(manifest->size);
	manifest->build_id = crc32c(0, manifest, manifest->size);
	manifest->crc32c = crc32c(0, manifest, manifest->size);
}

/* ---- Files ---- */

/* The next file to write; NULL after an error. */
static struct output *open_output(struct payload *payload, const char *path)
{
	struct output *output = &payload->outputs[payload->output_count];

	if (!output_open(output, path, payload->messages))
		return NULL;
	payload->output_count++;
	return output;
}

/* NAME.bin in the output directory. */
static struct output *open_binary(struct payload *payload, const char *name)
{
	const struct report report = {payload->options->directory, payload->messages};
	char path[PATH_MAX];
	int length = snprintf(path, PATH_MAX, "%s/%s.bin", payload->options->directory, name);

	if (length > 0 && length < PATH_MAX)
		return open_output(payload, path);
	report_error(&report, "has too long a name; choose another directory");
	return NULL;
}

static bool write_modules(const struct payload *payload, uint32_t part, const struct output *output)
{
	for (uint32_t i = 0; i < payload->manifest->module_count; i++) {
		const struct manifest_module *row = module_at(payload, i);

		if (row->part == part && !output_write(output, payload->options->modules->list[i].input.data,
						       row->size, row->offset))
			return false;
	}
	return true;
}

/* The section ".modules" is in modules.bin. */
static bool write_part(struct payload *payload, uint32_t index)
{
	const struct manifest_part *part = part_at(payload, index);
	char name[sizeof(part->section) + 1] = {0};

	memcpy(name, part->section, sizeof(part->section));
	const struct output *output = open_binary(payload, name + 1);

	return output && output_resize(output, part->size) && write_modules(payload, index, output);
}

static bool write_manifest(struct payload *payload)
{
	const struct output *output = open_binary(payload, "manifest");

	return output && output_write(output, payload->manifest, payload->manifest->size, 0);
}

/* Make has a meaning of its own for most other characters: what depends on such a file is made every time. */
static const char *name_for_make(const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+-,@";

	return strspn(path, plain) == strlen(path) ? path : "EVERY_TIME";
}

static void print_rules(const struct payload *payload, FILE *stream)
{
	const struct modules *modules = payload->options->modules;

	fprintf(stream, "%s:", payload->options->target);
	for (uint32_t i = 0; i < modules->count; i++)
		if (modules->list[i].path)
			fprintf(stream, " %s", name_for_make(modules->list[i].path));
	fputc('\n', stream);
	/* A rule without a recipe: a module that is gone is embed's to report, not make's. */
	for (uint32_t i = 0; i < modules->count; i++)
		if (modules->list[i].path)
			fprintf(stream, "%s:\n", name_for_make(modules->list[i].path));
}

static bool write_depfile(struct payload *payload)
{
	const struct report report = {payload->options->depfile, payload->messages};
	const struct output *output = open_output(payload, report.file);
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	bool done;

	if (!stream)
		return report_error(&report, "cannot be written: %s; free some memory", strerror(errno));
	print_rules(payload, stream);
	done = !fclose(stream) && output && output_write(output, text, size, 0);
	free(text);
	return done;
}

static bool write_all(struct payload *payload)
{
	for (uint32_t i = 1; i < payload->manifest->part_count; i++)
		if (!write_part(payload, i))
			return false;
	if ((payload->options->depfile && !write_depfile(payload)) || !write_manifest(payload))
		return false;
	for (uint32_t i = 0; i < payload->output_count; i++)
		if (!output_commit(&payload->outputs[i]))
			return false;
	return true;
}

static bool make(struct payload *payload)
{
	if (!check_command_line(payload) || !make_room(payload) || !open_kernel(payload) ||
	    !check_size(payload))
		return false;
	describe(payload);
	return write_all(payload);
}

bool payload_write(const struct payload_options *options, FILE *messages)
{
	struct payload payload = {.options = options, .messages = messages};
	bool done = make(&payload);

	for (uint32_t i = 0; i <= MANIFEST_PARTS_MAX; i++)
		output_discard(&payload.outputs[i]);
	input_close(&payload.kernel);
	free(payload.manifest);
	return done;
}

/* ---- The kernel's place on BIOS ---- */

/* Of the padded file's first byte. A kernel that is linked to memory that every machine may have goes there at
   once; any other is moved by core, if it asks for that, or mapped. */
static uint64_t load_address(const struct elf *elf, uint64_t header_size)
{
	bool is_memory = !elf_is_movable(elf) && elf->base >= USUAL_ADDRESS && elf->end < FOUR_GIB;

	return (is_memory ? elf->base : USUAL_ADDRESS) - header_size;
}

bool payload_write_place(const char *kernel, const char *out, FILE *messages)
{
	static struct elf elf;
	const struct report report = {kernel, messages};
	struct output output = {0};
	struct input input = {0};
	uint64_t header_size;
	char text[128];
	bool done = open_padded(&input, &header_size, &elf, &report);

	if (done) {
		int size = snprintf(text, sizeof(text),
				    "/* Where BIOS loads the padded kernel. */\n"
				    "payload_kernel_address = 0x%" PRIx64 ";\n",
				    load_address(&elf, header_size));

		done = output_open(&output, out, messages) && output_write(&output, text, (size_t)size, 0) &&
		       output_commit_changed(&output);
	}
	output_discard(&output);
	input_close(&input);
	return done;
}
