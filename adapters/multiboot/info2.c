/* SPDX-License-Identifier: BSD-2-Clause */
/* The Multiboot2 information (2.0, 3.6): a size, then tags, each at a multiple of 8. */
#include "info.h"

#include "adapters/records.h"

#include <string.h>

/* ACPI 6.5, 5.2.5.3 */
#define RSDP_OLD_SIZE 20u
#define RSDP_REVISION 15u
#define RSDP_LENGTH   20u
#define RSDP_MAX      64u
/* SMBIOS 3.7, 5.2.1 and 5.2.2 */
#define SMBIOS2_LENGTH 5u
#define SMBIOS2_MAJOR  6u
#define SMBIOS3_LENGTH 6u
#define SMBIOS3_MAJOR  7u

/* A tag with room for `size` bytes behind its type and size, zeroed; NULL if there is no room. */
static uint8_t *tag(struct room *room, uint32_t type, uint32_t size)
{
	uint32_t head[2] = {type, size + (uint32_t)sizeof(head)};
	uint8_t *at = room_take(room, head[1], 8, NULL);
	if (at == NULL)
		return NULL;
	memset(at, 0, head[1]);
	memcpy(at, head, sizeof(head));
	return at + sizeof(head);
}

static void tag_bytes(struct room *room, uint32_t type, const void *bytes, uint32_t size)
{
	uint8_t *at = tag(room, type, size);
	if (at != NULL)
		memcpy(at, bytes, size);
}

static void tag_text(struct room *room, uint32_t type, const char *text)
{
	tag_bytes(room, type, text, text_size(text));
}

static void write_modules(const struct scene *scene, struct room *room)
{
	for (uint32_t i = 0; i < scene->module_count; i++) {
		const struct shown_module *module = &scene->modules[i];
		uint32_t range[2] = {module->phys, module->phys + module->size};
		uint32_t text = text_size(module->arguments);
		uint8_t *at = tag(room, MULTIBOOT2_TAG_MODULE, (uint32_t)sizeof(range) + text);
		if (at == NULL)
			return;
		memcpy(at, range, sizeof(range));
		memcpy(at + sizeof(range), module->arguments, text);
	}
}

static void write_memory(const struct scene *scene, struct room *room)
{
	uint32_t basic[2] = {scene_memory_lower(scene), scene_memory_upper(scene)};
	struct scene_region region;
	uint32_t count = 0;
	tag_bytes(room, MULTIBOOT2_TAG_MEMORY, basic, sizeof(basic));
	while (scene_region(scene, count, &region))
		count++;
	uint32_t head[2] = {sizeof(struct multiboot2_region), 0}; /* size and version of a row */
	uint8_t *at = tag(room, MULTIBOOT2_TAG_MEMORY_MAP, (uint32_t)sizeof(head) + count * head[0]);
	if (at == NULL)
		return;
	memcpy(at, head, sizeof(head));
	for (uint32_t i = 0; scene_region(scene, i, &region); i++) {
		const struct multiboot2_region row = {region.base, region.length, region.type, 0};
		memcpy(at + sizeof(head) + (size_t)i * sizeof(row), &row, sizeof(row));
	}
}

static void write_boot_device(const struct scene *scene, struct room *room)
{
	uint32_t device[3] = {0, 0, UINT32_MAX}; /* no sub-partition */
	if (scene_boot_device(scene, &device[0], &device[1]))
		tag_bytes(room, MULTIBOOT2_TAG_BOOT_DEVICE, device, sizeof(device));
}

static void write_sections(const struct scene *scene, struct room *room)
{
	const struct multiboot_data *data = scene->data;
	uint32_t head[3] = {data->section_count, data->section_size, data->section_names};
	uint32_t bytes = data->section_count * data->section_size;
	struct room rest = *room; /* the headers are copied behind the tag's own, so they are made in place */
	uint8_t *at;
	if (scene->symbols == NULL || !(data->flags & MULTIBOOT_HAS_SECTIONS))
		return;
	at = tag(room, MULTIBOOT2_TAG_ELF_SECTIONS, (uint32_t)sizeof(head) + bytes);
	if (at == NULL)
		return;
	memcpy(at, head, sizeof(head));
	rest.bytes = at + sizeof(head);
	rest.used = 0;
	rest.size = bytes;
	scene_sections(scene, &rest, NULL);
}

static void write_vbe(const struct scene *scene, struct room *room)
{
	const struct twinboot_record *controller =
		record_find(scene->handoff, TWINBOOT_RECORD_VBE_CONTROLLER);
	const struct twinboot_vbe_mode *mode = record_find(scene->handoff, TWINBOOT_RECORD_VBE_MODE);
	struct __attribute__((packed)) {
		uint16_t mode, segment, offset, length;
		uint8_t control[512], info[256];
	} vbe = {0};
	_Static_assert(sizeof(vbe) == 784 - 8, "Multiboot2 2.0, 3.6.11");
	if (controller == NULL || mode == NULL ||
	    controller->size < sizeof(*controller) + sizeof(vbe.control))
		return;
	vbe.mode = (uint16_t)mode->number;
	memcpy(vbe.control, controller + 1, sizeof(vbe.control));
	memcpy(vbe.info, mode->block, sizeof(vbe.info));
	tag_bytes(room, MULTIBOOT2_TAG_VBE, &vbe, sizeof(vbe));
}

