/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/linux/params.h"

#include "adapters/records.h"

#include <stddef.h>
#include <string.h>

#define LOADER_UNKNOWN \
	0xffu /* type_of_loader: none of those that boot.rst lists; with 0 the initrd is ignored */
#define VID_MODE_NORMAL 0xffffu /* boot.rst, vid_mode */

#define EGA_BX_COLOUR 3u /* INT 10h AH=12h BL=10h: a colour adapter with 256 KiB, as every VGA is */

/* VESA E-EDID, table 3.1 */
#define EDID_SIZE       128u
#define EDID_EXTENSIONS 126u
#define EDID_CHECKSUM   127u

/* UEFI 2.10, 7.2.3: what the memory map says that the contract's types do not. */
#define EFI_CONVENTIONAL_MEMORY 7u
#define EFI_PERSISTENT_MEMORY   14u
#define EFI_MEMORY_SP           UINT64_C(0x40000)
#define EFI_PAGE_SIZE           UINT64_C(4096)

struct efi_memory_descriptor {
	uint32_t type, padding;
	uint64_t physical_start, virtual_start, number_of_pages, attribute;
};

static uint32_t low(uint64_t value)
{
	return (uint32_t)value;
}

static uint32_t high(uint64_t value)
{
	return (uint32_t)(value >> 32);
}

/* Pointers of the handoff lie in the direct map. */
static uint64_t physical(const struct twinboot_handoff *handoff, const void *pointer)
{
	return (uintptr_t)pointer - handoff->direct_map_base;
}

/* The header alone goes over: with the rest of the file's first page the sentinel would go too, and Linux would
   wipe what we fill in. */
static void fill_header(struct linux_setup_header *hdr, const struct bzimage *kernel, uint64_t load_address)
{
	memcpy(hdr, &kernel->header, kernel->header_size);
	hdr->type_of_loader = LOADER_UNKNOWN;
	hdr->vid_mode = VID_MODE_NORMAL;
	hdr->code32_start = low(load_address);
	hdr->setup_data = 0;
}

static void fill_initrd(struct linux_boot_params *to, struct range initrd)
{
	to->hdr.ramdisk_image = low(initrd.base);
	to->ext_ramdisk_image = high(initrd.base);
	to->hdr.ramdisk_size = low(initrd.size);
	to->ext_ramdisk_size = high(initrd.size);
}

static void fill_command_line(struct linux_boot_params *to, uint64_t command_line)
{
	to->hdr.cmd_line_ptr = low(command_line);
	to->ext_cmd_line_ptr = high(command_line);
}

/* Of type EFI on BIOS as well: it says all that there is to say, and kernels without vesafb (Debian's for the
   cloud) have no other console on a framebuffer. */
static void fill_framebuffer(struct linux_screen_info *to, const struct twinboot_framebuffer *from)
{
	uint32_t depth = (from->bits_per_pixel + 7) / 8 * 8;
	uint32_t used = from->red_size + from->green_size + from->blue_size;
	int lowest_is_used = from->red_shift == 0 || from->green_shift == 0 || from->blue_shift == 0;
	*to = (struct linux_screen_info){
		.orig_video_isVGA = LINUX_VIDEO_EFI,
		.lfb_width = (uint16_t)from->width,
		.lfb_height = (uint16_t)from->height,
		.lfb_depth = (uint16_t)depth,
		.lfb_base = low(from->base_phys),
		.ext_lfb_base = high(from->base_phys),
		.lfb_size = from->pitch * from->height,
		.lfb_linelength = (uint16_t)from->pitch,
		.red_size = from->red_size,
		.red_pos = from->red_shift,
		.green_size = from->green_size,
		.green_pos = from->green_shift,
		.blue_size = from->blue_size,
		.blue_pos = from->blue_shift,
		.rsvd_size = (uint8_t)(depth - used),
		.rsvd_pos = (uint8_t)(lowest_is_used ? used : 0),
		.capabilities = LINUX_VIDEO_SKIP_QUIRKS | LINUX_VIDEO_64BIT_BASE,
	};
}

static void fill_text_mode(struct linux_screen_info *to, const struct twinboot_text_mode *from)
{
	*to = (struct linux_screen_info){
		.orig_x = from->cursor_column,
		.orig_y = from->cursor_row,
		.orig_video_page = from->page,
		.orig_video_mode = from->mode,
		.orig_video_cols = from->columns,
		.orig_video_ega_bx = EGA_BX_COLOUR,
		.orig_video_lines = from->rows,
		.orig_video_isVGA = LINUX_VIDEO_VGA_TEXT,
		.orig_video_points = from->glyph_height,
	};
}

