/* SPDX-License-Identifier: BSD-2-Clause */
#define _POSIX_C_SOURCE 200809L

#include "steps.h"

#include "tool.h"
#include "words.h"

#include "embed/check.h"
#include "embed/foreign.h"
#include "embed/kernel.h"
#include "embed/linux.h"
#include "embed/payload.h"
#include "embed/strip.h"
#include "images/compose.h"
#include "images/efi_file.h"
#include "images/netboot.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool step_shows_progress;

static const char help[] =
	"usage: twinboot step choose [--protocol NAME] --adapters DIRECTORY KERNEL OUT\n"
	"       twinboot step check [--max-image MIB] KERNEL\n"
	"       twinboot step strip KERNEL OUT\n"
	"       twinboot step pad [--max-image MIB] STRIPPED OUT [ORIGINAL]\n"
	"       twinboot step place PADDED OUT.LD\n"
	"       twinboot step manifest --kernel PADDED [--foreign KERNEL] [--protocol NAME] [--max-image MIB]\n"
	"                              [--cmdline TEXT] [--modules 'PATH[:NAME[:ARGUMENTS]] ...']\n"
	"                              [--initrd 'PATH ...'] [--microcode 'PATH ...'] [--os-release PATH]\n"
	"                              [--uname TEXT] [--depfile FILE --target NAME] DIRECTORY\n"
	"       twinboot step finish IN.EFI OUT.EFI\n"
	"       twinboot step sections LINKED.EFI MANIFEST.BIN DIRECTORY OUT.EFI\n"
	"       twinboot step extract BOOTX64.EFI PADDED\n"
	"       twinboot step compose [--gpt] [--small] [--separate-payload] [--sector BYTES] [--esp-start BYTES]\n"
	"                             BOOTX64.EFI BOOTIA32.EFI LEGACY.BIN OUT.IMG\n"
	"       twinboot step netboot BOOTX64.EFI LEGACY.BIN PXE.BIN TWINBOOT.PAYLOAD TWINBOOT.0\n"
	"\n"
	"What `twinboot build` does, one by one; -v shows them with their arguments.\n";

enum {
	MAX_IMAGE = 256,
	PROTOCOL,
	ADAPTERS,
	KERNEL,
	FOREIGN,
	CMDLINE,
	MODULES,
	INITRD,
	MICROCODE,
	OS_RELEASE,
	UNAME,
	DEPFILE,
	TARGET,
	GPT,
	SMALL,
	SEPARATE,
	SECTOR_SIZE,
	ESP_START,
};

static const struct option options[] = {
	{"max-image", required_argument, NULL, MAX_IMAGE},
	{"protocol", required_argument, NULL, PROTOCOL},
	{"adapters", required_argument, NULL, ADAPTERS},
	{"kernel", required_argument, NULL, KERNEL},
	{"foreign", required_argument, NULL, FOREIGN},
	{"cmdline", required_argument, NULL, CMDLINE},
	{"modules", required_argument, NULL, MODULES},
	{"initrd", required_argument, NULL, INITRD},
	{"microcode", required_argument, NULL, MICROCODE},
	{"os-release", required_argument, NULL, OS_RELEASE},
	{"uname", required_argument, NULL, UNAME},
	{"depfile", required_argument, NULL, DEPFILE},
	{"target", required_argument, NULL, TARGET},
	{"gpt", no_argument, NULL, GPT},
	{"small", no_argument, NULL, SMALL},
	{"separate-payload", no_argument, NULL, SEPARATE},
	{"sector", required_argument, NULL, SECTOR_SIZE},
	{"esp-start", required_argument, NULL, ESP_START},
	{0},
};

/* What the options of any step say. */
struct given {
	const char *adapters; /* directory */
	const char *modules;  /* as MODULES= names them */
	struct linux_files linux_files;
	struct foreign_options foreign;
	struct payload_options payload;
	struct disk_options disk;
};

static bool read_number(const char *what, const char *text, uint64_t low, uint64_t high, uint64_t *number)
{
	const struct report report = {what, stderr};
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (strspn(text, "0123456789") == strlen(text) && end != text && !errno && *number >= low &&
	    *number <= high)
		return true;
	return report_error(&report, "is \"%s\"; give a number from %llu to %llu", text,
			    (unsigned long long)low, (unsigned long long)high);
}

