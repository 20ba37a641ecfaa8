/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that the build asks for on behalf of an adapter (struct manifest_place): the loader keeps out of it, so that the
 * kernel can copy something there as the last thing it does. It is chosen while the firmware is there, and kept.
 */
#include "core.h"

/* What stands in the way, for people. A switch, since a table of pointers would have to be relocated. */
static const char *name_of(uint32_t type)
{
	switch (type) {
	case TWINBOOT_MEMORY_LOADER:
		return "the loader";
	case TWINBOOT_MEMORY_KERNEL:
	case TWINBOOT_MEMORY_MODULE:
		return "the payload";
	case TWINBOOT_MEMORY_ACPI_RECLAIMABLE:
		return "ACPI tables";
	case TWINBOOT_MEMORY_ACPI_NVS:
		return "ACPI NVS memory";
	case TWINBOOT_MEMORY_RUNTIME_CODE:
	case TWINBOOT_MEMORY_RUNTIME_DATA:
		return "UEFI runtime services";
	case TWINBOOT_MEMORY_FRAMEBUFFER:
		return "the framebuffer";
	case TWINBOOT_MEMORY_BAD:
		return "faulty memory";
	default:
		return "reserved memory, or none";
	}
}

static int meet(const struct machine_range *a, const struct machine_range *b)
{
	return a->size != 0 && b->size != 0 && a->base < b->base + b->size && b->base < a->base + a->size;
}

/* The part that lies there already, for a module that is to run there: its door has read it to the place. */
static uint32_t own_part(const struct manifest *manifest, const struct manifest_place *place)
{
	return place->module != TWINBOOT_NO_MODULE ? manifest_modules(manifest)[place->module].part
						   : TWINBOOT_NO_MODULE;
}

static int meets_payload(const struct machine *machine, const struct machine_range *range, uint32_t own)
{
	for (uint32_t i = 0; i < machine->part_count; i++)
		if (i != own && meet(range, &machine->parts[i]))
			return 1;
	return meet(range, &machine->manifest);
}

/* What the kernel is handed, or runs on, may not be written over. On UEFI the payload lies in the loader's image: a
   module that is to run where it lies is no obstacle to itself, and nothing else of the image is allowed there. */
static int meets_loader(const struct machine *machine, const struct machine_range *range)
{
	const struct machine_range own[] = {
		{machine->loader_base, machine->loader_size},
		{machine->efi_memory_map, machine->efi_memory_map_size},
		{machine->arena, machine->arena != 0 ? machine->arena_needed : 0},
		{machine->low_page, machine->low_page != 0 ? PAGE_SIZE : 0},
	};
	for (uint32_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (meet(range, &own[i]))
			return 1;
	return 0;
}

/* Memory that is free, or that boot services have used. Where it is not, the row in the way. A hole in the map is a row
   of type 0. */
static int is_clear(const struct memory *memory, const struct machine_range *range,
		    struct twinboot_region *obstacle)
{
	uint64_t covered = range->base, end = range->base + range->size;
	for (uint32_t i = 0; i < memory->count && covered < end; i++) {
		const struct twinboot_region *row = &memory->map[i];
		uint64_t row_end = row->base_phys + row->length;
		if (row_end <= covered)
			continue;
		*obstacle = *row;
		if (row->base_phys > covered)
			break;
		if (row->type != TWINBOOT_MEMORY_USABLE && row->type != TWINBOOT_MEMORY_LOADER &&
		    row->type != TWINBOOT_MEMORY_MODULE)
			return 0;
		covered = row_end;
	}
	if (covered < end)
		*obstacle = (struct twinboot_region){covered, end - covered, 0, 0};
	return covered >= end;
}

/* The one address that will do. */
static int check_fixed(struct boot *boot, const struct manifest_place *place,
		       const struct machine_range *range)
{
	struct machine *machine = boot->machine;
	struct twinboot_region obstacle = {range->base, range->size, 0, 0};
	int clear = is_clear(&boot->memory, range, &obstacle);
	if (clear && meets_payload(machine, range, own_part(boot->kernel.manifest, place)))
		obstacle.type = TWINBOOT_MEMORY_MODULE;
	else if (clear && meets_loader(machine, range))
		obstacle.type = TWINBOOT_MEMORY_LOADER;
	else if (clear)
		return 1;
	return fail(machine, ERROR_PLACE, range->size / 1024, range->base, name_of(obstacle.type),
		    obstacle.base_phys);
}

/* The first free range from `from` on, or the highest one that ends at or below the limit. Returns 0 if there is none. */
static uint64_t find_free(const struct memory *memory, const struct manifest_place *place, uint64_t from,
			  int highest)
{
	uint64_t limit = place->limit != 0 ? place->limit : UINT64_MAX, best = 0;
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct twinboot_region *row = &memory->map[i];
		uint64_t low = row->base_phys > from ? row->base_phys : from,
			 end = row->base_phys + row->length;
		if (end > limit)
			end = limit;
		low = (low + place->alignment - 1) & ~(place->alignment - 1);
		if (row->type != TWINBOOT_MEMORY_USABLE || low >= end || end - low < place->size)
			continue;
		if (!highest)
			return low;
		best = (end - place->size) & ~(place->alignment - 1);
	}
	return best;
}

static int choose(struct boot *boot, const struct manifest_place *place, struct machine_range *range)
{
	uint64_t base = place->address;
	range->size = page_up(place->size);
	if (base == 0 && place->preferred != 0)
		base = find_free(&boot->memory, place, place->preferred, 0);
	if (base == 0)
		base = find_free(&boot->memory, place, ONE_MIB, 1);
	range->base = base;
	return base != 0 || fail(boot->machine, ERROR_NO_PLACE, range->size / 1024, place->limit);
}

int places_plan(struct boot *boot)
{
	struct machine *machine = boot->machine;
	const struct manifest *manifest = boot->kernel.manifest;
	for (uint32_t i = 0; i < manifest->place_count; i++) {
		const struct manifest_place *place = &manifest_places(manifest)[i];
		struct machine_range *range = &machine->places[i];
		if (range->size == 0 && !choose(boot, place, range))
			return 0;
		/* The second time, when the firmware is gone, this asks whether it still is as it was. */
		if (!check_fixed(boot, place, range))
			return 0;
		memory_add(machine, range->base, range->size, TWINBOOT_MEMORY_LOADER);
		memory_update(&boot->memory);
	}
	return 1;
}
