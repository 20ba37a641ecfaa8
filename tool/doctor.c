/* SPDX-License-Identifier: BSD-2-Clause */
/* twinboot doctor: what is installed, and what will be used. */
#define _GNU_SOURCE

#include "tool.h"

#include "embed/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"usage: twinboot doctor\n"
	"\n"
	"Lists the programs and files that twinboot needs, where it finds them, and which Debian package\n"
	"has what is missing. Ends with 4 if `build` would not work.\n";

/* Allocated; NULL if PATH has no such program. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");
	char *found = NULL;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? strdup(name) : NULL;
	for (const char *end; path && *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		if (asprintf(&found, "%.*s/%s", (int)(end - path), path, name) < 0)
			return NULL;
		if (access(found, X_OK) == 0)
			return found;
		free(found);
		found = NULL;
	}
	return NULL;
}

static bool show(const char *what, const char *where, const char *package)
{
	if (where)
		printf("  %-22s %s\n", what, where);
	else
		printf("  %-22s missing: install the package %s\n", what, package);
	return where != NULL;
}

static bool show_program(const char *name, const char *package)
{
	char *where = find_program(name);
	bool is_there = show(name, where, package);

	free(where);
	return is_there;
}

static bool show_part(const char *name)
{
	char *where = part_path(name);
	bool is_there = access(where, R_OK) == 0;

	show(name, is_there ? where : NULL, "twinboot, or run make");
	free(where);
	return is_there;
}

/* The first of some places in which distributions keep a file. */
static void show_file(const char *what, const char *const places[], const char *package)
{
	int i = 0;

	while (places[i] && access(places[i], R_OK) != 0)
		i++;
	show(what, places[i], package);
}

static bool show_build(void)
{
	bool good = show_program(run_program("LD", "ld"), "binutils");

	good = show_program(run_program("OBJCOPY", "objcopy"), "binutils") && good;
	good = show_program(run_program("AR", "ar"), "binutils") && good;
	good = show_program("mformat", "mtools") && good;
	good = show_program("mcopy", "mtools") && good;
	good = show_part("legacy.o") && good;
	good = show_part("efi.o") && good;
	good = show_part("pxe.bin") && good;
	return show_part("BOOTIA32.EFI") && good;
}

static void show_run(void)
{
	char *runner = libexec_path("twinboot-run");

	show("twinboot-run", runner, "twinboot");
	show_program("qemu-system-x86_64", "qemu-system-x86");
	show_program("python3", "python3");
	show_program("gdb", "gdb, for --gdb alone");
	show_file("OVMF",
		  (const char *const[]){"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd",
					NULL},
		  "ovmf");
	puts("  accelerator            TCG, QEMU's own emulation: the same on every machine");
	free(runner);
}

int doctor_main(int count, char **arguments)
{
	if (count == 2 && (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0)) {
		fputs(help, stdout);
		return EXIT_GOOD;
	}
	if (count != 1)
		return usage_error("doctor: wants no arguments");
	puts("To build:");
	bool good = show_build();
	puts("To run and test:");
	show_run();
	return good ? EXIT_GOOD : EXIT_TOOL;
}
