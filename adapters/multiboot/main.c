/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Multiboot adapter: a kernel of twinboot's contract that enters a Multiboot 1 or 2 kernel in 32-bit protected
 * mode without paging, on BIOS and UEFI alike. docs/multiboot.md says what the kernel is told.
 */
#include "adapters/fail.h"
#include "adapters/memory.h"
#include "adapters/multiboot/info.h"
#include "common/paging.h"

#include <string.h>

/* The other CPUs are the kernel's to start, and nobody's stack is needed but this one. What the kernel wishes of the
   display, the build has put into the manifest. */
TWINBOOT_NEEDS(TWINBOOT_LEAVE_CPUS, 0, 0, 0, 0)

#define FOUR_GIB UINT64_C(0x100000000)

/* leave.S: code for a page below 4 GiB, and the way there. */
extern const uint8_t low_code[], low_code_end[];
_Noreturn void multiboot_leave(uint64_t cr3, uint64_t low_page, uint32_t entry, uint32_t magic,
			       uint32_t info);

/* Everything here is zeroed by the loader. */
static struct memory memory;
static struct scene scene;

static void *virtual(uint64_t phys)
{
	return (void *)(uintptr_t)(scene.handoff->direct_map_base + phys);
}

static const struct twinboot_module *find_module(uint32_t role, uint32_t *index)
{
	for (*index = 0; *index < scene.handoff->module_count; (*index)++) {
		const struct twinboot_module_fact *fact =
			(const void *)((const char *)scene.handoff->module_facts +
				       (size_t)*index * scene.handoff->module_fact_size);
		if (fact->role == role)
			return &scene.handoff->modules[*index];
	}
	return NULL;
}

static const struct twinboot_module *find_kernel(uint32_t *index)
{
	const struct twinboot_module *image = find_module(TWINBOOT_ROLE_FOREIGN_KERNEL, index);
	if (image != NULL && scene.data != NULL && scene.handoff->adapter_data_size >= sizeof(*scene.data))
		return image;
	adapter_fail(ERROR_NO_MULTIBOOT);
}

/* Where the build wanted the image, as core has planned it. */
static uint64_t find_target(uint32_t module)
{
	for (uint32_t i = 0; i < scene.handoff->placement_count; i++)
		if (scene.handoff->placements[i].kind == TWINBOOT_PLACEMENT_TARGET &&
		    scene.handoff->placements[i].module == module)
			return scene.handoff->placements[i].base_phys;
	adapter_fail(ERROR_NO_MULTIBOOT);
}

/* UEFI may have loaded everything above 4 GiB, where the kernel cannot look. */
static uint32_t reachable(const struct twinboot_module *module)
{
	if (module->data_phys + module->size <= FOUR_GIB)
		return (uint32_t)module->data_phys;
	void *copy = memory_take(&memory, module->size, 4096);
	memcpy(copy, module->data, module->size);
	return (uint32_t)memory_physical(&memory, copy);
}

static void show_modules(void)
{
	for (uint32_t i = 0; i < scene.handoff->module_count; i++) {
		const struct twinboot_module *module = &scene.handoff->modules[i];
		const struct twinboot_module_fact *fact =
			(const void *)((const char *)scene.handoff->module_facts +
				       (size_t)i * scene.handoff->module_fact_size);
		if (fact->role != TWINBOOT_ROLE_MODULE)
			continue;
		scene.modules[scene.module_count++] =
			(struct shown_module){reachable(module), (uint32_t)module->size, module->arguments};
	}
}

static void show_symbols(void)
{
	uint32_t index;
	const struct twinboot_module *symbols = find_module(TWINBOOT_ROLE_SYMBOLS, &index);
	if (symbols == NULL)
		return;
	scene.symbols_phys = reachable(symbols);
	scene.symbols = virtual(scene.symbols_phys);
}

static uint32_t write_info(void)
{
	uint32_t size = scene_bound(&scene);
	uint8_t *bytes = memory_take(&memory, size, 4096);
	struct room room = {bytes, (uint32_t)memory_physical(&memory, bytes), 0, size};
	uint32_t info = scene.data->protocol == 2 ? info2_write(&scene, &room) : info1_write(&scene, &room);
	if (info == 0)
		adapter_fail(ERROR_MULTIBOOT_INFORMATION, (uint64_t)size / 1024);
	return info;
}

/* Both address spaces map this adapter; the new one also maps the low page where it lies. */
static uint64_t make_bridge(void *low_page)
{
	const struct twinboot_handoff *handoff = scene.handoff;
	struct paging paging = {
		.take = memory_take_page,
		.owner = &memory,
		.offset = handoff->direct_map_base,
		.root = memory_take_page(&memory),
		.levels = handoff->flags & TWINBOOT_LEVEL5_PAGING ? 5 : 4,
	};
	paging_map(&paging, handoff->kernel_virt, handoff->kernel_phys, handoff->kernel_size,
		   MAP_WRITE | MAP_EXECUTE);
	uint64_t low = memory_physical(&memory, low_page);
	paging_map(&paging, low, low, 4096, MAP_WRITE | MAP_EXECUTE);
	memcpy(low_page, low_code, (size_t)(low_code_end - low_code));
	return memory_physical(&memory, paging.root);
}

_Noreturn void kernel_main(const struct twinboot_handoff *handoff)
{
	uint32_t index;
	scene.handoff = handoff;
	scene.data = handoff->adapter_data;
	memory_open(&memory, handoff);
	const struct twinboot_module *image = find_kernel(&index);
	scene.base = (uint32_t)find_target(index);
	show_modules();
	show_symbols();
	uint32_t info = write_info();
	void *low_page = memory_take_page(&memory);
	uint64_t cr3 = make_bridge(low_page);

	/* Last, since boot services' leftovers may have lain there: from here on nothing but this adapter's own
	   memory is read. */
	if (image->data_phys != scene.base)
		memmove(virtual(scene.base), image->data, image->size);
	uint32_t magic = scene.data->protocol == 2 ? MULTIBOOT2_MAGIC : MULTIBOOT1_MAGIC;
	multiboot_leave(cr3, memory_physical(&memory, low_page),
			scene.data->entry - scene.data->base + scene.base, magic, info);
}
