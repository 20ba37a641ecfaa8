/* SPDX-License-Identifier: BSD-2-Clause */
/* twinboot build and twinboot image. */
#define _GNU_SOURCE

#include "link.h"
#include "steps.h"
#include "tool.h"
#include "words.h"

#include "embed/file.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char build_help[] =
	"usage: twinboot build KERNEL -o OS.img [OPTIONS]\n"
	"\n"
	"KERNEL is an ELF64 file for x86-64, or a Linux kernel: its content tells.\n"
	"\n"
	"  -o, --output FILE         the image\n"
	"      --protocol NAME       auto, native, limine, multiboot2, multiboot1 or linux: auto, if nothing is said\n"
	"      --cmdline TEXT        the kernel's command line; @FILE: what is in a file\n"
	"      --module PATH[:NAME[:ARGUMENTS]]\n"
	"                            a file that comes along; may be given more than once\n"
	"      --initrd FILE         for Linux, more than once too\n"
	"      --microcode FILE      for Linux: an uncompressed cpio archive\n"
	"      --os-release FILE     for Linux: the section .osrel of a unified kernel image\n"
	"      --uname TEXT          for Linux: the section .uname, if not what the kernel says of itself\n"
	"      --max-image MIB       what the kernel may take in memory: 1024 MiB, if nothing is said\n"
	"      --efi-out FILE        BOOTX64.EFI as well\n"
	"      --netboot-out DIR     twinboot.0, twinboot.payload and BOOTX64.EFI for a server\n"
	"      --keep DIR            keep what lies on the way there, and do nothing again that need not be\n"
	"      --environment         what is not given is taken from KERNEL, PROTOCOL, CMDLINE, MODULES,\n"
	"                            INITRD, MICROCODE, OS_RELEASE, UNAME, MAX_IMAGE_MIB, TABLE, SMALL,\n"
	"                            SEPARATE_PAYLOAD and SECTOR, as make has them\n"
	"      --depfile FILE        write for make what the image depends on\n";

static const char image_help[] = "usage: twinboot image BOOTX64.EFI -o OS.img [OPTIONS]\n"
				 "\n"
				 "  -o, --output FILE         the image\n";

static const char layout_help[] = "      --table mbr|gpt       partition table: mbr, if nothing is said\n"
				  "      --small               FAT12 or FAT16: payload plus 1 MiB\n"
				  "      --sector 512|4096     bytes in a sector of the disk\n"
				  "      --separate-payload    a copy of the payload for BIOS alone\n"
				  "  -v, --verbose             show each step as a command\n"
				  "  -q, --quiet               do not say what takes longer than a second\n"
				  "  -h, --help\n";

/* What is said in words, by an option or by a variable; the step "manifest" takes all but the kernel. */
enum text { KERNEL, PROTOCOL, CMDLINE, MODULES, INITRD, MICROCODE, OS_RELEASE, UNAME, MAX_IMAGE, TEXTS };

static const struct {
	const char *variable, *step_option;
} texts[TEXTS] = {
	[KERNEL] = {"KERNEL", "--foreign"},
	[PROTOCOL] = {"PROTOCOL", "--protocol"},
	[CMDLINE] = {"CMDLINE", "--cmdline"},
	[MODULES] = {"MODULES", "--modules"},
	[INITRD] = {"INITRD", "--initrd"},
	[MICROCODE] = {"MICROCODE", "--microcode"},
	[OS_RELEASE] = {"OS_RELEASE", "--os-release"},
	[UNAME] = {"UNAME", "--uname"},
	[MAX_IMAGE] = {"MAX_IMAGE_MIB", "--max-image"},
};

/* Options; those behind LAST_OF_IMAGE are of `build` alone, and OF_TEXT and up name texts. */
enum {
	TABLE = 256,
	SMALL,
	SECTOR_SIZE,
	SEPARATE,
	ESP_START,
	KEEP,
	LAST_OF_IMAGE = KEEP,
	EFI_OUT,
	NETBOOT_OUT,
	ENVIRONMENT,
	DEPFILE,
	OF_TEXT,
};

static const struct option options[] = {
	{"output", required_argument, NULL, 'o'},
	{"verbose", no_argument, NULL, 'v'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"table", required_argument, NULL, TABLE},
	{"small", no_argument, NULL, SMALL},
	{"sector", required_argument, NULL, SECTOR_SIZE},
	{"separate-payload", no_argument, NULL, SEPARATE},
	{"esp-start", required_argument, NULL, ESP_START}, /* for tests */
	{"keep", required_argument, NULL, KEEP},
	{"efi-out", required_argument, NULL, EFI_OUT},
	{"netboot-out", required_argument, NULL, NETBOOT_OUT},
	{"environment", no_argument, NULL, ENVIRONMENT},
	{"depfile", required_argument, NULL, DEPFILE},
	{"protocol", required_argument, NULL, OF_TEXT + PROTOCOL},
	{"cmdline", required_argument, NULL, OF_TEXT + CMDLINE},
	{"module", required_argument, NULL, OF_TEXT + MODULES},
	{"initrd", required_argument, NULL, OF_TEXT + INITRD},
	{"microcode", required_argument, NULL, OF_TEXT + MICROCODE},
	{"os-release", required_argument, NULL, OF_TEXT + OS_RELEASE},
	{"uname", required_argument, NULL, OF_TEXT + UNAME},
	{"max-image", required_argument, NULL, OF_TEXT + MAX_IMAGE},
	{0},
};

