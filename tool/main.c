/* SPDX-License-Identifier: BSD-2-Clause */
/* twinboot: the command. */
#include "tool.h"

#include "common/version.h"
#include "embed/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"usage: twinboot VERB [OPTIONS] ...\n"
	"\n"
	"  build KERNEL -o OS.img   an image that boots on BIOS and UEFI, from a kernel's ELF file\n"
	"  image EFI -o OS.img      the same from a BOOTX64.EFI that build made, or that was signed since\n"
	"  inspect FILE|DEVICE      show and check what is in an image\n"
	"  run KERNEL|IMAGE         boot it in QEMU, on both firmwares\n"
	"  test KERNEL...           boot it on many machines, and say how it ends on each\n"
	"  new DIR                  a small kernel to begin with\n"
	"  doctor                   what is installed, and what will be used\n"
	"\n"
	"`twinboot VERB --help` lists the options of a verb.\n"
	"\n"
	"exit codes: 0 good, 1 the kernel failed, 2 wrong usage, 3 bad input, 4 a program is missing, 124 out of time\n";

int usage_error(const char *format, ...)
{
	va_list arguments;

	fputs("twinboot: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs("; see twinboot --help\n", stderr);
	return EXIT_USAGE;
}

int exit_code(bool done)
{
	return done ? EXIT_GOOD : run_lacked_a_program ? EXIT_TOOL : EXIT_INPUT;
}

/* What needs a machine is one program for the command and the tests. */
static int run_a_machine(int count, char **arguments)
{
	char *program = libexec_path("twinboot-run");

	(void)count;
	if (!program) {
		fprintf(stderr,
			"twinboot: %s: needs the program twinboot-run, which is not installed; install all of "
			"twinboot\n",
			arguments[0]);
		return EXIT_TOOL;
	}
	char **all = calloc((size_t)count + 2, sizeof(*all));
	if (all) {
		setenv("TWINBOOT", own_path(), 1); /* who makes images */
		all[0] = program;
		memcpy(all + 1, arguments, (size_t)count * sizeof(*all));
		fflush(NULL);
		execv(program, all);
	}
	fprintf(stderr, "twinboot: %s: cannot be run: %s\n", program, strerror(errno));
	return EXIT_TOOL;
}

static const struct {
	const char *name;
	int (*run)(int count, char **arguments);
} verbs[] = {
	{"build", build_main},   {"image", image_main},   {"inspect", inspect_main},
	{"doctor", doctor_main}, {"new", new_main},       {"step", step_main},
	{"run", run_a_machine},  {"test", run_a_machine}, {"debug", run_a_machine},
};

int main(int count, char **arguments)
{
	const char *verb = count > 1 ? arguments[1] : "--help";

	if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
		fputs(help, count > 1 ? stdout : stderr);
		return count > 1 ? EXIT_GOOD : EXIT_USAGE;
	}
	if (strcmp(verb, "--version") == 0) {
		puts(TWINBOOT_LOADER_NAME);
		return EXIT_GOOD;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verb, verbs[i].name) == 0)
			return verbs[i].run(count - 1, arguments + 1);
	return usage_error("there is no verb \"%s\"", verb);
}
