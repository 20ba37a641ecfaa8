/* SPDX-License-Identifier: BSD-2-Clause */
#include "manifest.h"

#include "formats/crc32c.h"

#include <string.h>

static bool holds(const struct manifest *manifest, uint32_t offset, uint32_t count, uint64_t row)
{
	return offset % 8 == 0 && offset <= manifest->size && count * row <= manifest->size - offset;
}

static bool numbers_agree(const struct manifest *manifest)
{
	return manifest->part_count > 0 && manifest->part_count <= MANIFEST_PARTS_MAX &&
	       holds(manifest, manifest->parts, manifest->part_count, sizeof(struct manifest_part)) &&
	       holds(manifest, manifest->modules, manifest->module_count, sizeof(struct manifest_module)) &&
	       holds(manifest, manifest->places, manifest->place_count, sizeof(struct manifest_place)) &&
	       manifest->command_line < manifest->size && ((const char *)manifest)[manifest->size - 1] == 0;
}

static bool modules_agree(const struct manifest *manifest)
{
	for (uint32_t i = 0; i < manifest->module_count; i++) {
		const struct manifest_module *module = &manifest_modules(manifest)[i];

		if (module->part >= manifest->part_count || module->name >= manifest->size ||
		    module->arguments >= manifest->size)
			return false;
	}
	return true;
}

static uint32_t sum(const struct manifest *manifest)
{
	struct manifest head = *manifest;

	head.crc32c = 0;
	return crc32c(crc32c(0, &head, sizeof(head)), manifest + 1, manifest->size - sizeof(head));
}

bool manifest_is_whole(const void *bytes, size_t size, const struct report *report)
{
	const struct manifest *manifest = bytes;

	if (size < sizeof(*manifest) || manifest->magic != MANIFEST_MAGIC ||
	    manifest->version != MANIFEST_VERSION || manifest->size != size)
		return report_error(report, "has no manifest of this twinboot's; build it again");
	if (sum(manifest) != manifest->crc32c || !numbers_agree(manifest) || !modules_agree(manifest))
		return report_error(report, "has a damaged manifest; build or copy it again");
	return true;
}