struct build {
	const char *input; /* the kernel, or BOOTX64.EFI */
	const char *output, *efi_out, *netboot_out, *keep, *depfile;
	const char *texts[TEXTS]; /* NULL: not said */
	struct words layout;      /* options of the step "compose" */
	bool from_environment;
	struct work work;
	const char *x64; /* BOOTX64.EFI as it is made */
};

/* ---- What is given ---- */

/* @FILE stands for what is in it, without the line's end. NULL after an error. */
static const char *read_command_line(const char *text)
{
	const struct report report = {text + 1, stderr};
	struct input input;
	char *copy;

	if (*text != '@')
		return text;
	if (!input_open(&input, &report))
		return NULL;
	copy = word("%.*s", (int)input.size, (const char *)input.data);
	if (strlen(copy) < input.size) {
		report_error(&report, "has a NUL in it, where a command line would end; give text");
		copy = NULL;
	} else if (input.size > 0 && copy[input.size - 1] == '\n') {
		copy[input.size - 1] = 0;
	}
	input_close(&input);
	return copy;
}

/* In double quotes, as the lists of modules and initrds have names. */
static char *quote(const char *text, size_t length)
{
	char *quoted = word("%*s", (int)(2 * length + 2), ""), *to = quoted;

	*to++ = '"';
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"' || text[i] == '\\')
			*to++ = '\\';
		*to++ = text[i];
	}
	*to++ = '"';
	*to = 0;
	return quoted;
}

/* PATH[:NAME[:ARGUMENTS]], each of them quoted: a colon is in the arguments alone. */
static char *quote_module(const char *text)
{
	size_t path = strcspn(text, ":"), name = text[path] ? strcspn(text + path + 1, ":") : 0;
	char *quoted = quote(text, path);

	if (text[path])
		quoted = word("%s:%s", quoted, quote(text + path + 1, name));
	if (text[path] && text[path + 1 + name])
		quoted = word("%s:%s", quoted, quote(text + path + 2 + name, strlen(text + path + 2 + name)));
	return quoted;
}

static void append(const char **list, const char *item)
{
	*list = *list ? word("%s %s", *list, item) : item;
}

static int take_text(struct build *build, enum text text)
{
	switch (text) {
	case CMDLINE:
		build->texts[CMDLINE] = read_command_line(optarg);
		return build->texts[CMDLINE] ? EXIT_GOOD : EXIT_INPUT;
	case MODULES:
		append(&build->texts[MODULES], quote_module(optarg));
		break;
	case INITRD:
	case MICROCODE:
		append(&build->texts[text], quote(optarg, strlen(optarg)));
		break;
	default:
		build->texts[text] = optarg;
		break;
	}
	return EXIT_GOOD;
}

static int take_table(struct build *build, const char *text)
{
	if (strcmp(text, "gpt") == 0)
		words_add(&build->layout, "--gpt");
	else if (strcmp(text, "mbr") != 0)
		return usage_error("--table %s: there are mbr and gpt", text);
	return EXIT_GOOD;
}

static int take_option(struct build *build, int option)
{
	switch (option) {
	case 'o':
		build->output = optarg;
		break;
	case 'v':
		run_shows_commands = true;
		break;
	case 'q':
		step_shows_progress = false;
		break;
	case TABLE:
		return take_table(build, optarg);
	case SMALL:
		words_add(&build->layout, "--small");
		break;
	case SECTOR_SIZE:
		words_add(&build->layout, "--sector", optarg);
		break;
	case SEPARATE:
		words_add(&build->layout, "--separate-payload");
		break;
	case ESP_START:
		words_add(&build->layout, "--esp-start", optarg);
		break;
	case KEEP:
		build->keep = optarg;
		break;
	case EFI_OUT:
		build->efi_out = optarg;
		break;
	case NETBOOT_OUT:
		build->netboot_out = optarg;
		break;
	case ENVIRONMENT:
		build->from_environment = true;
		break;
	case DEPFILE:
		build->depfile = optarg;
		break;
	default:
		return take_text(build, (enum text)(option - OF_TEXT));
	}
	return EXIT_GOOD;
}

/* NULL if it is not set, or empty. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* What the command line says goes first. */
static int take_environment(struct build *build)
{
	for (int i = 0; i < TEXTS; i++)
		if (!build->texts[i])
			build->texts[i] = variable(texts[i].variable);
	if (variable("SMALL"))
		words_add(&build->layout, "--small");
	if (variable("SEPARATE_PAYLOAD"))
		words_add(&build->layout, "--separate-payload");
	if (variable("SECTOR"))
		words_add(&build->layout, "--sector", variable("SECTOR"));
	return variable("TABLE") ? take_table(build, variable("TABLE")) : EXIT_GOOD;
}

