/* SPDX-License-Identifier: BSD-2-Clause */
#include "linux.h"

#include <inttypes.h>
#include <string.h>

/* Linux, Documentation/arch/arm64/booting.rst */
#define ARM64_MAGIC_AT 0x38u
static const char arm64_magic[4] = {'A', 'R', 'M', 0x64};

static bool is_arm64(const uint8_t *data, size_t size)
{
	return size >= ARM64_MAGIC_AT + sizeof(arm64_magic) &&
	       memcmp(data + ARM64_MAGIC_AT, arm64_magic, sizeof(arm64_magic)) == 0;
}

bool linux_is(const uint8_t *data, size_t size)
{
	struct bzimage image;

	return is_arm64(data, size) || bzimage_read(&image, data, size) != BZIMAGE_IS_OTHER;
}

/* memdisk and iPXE's .lkrn have the header, and start in real mode only. */
static bool refuse_entry(const struct bzimage *image, const char *name, const struct report *report)
{
	uint32_t version = image->header.version;

	return report_error(
		report,
		"is \"%s\", of Linux' boot protocol %u.%02u, without an entry in 64-bit mode (XLF_KERNEL_64, "
		"from protocol 2.12 on); give a 64-bit kernel of Linux 3.8 or later: 32-bit kernels, "
		"memdisk and iPXE's .lkrn have none",
		name, version >> 8, version & 0xff);
}

static bool check_header(struct bzimage *image, const uint8_t *data, size_t size, const struct report *report)
{
	enum bzimage_verdict verdict = bzimage_read(image, data, size);
	char name[BZIMAGE_NAME_MAX];

	bzimage_name(name, image, data, size);
	switch (verdict) {
	case BZIMAGE_FITS:
		return true;
	case BZIMAGE_TOO_OLD:
	case BZIMAGE_NO_64_BIT_ENTRY:
		return refuse_entry(image, name, report);
	case BZIMAGE_CUT_OFF:
		return report_error(report,
				    "is cut off: %zu bytes are there, and its header says %" PRIu64
				    "; copy it again",
				    size, image->code_offset + image->code_size);
	default:
		return report_error(
			report,
			"has a setup header that contradicts itself (protected-mode code of %" PRIu64
			" bytes, init_size %" PRIu64 ", kernel_alignment %" PRIu64
			"); build or copy it again",
			image->code_size, image->memory, image->alignment);
	}
}

bool linux_check(const uint8_t *data, size_t size, const char *command_line, const struct report *report)
{
	struct bzimage image;

	if (is_arm64(data, size))
		return report_error(
			report, "is a Linux kernel for arm64, and twinboot boots x86-64 machines; give the "
				"kernel for x86-64 (amd64)");
	if (!check_header(&image, data, size, report))
		return false;
	if (strlen(command_line) > image.header.cmdline_size)
		return report_error(report,
				    "takes a command line of at most %" PRIu32
				    " bytes, and it is given %zu; shorten CMDLINE",
				    image.header.cmdline_size, strlen(command_line));
	return true;
}

/* A kernel that is not relocatable runs where it was linked. The others move themselves up to pref_address, whatever
   lies there, so that they get a place from there on. */
struct manifest_place linux_place(const uint8_t *data, size_t size)
{
	struct bzimage image;

	bzimage_read(&image, data, size);
	return (struct manifest_place){
		.kind = TWINBOOT_PLACEMENT_TARGET,
		.module = TWINBOOT_NO_MODULE,
		.address = image.header.relocatable_kernel ? 0 : image.header.pref_address,
		.size = (image.memory + PAYLOAD_PAGE - 1) / PAYLOAD_PAGE * PAYLOAD_PAGE,
		.alignment = image.alignment < PAYLOAD_PAGE ? PAYLOAD_PAGE : image.alignment,
		.preferred = image.header.pref_address,
		.limit = image.header.xloadflags & BZIMAGE_XLF_CAN_BE_LOADED_ABOVE_4G ? 0 : UINT64_C(1) << 32,
	};
}

#define CPIO_MAGIC "070701"

