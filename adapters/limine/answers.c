/* SPDX-License-Identifier: BSD-2-Clause */
/* The response to each request. */
#include "adapters/limine/adapter.h"
#include "adapters/records.h"

#include <string.h>

#define RESPONSE_OFFSET __builtin_offsetof(struct limine_request, response)

static uint64_t here(const void *pointer)
{
	return (uintptr_t)pointer;
}

/* Tables are handed over by their address in the HHDM, but for some base revisions. */
static uint64_t table(const struct adapter *adapter, uint64_t physical, uint32_t first, uint32_t last)
{
	uint32_t base_revision = adapter->plan->base_revision;
	if (physical == 0 || (first <= base_revision && base_revision <= last))
		return physical;
	return adapter->handoff->direct_map_base + physical;
}

static uint64_t word(struct adapter *adapter, uint64_t value)
{
	struct limine_word *response = adapter_take(adapter, sizeof(*response));
	response->value = value;
	return here(response);
}

/* For what a kernel is told by the mere presence of the response. */
static uint64_t nothing_more(struct adapter *adapter)
{
	return here(adapter_take(adapter, sizeof(uint64_t)));
}

static uint64_t list(struct adapter *adapter, uint64_t revision, uint64_t count, const void *items)
{
	struct limine_list *response = adapter_take(adapter, sizeof(*response));
	*response = (struct limine_list){revision, count, here(items)};
	return here(response);
}

/* Pointers to `count` rows of `size` bytes each. */
static uint64_t *pointers(struct adapter *adapter, const void *rows, uint64_t count, uint64_t size)
{
	uint64_t *to = adapter_take(adapter, count * sizeof(*to));
	for (uint64_t i = 0; i < count; i++)
		to[i] = here(rows) + i * size;
	return to;
}

static char *copy(struct adapter *adapter, const char *text, uint64_t length)
{
	return memcpy(adapter_take(adapter, length + 1), text, length);
}

static uint64_t length_of(const char *text)
{
	uint64_t length = 0;
	while (text[length] != 0)
		length++;
	return length;
}

/* "twinboot 1.2.3" is a name and a version. */
static uint64_t bootloader_info(struct adapter *adapter)
{
	const char *loader = adapter->handoff->loader;
	struct limine_bootloader_info *response = adapter_take(adapter, sizeof(*response));
	uint64_t length = length_of(loader), name = 0;
	while (name < length && loader[name] != ' ')
		name++;
	response->name = here(copy(adapter, loader, name));
	response->version =
		here(copy(adapter, loader + name + (name < length), length - name - (name < length)));
	return here(response);
}

/* The kernel may compare pointers: the command line is the executable file's string. */
static uint64_t command_line(struct adapter *adapter)
{
	static char *once;
	if (once == NULL)
		once = copy(adapter, adapter->handoff->command_line,
			    length_of(adapter->handoff->command_line));
	return here(once);
}

static uint64_t executable_command_line(struct adapter *adapter)
{
	return word(adapter, command_line(adapter));
}

static uint64_t firmware_type(struct adapter *adapter)
{
	return word(adapter, adapter->handoff->firmware_type == TWINBOOT_FIRMWARE_UEFI
				     ? LIMINE_FIRMWARE_EFI64
				     : LIMINE_FIRMWARE_BIOS);
}

static uint64_t hhdm(struct adapter *adapter)
{
	return word(adapter, adapter->handoff->direct_map_base);
}

/* ---- Framebuffer ---- */

static struct limine_video_mode mode(const struct twinboot_video_mode *from)
{
	return (struct limine_video_mode){
		.pitch = from->pitch,
		.width = from->width,
		.height = from->height,
		.bits_per_pixel = from->bits_per_pixel,
		.memory_model = LIMINE_RGB,
		.red_size = from->red_size,
		.red_shift = from->red_shift,
		.green_size = from->green_size,
		.green_shift = from->green_shift,
		.blue_size = from->blue_size,
		.blue_shift = from->blue_shift,
	};
}

