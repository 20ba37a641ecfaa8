/* SPDX-License-Identifier: BSD-2-Clause */
/* Each response: is it there when it must be, is it in its place, does it say what is true? */
#include "limine/limine.h"

#include "cpu.h"

static bool is_uefi(void)
{
	return handoff->firmware_type == TWINBOOT_FIRMWARE_UEFI;
}

/* Who must answer, who may, and who must not. */
static void check_presence(void)
{
	static const enum request must[] = {
		BOOTLOADER_INFO,    COMMAND_LINE, FIRMWARE_TYPE, STACK_SIZE,      HHDM,
		PAGING_MODE,        MEMORY_MAP,   ENTRY_POINT,   EXECUTABLE_FILE, DATE_AT_BOOT,
		EXECUTABLE_ADDRESS,
	};
	static const enum request must_not[] = {DEVICE_TREE, RISCV_HART, UNKNOWN};
	const char *missing = NULL, *invented = NULL;

	for (unsigned i = 0; i < sizeof(must) / sizeof(*must); i++)
		if (!answer(must[i]))
			missing = request_name(must[i]);
	for (unsigned i = 0; i < sizeof(must_not) / sizeof(*must_not); i++)
		if (answer(must_not[i]))
			invented = request_name(must_not[i]);
	fact_start("answered");
	for (unsigned i = 0; i < REQUEST_COUNT; i++)
		if (answer((enum request)i))
			fact_add("%s ", request_name((enum request)i));
	fact_finish();
	check("what_must_be_answered_is", !missing, "not %s", missing);
	check("what_cannot_be_answered_is_not", !invented, "%s is", invented);
	check("only_requests_before_the_end_marker_count", !hidden_request_is_seen(),
	      "one behind it is answered");
	check("keep_iommu_is_answered_if_asked", !answer(KEEP_IOMMU) == !asked_keep_iommu,
	      "the other way round");
	check("efi_answers_suit_firmware",
	      !answer(EFI_SYSTEM_TABLE) == !is_uefi() && !answer(EFI_MEMORY_MAP) == !is_uefi(),
	      "not on this one");
}

/* The first word of each is its revision. */
static void check_places(void)
{
	static const uint64_t highest[REQUEST_COUNT] = {[FRAMEBUFFERS] = 1, [MODULES] = 2};
	const char *elsewhere = NULL, *newer = NULL;

	for (unsigned i = 0; i < REQUEST_COUNT; i++) {
		const uint64_t *response = answer((enum request)i);
		if (!response)
			continue;
		if (!is_handed_over(response, sizeof(*response)))
			elsewhere = request_name((enum request)i);
		if (*response != highest[i])
			newer = request_name((enum request)i);
	}
	check("responses_are_handed_over", !elsewhere, "not that to %s", elsewhere);
	check("response_revisions_as_agreed", !newer, "not that to %s", newer);
}

static void check_strings(void)
{
	const struct answer_bootloader_info *info = answer(BOOTLOADER_INFO);
	const struct answer_string *line = answer(COMMAND_LINE);
	const struct answer_file *file = answer(EXECUTABLE_FILE);

	if (info && check("bootloader_info_is_handed_over",
			  string_is_handed_over(info->name) && string_is_handed_over(info->version),
			  "0x%lx, 0x%lx", (uint64_t)info->name, (uint64_t)info->version)) {
		fact("bootloader_name", "%s", info->name);
		fact("bootloader_version", "%s", info->version);
	}
	if (line && check("command_line_is_handed_over", string_is_handed_over(line->text), "0x%lx",
			  (uint64_t)line->text))
		fact("command_line", "%s", line->text);
	if (line && file)
		check("command_line_is_the_executables_string", file->file->string == line->text,
		      "0x%lx and 0x%lx", (uint64_t)file->file->string, (uint64_t)line->text);
}

static void check_numbers(uint64_t now)
{
	const struct answer_word *date = answer(DATE_AT_BOOT), *hz = answer(TSC_FREQUENCY),
				 *firmware = answer(FIRMWARE_TYPE);
	const struct answer_performance *times = answer(PERFORMANCE);
	const struct answer_entropy *entropy = answer(ENTROPY);

	if (firmware) {
		fact("firmware_type", "%lu", firmware->value);
		check("firmware_type_is_known", firmware->value == 0 || firmware->value == 2, "%lu",
		      firmware->value);
	}
	if (date)
		check("date_is_plausible", date->value >= 1577836800 && date->value < 4102444800, "%lu",
		      date->value);
	if (hz)
		check("tsc_frequency_is_plausible", hz->value >= 1000000 && hz->value < UINT64_C(10000000000),
		      "%lu", hz->value);
	/* Older loaders do not know them. */
	check("new_features_are_answered", !is_strict() || (times && entropy && answer(COMMAND_LINE)),
	      "not all of them");
	if (times && hz)
		check("performance_in_order",
		      times->reset_us <= times->loader_us && times->loader_us < times->kernel_us &&
			      times->kernel_us <= now / (hz->value / 1000000) + 1,
		      "%lu %lu %lu", times->reset_us, times->loader_us, times->kernel_us);
	if (entropy)
		check("entropy_as_asked",
		      entropy->count == asked_entropy &&
			      is_handed_over(entropy->values, entropy->count * sizeof(*entropy->values)) &&
			      entropy->values[0] != entropy->values[1],
		      "%lu values at 0x%lx", entropy->count, (uint64_t)entropy->values);
}

/* ---- Files ---- */

