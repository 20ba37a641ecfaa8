/* SPDX-License-Identifier: BSD-2-Clause */
#include "payload.h"

#include <stdlib.h>
#include <string.h>

#include "formats/crc32c.h"
#include "formats/sha256.h"

static struct manifest *read_manifest(uint64_t at, uint64_t size)
{
	struct manifest *manifest = size <= MANIFEST_SIZE_MAX ? malloc(size) : NULL;
	if (manifest == NULL)
		die("the payload's manifest is damaged");
	read_at(at, manifest, size);
	uint32_t crc = manifest->crc32c;
	if (size < sizeof(*manifest) || manifest->magic != MANIFEST_MAGIC ||
	    manifest->version != MANIFEST_VERSION || manifest->size != size)
		die("the payload's manifest is damaged, or another twinboot's");
	manifest->crc32c = 0;
	if (crc32c(0, manifest, size) != crc)
		die("the payload's manifest is damaged (its checksum does not agree)");
	manifest->crc32c = crc;
	return manifest;
}

struct payload payload_open(uint64_t file, uint32_t size)
{
	struct payload payload = {0};
	struct pe_place place = pe_section(file, size, MANIFEST_SECTION);
	payload.manifest = read_manifest(place.at, place.stored);
	const struct manifest_part *parts = manifest_parts(payload.manifest);
	uint32_t count = payload.manifest->part_count;
	for (uint32_t i = 0; i < count; i++) {
		char name[sizeof(parts[i].section) + 1] = {0};
		memcpy(name, parts[i].section, sizeof(parts[i].section));
		struct pe_place found = pe_section(file, size, name);
		if (found.stored != parts[i].stored || found.size != parts[i].size)
			die("its section %s is not the one that the manifest describes; build it again",
			    name);
		payload.at[i] = found.at;
	}
	payload.at[count] = place.at;
	return payload;
}

static void describe_manifest(struct load_part *part, const struct manifest *manifest)
{
	struct sha256 sha256;
	sha256_begin(&sha256);
	sha256_add(&sha256, manifest, manifest->size);
	sha256_end(&sha256, part->sha256);
	memcpy(part->section, MANIFEST_SECTION, sizeof(part->section));
	part->size = part->stored = manifest->size;
	part->crc32c = crc32c(0, manifest, manifest->size);
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
	const struct manifest_part *parts = manifest_parts(manifest);
	uint32_t count = manifest->part_count;
	struct load_table table = {.magic = LOAD_TABLE_MAGIC,
				   .version = LOAD_TABLE_VERSION,
				   .part_count = count + 1,
				   .build_id = manifest->build_id};
	for (uint32_t i = 0; i < count; i++) {
		struct load_part *part = &table.parts[i];
		memcpy(part->section, parts[i].section, sizeof(part->section));
		memcpy(part->sha256, parts[i].sha256, sizeof(part->sha256));
		part->size = parts[i].size;
		part->stored = parts[i].stored;
		part->crc32c = parts[i].crc32c;
		part->offset = payload->at[i];
		part->address = fixed_address(manifest, i);
	}
	describe_manifest(&table.parts[count], manifest);
	table.parts[count].offset = payload->at[count];
	return table;
}

void payload_link(struct load_table *table, const struct load_table *linked)
{
	if (table->parts[0].size != linked->parts[0].size)
		die("BOOTX64.EFI holds a kernel of %llu bytes, and the BIOS loader was linked with one of %llu; build "
		    "both again",
		    (unsigned long long)table->parts[0].size, (unsigned long long)linked->parts[0].size);
	table->parts[0].address = linked->parts[0].address;
}

uint32_t load_table_crc32c(const struct load_table *table)
{
	uint8_t bytes[LOAD_TABLE_SIZE] = {0};
	memcpy(bytes, table, sizeof(*table));
	memset(bytes + offsetof(struct load_table, crc32c), 0, sizeof(table->crc32c));
	return crc32c(0, bytes, sizeof(bytes));
}
