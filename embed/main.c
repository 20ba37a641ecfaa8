/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * embed: turns a kernel's ELF file into the payload that both loaders carry. One subcommand for each step, so
 * that the build shows them.
 */
#include "check.h"
#include "foreign.h"
#include "file.h"
#include "linux.h"
#include "pad.h"
#include "payload.h"
#include "strip.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int usage(void)
{
	fputs("usage: embed choose [--protocol NAME] [--adapters DIRECTORY] KERNEL OUT\n"
	      "       embed check [--max-image MIB] KERNEL\n"
	      "       embed strip KERNEL OUT\n"
	      "       embed pad [--max-image MIB] STRIPPED OUT [ORIGINAL]\n"
	      "       embed place PADDED OUT.LD\n"
	      "       embed manifest --kernel PADDED --command-line TEXT\n"
	      "                      --modules 'PATH[:NAME[:ARGUMENTS]] ...' --out DIRECTORY [--depfile FILE]\n"
	      "                      [--initrd 'PATH ...'] [--microcode 'PATH ...'] [--os-release PATH]\n"
	      "                      [--uname TEXT]\n",
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

static bool write_text(const char *path, const char *text)
{
	struct output output;
	bool done = output_open(&output, path, stderr) && output_write(&output, text, strlen(text), 0) &&
		    output_commit(&output);

	output_discard(&output);
	return done;
}

/* choose --protocol NAME --adapters DIRECTORY KERNEL OUT: writes the path of what goes into the archive. */
static int run_choose(int count, char **arguments)
{
	static const struct option options[] = {
		{"protocol", required_argument, NULL, 'p'}, {"adapters", required_argument, NULL, 'a'}, {0}};
	const char *adapters = ".", *adapter;
	enum protocol protocol = PROTOCOL_AUTO;
	char path[PATH_MAX];
	int option;

	while ((option = getopt_long(count, arguments, "", options, NULL)) != -1)
		if (option == 'a')
			adapters = optarg;
		else if (option != 'p')
			return usage();
		else if (!protocol_by_name(optarg, &protocol, stderr))
			return 1;
	if (count - optind != 2)
		return usage();
	if (!foreign_choose(arguments[optind], protocol, &adapter, stderr))
		return 1;
	snprintf(path, sizeof(path), "%s/%s.elf", adapters, adapter ? adapter : "");
	return !write_text(arguments[optind + 1], adapter ? path : arguments[optind]);
}

/* What the payload is made of, as the command line says it. */
struct manifest_arguments {
	struct payload_options payload;
	const char *modules, *image_mib, *protocol;
	struct foreign_options foreign;
	struct linux_files linux_files;
};

static bool add_foreign(struct manifest_arguments *given, const struct foreign *foreign,
			struct modules *modules)
{
	for (uint32_t i = 0; i < foreign->module_count; i++)
		if (!modules_add(modules, foreign->modules[i], "KERNEL", stderr))
			return false;
	given->payload.wishes = foreign->needs;
	given->payload.places = foreign->places;
	given->payload.place_count = foreign->place_count;
	given->payload.adapter_data = foreign->adapter_data;
	given->payload.adapter_data_size = foreign->adapter_data_size;
	return true;
}

/* The foreign kernel's modules come first, so that places can count them. */
static bool add_all(struct manifest_arguments *given, struct foreign *foreign, struct modules *modules)
{
	static const struct module_kind kind = {"MODULES", MODULES_SECTION, TWINBOOT_ROLE_MODULE};

	if (given->foreign.path && !foreign_read(foreign, &given->foreign, stderr))
		return false;
	if (!add_foreign(given, foreign, modules))
		return false;
	if (foreign->protocol == PROTOCOL_LINUX)
		return linux_add(modules, &given->linux_files, given->payload.command_line, given->modules,
				 stderr);
	return linux_refuse(&given->linux_files, stderr) &&
	       modules_parse(modules, &kind, given->modules, stderr);
}

static bool write_payload(struct manifest_arguments *given)
{
	static struct modules modules;
	static struct foreign foreign;
	bool done = add_all(given, &foreign, &modules) && modules_open(&modules, stderr);

	if (done)
		linux_check_initrds(&modules, stderr);
	given->payload.modules = &modules;
	done = done && payload_write(&given->payload, stderr);
	modules_close(&modules);
	foreign_free(&foreign);
	return done;
}

/* Where the text behind an option goes; NULL for an option that there is not. */
static const char **text_option(struct manifest_arguments *given, int option)
{
	switch (option) {
	case 'k':
		return &given->payload.kernel;
	case 'c':
		return &given->payload.command_line;
	case 'm':
		return &given->modules;
	case 'o':
		return &given->payload.directory;
	case 'd':
		return &given->payload.depfile;
	case 'f':
		return &given->foreign.path;
	case 'p':
		return &given->protocol;
	case 'x':
		return &given->image_mib;
	case 'i':
		return &given->linux_files.initrds;
	case 'u':
		return &given->linux_files.microcode;
	case 'r':
		return &given->linux_files.os_release;
	case 'n':
		return &given->linux_files.uname;
	default:
		return NULL;
	}
}

static int run_manifest(int count, char **arguments)
{
	static const struct option options[] = {
		{"kernel", required_argument, NULL, 'k'},
		{"command-line", required_argument, NULL, 'c'},
		{"modules", required_argument, NULL, 'm'},
		{"out", required_argument, NULL, 'o'},
		{"depfile", required_argument, NULL, 'd'},
		{"foreign", required_argument, NULL, 'f'},
		{"protocol", required_argument, NULL, 'p'},
		{"max-image", required_argument, NULL, 'x'},
		{"initrd", required_argument, NULL, 'i'},
		{"microcode", required_argument, NULL, 'u'},
		{"os-release", required_argument, NULL, 'r'},
		{"uname", required_argument, NULL, 'n'},
		{0},
	};
	struct manifest_arguments given = {.protocol = "auto",
					   .foreign.image_mib = IMAGE_MIB_DEFAULT,
					   .linux_files = {"", "", "", "", ""}};
	int option;

	while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
		const char **text = text_option(&given, option);

		if (!text)
			return usage();
		*text = optarg;
	}
	if (optind != count || !given.payload.kernel || !given.payload.command_line || !given.modules ||
	    !given.payload.directory)
		return usage();
	given.foreign.command_line = given.payload.command_line;
	if ((given.image_mib && !read_mib(given.image_mib, &given.foreign.image_mib)) ||
	    !protocol_by_name(given.protocol, &given.foreign.protocol, stderr))
		return 1;
	return !write_payload(&given);
}

int main(int count, char **arguments)
{
	static const struct {
		const char *name;
		int (*run)(int count, char **arguments);
	} commands[] = {{"choose", run_choose}, {"check", run_check}, {"strip", run_strip},
			{"pad", run_pad},       {"place", run_place}, {"manifest", run_manifest}};

	for (size_t i = 0; count > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(arguments[1], commands[i].name) == 0)
			return commands[i].run(count - 1, arguments + 1);
	return usage();
}
