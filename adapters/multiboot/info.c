/* SPDX-License-Identifier: BSD-2-Clause */
#include "info.h"

#include "adapters/records.h"

#include <elf.h>
#include <string.h>

#define KIB         UINT64_C(1024)
#define ONE_MIB     (UINT64_C(1) << 20)
#define LOWER_END   (640 * KIB)
#define PAGE_SIZE   UINT64_C(4096)
#define FIXED_BYTES 8192u /* the structures themselves, VBE blocks, RSDP, SMBIOS entry points, packet */
#define ROW_BYTES   64u   /* a row of any list, in either protocol */

/* UEFI 2.10, 7.2.1: EFI_MEMORY_TYPE and EFI_MEMORY_DESCRIPTOR. */
enum efi_type {
	EFI_LOADER_CODE = 1,
	EFI_BOOT_SERVICES_DATA = 4,
	EFI_CONVENTIONAL = 7,
	EFI_UNUSABLE = 8,
	EFI_ACPI_RECLAIM = 9,
	EFI_ACPI_NVS = 10,
	EFI_PERSISTENT = 14,
};

struct efi_descriptor {
	uint32_t type, pad;
	uint64_t physical, virtual, pages, attribute;
};
_Static_assert(sizeof(struct efi_descriptor) == 40, "UEFI 2.10, 7.2.3");

/* ACPI 6.5, 15.1 */
enum e820_type {
	E820_MEMORY = 1,
	E820_RESERVED = 2,
	E820_ACPI = 3,
	E820_NVS = 4,
	E820_UNUSABLE = 5,
	E820_PERSISTENT = 7,
};

void *room_take(struct room *room, uint32_t size, uint32_t alignment, uint32_t *phys)
{
	uint64_t at = ((uint64_t)room->used + alignment - 1) & ~(uint64_t)(alignment - 1);
	if (at + size > room->size) {
		room->used = UINT32_MAX;
		return NULL;
	}
	room->used = (uint32_t)at + size;
	if (phys != NULL)
		*phys = room->phys + (uint32_t)at;
	return room->bytes + at;
}

uint32_t text_size(const char *text)
{
	uint32_t size = 1;
	while (text[size - 1] != 0)
		size++;
	return size;
}

uint32_t room_copy(struct room *room, const void *from, uint32_t size, uint32_t alignment)
{
	uint32_t phys;
	void *to = room_take(room, size, alignment, &phys);
	if (to == NULL)
		return 0;
	memcpy(to, from, size);
	return phys;
}

uint32_t room_copy_text(struct room *room, const char *text)
{
	return room_copy(room, text, text_size(text), 1);
}

static uint32_t type_of(uint32_t efi_type)
{
	if (efi_type == EFI_CONVENTIONAL ||
	    (efi_type >= EFI_LOADER_CODE && efi_type <= EFI_BOOT_SERVICES_DATA))
		return E820_MEMORY;
	switch (efi_type) {
	case EFI_UNUSABLE:
		return E820_UNUSABLE;
	case EFI_ACPI_RECLAIM:
		return E820_ACPI;
	case EFI_ACPI_NVS:
		return E820_NVS;
	case EFI_PERSISTENT:
		return E820_PERSISTENT;
	default:
		return E820_RESERVED;
	}
}

/* Row `at` of the firmware's map as it is. */
static int raw_region(const struct scene *scene, uint64_t at, struct scene_region *region)
{
	const struct twinboot_handoff *handoff = scene->handoff;
	if (handoff->efi_memory_map != NULL) {
		if ((at + 1) * handoff->efi_descriptor_size > handoff->efi_memory_map_size)
			return 0;
		const struct efi_descriptor *d = (const void *)((const char *)handoff->efi_memory_map +
								at * handoff->efi_descriptor_size);
		*region = (struct scene_region){d->physical, d->pages * PAGE_SIZE, type_of(d->type)};
		return 1;
	}
	const struct twinboot_e820 *e820 = record_find(scene->handoff, TWINBOOT_RECORD_E820);
	if (e820 == NULL || at >= e820->count)
		return 0;
	const struct twinboot_e820_row *row = (const void *)((const char *)(e820 + 1) + at * e820->row_size);
	*region = (struct scene_region){row->base, row->length, row->type};
	return 1;
}

/* UEFI's map has hundreds of rows where E820h has ten: neighbours of one type become one. */
int scene_region(const struct scene *scene, uint32_t index, struct scene_region *region)
{
	struct scene_region next;
	uint64_t at = 0;
	int merge = scene->handoff->efi_memory_map != NULL;
	for (uint32_t i = 0;; i++) {
		if (!raw_region(scene, at++, region))
			return 0;
		while (merge && raw_region(scene, at, &next) && next.type == region->type &&
		       next.base == region->base + region->length) {
			region->length += next.length;
			at++;
		}
		if (i == index)
			return 1;
	}
}

