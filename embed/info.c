/* SPDX-License-Identifier: BSD-2-Clause */
#define _POSIX_C_SOURCE 200809L

#include "info.h"

#include "check.h"
#include "file.h"
#include "needs.h"
#include "pad.h"
#include "formats/crc32c.h"
#include "formats/payload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\n";

struct module {
	const char *path;
	const char *name;
	const char *arguments;
	struct input input;
	uint64_t offset; /* in .modules */
};

struct info {
	const struct info_options *options;
	FILE *messages;
	char *list; /* holds the modules' paths, names and arguments */
	struct module modules[PAYLOAD_MODULES_MAX];
	uint32_t module_count;
	struct input kernel;
	uint64_t kernel_header_size;
	struct payload_info *head; /* with the module table and the strings */
};

/* Bytes up to the last page that is not all zeros. */
static uint64_t stored_size(const uint8_t *data, uint64_t size)
{
	while (size && !data[size - 1])
		size--;
	return page_up(size);
}

static bool read_sha256(uint8_t digest[32], const struct info *info)
{
	const struct report report = {info->options->kernel, info->messages};
	const char *text = info->options->sha256;

	if (strlen(text) != 64 || strspn(text, "0123456789abcdefABCDEF") != 64)
		return report_error(
			&report,
			"has a digest of other than 64 hexadecimal digits (%s); take it from sha256sum",
			text);
	for (size_t i = 0; i < 32; i++) {
		const char digits[] = {text[2 * i], text[2 * i + 1], 0};

		digest[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return true;
}

static bool check_string(const char *what, const char *text, const struct report *report)
{
	if (strlen(text) < PAYLOAD_STRING_MAX)
		return true;
	return report_error(report, "has a %s of %zu bytes, at most %u are carried; shorten it", what,
			    strlen(text), PAYLOAD_STRING_MAX - 1);
}

/* Cuts a part off `rest`: up to a blank, one of `ends` or the end, as that is outside of double quotes. Those
 * go, and within them a backslash before a quote or a backslash. Returns what ended it: '"' if that is
 * missing.
 */
static char cut_part(char **rest, const char **part, const char *ends)
{
	char *from = *rest;
	char *to = from;
	bool quoted = false;
	char end;

	*part = from;
	for (; *from && (quoted || (!strchr(blanks, *from) && !strchr(ends, *from))); from++) {
		if (*from == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && *from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		*to++ = *from;
	}
	end = quoted ? '"' : *from;
	*rest = *from ? from + 1 : from;
	*to = 0;
	return end;
}

/* Cuts "path[:name[:arguments]]" off `rest`. */
static bool name_module(struct module *module, char **rest, const struct report *report)
{
	char end = cut_part(rest, &module->path, ":");
	const char *slash = strrchr(module->path, '/');

	module->name = slash ? slash + 1 : module->path;
	module->arguments = "";
	if (end == ':')
		end = cut_part(rest, &module->name, ":");
	if (end == ':')
		end = cut_part(rest, &module->arguments, "");
	if (end == '"')
		return report_error(report, "has a double quote without a second one; put one before and one "
					    "after what holds blanks, and \\\" for a quote within");
	if (!*module->path || !*module->name)
		return report_error(report, "has a module without a path or name; write "
					    "path[:name[:arguments]], separated by blanks");
	return check_string("module name", module->name, report) &&
	       check_string("module's arguments", module->arguments, report);
}

static bool open_modules(struct info *info)
{
	const struct report report = {"MODULES", info->messages};
	char *text;

	info->list = strdup(info->options->modules);
	if (!info->list)
		return report_error(&report, "cannot be read: %s; free some memory", strerror(errno));
	text = info->list;
	while (*(text += strspn(text, blanks))) {
		struct module *module = &info->modules[info->module_count];

		if (info->module_count == PAYLOAD_MODULES_MAX)
			return report_error(&report,
					    "has more than %u modules; pack some of them into one archive",
					    PAYLOAD_MODULES_MAX);
		if (!name_module(module, &text, &report) ||
		    !input_open(&module->input, &(struct report){module->path, info->messages}))
			return false;
		info->module_count++;
	}
	return true;
}

static bool open_kernel(struct info *info, struct twinboot_needs *needs)
{
	const struct report report = {info->options->kernel, info->messages};
	struct elf elf;

	if (!input_open(&info->kernel, &report) ||
	    !elf_open(&elf, info->kernel.data, info->kernel.size, &report))
		return false;
	if (!is_padded(&elf, &info->kernel_header_size))
		return report_error(&report, "is not a padded kernel; run embed pad on the kernel first");
	return needs_read(&elf, needs, &report);
}

/* Appends a string behind `size` bytes and returns its offset. */
static uint32_t append(struct payload_info *head, uint32_t *size, const char *text)
{
	uint32_t offset = *size;
	size_t bytes = strlen(text) + 1;

	memcpy((char *)head + offset, text, bytes);
	*size += (uint32_t)bytes;
	return offset;
}

/* The structure, the module table and the strings, but for the checksums. */
static bool make_head(struct info *info)
{
	const struct report report = {info->options->kernel, info->messages};
	uint64_t end = sizeof(*info->head) + info->module_count * sizeof(struct payload_module);
	uint32_t size = (uint32_t)end;
	struct payload_info *head;

	end += strlen(info->options->command_line) + 1;
	for (uint32_t i = 0; i < info->module_count; i++)
		end += strlen(info->modules[i].name) + 1 + strlen(info->modules[i].arguments) + 1;
	head = calloc(1, end);
	if (!head)
		return report_error(&report, "cannot be described: %s; free some memory", strerror(errno));
	info->head = head;

	head->magic = PAYLOAD_MAGIC;
	head->info_size = (uint32_t)end;
	head->kernel_size = info->kernel.size;
	head->kernel_stored = stored_size(info->kernel.data, info->kernel.size);
	head->module_count = info->module_count;
	head->command_line = append(head, &size, info->options->command_line);
	for (uint32_t i = 0; i < info->module_count; i++) {
		struct module *module = &info->modules[i];
		struct payload_module *entry = &head->modules[i];

		module->offset = page_up(end);
		end = module->offset + module->input.size;
		entry->data = module->offset;
		entry->size = module->input.size;
		entry->name = append(head, &size, module->name);
		entry->arguments = append(head, &size, module->arguments);
	}
	head->modules_size = page_up(end);
	head->modules_stored = page_up(head->info_size);
	for (uint32_t i = 0; i < info->module_count; i++) {
		const struct module *module = &info->modules[i];
		uint64_t stored = stored_size(module->input.data, module->input.size);

		if (stored)
			head->modules_stored = module->offset + stored;
	}
	if (head->kernel_size + head->modules_size > (uint64_t)IMAGE_MIB_MAX << 20)
		return report_error(&report,
				    "and its modules take %" PRIu64
				    " MiB together, at most %u can be loaded; leave "
				    "out modules or make them smaller",
				    (head->kernel_size + head->modules_size) >> 20, IMAGE_MIB_MAX);
	return true;
}

/* Over .modules from the end of the strings to the end of what is stored. */
static uint32_t modules_crc32c(const struct info *info)
{
	static const uint8_t zeros[PAYLOAD_PAGE];
	uint64_t offset = info->head->info_size;
	uint32_t crc = 0;

	for (uint32_t i = 0; i < info->module_count; i++) {
		const struct module *module = &info->modules[i];
		uint64_t size = module->input.size;

		if (module->offset >= info->head->modules_stored)
			break;
		if (size > info->head->modules_stored - module->offset)
			size = info->head->modules_stored - module->offset;
		crc = crc32c(crc, zeros, module->offset - offset);
		crc = crc32c(crc, module->input.data, size);
		offset = module->offset + size;
	}
	return crc32c(crc, zeros, info->head->modules_stored - offset);
}

static bool write_modules(const struct info *info, const struct output *output)
{
	if (!output_resize(output, info->head->modules_size) ||
	    !output_write(output, info->head, info->head->info_size, 0))
		return false;
	for (uint32_t i = 0; i < info->module_count; i++)
		if (!output_write(output, info->modules[i].input.data, info->modules[i].input.size,
				  info->modules[i].offset))
			return false;
	return true;
}

static bool write_text(const struct output *output, const char *text, size_t size)
{
	return output_write(output, text, size, 0);
}

static bool write_ld(const struct info *info, const struct output *output)
{
	char text[128];
	int size = snprintf(
		text, sizeof(text),
		"/* Bytes in front of the kernel's first PT_LOAD. */\npayload_header_size = 0x%" PRIx64 ";\n",
		info->kernel_header_size);

	return write_text(output, text, (size_t)size);
}

/* Make has a meaning of its own for most other characters: what depends on such a file is made every time. */
static const char *make_path(const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+-,@";

	return strspn(path, plain) == strlen(path) ? path : "EVERY_TIME";
}

static bool write_depfile(const struct info *info, const struct output *output)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	bool written;

	if (!stream)
		return report_error(&output->report, "cannot be written: %s; free some memory",
				    strerror(errno));
	fprintf(stream, "%s:", info->options->out);
	for (uint32_t i = 0; i < info->module_count; i++)
		fprintf(stream, " %s", make_path(info->modules[i].path));
	fputc('\n', stream);
	/* A rule without a recipe: a module that is gone is embed's to report, not make's. */
	for (uint32_t i = 0; i < info->module_count; i++)
		fprintf(stream, "%s:\n", make_path(info->modules[i].path));
	written = !fclose(stream) && write_text(output, text, size);
	free(text);
	return written;
}

static bool write_all(const struct info *info)
{
	const struct info_options *options = info->options;
	struct output out = {0};
	struct output ld = {0};
	struct output depfile = {0};
	bool done;

	done = output_open(&out, options->out, info->messages) && write_modules(info, &out) &&
	       output_open(&ld, options->ld, info->messages) && write_ld(info, &ld) &&
	       (!options->depfile || (output_open(&depfile, options->depfile, info->messages) &&
				      write_depfile(info, &depfile) && output_commit(&depfile))) &&
	       output_commit(&ld) && output_commit(&out);
	output_discard(&out);
	output_discard(&ld);
	output_discard(&depfile);
	return done;
}

static bool make_info(struct info *info)
{
	struct twinboot_needs needs;
	uint8_t digest[32];

	if (!check_string("command line", info->options->command_line,
			  &(struct report){"CMDLINE", info->messages}) ||
	    !open_kernel(info, &needs) || !read_sha256(digest, info) || !open_modules(info) ||
	    !make_head(info))
		return false;
	info->head->needs = needs;
	memcpy(info->head->kernel_sha256, digest, sizeof(digest));
	info->head->kernel_crc32c = crc32c(0, info->kernel.data, info->head->kernel_stored);
	info->head->modules_crc32c = modules_crc32c(info);
	info->head->info_crc32c = crc32c(0, info->head, info->head->info_size);
	return write_all(info);
}

bool info_write(const struct info_options *options, FILE *messages)
{
	struct info info = {.options = options, .messages = messages};
	bool done = make_info(&info);

	for (uint32_t i = 0; i < info.module_count; i++)
		input_close(&info.modules[i].input);
	input_close(&info.kernel);
	free(info.list);
	free(info.head);
	return done;
}
