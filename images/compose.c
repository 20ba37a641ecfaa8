/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE

#include "compose.h"

#include "files.h"
#include "iso.h"
#include "partitions.h"
#include "payload.h"

#include <string.h>

/* Everything that goes in. */
struct parts {
	const struct compose_options *options;
	struct image x64;
	uint64_t ia32_size;
	struct payload payload;
	struct loader loader;
	struct disk_layout layout;
	struct fat_plan fat;
};

/* What tells images apart: the loader's own bytes, and the manifest with the digests of everything else. */
static bool make_id(struct parts *parts)
{
	const struct manifest *manifest = parts->payload.manifest;
	uint8_t digest[SHA256_SIZE];
	struct sum sum;

	sum_begin(&sum);
	if (!image_sum(&parts->x64, 0, parts->payload.own_size, &sum))
		return false;
	sum_add(&sum, manifest, manifest->size);
	sha256_end(&sum.sha256, digest);
	memcpy(parts->layout.id, digest, sizeof(parts->layout.id));
	return true;
}

static bool read_parts(struct parts *parts, FILE *messages)
{
	const struct compose_options *options = parts->options;
	const struct report ia32 = {options->ia32, messages};
	struct input input;

	if (!loader_open(&parts->loader, options->legacy, messages) || !input_open(&input, &ia32))
		return false;
	parts->ia32_size = input.size;
	input_close(&input);
	return payload_open(&parts->payload, &parts->x64, 0, parts->x64.size) &&
	       disk_layout_plan(&parts->layout, &parts->fat, &options->disk, parts->x64.size,
				parts->ia32_size, payload_stored(&parts->payload), &parts->x64.report) &&
	       make_id(parts);
}

/* ---- Around the file system ---- */

static bool copy_bytes(const struct image *from, uint64_t at, uint64_t size, const struct output *output,
		       uint64_t to)
{
	static uint8_t buffer[1 << 20];

	for (uint64_t piece; size > 0; size -= piece, at += piece, to += piece) {
		piece = size < sizeof(buffer) ? size : sizeof(buffer);
		if (!image_read(from, buffer, piece, at) || !output_write(output, buffer, piece, to))
			return false;
	}
	return true;
}

/* The payload once more, for BIOS alone. */
static bool copy_payload(const struct parts *parts, const struct image *image, struct load_table *table,
			 const struct output *output)
{
	uint64_t to = parts->layout.copy;

	for (uint32_t i = 0; i < table->part_count; i++) {
		struct load_part *part = &table->parts[i];

		if (!copy_bytes(image, part->offset, part->stored, output, to))
			return false;
		part->offset = to;
		to += part->stored;
	}
	return true;
}

static bool name_file(const struct image *image, const struct fat_file *file, struct load_table *table)
{
	struct sum sum;

	sum_begin(&sum);
	if (!image_sum(image, file->place, file->size, &sum))
		return false;
	table->file.offset = file->entry;
	table->file.cluster = file->cluster;
	table->file.size = file->size;
	table->file.crc32c = sum.crc32c;
	return true;
}

static bool make_table(const struct parts *parts, const struct image *image, const struct fat_file *x64,
		       struct load_table *table, const struct output *output)
{
	struct payload payload;

	if (!payload_open(&payload, image, x64->place, x64->size))
		return false;
	*table = payload_table(&payload);
	payload_close(&payload);
	if (!payload_link(table, &parts->loader, &parts->x64.report) ||
	    !(parts->layout.copy != 0 ? copy_payload(parts, image, table, output)
				      : name_file(image, x64, table)))
		return false;
	table->crc32c = load_table_crc32c(table);
	return true;
}

static bool write_loader(struct parts *parts, const struct load_table *table, const struct output *output)
{
	struct loader *loader = &parts->loader;

	memset(loader->bytes, 0, LOAD_TABLE_SIZE);
	memcpy(loader->bytes, table, sizeof(*table));
	return output_write(output, loader->bytes, loader->size, parts->layout.loader);
}

/* The boot sector for disks, and its twin for CDs. */
static bool write_boot_sectors(struct parts *parts, const struct fat_file *x64, const struct fat_file *ia32,
			       const struct output *output)
{
	static uint8_t area[ISO_END - ISO_START];
	const struct disk_layout *layout = &parts->layout;
	struct boot_sector *boot = &parts->loader.boot;
	struct boot_parameters door = {.sector = layout->sector,
				       .loader = layout->loader,
				       .size = parts->loader.size,
				       .sum = boot_sum(parts->loader.bytes, parts->loader.size)};
	struct boot_parameters cd = door;

	if (layout->iso) {
		cd.sector = ISO_BLOCK;
		boot_put(boot, &cd);
		if (!iso_make(layout, x64, ia32, area, &output->report))
			return false;
		memcpy(area + (ISO_BOOT_SECTOR - ISO_START), boot, sizeof(*boot));
		if (!output_write(output, area, sizeof(area), ISO_START))
			return false;
	}
	boot_put(boot, &door);
	return partitions_make(layout, (uint8_t *)boot, output) &&
	       output_write(output, boot, sizeof(*boot), 0);
}

static bool write_around(struct parts *parts, const struct output *output)
{
	const struct image image = {output->report, output->descriptor, parts->layout.size};
	struct fat_file x64, ia32;
	struct load_table table;
	struct fat fat;

	return fat_open(&fat, &image, parts->layout.esp) && fat_find(&fat, LOADER_X64, &x64) &&
	       fat_find(&fat, LOADER_IA32, &ia32) && make_table(parts, &image, &x64, &table, output) &&
	       write_loader(parts, &table, output) && write_boot_sectors(parts, &x64, &ia32, output);
}

static bool write_image(struct parts *parts, struct output *output)
{
	const struct compose_options *options = parts->options;

	return output_resize(output, parts->layout.size) &&
	       files_write(&parts->layout, &parts->fat, options->x64, options->ia32, output) &&
	       write_around(parts, output) && output_commit(output);
}

bool compose(const struct compose_options *options, FILE *messages)
{
	static struct parts parts;
	struct output output = {0};
	bool done;

	parts = (struct parts){.options = options};
	if (!image_open(&parts.x64, options->x64, messages))
		return false;
	done = read_parts(&parts, messages) && output_open(&output, options->out, messages) &&
	       write_image(&parts, &output);
	output_discard(&output);
	payload_close(&parts.payload);
	image_close(&parts.x64);
	return done;
}
