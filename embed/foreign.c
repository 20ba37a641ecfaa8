/* SPDX-License-Identifier: BSD-2-Clause */
#include "foreign.h"

#include "check.h"
#include "limine.h"
#include "linux.h"
#include "multiboot.h"
#include "needs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FOUR_GIB UINT64_C(0x100000000)

/* ---- Which protocol ---- */

/* A note says that the kernel was written for twinboot. */
static bool speaks_native(const uint8_t *data, size_t size)
{
	static struct elf elf;
	const struct report quiet = {"", NULL};

	return elf_open(&elf, data, size, &quiet) && needs_has_note(&elf);
}

static bool speaks_limine(const uint8_t *data, size_t size)
{
	static struct elf elf;
	const struct report quiet = {"", NULL};

	return elf_open(&elf, data, size, &quiet) && limine_is_spoken(&elf);
}

static bool speaks_multiboot2(const uint8_t *data, size_t size)
{
	return multiboot_speaks(data, size, 2);
}

static bool speaks_multiboot1(const uint8_t *data, size_t size)
{
	return multiboot_speaks(data, size, 1);
}

static bool read_multiboot(struct foreign *foreign, const struct input *file,
			   const struct foreign_options *options, const struct report *report);
static bool read_linux(struct foreign *foreign, const struct input *file,
		       const struct foreign_options *options, const struct report *report);
static bool read_limine(struct foreign *foreign, const struct input *file,
			const struct foreign_options *options, const struct report *report);

/* In the order in which they are believed. Any other ELF file is taken for a native kernel. */
static const struct speaker {
	enum protocol protocol;
	const char *name, *title, *adapter;
	bool (*speaks)(const uint8_t *data, size_t size);
	bool (*read)(struct foreign *foreign, const struct input *file, const struct foreign_options *options,
		     const struct report *report);
} speakers[] = {
	{PROTOCOL_NATIVE, "native", "twinboot's own contract", NULL, speaks_native, NULL},
	{PROTOCOL_LIMINE, "limine", "the Limine boot protocol", "limine", speaks_limine, read_limine},
	{PROTOCOL_MULTIBOOT2, "multiboot2", "Multiboot 2", "multiboot", speaks_multiboot2, read_multiboot},
	{PROTOCOL_MULTIBOOT1, "multiboot1", "Multiboot 1", "multiboot", speaks_multiboot1, read_multiboot},
	{PROTOCOL_LINUX, "linux", "Linux' boot protocol", "linux", linux_is, read_linux},
};
#define SPEAKER_COUNT (sizeof(speakers) / sizeof(speakers[0]))

bool protocol_by_name(const char *name, enum protocol *protocol, FILE *messages)
{
	const struct report report = {name, messages};

	*protocol = PROTOCOL_AUTO;
	if (strcmp(name, "auto") == 0)
		return true;
	for (size_t i = 0; i < SPEAKER_COUNT; i++)
		if (strcmp(name, speakers[i].name) == 0) {
			*protocol = speakers[i].protocol;
			return true;
		}
	return report_error(
		&report, "is no protocol; there are auto, native, limine, multiboot2, multiboot1 and linux");
}

/* A kernel that speaks nothing known is a bare ELF file, which is entered by twinboot's contract. */
static const struct speaker *speaker_of(const struct input *file, enum protocol wanted)
{
	for (size_t i = 0; i < SPEAKER_COUNT; i++)
		if (wanted == PROTOCOL_AUTO ? speakers[i].speaks(file->data, file->size)
					    : wanted == speakers[i].protocol)
			return &speakers[i];
	return &speakers[0];
}

static void tell(const struct speaker *chosen, const struct input *file, const char *path, FILE *messages)
{
	fprintf(messages, "twinboot: %s: boots by %s", path, chosen->title);
	for (size_t i = 0; i < SPEAKER_COUNT; i++)
		if (&speakers[i] != chosen && speakers[i].speaks(file->data, file->size))
			fprintf(messages, "; also speaks %s (--protocol %s)", speakers[i].title,
				speakers[i].name);
	fputc('\n', messages);
}

bool foreign_choose(const char *path, enum protocol wanted, const char **adapter, FILE *messages)
{
	const struct report report = {path, messages};
	const struct speaker *speaker;
	struct input file;

	if (!input_open(&file, &report))
		return false;
	speaker = speaker_of(&file, wanted);
	*adapter = speaker->adapter;
	if (speaker->adapter)
		tell(speaker, &file, path, messages);
	input_close(&file);
	return true;
}

/* ---- What its adapter takes along ---- */

static void *owned(struct foreign *foreign, void *memory)
{
	uint32_t i = 0;

	while (foreign->owned[i])
		i++;
	foreign->owned[i] = memory;
	return memory;
}

static void add_module(struct foreign *foreign, uint32_t role, const char *section, const char *name,
		       const void *bytes, size_t size)
{
	foreign->modules[foreign->module_count++] = (struct module){
		.name = name, .arguments = "", .section = section, .role = role, .input = {bytes, size}};
}

/* The file as it is. */
static bool add_file(struct foreign *foreign, uint32_t role, const char *section, const char *name,
		     const struct input *file, const struct report *report)
{
	uint8_t *copy = owned(foreign, malloc(file->size));

	if (!copy)
		return report_error(report, "does not fit the memory: %s; free some", strerror(errno));
	memcpy(copy, file->data, file->size);
	add_module(foreign, role, section, name, copy, file->size);
	return true;
}

static bool read_linux(struct foreign *foreign, const struct input *file,
		       const struct foreign_options *options, const struct report *report)
{
	if (!linux_check(file->data, file->size, options->command_line, report) ||
	    !add_file(foreign, TWINBOOT_ROLE_FOREIGN_KERNEL, LINUX_SECTION, "vmlinuz", file, report))
		return false;
	foreign->places[foreign->place_count++] = linux_place(file->data, file->size);
	return true;
}

