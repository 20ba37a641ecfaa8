/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * embed: turns a kernel's ELF file into the payload that both loaders carry. One subcommand for each step, so
 * that the build shows them.
 */
#include "check.h"
#include "file.h"
#include "pad.h"
#include "payload.h"
#include "strip.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static int usage(void)
{
	fputs("usage: embed check [--max-image MIB] KERNEL\n"
	      "       embed strip KERNEL OUT\n"
	      "       embed pad [--max-image MIB] STRIPPED OUT [ORIGINAL]\n"
	      "       embed place PADDED OUT.LD\n"
	      "       embed manifest --kernel PADDED --command-line TEXT\n"
	      "                      --modules 'PATH[:NAME[:ARGUMENTS]] ...' --out DIRECTORY [--depfile FILE]\n",
	      stderr);
	return 2;
}

struct kernel {
	struct report report;
	struct input input;
	struct elf elf;
};

static bool open_kernel(struct kernel *kernel, const char *path)
{
	kernel->report = (struct report){path, stderr};
	return input_open(&kernel->input, &kernel->report);
}

static bool check_opened(struct kernel *kernel, uint32_t image_mib)
{
	if (!elf_open(&kernel->elf, kernel->input.data, kernel->input.size, &kernel->report))
		return false;
	kernel->elf.mapped = true;
	return check_kernel(&kernel->elf, image_mib, &kernel->report);
}

static bool check(const char *path, uint32_t image_mib)
{
	static struct kernel kernel;

	if (!open_kernel(&kernel, path) || !check_opened(&kernel, image_mib))
		return false;
	check_warn(&kernel.elf, &kernel.report);
	return true;
}

static bool pad(const char *stripped_path, const char *out, const char *original_path, uint32_t image_mib)
{
	static struct kernel stripped;
	static struct kernel original;
	static struct layout layout;
	static struct layout original_layout;
	const struct elf *elf = &stripped.elf;
	struct output output;
	bool done;

	if (!open_kernel(&stripped, stripped_path))
		return false;
	/* objcopy loses bytes of a segment that no section covers. The original has them. */
	if (original_path) {
		if (!open_kernel(&original, original_path) || !check_opened(&original, image_mib))
			return false;
		layout_plan(&original_layout, &original.elf);
		stripped.report.stream = NULL;
	}
	if (check_opened(&stripped, image_mib))
		layout_plan(&layout, elf);
	else if (!original_path)
		return false;
	if (original_path && !layout_same(&layout, elf, &original_layout, &original.elf)) {
		report_warning(&original.report,
			       "would lose loaded bytes to objcopy --strip-debug and is used "
			       "unstripped; give all bytes of its segments to sections");
		elf = &original.elf;
		layout = original_layout;
	}
	done = output_open(&output, out, stderr) && layout_write(&layout, elf, &output) &&
	       output_commit(&output);
	output_discard(&output);
	return done;
}

static bool read_mib(const char *text, uint32_t *image_mib)
{
	const struct report report = {"MAX_IMAGE_MIB", stderr};
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (strspn(text, "0123456789") != strlen(text) || end == text || !value || value > IMAGE_MIB_MAX)
		return report_error(&report, "is %s; give a number from 1 to %u", text, IMAGE_MIB_MAX);
	*image_mib = (uint32_t)value;
	return true;
}

/* What --max-image leaves of the arguments: `paths`, ended by NULL. */
static char **read_paths(int count, char **arguments, uint32_t *image_mib)
{
	static const struct option options[] = {{"max-image", required_argument, NULL, 'm'}, {0}};
	int option;

	while ((option = getopt_long(count, arguments, "", options, NULL)) != -1)
		if (option != 'm')
			exit(usage());
		else if (!read_mib(optarg, image_mib))
			exit(1);
	return arguments + optind;
}

static int run_check(int count, char **arguments)
{
	uint32_t image_mib = IMAGE_MIB_DEFAULT;
	char **paths = read_paths(count, arguments, &image_mib);

	if (arguments + count - paths != 1)
		return usage();
	return !check(paths[0], image_mib);
}

static int run_strip(int count, char **arguments)
{
	if (count != 3)
		return usage();
	return !strip_debug(arguments[1], arguments[2], stderr);
}

static int run_pad(int count, char **arguments)
{
	uint32_t image_mib = IMAGE_MIB_DEFAULT;
	char **paths = read_paths(count, arguments, &image_mib);

	if (arguments + count - paths != 2 && arguments + count - paths != 3)
		return usage();
	return !pad(paths[0], paths[1], paths[2], image_mib);
}

static int run_place(int count, char **arguments)
{
	if (count != 3)
		return usage();
	return !payload_write_place(arguments[1], arguments[2], stderr);
}

static bool write_payload(struct payload_options *options, const char *list)
{
	static struct modules modules;
	bool done = modules_parse(&modules, list, stderr) && modules_open(&modules, stderr);

	options->modules = &modules;
	done = done && payload_write(options, stderr);
	modules_close(&modules);
	return done;
}

static int run_manifest(int count, char **arguments)
{
	static const struct option options[] = {
		{"kernel", required_argument, NULL, 'k'},  {"command-line", required_argument, NULL, 'c'},
		{"modules", required_argument, NULL, 'm'}, {"out", required_argument, NULL, 'o'},
		{"depfile", required_argument, NULL, 'd'}, {0},
	};
	struct payload_options payload = {0};
	const char *modules = NULL;
	int option;

	while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
		switch (option) {
		case 'k':
			payload.kernel = optarg;
			break;
		case 'c':
			payload.command_line = optarg;
			break;
		case 'm':
			modules = optarg;
			break;
		case 'o':
			payload.directory = optarg;
			break;
		case 'd':
			payload.depfile = optarg;
			break;
		default:
			return usage();
		}
	}
	if (optind != count || !payload.kernel || !payload.command_line || !modules || !payload.directory)
		return usage();
	return !write_payload(&payload, modules);
}

int main(int count, char **arguments)
{
	static const struct {
		const char *name;
		int (*run)(int count, char **arguments);
	} commands[] = {{"check", run_check},
			{"strip", run_strip},
			{"pad", run_pad},
			{"place", run_place},
			{"manifest", run_manifest}};

	for (size_t i = 0; count > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(arguments[1], commands[i].name) == 0)
			return commands[i].run(count - 1, arguments + 1);
	return usage();
}