static void report_file(const char *name, const struct file *file, int type)
{
	uint8_t digest[32];
	struct sha256 hash;
	char key[48];

	format_text(key, sizeof(key), "%s_is_handed_over", name);
	if (!check(key,
		   is_handed_over(file, sizeof(*file)) && string_is_handed_over(file->path) &&
			   string_is_handed_over(file->string) && file->path[0] == '/' &&
			   file->revision == 0 && (uint64_t)file->address % PAGE == 0,
		   "0x%lx, path 0x%lx, string 0x%lx, address 0x%lx", (uint64_t)file, (uint64_t)file->path,
		   (uint64_t)file->string, (uint64_t)file->address))
		return;
	format_text(key, sizeof(key), "%s_place", name);
	check(key,
	      !file->size || row_type((uint64_t)file->address - handoff->direct_map_base, file->size) == type,
	      "0x%lx, %lu bytes", (uint64_t)file->address, file->size);
	format_text(key, sizeof(key), "%s_path", name);
	fact(key, "%s", file->path);
	format_text(key, sizeof(key), "%s_string", name);
	fact(key, "%s", file->string);
	format_text(key, sizeof(key), "%s_size", name);
	fact(key, "%lu", file->size);
	sha256_begin(&hash);
	sha256_add(&hash, file->address, file->size);
	sha256_end(&hash, digest);
	format_text(key, sizeof(key), "%s_sha256", name);
	fact_bytes(key, digest, sizeof(digest));
	format_text(key, sizeof(key), "%s_medium", name);
	fact(key, "type %u, partition %u, MBR 0x%x, TFTP %u.%u.%u.%u:%u", file->media_type, file->partition,
	     file->mbr_disk_id, file->tftp_address[0], file->tftp_address[1], file->tftp_address[2],
	     file->tftp_address[3], file->tftp_port);
}

static void check_files(void)
{
	const struct answer_file *executable = answer(EXECUTABLE_FILE);
	const struct answer_modules *modules = answer(MODULES);
	char name[20];

	if (executable) {
		report_file("executable", executable->file, RECLAIMABLE);
		check("executable_file_is_elf",
		      !memcmp(executable->file->address,
			      "\x7f"
			      "ELF",
			      4),
		      "it is not");
	}
	fact("module_count", "%lu", modules ? modules->count : 0);
	check("modules_are_answered_if_there_are_any", !modules || modules->count,
	      "a response without a module");
	for (uint64_t i = 0; modules && i < modules->count; i++) {
		format_text(name, sizeof(name), "module_%lu", i);
		report_file(name, modules->files[i], EXECUTABLE_AND_MODULES);
	}
}

/* ---- Framebuffers ---- */

static bool modes_are_sane(const struct framebuffer *fb)
{
	bool has_current = false;

	for (uint64_t i = 0; i < fb->mode_count; i++) {
		const struct video_mode *mode = fb->modes[i];
		if (!is_handed_over(mode, sizeof(*mode)) || !mode->width || !mode->height ||
		    mode->pitch < mode->width * ((mode->bpp + 7) / 8) || mode->memory_model != 1)
			return false;
		has_current |= mode->width == fb->width && mode->height == fb->height && mode->bpp == fb->bpp;
	}
	return has_current;
}

static void check_framebuffers(void)
{
	const struct answer_framebuffers *list = answer(FRAMEBUFFERS);

	if (!list) {
		fact("framebuffer_count", "none");
		return;
	}
	const struct framebuffer *fb = list->framebuffers[0];

	fact("framebuffer_count", "%lu", list->count);
	fact("framebuffer_modes", "%lu", fb->mode_count);
	check("framebuffer_list_is_handed_over",
	      list->count && is_handed_over(list->framebuffers, list->count * sizeof(fb)) &&
		      is_handed_over(fb, sizeof(*fb)) &&
		      (!fb->edid || is_handed_over(fb->edid, fb->edid_size)),
	      "not all of it");
	check("framebuffer_is_rgb", fb->memory_model == 1, "%u", fb->memory_model);
	check("framebuffer_modes_are_sane",
	      is_handed_over(fb->modes, fb->mode_count * sizeof(*fb->modes)) && modes_are_sane(fb),
	      "%lu modes", fb->mode_count);
}

/* ---- Tables ---- */

static bool is_acpi(int type)
{
	return type == ACPI_RECLAIMABLE || type == ACPI_NVS || type == RESERVED_MAPPED;
}

static const char *acpi_elsewhere;

static void look_at_table(const char *name, uint64_t physical, uint64_t length)
{
	for (uint64_t page = physical / PAGE * PAGE; page < physical + length; page += PAGE)
		if (!is_acpi(row_type(page < physical ? physical : page, 1)))
			acpi_elsewhere = name;
}

static void check_tables(void)
{
	const struct answer_smbios *smbios = answer(SMBIOS);
	uint64_t entries[] = {handoff->smbios2_phys, handoff->smbios3_phys};
	const char *bad = NULL;

	if (base_revision() >= 4) {
		acpi_locations(look_at_table);
		check("acpi_tables_in_rows_of_their_own", !acpi_elsewhere, "not %s", acpi_elsewhere);
	}
	if (base_revision() < 5)
		return;
	for (unsigned i = 0; smbios && i < 2; i++)
		if (entries[i] && row_type(entries[i], i ? 24 : 31) != RESERVED_MAPPED)
			bad = i ? "64-bit entry" : "32-bit entry";
	for (unsigned i = 0; i < 2; i++) {
		uint64_t address, size;
		if (smbios_structures(i, &address, &size) && row_type(address, size) != RESERVED_MAPPED)
			bad = "structures";
	}
	check("smbios_in_reserved_mapped_rows", !bad, "not the %s", bad);
}

void check_answers(void)
{
	uint64_t now = rdtsc();

	check_presence();
	check_places();
	check_strings();
	check_numbers(now);
	check_files();
	check_framebuffers();
	check_tables();
	check_firmware();
}