/* What Linux' unpacker tells apart by its first bytes (Linux, lib/decompress.c; cpio(5), the newc formats). */
static const struct {
	const char *bytes;
	size_t size;
} initrd_magics[] = {
	{CPIO_MAGIC, 6},
	{"070702", 6},
	{"\x1f\x8b", 2},
	{"\x1f\x9e", 2},
	{"BZh", 3},
	{"\x5d\0", 2},
	{"\xfd"
	 "7zXZ",
	 5},
	{"\x89LZO", 4},
	{"\x02\x21\x4c\x18", 4},
	{"\x28\xb5\x2f\xfd", 4},
};

static bool is_archive(const struct module *module)
{
	const uint8_t *data = module->input.data;
	size_t size = module->input.size;

	for (size_t i = 0; i < sizeof(initrd_magics) / sizeof(initrd_magics[0]); i++)
		if (size >= initrd_magics[i].size &&
		    memcmp(data, initrd_magics[i].bytes, initrd_magics[i].size) == 0)
			return true;
	return false;
}

/* Linux looks for microcode before it can unpack anything. */
static bool is_bare_archive(const struct module *module)
{
	return module->input.size >= strlen(CPIO_MAGIC) &&
	       memcmp(module->input.data, CPIO_MAGIC, strlen(CPIO_MAGIC)) == 0;
}

void linux_check_initrds(const struct modules *modules, FILE *messages)
{
	for (uint32_t i = 0; i < modules->count; i++) {
		const struct module *module = &modules->list[i];
		const struct report report = {module->path, messages};

		if (module->role == TWINBOOT_ROLE_INITRD && !is_archive(module))
			report_warning(&report,
				       "is no cpio archive (newc), bare or compressed, so Linux will not "
				       "unpack it; check that it is the initrd that was meant");
		if (module->role == TWINBOOT_ROLE_MICROCODE && !is_bare_archive(module))
			report_warning(&report,
				       "is no uncompressed cpio archive (newc), so Linux will not find "
				       "microcode in it; check that it is the file that was meant");
	}
}

/* ---- What goes with the kernel ---- */

/* "6.12.0-amd64 (somebody@somewhere) #1 ...": the first word is what uname -r says. */
static void read_release(char release[BZIMAGE_NAME_MAX], const struct input *kernel)
{
	struct bzimage image;

	bzimage_read(&image, kernel->data, kernel->size);
	bzimage_name(release, &image, kernel->data, kernel->size);
	release[strcspn(release, " ")] = 0;
}

static bool add_text(struct modules *modules, const char *section, const char *text, FILE *messages)
{
	const struct module module = {.name = section,
				      .arguments = "",
				      .section = section,
				      .role = TWINBOOT_ROLE_OTHER,
				      .input = {(const uint8_t *)text, strlen(text)}};

	return !*text || modules_add(modules, module, section, messages);
}

static bool add_os_release(struct modules *modules, const char *path, FILE *messages)
{
	const struct module module = {.path = path,
				      .name = ".osrel",
				      .arguments = "",
				      .section = ".osrel",
				      .role = TWINBOOT_ROLE_OTHER};

	return !*path || modules_add(modules, module, "OS_RELEASE", messages);
}

/* Microcode in front of the initrds, where Linux looks for it. */
bool linux_add(struct modules *modules, struct linux_files *files, const char *command_line,
	       const char *others, FILE *messages)
{
	static const struct module_kind microcode = {"MICROCODE", MICROCODE_SECTION, TWINBOOT_ROLE_MICROCODE};
	static const struct module_kind initrd = {"INITRD", INITRD_SECTION, TWINBOOT_ROLE_INITRD};
	const struct report report = {"MODULES", messages};

	if (others[strspn(others, " \t\n")])
		return report_error(&report,
				    "names files that Linux would never see; give archives with INITRD");
	read_release(files->release, &modules->list[0].input);
	return modules_parse(modules, &microcode, files->microcode, messages) &&
	       modules_parse(modules, &initrd, files->initrds, messages) &&
	       add_os_release(modules, files->os_release, messages) &&
	       add_text(modules, ".uname", *files->uname ? files->uname : files->release, messages) &&
	       add_text(modules, ".cmdline", command_line, messages);
}

bool linux_refuse(const struct linux_files *files, FILE *messages)
{
	const struct report report = {"INITRD, MICROCODE, OS_RELEASE or UNAME", messages};

	return !(*files->initrds || *files->microcode || *files->os_release || *files->uname) ||
	       report_error(&report, "is given, and the kernel is no Linux; give it files with MODULES");
}