static bool take_sector(struct given *given, const char *text)
{
	const struct report report = {"--sector", stderr};

	if (strcmp(text, "512") != 0 && strcmp(text, "4096") != 0)
		return report_error(&report, "is \"%s\"; disks have sectors of 512 or 4096 bytes", text);
	given->disk.sector = text[0] == '5' ? 512 : 4096;
	return true;
}

/* Where the text behind an option goes; NULL for an option that is no text. */
static const char **text_option(struct given *given, int option)
{
	switch (option) {
	case ADAPTERS:
		return &given->adapters;
	case KERNEL:
		return &given->payload.kernel;
	case FOREIGN:
		return &given->foreign.path;
	case CMDLINE:
		return &given->payload.command_line;
	case MODULES:
		return &given->modules;
	case INITRD:
		return &given->linux_files.initrds;
	case MICROCODE:
		return &given->linux_files.microcode;
	case OS_RELEASE:
		return &given->linux_files.os_release;
	case UNAME:
		return &given->linux_files.uname;
	case DEPFILE:
		return &given->payload.depfile;
	case TARGET:
		return &given->payload.target;
	default:
		return NULL;
	}
}

static bool take_option(struct given *given, int option)
{
	const char **text = text_option(given, option);
	uint64_t number;

	if (text) {
		*text = optarg;
		return true;
	}
	switch (option) {
	case MAX_IMAGE:
		if (!read_number("--max-image", optarg, 1, IMAGE_MIB_MAX, &number))
			return false;
		given->foreign.image_mib = (uint32_t)number;
		return true;
	case PROTOCOL:
		return protocol_by_name(optarg, &given->foreign.protocol, stderr);
	case GPT:
		given->disk.gpt = true;
		return true;
	case SMALL:
		given->disk.small = true;
		return true;
	case SEPARATE:
		given->disk.separate = true;
		return true;
	case SECTOR_SIZE:
		return take_sector(given, optarg);
	default:
		return read_number("--esp-start", optarg, 0, INT64_MAX, &given->disk.esp);
	}
}

/* ---- The steps; `paths` are the other arguments, as many as the table says ---- */

/* Writes the path of what goes into the archive: the kernel, or the adapter that starts it. */
static bool do_choose(struct given *given, char *const paths[])
{
	const char *adapter;
	struct output output = {0};
	bool done = foreign_choose(paths[0], given->foreign.protocol, &adapter, stderr);

	if (done) {
		const char *chosen = adapter ? word("%s/%s.elf", given->adapters, adapter) : paths[0];

		done = output_open(&output, paths[1], stderr) &&
		       output_write(&output, chosen, strlen(chosen), 0) && output_commit_changed(&output);
	}
	output_discard(&output);
	return done;
}

static bool do_check(struct given *given, char *const paths[])
{
	return kernel_check(paths[0], given->foreign.image_mib, stderr);
}

static bool do_strip(struct given *given, char *const paths[])
{
	(void)given;
	return strip_debug(paths[0], paths[1], stderr);
}

static bool do_pad(struct given *given, char *const paths[])
{
	return kernel_pad(paths[0], paths[1], paths[2], given->foreign.image_mib, stderr);
}

static bool do_place(struct given *given, char *const paths[])
{
	(void)given;
	return payload_write_place(paths[0], paths[1], stderr);
}

static bool add_foreign(struct given *given, const struct foreign *foreign, struct modules *modules)
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
static bool add_all(struct given *given, struct foreign *foreign, struct modules *modules)
{
	static const struct module_kind kind = {"MODULES", MODULES_SECTION, TWINBOOT_ROLE_MODULE};

	if ((given->foreign.path && !foreign_read(foreign, &given->foreign, stderr)) ||
	    !add_foreign(given, foreign, modules))
		return false;
	if (foreign->protocol == PROTOCOL_LINUX)
		return linux_add(modules, &given->linux_files, given->payload.command_line, given->modules,
				 stderr);
	return linux_refuse(&given->linux_files, stderr) &&
	       modules_parse(modules, &kind, given->modules, stderr);
}

static bool do_manifest(struct given *given, char *const paths[])
{
	static struct foreign foreign;
	static struct modules modules;

	given->foreign.command_line = given->payload.command_line;
	given->payload.modules = &modules;
	given->payload.directory = paths[0];
	bool done = add_all(given, &foreign, &modules) && modules_open(&modules, stderr);
	if (done)
		linux_check_initrds(&modules, stderr);
	done = done && payload_write(&given->payload, stderr);
	modules_close(&modules);
	foreign_free(&foreign);
	return done;
}

