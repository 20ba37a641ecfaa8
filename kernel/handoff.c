/* SPDX-License-Identifier: BSD-2-Clause */
/* The handoff structure and what it points to. */
#include "kernel.h"
#include "report.h"

/* The least that must be right before any other field may be believed. */
bool check_handoff(const struct twinboot_handoff *given)
{
	fact("handoff", "0x%lx", (uint64_t)given);
	return check("handoff_magic", given->magic == TWINBOOT_MAGIC, "0x%lx", given->magic) &&
	       check("handoff_version", given->version >= TWINBOOT_CONTRACT_VERSION, "%u", given->version) &&
	       check("handoff_size", TWINBOOT_HAS(given, measured), "%u", given->size);
}

/* True if that memory lies in the direct map and is not free for the taking, as all that the handoff points to. */
static bool is_kept(const void *pointer, uint64_t size)
{
	uint32_t type = memory_type((uint64_t)pointer - handoff->direct_map_base, size);

	return type >= TWINBOOT_MEMORY_LOADER && type <= TWINBOOT_MEMORY_RUNTIME_DATA;
}

static bool is_kept_string(const char *string)
{
	return is_kept(string, 1) && is_kept(string, string_length(string) + 1);
}

static void check_pointers(void)
{
	const struct twinboot_framebuffer *framebuffer = handoff->framebuffer;
	const struct {
		const char *name;
		const void *pointer;
		uint64_t size;
	} pieces[] = {
		{"handoff", handoff, handoff->size},
		{"memory_map", handoff->memory_map, handoff->memory_map_count * sizeof(*handoff->memory_map)},
		{"modules", handoff->modules, handoff->module_count * sizeof(*handoff->modules)},
		{"framebuffer", framebuffer, sizeof(*framebuffer)},
		{"edid", framebuffer ? framebuffer->edid : NULL, 128},
		{"efi_memory_map", handoff->efi_memory_map, handoff->efi_memory_map_size},
		{"cpus", handoff->cpus, handoff->cpu_count * sizeof(*handoff->cpus)},
		{"log", handoff->log, handoff->log_size + 1},
		{"boot_device_path", handoff->boot_device_path, 4},
		{"module_facts", handoff->module_facts, handoff->module_count * handoff->module_fact_size},
		{"placements", handoff->placements, handoff->placement_count * sizeof(*handoff->placements)},
		{"adapter_data", handoff->adapter_data, handoff->adapter_data_size},
		{"records", handoff->records, handoff->records_size},
	};
	const char *bad = NULL;

	for (unsigned i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
		if (pieces[i].pointer && !is_kept(pieces[i].pointer, pieces[i].size))
			bad = pieces[i].name;
	check("handoff_pointers_are_kept_memory", !bad, "%s", bad);

	check("loader_is_a_string", is_kept_string(handoff->loader), "at 0x%lx", (uint64_t)handoff->loader);
	check("firmware_is_a_string", is_kept_string(handoff->firmware), "at 0x%lx",
	      (uint64_t)handoff->firmware);
	check("command_line_is_a_string", is_kept_string(handoff->command_line), "at 0x%lx",
	      (uint64_t)handoff->command_line);
}

static void check_log(void)
{
	uint64_t size = handoff->log_size;

	fact("log_size", "%lu", size);
	if (!handoff->log) {
		check("log_is_text", false, "there is none");
		return;
	}
	check("log_is_text", string_length(handoff->log) == size, "%lu bytes, log_size %lu",
	      string_length(handoff->log), size);
	check("log_ends_a_line", size == 0 || handoff->log[size - 1] == '\n', "%lu bytes", size);
}

static void check_boot_device(void)
{
	static const char *const names[] = {
		[TWINBOOT_BOOT_DEVICE_UNKNOWN] = "unknown",
		[TWINBOOT_BOOT_DEVICE_BIOS_DRIVE] = "bios_drive",
		[TWINBOOT_BOOT_DEVICE_EFI_PATH] = "efi_path",
	};
	const uint8_t *path = handoff->boot_device_path;
	uint32_t type = handoff->boot_device_type;
	bool path_ends = true;

	fact("boot_device", "%s 0x%x", type < 3 ? names[type] : "?", handoff->boot_drive);
	/* Nodes of type, subtype, 16-bit length; the last is 7Fh, FFh, 4. */
	if (type == TWINBOOT_BOOT_DEVICE_EFI_PATH) {
		unsigned nodes = 0, length = 4;
		while (path && nodes < 100 && !(path[0] == 0x7f && path[1] == 0xff)) {
			length = path[2] | (unsigned)path[3] << 8;
			if (length < 4)
				break;
			path += length, nodes++;
		}
		path_ends = path && nodes < 100 && length >= 4;
	}
	check("boot_device_suits_firmware",
	      type == TWINBOOT_BOOT_DEVICE_UNKNOWN ||
		      (type == TWINBOOT_BOOT_DEVICE_BIOS_DRIVE) ==
			      (handoff->firmware_type == TWINBOOT_FIRMWARE_BIOS),
	      "type %u", type);
	check("boot_device_path_ends", path_ends, "no end node");
}

static void check_entropy(void)
{
	uint8_t any = 0;

	for (unsigned i = 0; i < sizeof(handoff->entropy); i++)
		any |= handoff->entropy[i];
	/* The bytes themselves are nobody's business. */
	fact("entropy_source", "0x%x", handoff->entropy_source);
	check("entropy_as_its_source_says", !any == !handoff->entropy_source, "source 0x%x",
	      handoff->entropy_source);
}

void check_handoff_contents(void)
{
	bool is_uefi = handoff->firmware_type == TWINBOOT_FIRMWARE_UEFI;

	check_pointers();
	fact("contract_version", "%u", handoff->version);
	fact("handoff_flags", "0x%x", handoff->flags);
	fact("loader", "%s", handoff->loader);
	fact("command_line", "%s", handoff->command_line);
	fact("firmware_type", "%s", is_uefi ? "uefi" : "bios");
	fact("firmware", "%s", handoff->firmware);
	fact("firmware_revision", "0x%x", handoff->firmware_revision);
	fact("uefi_revision", "0x%x", handoff->uefi_revision);
	check("firmware_type_is_known", is_uefi || handoff->firmware_type == TWINBOOT_FIRMWARE_BIOS, "%u",
	      handoff->firmware_type);
	check("uefi_fields_suit_firmware",
	      (is_uefi || !handoff->efi_system_table_phys) && !handoff->efi_memory_map == !is_uefi &&
		      !handoff->efi_memory_map_size == !is_uefi && !handoff->uefi_revision == !is_uefi,
	      "system table 0x%lx, map of %lu bytes, revision 0x%x", handoff->efi_system_table_phys,
	      handoff->efi_memory_map_size, handoff->uefi_revision);
	check_boot_device();
	check_log();
	check_entropy();
}

static void check_module(unsigned number)
{
	const struct twinboot_module *module = &handoff->modules[number];
	const uint8_t *data = module->data;
	uint64_t tail = module->size;
	uint8_t digest[32];
	struct sha256 hash;
	char key[40];

	format_text(key, sizeof(key), "module_%u_place", number);
	check(key,
	      module->data_phys % PAGE == 0 && data == direct_map(module->data_phys) &&
		      (module->size == 0 ||
		       memory_type(module->data_phys, module->size) == TWINBOOT_MEMORY_MODULE),
	      "physical 0x%lx, virtual 0x%lx, %lu bytes", module->data_phys, (uint64_t)data, module->size);
	format_text(key, sizeof(key), "module_%u_strings", number);
	if (check(key, is_kept_string(module->name) && is_kept_string(module->arguments),
		  "name 0x%lx, arguments 0x%lx", (uint64_t)module->name, (uint64_t)module->arguments)) {
		format_text(key, sizeof(key), "module_%u_name", number);
		fact(key, "%s", module->name);
		format_text(key, sizeof(key), "module_%u_arguments", number);
		fact(key, "%s", module->arguments);
	}

	format_text(key, sizeof(key), "module_%u_size", number);
	fact(key, "%lu", module->size);
	sha256_begin(&hash);
	sha256_add(&hash, data, module->size);
	sha256_end(&hash, digest);
	format_text(key, sizeof(key), "module_%u_sha256", number);
	fact_bytes(key, digest, sizeof(digest));

	while (tail % PAGE && data[tail] == 0)
		tail++;
	format_text(key, sizeof(key), "module_%u_rest_of_page_is_zero", number);
	check(key, tail % PAGE == 0, "0x%02x at offset 0x%lx", data[tail], tail);
}

void check_modules(void)
{
	fact("module_count", "%u", handoff->module_count);
	check("modules_suit_their_count", !handoff->modules == !handoff->module_count, "%u at 0x%lx",
	      handoff->module_count, (uint64_t)handoff->modules);
	for (unsigned i = 0; i < handoff->module_count; i++)
		check_module(i);
}
