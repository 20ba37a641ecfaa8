/* SPDX-License-Identifier: BSD-2-Clause */
#include "limine/limine.h"

#include "cpu.h"

#define ROWS_MAX 512

static struct twinboot_handoff made;
static struct twinboot_region regions[ROWS_MAX];
static struct twinboot_framebuffer screen;

static uint32_t type_of(uint64_t type)
{
	static const uint32_t types[] = {
		[USABLE] = TWINBOOT_MEMORY_USABLE,
		[RESERVED] = TWINBOOT_MEMORY_RESERVED,
		[ACPI_RECLAIMABLE] = TWINBOOT_MEMORY_ACPI_RECLAIMABLE,
		[ACPI_NVS] = TWINBOOT_MEMORY_ACPI_NVS,
		[BAD] = TWINBOOT_MEMORY_BAD,
		[RECLAIMABLE] = TWINBOOT_MEMORY_LOADER,
		[EXECUTABLE_AND_MODULES] = TWINBOOT_MEMORY_KERNEL,
		[FRAMEBUFFER] = TWINBOOT_MEMORY_FRAMEBUFFER,
		[RESERVED_MAPPED] = TWINBOOT_MEMORY_RESERVED,
	};

	return type < sizeof(types) / sizeof(*types) ? types[type] : TWINBOOT_MEMORY_RESERVED;
}

static void translate_memory(void)
{
	const struct answer_memory_map *map = answer(MEMORY_MAP);

	made.memory_map = regions;
	for (uint64_t i = 0; i < map->count && i < ROWS_MAX; i++)
		regions[made.memory_map_count++] = (struct twinboot_region){
			map->rows[i]->base, map->rows[i]->length, type_of(map->rows[i]->type), 0};
}

static void translate_framebuffer(uint64_t hhdm)
{
	const struct answer_framebuffers *list = answer(FRAMEBUFFERS);

	if (!list || !list->count)
		return;
	const struct framebuffer *from = list->framebuffers[0];

	screen = (struct twinboot_framebuffer){
		.base = from->address,
		.base_phys = (uint64_t)from->address - hhdm,
		.size = from->pitch * from->height,
		.width = (uint32_t)from->width,
		.height = (uint32_t)from->height,
		.pitch = (uint32_t)from->pitch,
		.bits_per_pixel = from->bpp,
		.red_size = from->red_size,
		.red_shift = from->red_shift,
		.green_size = from->green_size,
		.green_shift = from->green_shift,
		.blue_size = from->blue_size,
		.blue_shift = from->blue_shift,
		.edid = from->edid,
		.edid_size = (uint32_t)from->edid_size,
	};
	made.framebuffer = &screen;
}

/* The address in the `index`th word of an answer, which is a physical one in base revisions `first` to `last` and in the
   HHDM in all others. */
static uint64_t physical(enum request request, unsigned index, uint32_t first, uint32_t last)
{
	const uint64_t *words = answer(request);
	uint64_t address = words ? words[1 + index] : 0;

	return address && (base_revision() < first || base_revision() > last) ? address - made.direct_map_base
									      : address;
}

void translate(void)
{
	const struct answer_word *hhdm = answer(HHDM), *firmware = answer(FIRMWARE_TYPE),
				 *hz = answer(TSC_FREQUENCY);
	const struct answer_executable_address *address = answer(EXECUTABLE_ADDRESS);
	const struct answer_string *command_line = answer(COMMAND_LINE);
	const struct answer_bootloader_info *info = answer(BOOTLOADER_INFO);

	made.magic = TWINBOOT_MAGIC;
	made.direct_map_base = hhdm->value;
	made.firmware_type = firmware && firmware->value ? TWINBOOT_FIRMWARE_UEFI : TWINBOOT_FIRMWARE_BIOS;
	made.flags = rdmsr(MSR_EFER) & EFER_NXE ? TWINBOOT_NX : 0;
	made.kernel_virt = address->virtual;
	made.kernel_phys = address->physical;
	made.kernel_size = (uint64_t)(kernel_end - kernel_start);
	made.kernel_entry = (uint64_t)kernel_main;
	made.command_line = command_line ? command_line->text : "";
	made.loader = info ? info->name : "";
	made.firmware = "";
	made.tsc_hz = hz ? hz->value : 0;
	made.rsdp_phys = physical(RSDP, 0, 3, 3);
	made.smbios2_phys = physical(SMBIOS, 0, 3, 4);
	made.smbios3_phys = physical(SMBIOS, 1, 3, 4);
	made.efi_system_table_phys = physical(EFI_SYSTEM_TABLE, 0, 3, 4);
	translate_memory();
	translate_framebuffer(hhdm->value);
	handoff = &made;
}