/* Where memory that begins at `from` ends. */
static uint64_t memory_end(const struct scene *scene, uint64_t from)
{
	struct scene_region region;
	uint64_t end = from;
	for (int grown = 1; grown;) {
		grown = 0;
		for (uint32_t i = 0; scene_region(scene, i, &region); i++)
			if (region.type == E820_MEMORY && region.base <= end &&
			    region.base + region.length > end) {
				end = region.base + region.length;
				grown = 1;
			}
	}
	return end;
}

uint32_t scene_memory_lower(const struct scene *scene)
{
	uint64_t end = memory_end(scene, 0);
	return (uint32_t)((end < LOWER_END ? end : LOWER_END) / KIB);
}

uint32_t scene_memory_upper(const struct scene *scene)
{
	uint64_t kib = (memory_end(scene, ONE_MIB) - ONE_MIB) / KIB;
	return kib < UINT32_MAX ? (uint32_t)kib : UINT32_MAX;
}

int scene_boot_device(const struct scene *scene, uint32_t *drive, uint32_t *partition)
{
	const struct twinboot_boot_medium *medium = record_find(scene->handoff, TWINBOOT_RECORD_BOOT_MEDIUM);
	if (scene->handoff->boot_device_type != TWINBOOT_BOOT_DEVICE_BIOS_DRIVE)
		return 0;
	*drive = scene->handoff->boot_drive;
	*partition = medium != NULL && medium->partition != 0 ? medium->partition - 1 : UINT32_MAX;
	return 1;
}

struct scene_screen scene_screen(const struct scene *scene)
{
	const struct twinboot_framebuffer *f = scene->handoff->framebuffer;
	const struct twinboot_text_mode *text = record_find(scene->handoff, TWINBOOT_RECORD_TEXT_MODE);
	if (f != NULL)
		return (struct scene_screen){MULTIBOOT_FRAMEBUFFER_RGB,
					     f->base_phys,
					     f->pitch,
					     f->width,
					     f->height,
					     (uint8_t)f->bits_per_pixel,
					     {f->red_shift, f->red_size, f->green_shift, f->green_size,
					      f->blue_shift, f->blue_size}};
	if (text != NULL) /* a cell is a character and its attribute */
		return (struct scene_screen){.type = MULTIBOOT_FRAMEBUFFER_TEXT,
					     .base = text->base_phys,
					     .pitch = 2u * text->columns,
					     .width = text->columns,
					     .height = text->rows,
					     .depth = 16};
	return (struct scene_screen){0};
}

/* Sections that no segment holds carry their distance in the symbols; they get the address that it means. */
static void address_section(const struct scene *scene, uint8_t *header)
{
	int is_64 = scene->data->section_size == sizeof(Elf64_Shdr);
	Elf64_Shdr wide;
	Elf32_Shdr narrow;
	memcpy(&wide, header, is_64 ? sizeof(wide) : sizeof(narrow));
	memcpy(&narrow, header, sizeof(narrow));
	uint64_t flags = is_64 ? wide.sh_flags : narrow.sh_flags;
	uint64_t address = is_64 ? wide.sh_addr : narrow.sh_addr;
	uint32_t type = is_64 ? wide.sh_type : narrow.sh_type;
	if (flags & SHF_ALLOC || type == SHT_NULL || type == SHT_NOBITS || address == 0)
		return;
	wide.sh_addr = address + scene->symbols_phys;
	narrow.sh_addr = (uint32_t)wide.sh_addr;
	memcpy(header, is_64 ? (const void *)&wide : (const void *)&narrow,
	       is_64 ? sizeof(wide) : sizeof(narrow));
}

void *scene_sections(const struct scene *scene, struct room *room, uint32_t *phys)
{
	const struct multiboot_data *data = scene->data;
	if (scene->symbols == NULL || !(data->flags & MULTIBOOT_HAS_SECTIONS))
		return NULL;
	uint32_t size = data->section_count * data->section_size;
	uint8_t *to = room_take(room, size, 4, phys);
	if (to == NULL)
		return NULL;
	memcpy(to, scene->symbols, size);
	for (uint32_t i = 0; i < data->section_count; i++)
		address_section(scene, to + (size_t)i * data->section_size);
	return to;
}

uint32_t scene_bound(const struct scene *scene)
{
	const struct twinboot_handoff *handoff = scene->handoff;
	const struct twinboot_record *packet = record_find(scene->handoff, TWINBOOT_RECORD_DHCP_ACK);
	struct scene_region region;
	uint32_t rows = 0;
	while (scene_region(scene, rows, &region))
		rows++;
	uint64_t bound = FIXED_BYTES + (uint64_t)rows * ROW_BYTES + text_size(handoff->command_line) +
			 handoff->efi_memory_map_size + (packet != NULL ? packet->size : 0) +
			 (uint64_t)scene->data->section_count * scene->data->section_size;
	for (uint32_t i = 0; i < scene->module_count; i++)
		bound += ROW_BYTES + text_size(scene->modules[i].arguments);
	return (uint32_t)((bound + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
}
