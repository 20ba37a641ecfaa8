/* SPDX-License-Identifier: BSD-2-Clause */
#include "payload.h"

#include "manifest.h"
#include "pe.h"
#include "formats/crc32c.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool read_manifest(struct payload *payload, const struct image *image, uint64_t at, uint64_t size)
{
	if (size > MANIFEST_SIZE_MAX)
		return report_error(&image->report, "has too large a manifest; build it again");
	payload->manifest = malloc(size);
	if (!payload->manifest)
		return report_error(&image->report, "cannot be read: %s; free some memory", strerror(errno));
	return image_read(image, payload->manifest, size, at) &&
	       manifest_is_whole(payload->manifest, size, &image->report);
}

static bool find_parts(struct payload *payload, const struct pe *pe, uint64_t file)
{
	for (uint32_t i = 0; i < payload->manifest->part_count; i++) {
		const struct manifest_part *part = &manifest_parts(payload->manifest)[i];
		const struct pe_section_header *section = pe_find(pe, part->section);

		if (!section)
			return false;
		if (section->raw_size != part->stored || section->virtual_size != part->size)
			return report_error(
				&pe->report,
				"has a section %.8s that is not the one which its manifest describes; build "
				"it again",
				part->section);
		payload->at[i] = file + section->raw_offset;
	}
	return true;
}

bool payload_open(struct payload *payload, const struct image *image, uint64_t file, uint64_t size)
{
	static struct pe pe;
	uint8_t head[PE_PAGE];
	const struct pe_section_header *section;

	*payload = (struct payload){0};
	if (!image_read(image, head, size < sizeof(head) ? size : sizeof(head), file) ||
	    !pe_read(&pe, head, size, &image->report))
		return false;
	section = pe_find(&pe, MANIFEST_SECTION);
	if (!section || !read_manifest(payload, image, file + section->raw_offset, section->raw_size) ||
	    !find_parts(payload, &pe, file))
		return false;
	payload->at[payload->manifest->part_count] = file + section->raw_offset;
	payload->own_size = payload->at[0] - file;
	return true;
}

void payload_close(struct payload *payload)
{
	free(payload->manifest);
	payload->manifest = NULL;
}

uint64_t payload_stored(const struct payload *payload)
{
	uint64_t stored = payload->manifest->size;

	for (uint32_t i = 0; i < payload->manifest->part_count; i++)
		stored += manifest_parts(payload->manifest)[i].stored;
	return stored;
}

static struct load_part describe_part(const struct manifest_part *part, uint64_t at, uint64_t address)
{
	struct load_part described = {.offset = at,
				      .stored = part->stored,
				      .size = part->size,
				      .address = address,
				      .crc32c = part->crc32c};

	memcpy(described.section, part->section, sizeof(described.section));
	memcpy(described.sha256, part->sha256, sizeof(described.sha256));
	return described;
}

static struct load_part describe_manifest(const struct manifest *manifest, uint64_t at)
{
	struct load_part described = {
		.section = MANIFEST_SECTION, .offset = at, .stored = manifest->size, .size = manifest->size};
	struct sum sum;

	sum_begin(&sum);
	sum_add(&sum, manifest, manifest->size);
	described.crc32c = sum.crc32c;
	sha256_end(&sum.sha256, described.sha256);
	return described;
}

/* Of a part that begins with a module which can run at one address alone; 0 for all others. */
static uint64_t fixed_address(const struct manifest *manifest, uint32_t part)
{
	const struct manifest_place *places = manifest_places(manifest);
	for (uint32_t i = 0; i < manifest->place_count; i++) {
		if (places[i].module >= manifest->module_count)
			continue;
		const struct manifest_module *module = &manifest_modules(manifest)[places[i].module];
		if (module->part == part && module->offset == 0)
			return places[i].address;
	}
	return 0;
}

struct load_table payload_table(const struct payload *payload)
{
	const struct manifest *manifest = payload->manifest;
	uint32_t count = manifest->part_count;
	struct load_table table = {.magic = LOAD_TABLE_MAGIC,
				   .version = LOAD_TABLE_VERSION,
				   .part_count = count + 1,
				   .build_id = manifest->build_id};

	for (uint32_t i = 0; i < count; i++)
		table.parts[i] = describe_part(&manifest_parts(manifest)[i], payload->at[i],
					       fixed_address(manifest, i));
	table.parts[count] = describe_manifest(manifest, payload->at[count]);
	return table;
}

bool payload_link(struct load_table *table, const struct loader *loader, const struct report *report)
{
	struct load_table linked;

	memcpy(&linked, loader->bytes, sizeof(linked));
	if (table->parts[0].size != linked.parts[0].size)
		return report_error(report,
				    "holds a kernel of %" PRIu64
				    " bytes, and the BIOS loader was linked with one of %" PRIu64
				    "; build both again",
				    table->parts[0].size, linked.parts[0].size);
	table->parts[0].address = linked.parts[0].address;
	return true;
}

uint32_t load_table_crc32c(const struct load_table *table)
{
	uint8_t bytes[LOAD_TABLE_SIZE] = {0};

	memcpy(bytes, table, sizeof(*table));
	memset(bytes + offsetof(struct load_table, crc32c), 0, sizeof(table->crc32c));
	return crc32c(0, bytes, sizeof(bytes));
}