/* Those that can be set; where the loader lists none, the one that is. */
static void list_modes(struct adapter *adapter, struct limine_framebuffer *framebuffer)
{
	const struct twinboot_framebuffer *f = adapter->handoff->framebuffer;
	const struct twinboot_video_mode current = {
		.width = f->width,
		.height = f->height,
		.pitch = f->pitch,
		.bits_per_pixel = (uint16_t)f->bits_per_pixel,
		.red_size = f->red_size,
		.red_shift = f->red_shift,
		.green_size = f->green_size,
		.green_shift = f->green_shift,
		.blue_size = f->blue_size,
		.blue_shift = f->blue_shift,
	};
	const struct twinboot_video_modes *modes = record_find(adapter->handoff, TWINBOOT_RECORD_VIDEO_MODES);
	uint32_t count = modes != NULL ? modes->count : 0;
	struct limine_video_mode *rows = adapter_take(adapter, (count + 1) * sizeof(*rows));
	for (uint32_t i = 0; i < count; i++) {
		const struct twinboot_video_mode *from =
			(const void *)((const uint8_t *)(modes + 1) + (uint64_t)i * modes->row_size);
		if (!(from->flags & TWINBOOT_VIDEO_MODE_STRUCK_OUT))
			rows[framebuffer->mode_count++] = mode(from);
	}
	if (framebuffer->mode_count == 0)
		rows[framebuffer->mode_count++] = mode(&current);
	framebuffer->modes = here(pointers(adapter, rows, framebuffer->mode_count, sizeof(*rows)));
}

static uint64_t framebuffers(struct adapter *adapter)
{
	const struct twinboot_framebuffer *from = adapter->handoff->framebuffer;
	if (from == NULL)
		return 0;
	struct limine_framebuffer *to = adapter_take(adapter, sizeof(*to));
	*to = (struct limine_framebuffer){
		.address = (uintptr_t)from->base,
		.width = from->width,
		.height = from->height,
		.pitch = from->pitch,
		.bits_per_pixel = (uint16_t)from->bits_per_pixel,
		.memory_model = LIMINE_RGB,
		.red_size = from->red_size,
		.red_shift = from->red_shift,
		.green_size = from->green_size,
		.green_shift = from->green_shift,
		.blue_size = from->blue_size,
		.blue_shift = from->blue_shift,
		.edid_size = from->edid_size,
		.edid = here(from->edid),
	};
	list_modes(adapter, to);
	return list(adapter, 1, 1, pointers(adapter, to, 1, sizeof(*to)));
}

/* ---- Processor ---- */

static uint64_t paging_mode(struct adapter *adapter)
{
	return word(adapter, adapter->paging.levels == 5 ? LIMINE_FIVE_LEVELS : LIMINE_FOUR_LEVELS);
}

static uint64_t level5_paging(struct adapter *adapter)
{
	return adapter->paging.levels == 5 ? nothing_more(adapter) : 0;
}

static uint64_t tsc_frequency(struct adapter *adapter)
{
	return adapter->handoff->tsc_hz != 0 ? word(adapter, adapter->handoff->tsc_hz) : 0;
}

static uint64_t microseconds(const struct adapter *adapter, uint64_t tsc)
{
	uint64_t hz = adapter->handoff->tsc_hz;
	return tsc / hz * 1000000 + tsc % hz * 1000000 / hz;
}

/* The TSC counts from reset on. */
static uint64_t performance(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	if (handoff->tsc_hz == 0)
		return 0;
	struct limine_performance *response = adapter_take(adapter, sizeof(*response));
	response->loader_us = microseconds(adapter, handoff->tsc_loader_entry);
	response->kernel_us = microseconds(adapter, __builtin_ia32_rdtsc());
	return here(response);
}

static uint64_t date_at_boot(struct adapter *adapter)
{
	int64_t seconds = adapter->handoff->wall_clock;
	return seconds != 0 ? word(adapter, (uint64_t)seconds) : 0;
}

/* As many as the loader has; the protocol allows a limit. */
static uint64_t entropy(struct adapter *adapter)
{
	uint64_t count = adapter->plan->requests[LIMINE_FEATURE_ENTROPY].argument;
	const uint64_t most = sizeof(adapter->handoff->entropy) / sizeof(uint64_t);
	if (count > most)
		count = most;
	if (count == 0)
		return list(adapter, 0, 0, NULL);
	void *values = adapter_take(adapter, count * sizeof(uint64_t));
	return list(adapter, 0, count, memcpy(values, adapter->handoff->entropy, count * sizeof(uint64_t)));
}

/* ---- Files ---- */