/* As every BIOS leaves it where no other mode was set, for a loader that does not say. */
static const struct twinboot_text_mode usual_text_mode = {
	.mode = 3,
	.columns = 80,
	.rows = 25,
	.cursor_row = 24,
	.glyph_height = 16,
};

static void fill_screen(struct linux_screen_info *to, const struct twinboot_handoff *handoff)
{
	const struct twinboot_text_mode *text = record_find(handoff, TWINBOOT_RECORD_TEXT_MODE);
	if (handoff->framebuffer != NULL)
		fill_framebuffer(to, handoff->framebuffer);
	else if (handoff->firmware_type == TWINBOOT_FIRMWARE_BIOS)
		fill_text_mode(to, text != NULL ? text : &usual_text_mode);
}

/* One block alone: Linux would look for the extensions behind it, where other fields lie. */
static void fill_edid(uint8_t to[EDID_SIZE], const uint8_t *from)
{
	memcpy(to, from, EDID_SIZE);
	to[EDID_CHECKSUM] = (uint8_t)(to[EDID_CHECKSUM] + to[EDID_EXTENSIONS]);
	to[EDID_EXTENSIONS] = 0;
}

static void fill_efi(struct linux_efi_info *to, const struct twinboot_handoff *handoff)
{
	uint64_t map = physical(handoff, handoff->efi_memory_map);
	*to = (struct linux_efi_info){
		.loader_signature = {'E', 'L', '6', '4'},
		.systab = low(handoff->efi_system_table_phys),
		.systab_hi = high(handoff->efi_system_table_phys),
		.memdesc_size = handoff->efi_descriptor_size,
		.memdesc_version = handoff->efi_descriptor_version,
		.memmap = low(map),
		.memmap_hi = high(map),
		.memmap_size = low(handoff->efi_memory_map_size),
	};
}

/* Linux asks on UEFI alone; a firmware without the variable is one without Secure Boot. */
static uint8_t secure_boot(const struct twinboot_handoff *handoff)
{
	if (handoff->firmware_type != TWINBOOT_FIRMWARE_UEFI)
		return LINUX_SECURE_BOOT_UNSET;
	return handoff->secure_boot == TWINBOOT_SECURE_BOOT_ON ? LINUX_SECURE_BOOT_ENABLED
							       : LINUX_SECURE_BOOT_DISABLED;
}

/* What the loader, the adapter and the modules lie in is RAM that Linux may have: it keeps the initrd and boot
   services' memory by itself, and would never get back what is reserved here. */
static uint32_t e820_type(uint32_t type)
{
	switch (type) {
	case TWINBOOT_MEMORY_USABLE:
	case TWINBOOT_MEMORY_LOADER:
	case TWINBOOT_MEMORY_KERNEL:
	case TWINBOOT_MEMORY_MODULE:
		return LINUX_E820_RAM;
	case TWINBOOT_MEMORY_ACPI_RECLAIMABLE:
		return LINUX_E820_ACPI;
	case TWINBOOT_MEMORY_ACPI_NVS:
		return LINUX_E820_NVS;
	case TWINBOOT_MEMORY_BAD:
		return LINUX_E820_UNUSABLE;
	default:
		return LINUX_E820_RESERVED;
	}
}

/* The rows beyond the zero page's go into a list of their own; `count` runs over both. */
struct e820 {
	struct linux_params *params;
	uint32_t count;
};

static struct linux_e820_entry *e820_row(const struct e820 *e820, uint32_t index)
{
	return index < LINUX_E820_TABLE_MAX ? &e820->params->boot_params.e820_table[index]
					    : &e820->params->e820_ext.rows[index - LINUX_E820_TABLE_MAX];
}

/* Rows for which there is no room at all are left out, and with them some memory. */
static void e820_add(struct e820 *e820, uint64_t base, uint64_t size, uint32_t type)
{
	struct linux_e820_entry *last = e820->count > 0 ? e820_row(e820, e820->count - 1) : NULL;
	if (size == 0)
		return;
	if (last != NULL && last->type == type && last->addr + last->size == base)
		last->size += size;
	else if (e820->count < LINUX_E820_TABLE_MAX + E820_EXTRA_MAX)
		*e820_row(e820, e820->count++) = (struct linux_e820_entry){base, size, type};
}

/* A framebuffer is none of Linux' memory: beside a reserved row it would make all of the PCI window reserved, and
   no device would get an address there. */
