/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of raw facts, and what it says against what the rest of the handoff says. Each kind of record has its key on
   every firmware, with the value `none` where there is no such record. */
#include "kernel.h"
#include "report.h"

#define MODE_WIDTH  18 /* VBE 3.0, 4.4: offsets in a mode's block */
#define MODE_HEIGHT 20
#define TPM_EVENT_1 32 /* the first event's head; TCG PC Client Platform Firmware Profile, 10.2.1 */

/* The first record of that type, or NULL. */
static const void *find(uint32_t type)
{
	const struct twinboot_record *record = handoff->records;

	while (record->type != TWINBOOT_RECORD_END && record->type != type)
		record = TWINBOOT_NEXT_RECORD(record);
	return record->type == type ? record : NULL;
}

/* Every step stays within the list, and the last one leads to its end. */
static bool is_list(void)
{
	uint64_t at = (uint64_t)handoff->records, end = at + handoff->records_size;

	while (at % 8 == 0 && end - at >= sizeof(struct twinboot_record)) {
		const struct twinboot_record *record = (const struct twinboot_record *)at;
		if (record->size < sizeof(*record) || record->size > end - at)
			return false;
		at = (uint64_t)TWINBOOT_NEXT_RECORD(record);
		if (record->type == TWINBOOT_RECORD_END)
			return at == end;
	}
	return false;
}

static uint64_t bytes_of(const void *record)
{
	return ((const struct twinboot_record *)record)->size - sizeof(struct twinboot_record);
}

/* A fact with the record's size, for those whose content only its reader understands. */
static void fact_size(const char *key, uint32_t type)
{
	const void *record = find(type);

	if (record)
		fact(key, "%lu bytes", bytes_of(record));
	else
		fact(key, "none");
}

/* No byte that the map calls usable lies outside of what the BIOS calls memory. */
static void check_e820(void)
{
	const struct twinboot_e820 *e820 = find(TWINBOOT_RECORD_E820);
	uint64_t usable = memory_total(TWINBOOT_MEMORY_USABLE), memory = 0;

	if (!e820) {
		fact("record_e820", "none");
		check_skipped("e820_is_whole", "none");
		check_skipped("e820_has_all_usable_memory", "none");
		return;
	}
	const uint8_t *row = (const uint8_t *)(e820 + 1);
	for (unsigned i = 0; i < e820->count; i++, row += e820->row_size) {
		const struct twinboot_e820_row *r = (const struct twinboot_e820_row *)row;
		memory += r->type == 1 ? r->length : 0;
	}
	fact("record_e820", "%u rows", e820->count);
	check("e820_is_whole",
	      bytes_of(e820) ==
			      sizeof(*e820) - sizeof(e820->record) + (uint64_t)e820->count * e820->row_size &&
		      e820->row_size == sizeof(struct twinboot_e820_row),
	      "%lu bytes, %u rows of %u", bytes_of(e820), e820->count, e820->row_size);
	check("e820_has_all_usable_memory", memory >= usable, "%lu KiB, usable %lu KiB", memory / KIB,
	      usable / KIB);
}

static bool is_framebuffers(const struct twinboot_video_mode *mode)
{
	const struct twinboot_framebuffer *fb = handoff->framebuffer;

	return fb && mode->width == fb->width && mode->height == fb->height && mode->pitch == fb->pitch &&
	       mode->bits_per_pixel == fb->bits_per_pixel && mode->red_shift == fb->red_shift &&
	       mode->green_shift == fb->green_shift && mode->blue_shift == fb->blue_shift &&
	       mode->red_size == fb->red_size && mode->green_size == fb->green_size &&
	       mode->blue_size == fb->blue_size;
}

static void check_video_modes(void)
{
	const struct twinboot_video_modes *modes = find(TWINBOOT_RECORD_VIDEO_MODES);
	unsigned current = 0, right = 0, struck_out = 0;

	fact("record_video_modes", modes ? "some" : "none");
	if (!modes)
		return;
	const uint8_t *row = (const uint8_t *)(modes + 1);
	for (unsigned i = 0; i < modes->count; i++, row += modes->row_size) {
		const struct twinboot_video_mode *mode = (const struct twinboot_video_mode *)row;
		struck_out += !!(mode->flags & TWINBOOT_VIDEO_MODE_STRUCK_OUT);
		if (!(mode->flags & TWINBOOT_VIDEO_MODE_CURRENT))
			continue;
		current++;
		right += is_framebuffers(mode);
	}
	fact("video_modes", "%u, %u struck out", modes->count, struck_out);
	check("current_video_mode_is_the_framebuffers", current == !!handoff->framebuffer && right == current,
	      "%u current, %u of them as the framebuffer", current, right);
}