/* Files that the kernel names itself come before those of MODULES=, as the protocol has it. */
static bool add_internal(struct foreign *foreign, const struct limine *limine, const char *kernel_path)
{
	struct limine_internal internal[LIMINE_INTERNAL_MAX];
	uint32_t count;
	bool done = limine_internal_modules(limine, kernel_path, internal, &count);

	/* One that was refused has a path, too. */
	for (uint32_t i = 0; i < LIMINE_INTERNAL_MAX; i++)
		owned(foreign, internal[i].path);
	for (uint32_t i = 0; i < count; i++) {
		add_module(foreign, TWINBOOT_ROLE_MODULE, MODULES_SECTION, internal[i].name, NULL, 0);
		foreign->modules[foreign->module_count - 1].path = internal[i].path;
		foreign->modules[foreign->module_count - 1].arguments = internal[i].string;
	}
	return done;
}

/* Its memory image, the plan of its requests and, if it asks for that, the file itself. */
static bool read_limine(struct foreign *foreign, const struct input *file,
			const struct foreign_options *options, const struct report *report)
{
	static struct elf elf;
	struct limine limine = {0};
	const char *slash = strrchr(options->path, '/');
	bool done = elf_open(&elf, file->data, file->size, report) &&
		    limine_read(&limine, &elf, options->image_mib, report);

	owned(foreign, limine.image);
	foreign->adapter_data = owned(foreign, limine.plan);
	if (!done)
		return false;
	check_warn(&elf, report);
	fprintf(report->stream, "twinboot: %s: ", report->file);
	limine_describe(&limine, report->stream);
	foreign->needs = limine.needs;
	foreign->adapter_data_size = (uint32_t)limine_plan_size(limine.plan);
	add_module(foreign, TWINBOOT_ROLE_FOREIGN_KERNEL, FOREIGN_SECTION, "kernel", limine.image,
		   limine.size);
	return add_internal(foreign, &limine, options->path) &&
	       (limine.plan->requests[LIMINE_FEATURE_EXECUTABLE_FILE].offset == LIMINE_ABSENT ||
		add_file(foreign, TWINBOOT_ROLE_ORIGINAL_FILE, MODULES_SECTION,
			 slash ? slash + 1 : options->path, file, report));
}

/* Where the image was linked, or anywhere that a relocatable kernel allows. */
static struct manifest_place place_multiboot(const struct multiboot_kernel *kernel, size_t size)
{
	struct manifest_place place = {
		.kind = TWINBOOT_PLACEMENT_TARGET, .size = size, .alignment = PAYLOAD_PAGE};

	if (!(kernel->data.flags & MULTIBOOT_RELOCATABLE)) {
		place.address = kernel->data.base;
		return place;
	}
	place.alignment = kernel->alignment;
	place.limit = kernel->greatest ? kernel->greatest : FOUR_GIB;
	place.preferred = kernel->prefers_highest ? 0 : kernel->least;
	return place;
}

static bool warn_of_text(const struct multiboot_kernel *kernel, const struct report *report)
{
	if (kernel->needs.flags & TWINBOOT_KEEP_TEXT_MODE)
		report_warning(
			report,
			"asks for no video mode: on BIOS it finds text mode, on UEFI, which has none, a "
			"framebuffer, and its text output stays invisible there");
	return true;
}

static bool read_multiboot(struct foreign *foreign, const struct input *file,
			   const struct foreign_options *options, const struct report *report)
{
	static struct multiboot_kernel kernel;
	uint32_t protocol = foreign->protocol == PROTOCOL_MULTIBOOT2 ? 2 : 1;
	size_t size, symbols_size;
	uint8_t *image, *symbols;

	(void)options;
	if (!multiboot_read(&kernel, file->data, file->size, protocol, report) ||
	    !multiboot_symbols(&kernel, file->data, file->size, &symbols, &symbols_size, report))
		return false;
	owned(foreign, symbols);
	size = page_up(kernel.end) - kernel.data.base;
	image = owned(foreign, calloc(1, size));
	foreign->adapter_data = owned(foreign, malloc(sizeof(kernel.data)));
	if (!image || !foreign->adapter_data)
		return report_error(report, "does not fit the memory; free some");
	multiboot_image(&kernel, image);
	memcpy(foreign->adapter_data, &kernel.data, sizeof(kernel.data));
	foreign->adapter_data_size = sizeof(kernel.data);
	foreign->needs = kernel.needs;
	add_module(foreign, TWINBOOT_ROLE_FOREIGN_KERNEL, FOREIGN_SECTION, "kernel", image, size);
	if (symbols)
		add_module(foreign, TWINBOOT_ROLE_SYMBOLS, MODULES_SECTION, "symbols", symbols, symbols_size);
	foreign->places[foreign->place_count++] = place_multiboot(&kernel, size);
	return warn_of_text(&kernel, report);
}

bool foreign_read(struct foreign *foreign, const struct foreign_options *options, FILE *messages)
{
	const struct report report = {options->path, messages};
	const struct speaker *speaker;
	struct input file;
	bool done = true;

	*foreign = (struct foreign){0};
	if (!input_open(&file, &report))
		return false;
	speaker = speaker_of(&file, options->protocol);
	foreign->protocol = speaker->protocol;
	if (speaker->read)
		done = speaker->read(foreign, &file, options, &report);
	input_close(&file);
	return done;
}

void foreign_free(struct foreign *foreign)
{
	for (uint32_t i = 0; i <= FOREIGN_MODULES_MAX; i++)
		free(foreign->owned[i]);
	*foreign = (struct foreign){0};
}