/* -1: go on; else the exit code. */
static int read_arguments(struct build *build, int count, char **arguments, int last_option, const char *help)
{
	int option, code;

	*build = (struct build){0};
	step_shows_progress = isatty(STDERR_FILENO);
	opterr = 0;
	while ((option = getopt_long(count, arguments, ":o:vqh", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			fputs(layout_help, stdout);
			return EXIT_GOOD;
		}
		if (option == ':')
			return usage_error("%s: %s wants a value", arguments[0], arguments[optind - 1]);
		if (option == '?' || option > last_option)
			return usage_error("%s: there is no option %s", arguments[0], arguments[optind - 1]);
		code = take_option(build, option);
		if (code != EXIT_GOOD)
			return code;
	}
	if (count - optind > 1)
		return usage_error("%s: wants one file, and got \"%s\" besides", arguments[0],
				   arguments[optind + 1]);
	build->texts[KERNEL] = build->input = optind < count ? arguments[optind] : NULL;
	return -1;
}

static int check_arguments(const struct build *build, const char *verb)
{
	if (!build->input || !*build->input)
		return usage_error("%s: wants a file to make the image of", verb);
	if (!build->output)
		return usage_error("%s: wants -o FILE", verb);
	return -1;
}

/* ---- What is done ---- */

static bool describe_payload(const struct build *build)
{
	struct words words = {0};

	words_add(&words, "manifest", "--kernel", work_path(&build->work, "kernel.padded"));
	for (int i = 0; i < TEXTS; i++)
		if (build->texts[i])
			words_add(&words, texts[i].step_option, build->texts[i]);
	if (build->depfile)
		words_add(&words, "--depfile", build->depfile, "--target", build->output);
	words_add(&words, "--", build->work.directory);
	return step_run(words.list);
}

static bool add_sections(const struct build *build, const char *to)
{
	return step_run((const char *const[]){"sections", work_path(&build->work, "linked.EFI"),
					      work_path(&build->work, "manifest.bin"), build->work.directory,
					      to, NULL});
}

static bool compose_image(const struct build *build)
{
	struct words words = {0};

	words_add(&words, "compose");
	words_append(&words, build->layout.list);
	words_add(&words, "--", build->x64, part_path("BOOTIA32.EFI"), work_path(&build->work, "legacy.bin"),
		  build->output);
	return step_run(words.list);
}

static bool write_netboot(const struct build *build)
{
	const char *directory = build->netboot_out;
	const struct report report = {directory, stderr};

	if (!directory)
		return true;
	if (mkdir(directory, 0777) != 0 && errno != EEXIST)
		return report_error(&report, "cannot be made: %s; choose another directory", strerror(errno));
	return add_sections(build, word("%s/BOOTX64.EFI", directory)) &&
	       step_run((const char *const[]){"netboot", build->x64, work_path(&build->work, "legacy.bin"),
					      part_path("pxe.bin"), word("%s/twinboot.payload", directory),
					      word("%s/twinboot.0", directory), NULL});
}

static bool build_all(struct build *build)
{
	build->x64 = build->efi_out ? build->efi_out : work_path(&build->work, "BOOTX64.EFI");
	return link_pad(&build->work, build->input, build->texts[PROTOCOL], build->texts[MAX_IMAGE]) &&
	       link_legacy(&build->work) && link_efi(&build->work) && describe_payload(build) &&
	       add_sections(build, build->x64) && compose_image(build) && write_netboot(build);
}

/* The kernel is taken from the file, so that the BIOS loader is linked with the very same. */
static bool image_all(struct build *build)
{
	build->x64 = build->input;
	return step_run((const char *const[]){"extract", "--", build->x64,
					      work_path(&build->work, "kernel.padded"), NULL}) &&
	       link_legacy(&build->work) && compose_image(build);
}

static int make(struct build *build, bool (*all)(struct build *build))
{
	run_heed_signals();
	bool done = work_open(&build->work, build->keep) && all(build);
	work_close(&build->work);
	return run_ended_by ? 128 + run_ended_by : exit_code(done);
}

int build_main(int count, char **arguments)
{
	static struct build build;
	int code = read_arguments(&build, count, arguments, OF_TEXT + TEXTS, build_help);

	if (code < 0 && build.from_environment && take_environment(&build) != EXIT_GOOD)
		code = EXIT_USAGE;
	build.input = build.texts[KERNEL];
	if (code < 0)
		code = check_arguments(&build, "build");
	return code < 0 ? make(&build, build_all) : code;
}

int image_main(int count, char **arguments)
{
	static struct build build;
	int code = read_arguments(&build, count, arguments, LAST_OF_IMAGE, image_help);

	if (code < 0)
		code = check_arguments(&build, "image");
	return code < 0 ? make(&build, image_all) : code;
}
