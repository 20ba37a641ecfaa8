/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's checksums: of the manifest, then of each part that it lists. */
#include "core.h"
#include "formats/crc32c.h"

#include <string.h>

/* Whether `count` rows at `offset` lie in the manifest, aligned. */
static int holds(const struct manifest *manifest, uint32_t offset, uint32_t count, uint32_t row)
{
	return offset % sizeof(uint64_t) == 0 && offset <= manifest->size &&
	       (uint64_t)count * row <= manifest->size - offset;
}

static int counts_agree(const struct machine *machine, const struct manifest *manifest)
{
	const uint8_t *bytes = (const uint8_t *)manifest;
	return manifest->part_count == machine->part_count && manifest->part_count > 0 &&
	       manifest->part_count <= MANIFEST_PARTS_MAX && manifest->module_count <= MANIFEST_MODULES_MAX &&
	       manifest->place_count <= MANIFEST_PLACES_MAX &&
	       holds(manifest, manifest->parts, manifest->part_count, sizeof(struct manifest_part)) &&
	       holds(manifest, manifest->modules, manifest->module_count, sizeof(struct manifest_module)) &&
	       holds(manifest, manifest->places, manifest->place_count, sizeof(struct manifest_place)) &&
	       holds(manifest, manifest->adapter_data, manifest->adapter_data_size, 1) &&
	       manifest->command_line < manifest->size &&
	       bytes[manifest->size - 1] == 0; /* so each string ends */
}

static int module_agrees(const struct manifest *manifest, const struct manifest_module *module)
{
	if (module->part >= manifest->part_count)
		return 0;
	uint64_t part_size = manifest_parts(manifest)[module->part].size;
	return module->offset % PAYLOAD_PAGE == 0 && module->offset <= part_size &&
	       module->memory <= part_size - module->offset && module->size <= module->memory &&
	       module->name < manifest->size && module->arguments < manifest->size;
}

static int place_agrees(const struct manifest *manifest, const struct manifest_place *place)
{
	uint64_t alignment = place->alignment;
	return place->address % PAYLOAD_PAGE == 0 && alignment >= PAYLOAD_PAGE &&
	       (alignment & (alignment - 1)) == 0 && place->address <= UINT64_MAX - place->size &&
	       (place->module == TWINBOOT_NO_MODULE || place->module < manifest->module_count);
}

/* Its own checksum is right, so what is wrong here is a build's doing, or two builds'. */
static int rows_agree(const struct machine *machine, const struct manifest *manifest)
{
	const struct manifest_part *parts = manifest_parts(manifest);
	for (uint32_t i = 0; i < manifest->part_count; i++)
		if (parts[i].size != machine->parts[i].size || parts[i].stored > parts[i].size)
			return 0;
	for (uint32_t i = 0; i < manifest->module_count; i++)
		if (!module_agrees(manifest, &manifest_modules(manifest)[i]))
			return 0;
	for (uint32_t i = 0; i < manifest->place_count; i++)
		if (!place_agrees(manifest, &manifest_places(manifest)[i]))
			return 0;
	return 1;
}

static uint32_t manifest_sum(const struct manifest *manifest)
{
	struct manifest head = *manifest;
	head.crc32c = 0;
	return crc32c(crc32c(0, &head, sizeof(head)), manifest + 1, manifest->size - sizeof(head));
}

static int manifest_check(struct machine *machine, const struct manifest *manifest)
{
	if (manifest->magic != MANIFEST_MAGIC || manifest->version != MANIFEST_VERSION)
		return fail(machine, ERROR_MANIFEST, "its head");
	if (manifest->size < sizeof(*manifest) || manifest->size > machine->manifest.size ||
	    manifest->size % PAYLOAD_PAGE != 0 || manifest_sum(manifest) != manifest->crc32c)
		return fail(machine, ERROR_MANIFEST, "its checksum");
	if (!counts_agree(machine, manifest) || !rows_agree(machine, manifest))
		return fail(machine, ERROR_MANIFEST, "its numbers");
	return 1;
}

static int part_check(struct machine *machine, uint32_t index, const struct manifest_part *part)
{
	char name[sizeof(part->section) + 1] = {0};
	uint32_t crc = crc32c(0, at(machine->parts[index].base), part->stored);
	if (crc == part->crc32c)
		return 1;
	if (index == 0)
		return fail(machine, ERROR_KERNEL_CHECKSUM, (uint64_t)crc, (uint64_t)part->crc32c,
			    part->stored);
	memcpy(name, part->section, sizeof(part->section));
	return fail(machine, ERROR_PART_CHECKSUM, name, (uint64_t)crc, (uint64_t)part->crc32c, part->stored);
}

int payload_check(struct machine *machine)
{
	const struct manifest *manifest = at(machine->manifest.base);
	if (!manifest_check(machine, manifest))
		return 0;
	for (uint32_t i = 0; i < manifest->part_count; i++)
		if (!part_check(machine, i, &manifest_parts(manifest)[i]))
			return 0;
	return 1;
}
