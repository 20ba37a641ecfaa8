/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE

#include "files.h"

#include "embed/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* mtools count in 32 bits: an ESP farther out is made in a file of its own, and copied. */
#define MTOOLS_REACH (UINT64_C(1) << 40)

#define FAT_DAY "315532800" /* 1980-01-01 00:00 UTC: FAT's first day, for the same bytes every time */

struct number {
	char text[24];
};

static struct number number(uint64_t value)
{
	struct number number;

	snprintf(number.text, sizeof(number.text), "%" PRIu64, value);
	return number;
}

/* mtools' own settings have no say here. */
static void set_environment(void)
{
	setenv("MTOOLS_SKIP_CHECK", "1", 1);
	setenv("MTOOLSRC", "/dev/null", 1);
	setenv("SOURCE_DATE_EPOCH", FAT_DAY, 0);
	setenv("TZ", "UTC", 1);
	setenv("LC_ALL", "C", 1);
}

/* mformat's -S: 128 << code bytes. */
static uint32_t sector_code(uint32_t sector)
{
	uint32_t code = 0;

	while (128u << code < sector)
		code++;
	return code;
}

static bool format(const struct disk_layout *layout, const struct fat_plan *fat, const char *drive,
		   FILE *messages)
{
	uint64_t hidden = layout->esp / layout->sector;
	struct number sector = number(sector_code(layout->sector)), cluster = number(fat->cluster),
		      reserved = number(fat->reserved), table = number(fat->table), root = number(fat->root),
		      total = number(fat->sectors), before = number(hidden <= UINT32_MAX ? hidden : 0);
	char serial[9];
	const char *arguments[28] = {"mformat",    "-i", drive,         "-S", sector.text, "-c",
				     cluster.text, "-R", reserved.text, "-L", table.text,  "-T",
				     total.text,   "-h", "255",         "-s", "63",        "-H",
				     before.text,  "-N", serial,        "-v", "TWINBOOT"};
	int count = 23;

	snprintf(serial, sizeof(serial), "%02x%02x%02x%02x", layout->id[0], layout->id[1], layout->id[2],
		 layout->id[3]);
	if (fat->bits == 32) {
		arguments[count++] = "-F";
	} else {
		arguments[count++] = "-r";
		arguments[count++] = root.text;
	}
	arguments[count++] = "::";
	return run(arguments, messages);
}

/* The image as mtools want it named. By its descriptor if its name holds what they would take for the offset. */
static char *drive_name(const struct output *output, uint64_t offset)
{
	char *name = NULL;
	int length;

	if (strstr(output->temporary, "@@"))
		length = asprintf(&name, "/proc/%ld/fd/%d@@%" PRIu64, (long)getpid(), output->descriptor,
				  offset);
	else
		length = asprintf(&name, "%s@@%" PRIu64, output->temporary, offset);
	return length < 0 ? NULL : name;
}

/* A path that mtools do not take for a drive, as they would "a:b". */
static char *plain_path(const char *path)
{
	char *plain = NULL;

	return asprintf(&plain, "%s%s", *path == '/' ? "" : "./", path) < 0 ? NULL : plain;
}

static bool copy_file(const char *drive, const char *path, const char *to, FILE *messages)
{
	char *from = plain_path(path);
	bool done = from && run((const char *const[]){"mcopy", "-i", drive, from, to, NULL}, messages);

	free(from);
	return done;
}

static bool fill(const struct disk_layout *layout, const struct fat_plan *fat, const char *x64,
		 const char *ia32, const struct output *output, uint64_t offset)
{
	FILE *messages = output->report.stream;
	char *drive = drive_name(output, offset);
	bool done;

	set_environment();
	done = drive && format(layout, fat, drive, messages) &&
	       run((const char *const[]){"mmd", "-i", drive, "::EFI", "::EFI/BOOT", NULL}, messages) &&
	       copy_file(drive, x64, "::EFI/BOOT/BOOTX64.EFI", messages) &&
	       copy_file(drive, ia32, "::EFI/BOOT/BOOTIA32.EFI", messages);
	free(drive);
	return done || report_error(&output->report,
				    "got no file system (see above); make room, or choose another directory");
}

/* ---- Far out ---- */

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* Holes stay holes. */
static bool copy_far(const struct image *from, const struct disk_layout *layout, const struct output *output)
{
	static uint8_t block[1 << 16];

	for (uint64_t at = 0, piece; at < layout->esp_size; at += piece) {
		piece = layout->esp_size - at < sizeof(block) ? layout->esp_size - at : sizeof(block);
		if (!image_read(from, block, piece, at))
			return false;
		if (!is_zero(block, piece) && !output_write(output, block, piece, layout->esp + at))
			return false;
	}
	return true;
}

static bool fill_far(const struct disk_layout *layout, const struct fat_plan *fat, const char *x64,
		     const char *ia32, const struct output *output)
{
	struct output own = {0};
	char *path = NULL;
	bool done;

	if (asprintf(&path, "%s.esp", output->report.file) < 0)
		return report_error(&output->report, "cannot be made: %s; free some memory", strerror(errno));
	done = output_open(&own, path, output->report.stream) && output_resize(&own, layout->esp_size) &&
	       fill(layout, fat, x64, ia32, &own, 0) &&
	       copy_far(&(struct image){own.report, own.descriptor, layout->esp_size}, layout, output);
	output_discard(&own);
	free(path);
	return done;
}

bool files_write(const struct disk_layout *layout, const struct fat_plan *fat, const char *x64,
		 const char *ia32, const struct output *output)
{
	if (layout->esp >= MTOOLS_REACH)
		return fill_far(layout, fat, x64, ia32, output);
	return fill(layout, fat, x64, ia32, output, layout->esp);
}
