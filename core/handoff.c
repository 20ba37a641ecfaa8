/* SPDX-License-Identifier: BSD-2-Clause */
/* Turns what the loader knows into what the contract promises. */
#include "core.h"
#include "common/registers.h"
#include "common/version.h"

#include <string.h>

/* One piece of memory for everything of fixed size. */
struct block {
	struct twinboot_handoff handoff;
	struct twinboot_framebuffer framebuffer;
	struct twinboot_module modules[MANIFEST_MODULES_MAX];
	struct twinboot_module_fact module_facts[MANIFEST_MODULES_MAX];
	struct twinboot_placement placements[MANIFEST_PLACES_MAX];
	uint8_t edid[128];
	uint8_t device_path[MACHINE_DEVICE_PATH_MAX];
	char firmware[MACHINE_FIRMWARE_NAME_MAX];
	char loader[32];
	char log[MACHINE_LOG_MAX];
};

static void *virtual(const struct boot *boot, const void *here)
{
	return at(direct(boot, here));
}

static void describe_kernel(const struct boot *boot, struct twinboot_handoff *handoff)
{
	const struct kernel *kernel = &boot->kernel;
	const char *manifest = (const char *)kernel->manifest;
	handoff->kernel_virt = kernel->virt;
	handoff->kernel_phys = kernel->phys;
	handoff->kernel_size = kernel->size;
	handoff->kernel_slide = kernel->virt - kernel->linked;
	handoff->kernel_entry = kernel->entry;
	memcpy(handoff->kernel_sha256, kernel->manifest->kernel_sha256, sizeof(handoff->kernel_sha256));
	handoff->command_line = virtual(boot, manifest + kernel->manifest->command_line);
	handoff->adapter_data_size = kernel->manifest->adapter_data_size;
	if (handoff->adapter_data_size != 0)
		handoff->adapter_data = virtual(boot, manifest + kernel->manifest->adapter_data);
}

static struct twinboot_module describe_module(const struct boot *boot, const struct manifest_module *module)
{
	const char *manifest = (const char *)boot->kernel.manifest;
	uint64_t phys = boot->machine->parts[module->part].base + module->offset;
	return (struct twinboot_module){
		.data = at(boot->direct_map_base + phys),
		.data_phys = phys,
		.size = module->size,
		.name = virtual(boot, manifest + module->name),
		.arguments = virtual(boot, manifest + module->arguments),
	};
}

static struct twinboot_module_fact describe_fact(const struct manifest_module *module)
{
	struct twinboot_module_fact fact = {
		.role = module->role,
		.flags = TWINBOOT_MODULE_CHECKED | TWINBOOT_MODULE_HAS_SHA256,
		.memory_size = module->memory,
	};
	memcpy(fact.sha256, module->sha256, sizeof(fact.sha256));
	return fact;
}

static void describe_modules(const struct boot *boot, struct block *block)
{
	const struct manifest *manifest = boot->kernel.manifest;
	const struct manifest_module *modules = manifest_modules(manifest);
	struct twinboot_handoff *handoff = &block->handoff;
	for (uint32_t i = 0; i < manifest->module_count; i++) {
		block->modules[i] = describe_module(boot, &modules[i]);
		block->module_facts[i] = describe_fact(&modules[i]);
	}
	handoff->module_count = manifest->module_count;
	handoff->module_fact_size = sizeof(block->module_facts[0]);
	if (manifest->module_count > 0) {
		handoff->modules = virtual(boot, block->modules);
		handoff->module_facts = virtual(boot, block->module_facts);
	}
}

static void describe_placements(const struct boot *boot, struct block *block)
{
	const struct manifest *manifest = boot->kernel.manifest;
	const struct manifest_place *places = manifest_places(manifest);
	for (uint32_t i = 0; i < manifest->place_count; i++)
		block->placements[i] = (struct twinboot_placement){places[i].kind, places[i].module,
								   boot->machine->places[i].base,
								   boot->machine->places[i].size};
	block->handoff.placement_count = manifest->place_count;
	if (manifest->place_count > 0)
		block->handoff.placements = virtual(boot, block->placements);
}

static void describe_framebuffer(const struct boot *boot, struct block *block)
{
	const struct machine_framebuffer *from = &boot->machine->framebuffer;
	if (from->base == 0)
		return;
	struct twinboot_framebuffer *to = &block->framebuffer;
	*to = (struct twinboot_framebuffer){
		.base = at(boot->direct_map_base + from->base),
		.base_phys = from->base,
		.size = from->size,
		.width = from->width,
		.height = from->height,
		.pitch = from->pitch,
		.bits_per_pixel = from->bits_per_pixel,
		.red_size = from->red_size,
		.red_shift = from->red_shift,
		.green_size = from->green_size,
		.green_shift = from->green_shift,
		.blue_size = from->blue_size,
		.blue_shift = from->blue_shift,
	};
	if (from->edid_size != 0) {
		memcpy(block->edid, from->edid, sizeof(block->edid));
		to->edid = virtual(boot, block->edid);
		to->edid_size = sizeof(block->edid);
	}
	block->handoff.framebuffer = virtual(boot, to);
}

