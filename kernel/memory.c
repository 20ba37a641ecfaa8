/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory map, and the memory that it calls usable. */
#include "kernel.h"
#include "report.h"

const char *memory_type_name(uint32_t type)
{
	static const char *const names[] = {
		[0] = "unlisted",
		[TWINBOOT_MEMORY_USABLE] = "usable",
		[TWINBOOT_MEMORY_LOADER] = "loader",
		[TWINBOOT_MEMORY_KERNEL] = "kernel",
		[TWINBOOT_MEMORY_MODULE] = "module",
		[TWINBOOT_MEMORY_ACPI_RECLAIMABLE] = "acpi_reclaimable",
		[TWINBOOT_MEMORY_ACPI_NVS] = "acpi_nvs",
		[TWINBOOT_MEMORY_RUNTIME_CODE] = "runtime_code",
		[TWINBOOT_MEMORY_RUNTIME_DATA] = "runtime_data",
		[TWINBOOT_MEMORY_RESERVED] = "reserved",
		[TWINBOOT_MEMORY_FRAMEBUFFER] = "framebuffer",
		[TWINBOOT_MEMORY_BAD] = "bad",
	};

	return type < sizeof(names) / sizeof(*names) ? names[type] : "unknown";
}

uint32_t memory_type(uint64_t physical, uint64_t length)
{
	for (unsigned i = 0; i < handoff->memory_map_count; i++) {
		const struct twinboot_region *region = &handoff->memory_map[i];
		if (physical >= region->base_phys && physical - region->base_phys < region->length &&
		    length <= region->length - (physical - region->base_phys))
			return region->type;
	}
	return 0;
}

bool memory_is_ram(uint64_t physical)
{
	uint32_t type = memory_type(physical, 1);

	return type >= TWINBOOT_MEMORY_USABLE && type <= TWINBOOT_MEMORY_RUNTIME_DATA;
}

uint64_t memory_total(uint32_t type)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < handoff->memory_map_count; i++)
		if (handoff->memory_map[i].type == type)
			total += handoff->memory_map[i].length;
	return total;
}

static void report_memory_map(void)
{
	char key[40];

	fact("memory_map_count", "%u", handoff->memory_map_count);
	fact_start("memory_map");
	for (unsigned i = 0; i < handoff->memory_map_count; i++) {
		const struct twinboot_region *region = &handoff->memory_map[i];
		fact_add("%s0x%lx-0x%lx %s", i ? ", " : "", region->base_phys,
			 region->base_phys + region->length, memory_type_name(region->type));
	}
	fact_finish();
	for (uint32_t type = TWINBOOT_MEMORY_USABLE; type <= TWINBOOT_MEMORY_BAD; type++) {
		format_text(key, sizeof(key), "memory_%s_kib", memory_type_name(type));
		fact(key, "%lu", memory_total(type) / KIB);
	}
	fact("memory_usable_mib", "%lu", memory_total(TWINBOOT_MEMORY_USABLE) / MIB);
}