static void fill_medium(struct limine_file *file, const struct twinboot_handoff *handoff)
{
	const struct twinboot_boot_medium *medium = record_find(handoff, TWINBOOT_RECORD_BOOT_MEDIUM);
	const struct twinboot_network_server *server = record_find(handoff, TWINBOOT_RECORD_NETWORK_SERVER);
	if (medium != NULL) {
		file->media = medium->type == TWINBOOT_MEDIUM_CD        ? LIMINE_MEDIA_OPTICAL
			      : medium->type == TWINBOOT_MEDIUM_NETWORK ? LIMINE_MEDIA_TFTP
									: LIMINE_MEDIA_GENERIC;
		file->partition = medium->partition;
		file->mbr_disk_id = medium->mbr_signature;
		memcpy(file->gpt_disk, medium->disk_guid, sizeof(file->gpt_disk));
		memcpy(file->gpt_partition, medium->partition_guid, sizeof(file->gpt_partition));
	}
	if (server != NULL && !server->is_ipv6) {
		memcpy(file->tftp_address, server->address, sizeof(file->tftp_address));
		file->tftp_port = 69; /* RFC 1350 */
	}
}

/* The name that the build gave it is its path, and begins with a slash. */
static void fill_file(struct adapter *adapter, struct limine_file *file, const struct twinboot_module *module,
		      uint64_t string)
{
	uint64_t length = length_of(module->name), slash = module->name[0] != '/';
	char *path = adapter_take(adapter, slash + length + 1);
	path[0] = '/';
	memcpy(path + slash, module->name, length);
	file->address = here(module->data);
	file->size = module->size;
	file->path = here(path);
	file->string = string;
	fill_medium(file, adapter->handoff);
}

static uint64_t executable_file(struct adapter *adapter)
{
	const struct twinboot_module *original = adapter_module(adapter, TWINBOOT_ROLE_ORIGINAL_FILE);
	if (original == NULL)
		return 0;
	struct limine_file *file = adapter_take(adapter, sizeof(*file));
	fill_file(adapter, file, original, command_line(adapter));
	return word(adapter, here(file));
}

static uint64_t modules(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	struct limine_file *files = adapter_take(adapter, handoff->module_count * sizeof(*files));
	uint64_t count = 0;
	for (uint32_t i = 0; i < handoff->module_count; i++) {
		const struct twinboot_module *module = &handoff->modules[i];
		if (adapter_role(adapter, i) == TWINBOOT_ROLE_MODULE)
			fill_file(adapter, &files[count++], module,
				  here(copy(adapter, module->arguments, length_of(module->arguments))));
	}
	return count > 0 ? list(adapter, 2, count, pointers(adapter, files, count, sizeof(*files))) : 0;
}

static uint64_t executable_address(struct adapter *adapter)
{
	struct limine_executable_address *response = adapter_take(adapter, sizeof(*response));
	*response = (struct limine_executable_address){0, adapter->kernel->data_phys, adapter->plan->virtual};
	return here(response);
}

/* ---- Firmware's tables ---- */

static uint64_t rsdp(struct adapter *adapter)
{
	uint64_t address = table(adapter, adapter->handoff->rsdp_phys, 3, 3);
	return address != 0 ? word(adapter, address) : 0;
}

static uint64_t smbios(struct adapter *adapter)
{
	uint64_t entry_32 = table(adapter, adapter->handoff->smbios2_phys, 3, 4);
	uint64_t entry_64 = table(adapter, adapter->handoff->smbios3_phys, 3, 4);
	if (entry_32 == 0 && entry_64 == 0)
		return 0;
	struct limine_smbios *response = adapter_take(adapter, sizeof(*response));
	*response = (struct limine_smbios){0, entry_32, entry_64};
	return here(response);
}

static uint64_t efi_system_table(struct adapter *adapter)
{
	uint64_t address = table(adapter, adapter->handoff->efi_system_table_phys, 3, 4);
	return address != 0 ? word(adapter, address) : 0;
}

static uint64_t efi_memory_map(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	if (handoff->efi_memory_map == NULL)
		return 0;
	struct limine_efi_memory_map *response = adapter_take(adapter, sizeof(*response));
	*response =
		(struct limine_efi_memory_map){0, here(handoff->efi_memory_map), handoff->efi_memory_map_size,
					       handoff->efi_descriptor_size, handoff->efi_descriptor_version};
	return here(response);
}

