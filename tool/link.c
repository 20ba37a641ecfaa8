/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE

#include "link.h"

#include "steps.h"
#include "tool.h"
#include "words.h"

#include "embed/file.h"

#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Where it happens ---- */

static bool cannot_make(const char *directory)
{
	const struct report report = {directory, stderr};

	return report_error(&report, "cannot be made: %s; choose another directory", strerror(errno));
}

bool work_open(struct work *work, const char *keep)
{
	const char *temporary = getenv("TMPDIR");

	work->is_kept = keep != NULL;
	if (keep) {
		work->directory = word("%s", keep);
		return mkdir(keep, 0777) == 0 || errno == EEXIST || cannot_make(keep);
	}
	work->directory = word("%s/twinboot-XXXXXX", temporary && *temporary ? temporary : "/tmp");
	if (mkdtemp(work->directory))
		return true;
	cannot_make(work->directory);
	work->directory = NULL;
	return false;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status, (void)kind, (void)where;
	return remove(path);
}

void work_close(struct work *work)
{
	if (work->directory && !work->is_kept)
		nftw(work->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(work->directory);
}

char *work_path(const struct work *work, const char *name)
{
	return word("%s/%s", work->directory, name);
}

/* ---- What need not be done again ---- */

static bool is_older(const struct stat *file, const char *than)
{
	struct stat other;

	if (stat(than, &other) != 0)
		return true; /* the step will say what is missing */
	return file->st_mtim.tv_sec < other.st_mtim.tv_sec || (file->st_mtim.tv_sec == other.st_mtim.tv_sec &&
							       file->st_mtim.tv_nsec < other.st_mtim.tv_nsec);
}

/* Whether each of `made` is there and no older than each of `from`, and than this program. Both end with NULL. */
static bool is_current(const struct work *work, const char *const made[], const char *const from[])
{
	struct stat file;

	for (int i = 0; work->is_kept && made[i]; i++) {
		if (stat(work_path(work, made[i]), &file) != 0 || is_older(&file, own_path()))
			return false;
		for (int j = 0; from[j]; j++)
			if (is_older(&file, from[j]))
				return false;
	}
	return work->is_kept;
}

/* ---- The steps ---- */

/* What the step "choose" has written; NULL after an error. */
static const char *read_choice(const char *path)
{
	const struct report report = {path, stderr};
	struct input input;
	const char *choice = NULL;

	if (input_open(&input, &report)) {
		choice = word("%.*s", (int)input.size, (const char *)input.data);
		input_close(&input);
	}
	return choice;
}

static const char *choose(const struct work *work, const char *kernel, const char *protocol)
{
	const char *choice = work_path(work, "kernel.path");
	struct words words = {0};

	words_add(&words, "choose", "--adapters", part_path("adapters"));
	if (protocol)
		words_add(&words, "--protocol", protocol);
	words_add(&words, "--", kernel, choice);
	return step_run(words.list) ? read_choice(choice) : NULL;
}

bool link_pad(const struct work *work, const char *kernel, const char *protocol, const char *max_image)
{
	const char *stripped = work_path(work, "kernel.stripped"), *padded = work_path(work, "kernel.padded");
	struct words check = {0}, pad = {0};

	kernel = choose(work, kernel, protocol);
	if (!kernel)
		return false;
	words_add(&check, "check");
	words_add(&pad, "pad");
	if (max_image) {
		words_add(&check, "--max-image", max_image);
		words_add(&pad, "--max-image", max_image);
	}
	words_add(&check, "--", kernel);
	words_add(&pad, "--", stripped, padded, kernel);
	return step_run(check.list) &&
	       step_run((const char *const[]){"strip", "--", kernel, stripped, NULL}) && step_run(pad.list);
}

/* objcopy names its symbols after the input's path as it was given, with '_' for what is neither letter nor digit. */
static char *binary_symbol(const char *path, const char *which)
{
	char *symbol = word("_binary_%s_%s", path, which);

	for (char *c = symbol; *c; c++)
		if (!isascii((unsigned char)*c) || !isalnum((unsigned char)*c))
			*c = '_';
	return symbol;
}

static bool wrap(const char *padded, const char *object)
{
	struct words words = {0};

	words_add(&words, run_program("OBJCOPY", "objcopy"), "-I", "binary", "-O", "elf64-x86-64",
		  "--binary-architecture=i386:x86-64", "--rename-section",
		  ".data=.kernel,alloc,load,data,contents", "--set-section-alignment", ".data=4096",
		  "--redefine-sym", word("%s=_kernel_start_addr", binary_symbol(padded, "start")),
		  "--redefine-sym", word("%s=_kernel_end_addr", binary_symbol(padded, "end")),
		  "--redefine-sym", word("%s=_kernel_size", binary_symbol(padded, "size")), padded, object);
	return step_run_program(words.list);
}

static bool archive(const char *object, const char *library)
{
	unlink(library); /* ar adds to one that is there */
	return step_run_program(
		(const char *const[]){run_program("AR", "ar"), "crsD", library, object, NULL});
}

static bool make_archive(const struct work *work)
{
	const char *padded = work_path(work, "kernel.padded"), *object = work_path(work, "kernel_bin.o");

	return is_current(work, (const char *const[]){"libkernel_bin.a", NULL},
			  (const char *const[]){padded, NULL}) ||
	       (wrap(padded, object) && archive(object, work_path(work, "libkernel_bin.a")));
}

static bool run_legacy(const struct work *work, const char *elf, const char *archive)
{
	const char *ld = run_program("LD", "ld"), *objcopy = run_program("OBJCOPY", "objcopy");

	return step_run_program((const char *const[]){ld,
						      "-m",
						      "elf_x86_64",
						      "-nostdlib",
						      "-static",
						      "-z",
						      "max-page-size=4096",
						      "-z",
						      "noexecstack",
						      "--build-id=none",
						      "-L",
						      work->directory,
						      "-L",
						      part_path("."),
						      "-T",
						      part_path("legacy.ld"),
						      "-o",
						      elf,
						      part_path("legacy.o"),
						      archive,
						      NULL}) &&
	       step_run_program((const char *const[]){objcopy, "-O", "binary", "-j", ".boot", "-j", ".loader",
						      elf, work_path(work, "legacy.bin"), NULL});
}

bool link_legacy(const struct work *work)
{
	const char *padded = work_path(work, "kernel.padded"), *place = work_path(work, "payload.ld"),
		   *archive = work_path(work, "libkernel_bin.a");

	if (!make_archive(work) || !step_run((const char *const[]){"place", padded, place, NULL}))
		return false;
	return is_current(work, (const char *const[]){"legacy.elf", "legacy.bin", NULL},
			  (const char *const[]){archive, place, part_path("legacy.o"), part_path("legacy.ld"),
						part_path("loader.ld"), NULL}) ||
	       run_legacy(work, work_path(work, "legacy.elf"), archive);
}

static bool run_efi(const char *so, const char *archive, const char *unfinished, const char *finished)
{
	const char *ld = run_program("LD", "ld"), *objcopy = run_program("OBJCOPY", "objcopy");

	/* The sections before objcopy's renaming: exactly those of linker/efi.ld that are loaded. */
	return step_run_program((const char *const[]){ld,
						      "-m",
						      "elf_x86_64",
						      "-nostdlib",
						      "-shared",
						      "-Bsymbolic",
						      "--no-undefined",
						      "-z",
						      "noexecstack",
						      "-z",
						      "max-page-size=4096",
						      "--hash-style=sysv",
						      "--build-id=none",
						      "-T",
						      part_path("efi.ld"),
						      "-o",
						      so,
						      part_path("efi.o"),
						      archive,
						      NULL}) &&
	       step_run_program((const char *const[]){objcopy,
						      "-j",
						      ".text",
						      "-j",
						      ".rodata",
						      "-j",
						      ".reloc",
						      "-j",
						      ".data",
						      "-j",
						      ".kernel",
						      "--target",
						      "efi-app-x86_64",
						      "--subsystem=10",
						      "--section-alignment",
						      "4096",
						      "--file-alignment",
						      "4096",
						      so,
						      unfinished,
						      NULL}) &&
	       step_run((const char *const[]){"finish", unfinished, finished, NULL});
}

bool link_efi(const struct work *work)
{
	const char *archive = work_path(work, "libkernel_bin.a");

	return is_current(work, (const char *const[]){"efi.so", "linked.EFI", NULL},
			  (const char *const[]){archive, part_path("efi.o"), part_path("efi.ld"), NULL}) ||
	       run_efi(work_path(work, "efi.so"), archive, work_path(work, "linked.EFI.unfinished"),
		       work_path(work, "linked.EFI"));
}