static void check_vbe_mode(void)
{
	const struct twinboot_vbe_mode *mode = find(TWINBOOT_RECORD_VBE_MODE);
	uint16_t width, height;

	if (!mode) {
		fact("record_vbe_mode", "none");
		check_skipped("vbe_mode_is_the_framebuffers", "none");
		return;
	}
	memcpy(&width, mode->block + MODE_WIDTH, sizeof(width));
	memcpy(&height, mode->block + MODE_HEIGHT, sizeof(height));
	fact("record_vbe_mode", "0x%x", mode->number);
	check("vbe_mode_is_the_framebuffers",
	      handoff->framebuffer && width == handoff->framebuffer->width &&
		      height == handoff->framebuffer->height,
	      "%u x %u", width, height);
}

static void check_text_mode(void)
{
	const struct twinboot_text_mode *text = find(TWINBOOT_RECORD_TEXT_MODE);

	if (text)
		fact("record_text_mode",
		     "mode %u at 0x%lx, page %u, %u x %u, cursor %u,%u, glyphs of %u lines", text->mode,
		     text->base_phys, text->page, text->columns, text->rows, text->cursor_column,
		     text->cursor_row, text->glyph_height);
	else
		fact("record_text_mode", "none");
	check("text_mode_where_no_framebuffer",
	      !text || (handoff->firmware_type == TWINBOOT_FIRMWARE_BIOS && !handoff->framebuffer),
	      "there is a framebuffer");
	if (needs->flags & TWINBOOT_KEEP_TEXT_MODE && handoff->firmware_type == TWINBOOT_FIRMWARE_BIOS)
		check("text_mode_is_kept", !handoff->framebuffer, "there is a framebuffer");
}

static void check_edid(void)
{
	const struct twinboot_record *edid = find(TWINBOOT_RECORD_EDID);
	const uint8_t *first = handoff->framebuffer ? handoff->framebuffer->edid : NULL;

	fact_size("record_edid", TWINBOOT_RECORD_EDID);
	check("edid_begins_with_the_framebuffers",
	      !first || (edid && bytes_of(edid) >= 128 && memcmp(edid + 1, first, 128) == 0), "it does not");
}

static void fact_address(const char *key, const void *record, const uint8_t *bytes, size_t size)
{
	if (record)
		fact_bytes(key, bytes, size);
	else
		fact(key, "none");
}

static void show_medium(void)
{
	static const char *const types[] = {"unknown", "disk", "cd", "network"};
	const struct twinboot_boot_medium *medium = find(TWINBOOT_RECORD_BOOT_MEDIUM);

	if (!medium) {
		fact("boot_medium", "none");
		return;
	}
	fact("boot_medium", "%s, %u bytes a sector, MBR 0x%08x", types[medium->type < 4 ? medium->type : 0],
	     medium->sector_size, medium->mbr_signature);
	fact("boot_medium_drive", "0x%x", medium->bios_drive);
	fact("boot_partition", "%u of %s, from sector %lu, %lu sectors", medium->partition,
	     medium->has_gpt ? "GPT" : "MBR", medium->partition_first, medium->partition_sectors);
	fact_bytes("boot_disk_guid", medium->disk_guid, sizeof(medium->disk_guid));
	fact_bytes("boot_partition_guid", medium->partition_guid, sizeof(medium->partition_guid));
}

static void show_network(void)
{
	const struct twinboot_network_server *server = find(TWINBOOT_RECORD_NETWORK_SERVER);

	fact_address("network_server", server, server ? server->address : NULL,
		     server && server->is_ipv6 ? 16 : 4);
	fact_address("network_client", server, server ? server->client_address : NULL,
		     server && server->is_ipv6 ? 16 : 4);
	fact("network_path", "%s", server ? server->path : "none");
	fact_size("record_dhcp_ack", TWINBOOT_RECORD_DHCP_ACK);
}

static void show_tpm_log(void)
{
	const struct twinboot_tpm_log *log = find(TWINBOOT_RECORD_TPM_LOG);

	if (!log) {
		fact("record_tpm_log", "none");
		return;
	}
	const char *signature = (const char *)(log + 1) + TPM_EVENT_1;

	fact("record_tpm_log", "format %u, %lu bytes%s", log->format, log->log_size,
	     log->truncated ? ", truncated" : "");
	check("tpm_log_is_whole", bytes_of(log) == sizeof(*log) - sizeof(log->record) + log->log_size,
	      "%lu bytes, log of %lu", bytes_of(log), log->log_size);
	if (log->format == 2)
		check("tpm_log_begins_with_its_specification", memcmp(signature, "Spec ID Event03", 16) == 0,
		      "it does not");
}

void check_records(void)
{
	if (!check("records_are_a_list", is_list(), "at 0x%lx, %lu bytes", (uint64_t)handoff->records,
		   handoff->records_size))
		return;
	check_e820();
	fact_size("record_vbe_controller", TWINBOOT_RECORD_VBE_CONTROLLER);
	check_vbe_mode();
	check_video_modes();
	check_text_mode();
	check_edid();
	show_medium();
	fact_size("record_edd", TWINBOOT_RECORD_EDD);
	show_network();
	fact_size("record_load_options", TWINBOOT_RECORD_LOAD_OPTIONS);
	show_tpm_log();
}