static uint64_t tpm_event_log(struct adapter *adapter)
{
	const struct twinboot_tpm_log *log = record_find(adapter->handoff, TWINBOOT_RECORD_TPM_LOG);
	if (log == NULL)
		return 0;
	struct limine_tpm_log *response = adapter_take(adapter, sizeof(*response));
	*response = (struct limine_tpm_log){0, log->format, log->log_size, here(log + 1)};
	return here(response);
}

/* ---- Memory map: the last one, since it says what the others have taken ---- */

static uint64_t memory_map(struct adapter *adapter)
{
	struct map *map = &adapter->map;
	uint64_t *rows = adapter_take(adapter, (map->count + 2) * sizeof(*rows));
	struct limine_list *response = adapter_take(adapter, sizeof(*response));
	struct memory *memory = &adapter->memory;
	map_set(map, page_down(memory->next), memory->top - page_down(memory->next), LIMINE_RECLAIMABLE, 0);
	for (uint32_t i = 0; i < map->count; i++)
		rows[i] = here(&map->rows[i]);
	*response = (struct limine_list){0, map->count, here(rows)};
	return here(response);
}

/* What no x86-64 kernel is answered has no row: the terminal, which Limine 5 removed; the device tree; RISC-V's boot
   hart; the parameters of a terminal that this loader does not have. */
static const struct {
	enum limine_feature feature;
	uint64_t (*answer)(struct adapter *adapter);
} answers[] = {
	{LIMINE_FEATURE_BOOTLOADER_INFO, bootloader_info},
	{LIMINE_FEATURE_COMMAND_LINE, executable_command_line},
	{LIMINE_FEATURE_FIRMWARE_TYPE, firmware_type},
	{LIMINE_FEATURE_STACK_SIZE, nothing_more},
	{LIMINE_FEATURE_HHDM, hhdm},
	{LIMINE_FEATURE_FRAMEBUFFER, framebuffers},
	{LIMINE_FEATURE_PAGING_MODE, paging_mode},
	{LIMINE_FEATURE_LEVEL5_PAGING, level5_paging},
	{LIMINE_FEATURE_MP, cpus_answer},
	{LIMINE_FEATURE_ENTRY_POINT, nothing_more},
	{LIMINE_FEATURE_EXECUTABLE_FILE, executable_file},
	{LIMINE_FEATURE_MODULES, modules},
	{LIMINE_FEATURE_RSDP, rsdp},
	{LIMINE_FEATURE_SMBIOS, smbios},
	{LIMINE_FEATURE_EFI_SYSTEM_TABLE, efi_system_table},
	{LIMINE_FEATURE_TPM_EVENT_LOG, tpm_event_log},
	{LIMINE_FEATURE_EFI_MEMORY_MAP, efi_memory_map},
	{LIMINE_FEATURE_DATE_AT_BOOT, date_at_boot},
	{LIMINE_FEATURE_EXECUTABLE_ADDRESS, executable_address},
	{LIMINE_FEATURE_PERFORMANCE, performance},
	{LIMINE_FEATURE_KEEP_IOMMU, nothing_more},
	{LIMINE_FEATURE_TSC_FREQUENCY, tsc_frequency},
	{LIMINE_FEATURE_ENTROPY, entropy},
	{LIMINE_FEATURE_MEMORY_MAP, memory_map},
};

/* The kernel's image is written through the HHDM: a request may lie in a read-only segment. */
static uint64_t *image_word(const struct adapter *adapter, uint64_t offset)
{
	return (uint64_t *)(adapter->handoff->direct_map_base + adapter->kernel->data_phys + offset);
}

static void write_base_revision(const struct adapter *adapter)
{
	if (adapter->plan->base_tag == LIMINE_ABSENT)
		return;
	uint64_t *tag = image_word(adapter, adapter->plan->base_tag);
	if (adapter->plan->base_revision >= LIMINE_BASE_WRITES1)
		tag[1] = adapter->plan->base_revision;
	tag[2] = 0;
}

void answers_write(struct adapter *adapter)
{
	write_base_revision(adapter);
	for (uint32_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (!is_asked(adapter, answers[i].feature))
			continue;
		uint64_t response = answers[i].answer(adapter);
		if (response != 0)
			*image_word(adapter, adapter->plan->requests[answers[i].feature].offset +
						     RESPONSE_OFFSET) = response;
	}
}
