/* SPDX-License-Identifier: BSD-2-Clause */
/* The Multiboot information structure (0.6.96, 3.3). */
#include "info.h"

#include "adapters/records.h"

#include <string.h>

static void write_memory(const struct scene *scene, struct room *room, struct multiboot1_info *info)
{
	struct scene_region region;
	info->flags |= MULTIBOOT1_INFO_MEMORY | MULTIBOOT1_INFO_MEMORY_MAP;
	info->memory_lower = scene_memory_lower(scene);
	info->memory_upper = scene_memory_upper(scene);
	for (uint32_t i = 0; scene_region(scene, i, &region); i++) {
		const struct multiboot1_region row = {sizeof(row) - sizeof(row.size), region.base,
						      region.length, region.type};
		uint32_t phys = room_copy(room, &row, sizeof(row), i == 0 ? 4 : 1);
		if (i == 0)
			info->memory_map = phys;
		info->memory_map_size += sizeof(row);
	}
}

static void write_modules(const struct scene *scene, struct room *room, struct multiboot1_info *info)
{
	struct multiboot1_module *rows =
		room_take(room, scene->module_count * (uint32_t)sizeof(*rows), 4, &info->modules);
	info->flags |= MULTIBOOT1_INFO_MODULES;
	info->module_count = scene->module_count;
	for (uint32_t i = 0; rows != NULL && i < scene->module_count; i++) {
		const struct shown_module *module = &scene->modules[i];
		rows[i] = (struct multiboot1_module){module->phys, module->phys + module->size,
						     room_copy_text(room, module->arguments), 0};
	}
}

static void write_boot_device(const struct scene *scene, struct multiboot1_info *info)
{
	uint32_t drive, partition;
	if (!scene_boot_device(scene, &drive, &partition))
		return;
	info->flags |= MULTIBOOT1_INFO_BOOT_DEVICE;
	/* drive, partition, and two levels of sub-partitions that there are none of */
	info->boot_device = drive << 24 | (partition & 0xff) << 16 | 0xffff;
}

static void write_sections(const struct scene *scene, struct room *room, struct multiboot1_info *info)
{
	if (scene_sections(scene, room, &info->sections) == NULL)
		return;
	info->flags |= MULTIBOOT1_INFO_ELF_SECTIONS;
	info->section_count = scene->data->section_count;
	info->section_size = scene->data->section_size;
	info->section_names = scene->data->section_names;
}

static void write_vbe(const struct scene *scene, struct room *room, struct multiboot1_info *info)
{
	const struct twinboot_record *controller =
		record_find(scene->handoff, TWINBOOT_RECORD_VBE_CONTROLLER);
	const struct twinboot_vbe_mode *mode = record_find(scene->handoff, TWINBOOT_RECORD_VBE_MODE);
	if (controller == NULL || mode == NULL)
		return;
	info->flags |= MULTIBOOT1_INFO_VBE;
	info->vbe_control =
		room_copy(room, controller + 1, controller->size - (uint32_t)sizeof(*controller), 4);
	info->vbe_mode_info = room_copy(room, mode->block, sizeof(mode->block), 4);
	info->vbe_mode = (uint16_t)mode->number;
}

static void write_screen(const struct scene *scene, struct multiboot1_info *info)
{
	struct scene_screen screen = scene_screen(scene);
	if (screen.type == 0)
		return;
	info->flags |= MULTIBOOT1_INFO_FRAMEBUFFER;
	info->framebuffer = screen.base;
	info->framebuffer_pitch = screen.pitch;
	info->framebuffer_width = screen.width;
	info->framebuffer_height = screen.height;
	info->framebuffer_depth = screen.depth;
	info->framebuffer_type = (uint8_t)screen.type;
	memcpy(&info->red_position, screen.colours, sizeof(screen.colours));
}

uint32_t info1_write(const struct scene *scene, struct room *room)
{
	uint32_t phys;
	struct multiboot1_info *info = room_take(room, sizeof(*info), 8, &phys);
	if (info == NULL)
		return 0;
	memset(info, 0, sizeof(*info));
	write_memory(scene, room, info);
	write_boot_device(scene, info);
	write_modules(scene, room, info);
	write_sections(scene, room, info);
	write_vbe(scene, room, info);
	write_screen(scene, info);
	info->flags |= MULTIBOOT1_INFO_COMMAND_LINE | MULTIBOOT1_INFO_LOADER_NAME;
	info->command_line = room_copy_text(room, scene->handoff->command_line);
	info->loader_name = room_copy_text(room, scene->handoff->loader);
	return room->used > room->size ? 0 : phys;
}