static void add_contract_rows(struct e820 *e820, const struct twinboot_handoff *handoff)
{
	for (uint32_t i = 0; i < handoff->memory_map_count; i++) {
		const struct twinboot_region *row = &handoff->memory_map[i];
		if (row->type != TWINBOOT_MEMORY_FRAMEBUFFER)
			e820_add(e820, row->base_phys, row->length, e820_type(row->type));
	}
}

/* Memory that is kept for drivers is reserved in the contract, and named once more behind it: where rows overlap,
   Linux takes the higher number, so that these win. */
static void add_bios_rows(struct e820 *e820, const struct twinboot_handoff *handoff)
{
	const struct twinboot_e820 *record = record_find(handoff, TWINBOOT_RECORD_E820);
	for (uint32_t i = 0; record != NULL && i < record->count; i++) {
		const struct twinboot_e820_row *row =
			(const void *)((const uint8_t *)(record + 1) + (uint64_t)i * record->row_size);
		if (row->type == LINUX_E820_PERSISTENT || row->type == LINUX_E820_PERSISTENT_LEGACY)
			e820_add(e820, row->base, row->length, row->type);
	}
}

/* The same by UEFI's names. */
static void add_efi_rows(struct e820 *e820, const struct twinboot_handoff *handoff)
{
	const uint8_t *at = handoff->efi_memory_map, *end = at + handoff->efi_memory_map_size;
	for (; at < end; at += handoff->efi_descriptor_size) {
		const struct efi_memory_descriptor *row = (const struct efi_memory_descriptor *)at;
		uint64_t size = row->number_of_pages * EFI_PAGE_SIZE;
		if (row->type == EFI_PERSISTENT_MEMORY)
			e820_add(e820, row->physical_start, size, LINUX_E820_PERSISTENT);
		else if (row->type == EFI_CONVENTIONAL_MEMORY && (row->attribute & EFI_MEMORY_SP))
			e820_add(e820, row->physical_start, size, LINUX_E820_SOFT_RESERVED);
	}
}

/* Puts `data` in front of the list. */
static void link_setup_data(struct linux_params *params, uint64_t params_phys, struct linux_setup_data *data,
			    uint32_t type, uint32_t length)
{
	uint64_t offset = (uint64_t)((uint8_t *)data - (uint8_t *)params);
	*data = (struct linux_setup_data){params->boot_params.hdr.setup_data, type, length};
	params->boot_params.hdr.setup_data = params_phys + offset;
}

static void fill_memory(struct linux_params *params, uint64_t params_phys,
			const struct twinboot_handoff *handoff)
{
	struct e820 e820 = {params, 0};
	add_contract_rows(&e820, handoff);
	add_bios_rows(&e820, handoff);
	add_efi_rows(&e820, handoff);
	uint32_t extra = e820.count > LINUX_E820_TABLE_MAX ? e820.count - LINUX_E820_TABLE_MAX : 0;
	params->boot_params.e820_entries = (uint8_t)(e820.count - extra);
	if (extra > 0)
		link_setup_data(params, params_phys, &params->e820_ext.head, LINUX_SETUP_E820_EXT,
				extra * (uint32_t)sizeof(struct linux_e820_entry));
}

/* Linux counts these bytes as entropy, so that those of weak origin are not for it. */
static void move_entropy(struct linux_params *params, uint64_t params_phys, struct twinboot_handoff *handoff)
{
	if ((handoff->entropy_source & ~(uint32_t)TWINBOOT_ENTROPY_JITTER) != 0) {
		memcpy(params->rng_seed.bytes, handoff->entropy, sizeof(params->rng_seed.bytes));
		link_setup_data(params, params_phys, &params->rng_seed.head, LINUX_SETUP_RNG_SEED,
				sizeof(params->rng_seed.bytes));
	}
	memset(handoff->entropy, 0, sizeof(handoff->entropy));
}

void params_fill(struct linux_params *params, struct twinboot_handoff *handoff, const struct bzimage *kernel,
		 const struct linux_layout *layout)
{
	struct linux_boot_params *to = &params->boot_params;
	fill_header(&to->hdr, kernel, layout->kernel);
	fill_initrd(to, layout->initrd);
	fill_command_line(to, layout->command_line);
	fill_screen(&to->screen_info, handoff);
	if (handoff->framebuffer != NULL && handoff->framebuffer->edid != NULL)
		fill_edid(to->edid_info, handoff->framebuffer->edid);
	to->acpi_rsdp_addr = handoff->rsdp_phys;
	if (handoff->efi_system_table_phys != 0)
		fill_efi(&to->efi_info, handoff);
	to->secure_boot = secure_boot(handoff);
	fill_memory(params, layout->params, handoff);
	move_entropy(params, layout->params, handoff);
}