static void describe_firmware(const struct boot *boot, struct block *block)
{
	struct machine *machine = boot->machine;
	struct twinboot_handoff *handoff = &block->handoff;
	memcpy(block->firmware, machine->firmware, sizeof(block->firmware));
	handoff->firmware_type = machine->firmware_type;
	handoff->firmware = virtual(boot, block->firmware);
	handoff->firmware_revision = machine->firmware_revision;
	handoff->uefi_revision = machine->uefi_revision;
	handoff->rsdp_phys = machine->rsdp;
	handoff->smbios2_phys = machine->smbios2;
	handoff->smbios3_phys = machine->smbios3;
	handoff->efi_system_table_phys = machine->efi_system_table;
	if (machine->efi_memory_map != 0)
		handoff->efi_memory_map = at(boot->direct_map_base + machine->efi_memory_map);
	handoff->efi_memory_map_size = machine->efi_memory_map_size;
	handoff->efi_descriptor_size = machine->efi_descriptor_size;
	handoff->efi_descriptor_version = machine->efi_descriptor_version;
	handoff->boot_device_type = machine->boot_device_type;
	handoff->boot_drive = machine->boot_drive;
	if (machine->device_path_size != 0) {
		memcpy(block->device_path, machine->device_path, machine->device_path_size);
		handoff->boot_device_path = virtual(boot, block->device_path);
	}
}

/* The map comes last: by now everything is taken that will be. */
static void describe_memory(struct boot *boot, struct twinboot_handoff *handoff)
{
	struct machine *machine = boot->machine;
	struct memory *memory = &boot->memory;
	uint64_t rows_max = 2 * (uint64_t)(machine->region_count + 1) + 1;
	struct twinboot_region *rows = memory_take(memory, rows_max * sizeof(*rows));
	handoff->arena_phys = memory->arena_next;
	handoff->arena_size = memory->arena_top - memory->arena_next;
	memory_add(machine, handoff->arena_phys, handoff->arena_size, TWINBOOT_MEMORY_LOADER);
	handoff->memory_map_count =
		memory_normalise(at(machine->regions), machine->region_count, at(machine->scratch), rows);
	handoff->memory_map = virtual(boot, rows);
	handoff->direct_map_base = boot->direct_map_base;
	handoff->direct_map_size = boot->direct_map_size;
}

void handoff_take_log(struct boot *boot, struct twinboot_handoff *handoff)
{
	struct block *block = (struct block *)handoff;
	memcpy(block->log, boot->machine->log, boot->machine->log_size + 1);
	handoff->log = virtual(boot, block->log);
	handoff->log_size = boot->machine->log_size;
}

struct twinboot_handoff *handoff_make(struct boot *boot)
{
	struct machine *machine = boot->machine;
	struct block *block = memory_take(&boot->memory, sizeof(*block));
	struct twinboot_handoff *handoff = &block->handoff;

	handoff->magic = TWINBOOT_MAGIC;
	handoff->version = TWINBOOT_CONTRACT_VERSION;
	handoff->size = sizeof(*handoff);
	handoff->flags = boot->flags;
	memcpy(block->loader, TWINBOOT_LOADER_NAME, sizeof(TWINBOOT_LOADER_NAME));
	handoff->loader = virtual(boot, block->loader);
	describe_firmware(boot, block);
	describe_kernel(boot, handoff);
	describe_modules(boot, block);
	describe_placements(boot, block);
	describe_framebuffer(boot, block);
	handoff->cpus = boot->cpu_count > 0 ? virtual(boot, boot->cpus) : NULL;
	handoff->cpu_count = boot->cpu_count;
	handoff->stack_size = boot->stack_size;
	handoff->stack_top = stack_top(boot, 0);
	handoff->wall_clock = machine->wall_clock;
	handoff->tsc_source = (uint32_t)cpu_tsc_hz(machine, &handoff->tsc_hz);
	memcpy(handoff->entropy, machine->entropy, sizeof(handoff->entropy));
	handoff->entropy_source = cpu_entropy(handoff->entropy, machine->entropy_source);

	handoff->exception_net = boot->start->idtr.base;
	if (boot->low_page < ONE_MIB &&
	    boot->low_page < boot->memory.arena_low) /* else a page of the arena */
		handoff->low_page_phys = boot->low_page;
	handoff->loader_phys = page_down(machine->loader_base);
	handoff->loader_size = page_up(machine->loader_base + machine->loader_size) - handoff->loader_phys;
	handoff->secure_boot = machine->secure_boot;
	handoff->measured = machine->measured;
	boot->start->argument = direct(boot, handoff);
	records_make(boot, handoff);
	describe_memory(boot, handoff);
	handoff->tsc_loader_entry = machine->tsc_entry;
	handoff->tsc_payload_ready = machine->tsc_payload_ready;
	return handoff;
}