void check_memory_map(void)
{
	const struct twinboot_region *map = handoff->memory_map;
	unsigned unaligned = 0, empty = 0, unknown = 0, disordered = 0, unmerged = 0;

	if (!check("memory_map_is_there", map && handoff->memory_map_count, "%u at 0x%lx",
		   handoff->memory_map_count, (uint64_t)map))
		return;
	report_memory_map();
	for (unsigned i = 0; i < handoff->memory_map_count; i++) {
		unaligned += (map[i].base_phys | map[i].length) % PAGE != 0;
		empty += map[i].length == 0 || map[i].base_phys + map[i].length < map[i].base_phys;
		unknown += map[i].type < TWINBOOT_MEMORY_USABLE || map[i].type > TWINBOOT_MEMORY_BAD ||
			   map[i].reserved != 0;
		if (i == 0)
			continue;
		uint64_t last_end = map[i - 1].base_phys + map[i - 1].length;
		disordered += map[i].base_phys < last_end;
		unmerged += map[i].base_phys == last_end && map[i].type == map[i - 1].type;
	}
	check("memory_map_is_page_aligned", !unaligned, "%u regions are not", unaligned);
	check("memory_map_has_no_empty_regions", !empty, "%u regions are empty or wrap", empty);
	check("memory_map_types_are_known", !unknown, "%u regions", unknown);
	check("memory_map_is_sorted_without_overlap", !disordered, "%u regions", disordered);
	check("memory_map_is_merged", !unmerged, "%u regions", unmerged);

	/* One region from the kernel's first page to its last, and nothing else called kernel. */
	uint32_t type = memory_type(handoff->kernel_phys, handoff->kernel_size);

	check("memory_map_marks_kernel",
	      type == TWINBOOT_MEMORY_KERNEL && memory_total(TWINBOOT_MEMORY_KERNEL) == handoff->kernel_size,
	      "%s at 0x%lx, %lu KiB in all", memory_type_name(type), handoff->kernel_phys,
	      memory_total(TWINBOOT_MEMORY_KERNEL) / KIB);
	/* Nobody can boot from less, and the loader is never nowhere. */
	check("memory_map_has_usable_memory", memory_total(TWINBOOT_MEMORY_USABLE) >= MIB, "%lu KiB",
	      memory_total(TWINBOOT_MEMORY_USABLE) / KIB);
	type = memory_type(0, PAGE);
	check("memory_map_reserves_page_0", type == TWINBOOT_MEMORY_RESERVED, "it is %s",
	      memory_type_name(type));
	check("memory_map_marks_loader", memory_total(TWINBOOT_MEMORY_LOADER) > 0, "none");
}

/* A BIOS may keep data of its own from here up to 1 MiB: from the extended BIOS data area on, whose segment stands at
   40Eh, or from the end of base memory on, whose KiB stand at 413h. What cannot be true is passed over. */
static uint64_t bios_data_start(void)
{
	uint64_t start = 640 * KIB;
	const uint64_t places[] = {*(const uint16_t *)direct_map(0x40e) * UINT64_C(16),
				   *(const uint16_t *)direct_map(0x413) * KIB};

	for (unsigned i = 0; i < 2; i++)
		if (places[i] >= 128 * KIB && places[i] < start)
			start = places[i];
	return start / PAGE * PAGE;
}

void check_bios_data(void)
{
	if (handoff->firmware_type != TWINBOOT_FIRMWARE_BIOS) {
		fact("memory_map_reserves_bios_data", "none");
		return;
	}
	uint64_t start = bios_data_start();
	uint32_t type = memory_type(start, MIB - start);

	check("memory_map_reserves_bios_data", type == TWINBOOT_MEMORY_RESERVED, "from 0x%lx on it is %s",
	      start, memory_type_name(type));
}

/* A word that depends on where it lies. */
static uint64_t pattern(uint64_t physical)
{
	return (physical + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* The first and the last 8 bytes of every usable page: all are written before the first is read back, so that
   two pages which are really one show as well, as they do where A20 is off. */
void check_usable_memory(void)
{
	uint64_t bad = 0, pages = 0;

	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < handoff->memory_map_count; i++) {
			const struct twinboot_region *region = &handoff->memory_map[i];
			if (region->type != TWINBOOT_MEMORY_USABLE)
				continue;
			for (uint64_t page = region->base_phys; page < region->base_phys + region->length;
			     page += PAGE) {
				volatile uint64_t *words = direct_map(page);
				if (pass == 0) {
					words[0] = pattern(page);
					words[511] = ~pattern(page);
				} else if (words[0] != pattern(page) || words[511] != ~pattern(page)) {
					bad = page;
				} else {
					pages++;
				}
			}
		}
	}
	fact("usable_pages_tested", "%lu", pages);
	check("usable_memory_keeps_what_is_written",
	      pages && pages == memory_total(TWINBOOT_MEMORY_USABLE) / PAGE, "bad page at 0x%lx", bad);
}
