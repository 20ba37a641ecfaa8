/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux adapter: a kernel of twinboot's contract that starts a bzImage at its 64-bit entry, on BIOS and UEFI
 * alike. UEFI's boot services are gone by then, as they are after kexec; what Linux' own EFI stub does with them,
 * twinboot's front doors have done. docs/linux.md has the whole story.
 */
#include "adapters/fail.h"
#include "adapters/linux/command_line.h"
#include "adapters/linux/initrd.h"
#include "adapters/modules.h"
#include "common/paging.h"

#include <stddef.h>
#include <string.h>

/* The other CPUs are Linux' to start. */
TWINBOOT_NEEDS(TWINBOOT_LEAVE_CPUS, 0, 0, 0, 0)

#define FOUR_GIB UINT64_C(0x100000000)

/* The root, 4 GiB one to one (5 pages), 2 MiB of this adapter (3), two ranges elsewhere (at most 4 each). */
#define TABLES_MAX 17

/* enter.S */
extern const uint64_t linux_gdt[];
_Noreturn void linux_enter(uint64_t cr3, uint64_t gdt, uint64_t entry, uint64_t boot_params);

/* Zeroed by the loader, and in nobody's way: the place of the kernel is chosen apart from this adapter's. */
static struct linux_params params __attribute__((aligned(PAGE_SIZE)));
static char command_line[COMMAND_LINE_MAX];
static uint8_t tables[TABLES_MAX][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

/* Where something of this adapter lies. */
static uint64_t physical(const struct twinboot_handoff *handoff, const void *object)
{
	return (uintptr_t)object - handoff->kernel_virt + handoff->kernel_phys;
}

static const struct twinboot_module *find_kernel(const struct twinboot_handoff *handoff,
						 struct bzimage *kernel)
{
	const struct twinboot_module *file = module_find(handoff, TWINBOOT_ROLE_FOREIGN_KERNEL, NULL);
	enum bzimage_verdict verdict = BZIMAGE_IS_OTHER;
	if (file == NULL)
		adapter_fail(ERROR_NO_LINUX);
	else if ((verdict = bzimage_read(kernel, file->data, file->size)) != BZIMAGE_FITS)
		adapter_fail(ERROR_LINUX_FORMAT, file->name, (uint64_t)verdict);
	return file;
}

/* What the loader has kept free for it while the firmware was there; else, in a file that another tool has put together,
   the first memory that is free now. Not below where it wants to run: from further down it would move itself up,
   over whatever lies there. */
static uint64_t find_place(const struct twinboot_handoff *handoff, const struct bzimage *kernel)
{
	uint64_t from = kernel->header.pref_address;
	uint64_t place = handoff->placement_count > 0 && handoff->placements[0].size >= kernel->memory
				 ? handoff->placements[0].base_phys
				 : find_memory(handoff, kernel->memory, kernel->alignment, from);
	if (place < from || place == 0 || (!kernel->header.relocatable_kernel && place != from))
		adapter_fail(ERROR_LINUX_MEMORY, kernel->memory / 1024, from);
	return place;
}

static void *take_table(void *taken)
{
	return tables[(*(uint32_t *)taken)++];
}

/* In large pages, so that no range splits what another one has mapped. */
static void map_one_to_one(struct paging *paging, uint64_t base, uint64_t size)
{
	uint64_t low = base & ~(LARGE_PAGE - 1), end = (base + size + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
	paging_map(paging, low, low, end - low, MAP_WRITE | MAP_EXECUTE);
}

/* Linux runs on these until it has made its own: memory one to one, and this adapter where it runs, for the step
   from one address space into the other. Page 0 is there, too: on a BIOS the way to five levels reads it. */
static uint64_t make_tables(const struct twinboot_handoff *handoff, const struct linux_layout *layout,
			    uint64_t memory)
{
	uint32_t taken = 0;
	struct paging paging = {
		.take = take_table,
		.owner = &taken,
		.offset = handoff->kernel_virt - handoff->kernel_phys,
		.root = take_table(&taken),
		.levels = 4,
	};
	map_one_to_one(&paging, 0, FOUR_GIB);
	map_one_to_one(&paging, layout->kernel, memory);
	map_one_to_one(&paging, handoff->kernel_phys, handoff->kernel_size);
	paging_map(&paging, handoff->kernel_virt, handoff->kernel_phys, handoff->kernel_size,
		   MAP_WRITE | MAP_EXECUTE);
	return physical(handoff, paging.root);
}

static void copy_kernel(const struct twinboot_handoff *handoff, const struct twinboot_module *file,
			const struct bzimage *kernel, uint64_t to)
{
	memmove((void *)(handoff->direct_map_base + to), (const uint8_t *)file->data + kernel->code_offset,
		kernel->code_size);
}

_Noreturn void kernel_main(struct twinboot_handoff *handoff)
{
	struct bzimage kernel;
	const struct twinboot_module *file = find_kernel(handoff, &kernel);
	uint64_t place = find_place(handoff, &kernel);
	command_line_compose(command_line, handoff, kernel.header.cmdline_size);
	const struct linux_layout layout = {
		.params = physical(handoff, &params),
		.kernel = place,
		.initrd = initrd_join(handoff, place + kernel.memory),
		.command_line = physical(handoff, command_line),
	};
	params_fill(&params, handoff, &kernel, &layout);
	uint64_t cr3 = make_tables(handoff, &layout, kernel.memory);
	copy_kernel(handoff, file, &kernel, layout.kernel);
	linux_enter(cr3, physical(handoff, linux_gdt), layout.kernel + BZIMAGE_ENTRY_64, layout.params);
}