static bool do_finish(struct given *given, char *const paths[])
{
	(void)given;
	return efi_finish(paths[0], paths[1], stderr);
}

static bool do_sections(struct given *given, char *const paths[])
{
	(void)given;
	return efi_add_sections(paths[0], paths[1], paths[2], paths[3], stderr);
}

static bool do_compose(struct given *given, char *const paths[])
{
	const struct compose_options what = {
		.disk = given->disk, .x64 = paths[0], .ia32 = paths[1], .legacy = paths[2], .out = paths[3]};

	return compose(&what, stderr);
}

static bool do_extract(struct given *given, char *const paths[])
{
	(void)given;
	return efi_extract_kernel(paths[0], paths[1], stderr);
}

static bool do_netboot(struct given *given, char *const paths[])
{
	const struct netboot_options what = {paths[0], paths[1], paths[2], paths[3], paths[4]};

	(void)given;
	return netboot_write(&what, stderr);
}

static const struct step {
	const char *name;
	bool (*run)(struct given *given, char *const paths[]);
	int least, most; /* paths */
} steps[] = {
	{"choose", do_choose, 2, 2},   {"check", do_check, 1, 1},     {"strip", do_strip, 2, 2},
	{"pad", do_pad, 2, 3},         {"place", do_place, 2, 2},     {"manifest", do_manifest, 1, 1},
	{"finish", do_finish, 2, 2},   {"extract", do_extract, 2, 2}, {"sections", do_sections, 4, 4},
	{"compose", do_compose, 4, 4}, {"netboot", do_netboot, 5, 5},
};

static const struct step *find_step(const char *name)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(name, steps[i].name) == 0)
			return &steps[i];
	return NULL;
}

/* `arguments` begin with the step's name. */
static int run_step(int count, char **arguments)
{
	static struct given given;
	const struct step *step = count > 0 ? find_step(arguments[0]) : NULL;
	int option;

	if (!step)
		return usage_error("step: there is no step \"%s\"", count > 0 ? arguments[0] : "");
	given = (struct given){.adapters = ".",
			       .modules = "",
			       .linux_files = {"", "", "", "", ""},
			       .foreign.image_mib = IMAGE_MIB_DEFAULT,
			       .payload.command_line = "",
			       .disk.sector = SECTOR};
	optind = 0; /* glibc: begin anew */
	while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
		if (option == '?')
			return EXIT_USAGE;
		if (!take_option(&given, option))
			return EXIT_INPUT;
	}
	if (count - optind < step->least || count - optind > step->most)
		return usage_error("step %s: wants from %d to %d files", step->name, step->least, step->most);
	return exit_code(step->run(&given, arguments + optind));
}

int step_main(int count, char **arguments)
{
	if (count < 2 || strcmp(arguments[1], "--help") == 0) {
		fputs(help, count < 2 ? stderr : stdout);
		return count < 2 ? EXIT_USAGE : EXIT_GOOD;
	}
	run_heed_signals();
	return run_step(count - 1, arguments + 1);
}

/* ---- As part of a build ---- */

static const char *volatile running_step;

static void say_step(int number)
{
	static const char before[] = "twinboot: ", after[] = " ...\n";
	const char *name = running_step;

	(void)number;
	if (write(STDERR_FILENO, before, sizeof(before) - 1) < 0 ||
	    write(STDERR_FILENO, name, strlen(name)) < 0 ||
	    write(STDERR_FILENO, after, sizeof(after) - 1) < 0)
		return; /* nobody is there to read it */
}

static void begin_progress(const char *name)
{
	struct sigaction action = {.sa_handler = say_step, .sa_flags = SA_RESTART};

	if (!step_shows_progress)
		return;
	running_step = name;
	sigaction(SIGALRM, &action, NULL);
	alarm(1);
}

bool step_run(const char *const arguments[])
{
	const char *all[64] = {own_path(), "step"};
	int count = 0;

	if (run_ended_by)
		return false;
	for (; arguments[count]; count++)
		all[count + 2] = arguments[count];
	if (run_shows_commands)
		run_show(all, stderr);
	begin_progress(arguments[0]);
	bool done = run_step(count, (char **)(all + 2)) == EXIT_GOOD;
	alarm(0);
	return done && !run_ended_by;
}

bool step_run_program(const char *const arguments[])
{
	begin_progress(arguments[0]);
	bool done = run(arguments, stderr);
	alarm(0);
	return done;
}