static void write_screen(const struct scene *scene, struct room *room)
{
	struct scene_screen screen = scene_screen(scene);
	struct __attribute__((packed)) {
		uint64_t base;
		uint32_t pitch, width, height;
		uint8_t depth, type;
		uint16_t reserved;
		uint8_t colours[6];
	} framebuffer = {
		screen.base, screen.pitch, screen.width, screen.height, screen.depth, (uint8_t)screen.type,
		0,           {0}};
	_Static_assert(sizeof(framebuffer) == 30, "Multiboot2 2.0, 3.6.12");
	memcpy(framebuffer.colours, screen.colours, sizeof(screen.colours));
	if (screen.type != 0)
		tag_bytes(room, MULTIBOOT2_TAG_FRAMEBUFFER, &framebuffer,
			  sizeof(framebuffer) - (screen.type == MULTIBOOT_FRAMEBUFFER_TEXT
							 ? (uint32_t)sizeof(screen.colours)
							 : 0));
}

static const uint8_t *physical(const struct scene *scene, uint64_t phys)
{
	return (const uint8_t *)(uintptr_t)(scene->handoff->direct_map_base + phys);
}

static void write_acpi(const struct scene *scene, struct room *room)
{
	if (scene->handoff->rsdp_phys == 0)
		return;
	const uint8_t *rsdp = physical(scene, scene->handoff->rsdp_phys);
	uint32_t length = RSDP_OLD_SIZE;
	tag_bytes(room, MULTIBOOT2_TAG_ACPI_OLD, rsdp, RSDP_OLD_SIZE);
	if (rsdp[RSDP_REVISION] < 2)
		return;
	memcpy(&length, rsdp + RSDP_LENGTH, sizeof(length));
	if (length <= RSDP_MAX)
		tag_bytes(room, MULTIBOOT2_TAG_ACPI_NEW, rsdp, length);
}

static void write_smbios(const struct scene *scene, struct room *room, uint64_t phys, uint32_t length_at,
			 uint32_t major_at)
{
	if (phys == 0)
		return;
	const uint8_t *entry = physical(scene, phys);
	uint32_t length = entry[length_at];
	uint8_t *at = tag(room, MULTIBOOT2_TAG_SMBIOS, 8 + length); /* major, minor, six reserved bytes */
	if (at == NULL)
		return;
	at[0] = entry[major_at];
	at[1] = entry[major_at + 1];
	memcpy(at + 8, entry, length);
}

static void write_efi(const struct scene *scene, struct room *room)
{
	const struct twinboot_handoff *handoff = scene->handoff;
	uint32_t head[2] = {handoff->efi_descriptor_size, handoff->efi_descriptor_version};
	if (handoff->efi_memory_map == NULL)
		return;
	tag_bytes(room, MULTIBOOT2_TAG_EFI64_SYSTEM_TABLE, &handoff->efi_system_table_phys,
		  sizeof(handoff->efi_system_table_phys));
	uint32_t size = (uint32_t)handoff->efi_memory_map_size;
	uint8_t *at = tag(room, MULTIBOOT2_TAG_EFI_MEMORY_MAP, (uint32_t)sizeof(head) + size);
	if (at == NULL)
		return;
	memcpy(at, head, sizeof(head));
	memcpy(at + sizeof(head), handoff->efi_memory_map, size);
}

static void write_network(const struct scene *scene, struct room *room)
{
	const struct twinboot_record *packet = record_find(scene->handoff, TWINBOOT_RECORD_DHCP_ACK);
	if (packet != NULL)
		tag_bytes(room, MULTIBOOT2_TAG_NETWORK, packet + 1, packet->size - (uint32_t)sizeof(*packet));
}

uint32_t info2_write(const struct scene *scene, struct room *room)
{
	const struct twinboot_handoff *handoff = scene->handoff;
	uint32_t phys;
	uint32_t *head = room_take(room, 8, 8, &phys); /* total size, reserved */
	uint32_t start = room->used - 8;
	if (head == NULL)
		return 0;
	tag_text(room, MULTIBOOT2_TAG_COMMAND_LINE, handoff->command_line);
	tag_text(room, MULTIBOOT2_TAG_LOADER_NAME, handoff->loader);
	write_modules(scene, room);
	write_memory(scene, room);
	write_boot_device(scene, room);
	write_sections(scene, room);
	write_vbe(scene, room);
	write_screen(scene, room);
	write_efi(scene, room);
	write_smbios(scene, room, handoff->smbios2_phys, SMBIOS2_LENGTH, SMBIOS2_MAJOR);
	write_smbios(scene, room, handoff->smbios3_phys, SMBIOS3_LENGTH, SMBIOS3_MAJOR);
	write_acpi(scene, room);
	write_network(scene, room);
	if (scene->data->flags & MULTIBOOT_RELOCATABLE)
		tag_bytes(room, MULTIBOOT2_TAG_LOAD_BASE, &scene->base, sizeof(scene->base));
	tag(room, MULTIBOOT2_TAG_END, 0);
	if (room->used > room->size)
		return 0;
	head[0] = room->used - start;
	head[1] = 0;
	return phys;
}
