/* SPDX-License-Identifier: BSD-2-Clause */
/* The second half of every boot, the same code behind both front doors. */
#include "core.h"
#include "common/registers.h"

#include <elf.h>
#include <string.h>

/* Pages for the handoff, the bridge, map rows and the tables above the ones counted below. */
#define ARENA_SPARE_PAGES 64

/* Faulty RAM is none: not even a prefetch should go there. */
static int is_ram(const struct twinboot_region *row)
{
	return row->type <= TWINBOOT_MEMORY_RUNTIME_DATA;
}

/* Where the direct map ends: at 4 GiB, or where RAM above that does; what does not fit it cannot be mapped.
 */
static uint64_t direct_map_end(const struct boot *boot)
{
	const struct memory *memory = &boot->memory;
	uint64_t end = FOUR_GIB;
	for (uint32_t i = 0; i < memory->count; i++) {
		uint64_t row_end = memory->map[i].base_phys + memory->map[i].length;
		if (is_ram(&memory->map[i]) && row_end > end)
			end = row_end;
	}
	return end < DIRECT_MAP_SIZE_MAX ? end : DIRECT_MAP_SIZE_MAX;
}

static uint64_t program_headers_size(const struct kernel *kernel)
{
	return kernel->program_header_count * sizeof(*kernel->program_headers);
}

/* The pages of a runtime row that can be mapped one to one: page 0 stays empty whatever the firmware keeps
   there, and a range that leaves the lower half is no memory at all. Returns 0 if there are none. */
static int runtime_pages(const struct machine_runtime *row, uint64_t *low, uint64_t *end)
{
	if (row->base >= LOWER_HALF_END || row->length > LOWER_HALF_END - row->base)
		return 0;
	*low = page_down(row->base);
	*end = page_up(row->base + row->length);
	if (*low == 0)
		*low = PAGE_SIZE;
	return *low < *end;
}

/* Tables for the runtime rows: at each of a row's ends one of every level below the root, and in between one
   for each table that the largest pages fill. Where the memory type changes within a row is an end, too. */
static uint64_t runtime_tables(const struct boot *boot)
{
	const struct machine_runtime *rows = at(boot->machine->runtime);
	uint64_t levels = boot->flags & TWINBOOT_LEVEL5_PAGING ? 4 : 3, low, end;
	uint64_t filled = boot->cpu.huge_pages ? HUGE_PAGE * 512 : HUGE_PAGE;
	uint64_t tables = 0;
	for (uint32_t i = 0; i < boot->machine->runtime_count; i++)
		if (runtime_pages(&rows[i], &low, &end))
			tables += 2 * levels + (end - low) / filled;
	return tables == 0 ? 0 : tables + 4 * (uint64_t)boot->memory.count;
}

/* An upper bound of what core_boot() will take. */
static uint64_t arena_bound(const struct boot *boot)
{
	const struct memory *memory = &boot->memory;
	uint64_t direct = 4 * (uint64_t)memory->count; /* each row's ends need small pages */
	if (!boot->cpu.huge_pages)
		direct += direct_map_end(boot) / HUGE_PAGE + 1;
	uint64_t maps = boot->flags & TWINBOOT_IDENTITY_MAPPED ? 2 : 1;
	uint64_t tables =
		maps * direct + runtime_tables(boot) + boot->kernel.size / LARGE_PAGE + ARENA_SPARE_PAGES;
	uint64_t stacks = boot->cpu_count > 0 ? boot->cpu_count : 1;
	tables += stacks * (boot->stack_size + PAGE_SIZE) / LARGE_PAGE; /* in the window, page by page */
	return page_up(tables * PAGE_SIZE + stacks * (boot->stack_size + sizeof(struct twinboot_cpu)) +
		       program_headers_size(&boot->kernel) + net_size(boot) + records_bytes(boot->machine));
}

/* A kernel linked in the lower half wants physical to equal virtual. Where it lies elsewhere but its place is
   free, it will be moved there. */
static int place(struct boot *boot)
{
	struct machine *machine = boot->machine;
	struct kernel *kernel = &boot->kernel;
	uint32_t needs = kernel->manifest->needs.flags;
	int low = kernel->virt < LOWER_HALF_END;
	uint64_t reach = machine->mapped_limit;
	int reachable = kernel->virt < reach && kernel->size <= reach - kernel->virt;
	if (low && kernel->virt != kernel->phys) {
		machine->place_wanted = kernel->virt;
		machine->place_wanted_size = kernel->size;
	}
	if (low && (kernel->virt == kernel->phys || kernel->virt == machine->place ||
		    (reachable &&
		     memory_is_free(&boot->memory, kernel->virt, kernel->size, TWINBOOT_MEMORY_KERNEL)))) {
		boot->flags |= TWINBOOT_KERNEL_IN_PLACE | TWINBOOT_IDENTITY_MAPPED;
	} else if (needs & TWINBOOT_NEED_IN_PLACE) {
		return fail(machine, ERROR_NOT_IN_PLACE, kernel->virt, kernel->size / 1024);
	}
	if (needs & TWINBOOT_NEED_IDENTITY_MAP)
		boot->flags |= TWINBOOT_IDENTITY_MAPPED;
	return 1;
}

/* A framebuffer that the direct map cannot show is none: its addresses there are the kernel's or nobody's. */
static void judge_framebuffer(struct machine *machine)
{
	struct machine_framebuffer *framebuffer = &machine->framebuffer;
	if (framebuffer->size <= DIRECT_MAP_SIZE_MAX &&
	    framebuffer->base <= DIRECT_MAP_SIZE_MAX - framebuffer->size)
		return;
	log_line(machine, "framebuffer: at %x, beyond the direct map: not handed over", framebuffer->base);
	*framebuffer = (struct machine_framebuffer){0};
}

/* Everything that is decided before anything is touched. */
static int plan(struct boot *boot, struct machine *machine)
{
	*boot = (struct boot){.machine = machine, .direct_map_base = DIRECT_MAP_BASE};
	if (!kernel_view(machine, &boot->kernel))
		return 0;
	const struct twinboot_needs *needs = &boot->kernel.manifest->needs;
	boot->stack_size = (uint32_t)page_up(needs->stack_size);
	cpu_identify(&boot->cpu);
	if (!boot->cpu.sse)
		return fail(machine, ERROR_NO_SSE);
	if (cpu_confidential() != NULL)
		return fail(machine, ERROR_CONFIDENTIAL, cpu_confidential());
	if (boot->cpu.nx)
		boot->flags |= TWINBOOT_NX;
	if (boot->cpu.level5 && needs->flags & (TWINBOOT_WANT_LEVEL5_PAGING | TWINBOOT_NEED_LEVEL5_PAGING)) {
		boot->flags |= TWINBOOT_LEVEL5_PAGING;
		boot->direct_map_base = DIRECT_MAP_BASE_LEVEL5;
	}
	if (!(needs->flags & TWINBOOT_LEAVE_CPUS))
		boot->cpu_count = cpus_list(machine, NULL);
	if (needs->contract > TWINBOOT_CONTRACT_VERSION)
		return fail(machine, ERROR_CONTRACT, (uint64_t)needs->contract,
			    (uint64_t)TWINBOOT_CONTRACT_VERSION);
	judge_framebuffer(machine);
	if ((needs->flags & TWINBOOT_NEED_FRAMEBUFFER) && machine->framebuffer.base == 0)
		return fail(machine, ERROR_NO_FRAMEBUFFER);
	if ((needs->flags & TWINBOOT_NEED_LEVEL5_PAGING) && !boot->cpu.level5)
		return fail(machine, ERROR_NO_LEVEL5);
	if (machine->region_count + MACHINE_EXTRA_REGIONS > machine->region_capacity ||
	    machine->scratch_size < MACHINE_SCRATCH_SIZE(machine->region_count))
		return fail(machine, ERROR_MEMORY_ROWS, (uint64_t)machine->region_count);

	memory_init(&boot->memory, machine);
	if (!places_plan(boot) || !place(boot))
		return 0;
	int in_place = (boot->flags & TWINBOOT_KERNEL_IN_PLACE) != 0;
	if (machine->arena == 0)
		machine->arena_needed = arena_bound(boot);
	uint64_t need = machine->arena_needed;
	if (memory_arena_open(&boot->memory, boot->kernel.virt, in_place ? boot->kernel.size : 0) < need)
		return fail(machine, ERROR_OUT_OF_MEMORY, need / 1024);
	return 1;
}

int core_prepare(struct machine *machine)
{
	struct boot boot;
	uint32_t rows = machine->region_count;
	acpi_pm_timer_sample(machine);
	int ready = payload_check(machine) && plan(&boot, machine);
	machine->region_count = rows;
	if (ready)
		log_line(machine, "payload: checked, kernel %u KiB", machine->parts[0].size / 1024);
	return ready;
}

/* The program headers move out of the way of what happens to the kernel's memory from here on. */
static void keep_program_headers(struct boot *boot)
{
	struct kernel *kernel = &boot->kernel;
	uint64_t size = program_headers_size(kernel);
	kernel->program_headers = memcpy(memory_take(&boot->memory, size), kernel->program_headers, size);
}

/* Kept for good: a CPU that comes late must still find it. */
static void take_low_page(struct boot *boot)
{
	int in_place = (boot->flags & TWINBOOT_KERNEL_IN_PLACE) != 0;
	boot->low_page = memory_low_page(&boot->memory, boot->kernel.virt, in_place ? boot->kernel.size : 0);
	if (boot->memory.arena_low <= boot->low_page && boot->low_page < boot->memory.arena_top)
		boot->low_page = 0; /* a machine with next to no memory */
	memory_add(boot->machine, boot->low_page, boot->low_page != 0 ? PAGE_SIZE : 0,
		   TWINBOOT_MEMORY_LOADER);
}

/* To where it is linked, if that is possible at all and the firmware could not put it there. */
static void settle_kernel(struct boot *boot)
{
	struct machine *machine = boot->machine;
	struct kernel *kernel = &boot->kernel;
	struct twinboot_region *rows = at(machine->regions);
	for (uint32_t i = 0; i < machine->region_count; i++)
		if (rows[i].type == TWINBOOT_MEMORY_KERNEL)
			rows[i].type = TWINBOOT_MEMORY_LOADER; /* where it lay so far */
	if (boot->flags & TWINBOOT_KERNEL_IN_PLACE && kernel->phys != kernel->virt) {
		memmove(at(kernel->virt), at(kernel->phys), kernel->size);
		kernel->phys = kernel->virt;
	}
	memory_add(machine, kernel->phys, kernel->size, TWINBOOT_MEMORY_KERNEL);
}

/* All RAM, everything below 4 GiB, and the framebuffer, from physical address `first` on. What is not RAM is
   never cached (UC-: an MTRR can make it write-combining), and no page of RAM shares a large page with
   anything else. */
static void map_physical(struct boot *boot, uint64_t base, uint64_t first)
{
	const struct memory *memory = &boot->memory;
	const struct machine_framebuffer *framebuffer = &boot->machine->framebuffer;
	struct paging *paging = &boot->paging;
	uint64_t done = first;
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct twinboot_region *row = &memory->map[i];
		uint64_t low = row->base_phys, end = low + row->length;
		if (!is_ram(row) || low >= boot->direct_map_size)
			continue;
		/* Neighbours of different types are one stretch of RAM: larger pages fit. */
		while (i + 1 < memory->count && row[1].base_phys == end && is_ram(&row[1])) {
			row++;
			i++;
			end += row->length;
		}
		if (done < low && done < FOUR_GIB) {
			uint64_t gap_end = low < FOUR_GIB ? low : FOUR_GIB;
			paging_map(paging, base + done, done, gap_end - done, MAP_WRITE | MAP_UNCACHED);
		}
		if (end > boot->direct_map_size)
			end = boot->direct_map_size;
		paging_map(paging, base + low, low, end - low, MAP_WRITE);
		done = end;
	}
	if (done < FOUR_GIB)
		paging_map(paging, base + done, done, FOUR_GIB - done, MAP_WRITE | MAP_UNCACHED);
	if (framebuffer->base != 0) {
		uint64_t low = page_down(framebuffer->base),
			 end = page_up(framebuffer->base + framebuffer->size);
		if (low < first)
			low = first;
		paging_map(paging, base + low, low, end - low, MAP_WRITE | MAP_WRITE_COMBINE);
	}
}

/* Each page with what its segments ask for. A page that two segments share gets what both ask for, so each
   segment is mapped with the permissions of all those that touch its first or last page. Pages between
   segments are guard pages: the identity map under a kernel linked low must not show through there. */
static void map_kernel(struct boot *boot)
{
	const struct kernel *kernel = &boot->kernel;
	struct kernel_segment segment, other;
	paging_unmap(&boot->paging, kernel->virt, kernel->size);
	for (uint32_t i = 0; kernel_segment(kernel, &i, &segment);) {
		uint64_t low = page_down(segment.offset), end = page_up(segment.offset + segment.size);
		for (uint64_t page = low; page < end;) {
			uint32_t flags = 0;
			uint64_t stop = end;
			for (uint32_t j = 0; kernel_segment(kernel, &j, &other);) {
				uint64_t other_low = page_down(other.offset),
					 other_end = page_up(other.offset + other.size);
				if (other_low <= page && page < other_end) {
					flags |= other.flags;
					stop = other_end < stop ? other_end : stop;
				} else if (other_low > page && other_low < stop) {
					stop = other_low;
				}
			}
			paging_map(&boot->paging, kernel->virt + page, kernel->phys + page, stop - page,
				   (flags & PF_W ? MAP_WRITE : 0) | (flags & PF_X ? MAP_EXECUTE : 0));
			page = stop;
		}
	}
}

/* With the direct map's memory types: a page that is cached in one place and not in the other would be
   undefined (Intel SDM 3A 12.12.4). */
static void map_runtime_row(struct boot *boot, uint64_t low, uint64_t end, uint32_t flags)
{
	const struct memory *memory = &boot->memory;
	paging_map(&boot->paging, low, low, end - low, flags | MAP_UNCACHED);
	for (uint32_t i = 0; i < memory->count; i++) {
		uint64_t from = memory->map[i].base_phys, to = from + memory->map[i].length;
		if (from < low)
			from = low;
		if (to > end)
			to = end;
		if (is_ram(&memory->map[i]) && from < to)
			paging_map(&boot->paging, from, from, to - from, flags);
	}
}

/* True if a kernel that is linked low has addresses that a part of runtime services needs. */
static int hides_runtime_services(const struct boot *boot)
{
	const struct kernel *kernel = &boot->kernel;
	const struct machine_runtime *rows = at(boot->machine->runtime);
	uint64_t low, end;
	for (uint32_t i = 0; i < boot->machine->runtime_count; i++)
		if (runtime_pages(&rows[i], &low, &end) && low < kernel->virt + kernel->size &&
		    kernel->virt < end)
			return 1;
	return 0;
}

/* UEFI runtime services stay callable where they are, until the kernel moves them. Where they cannot be called, the
   kernel is handed no system table to find them through. */
static void map_runtime_services(struct boot *boot)
{
	const struct machine_runtime *rows = at(boot->machine->runtime);
	uint64_t low, end;
	if (hides_runtime_services(boot)) {
		log_line(boot->machine, "UEFI runtime services: not mapped, the kernel has their addresses");
		boot->machine->efi_system_table = 0;
		return;
	}
	for (uint32_t i = 0; i < boot->machine->runtime_count; i++)
		if (runtime_pages(&rows[i], &low, &end))
			map_runtime_row(boot, low, end,
					(rows[i].writable ? MAP_WRITE : 0) |
						(rows[i].executable ? MAP_EXECUTE : 0));
}

static void build_page_tables(struct boot *boot)
{
	boot->paging = (struct paging){
		.take = memory_take_page,
		.owner = &boot->memory,
		.root = memory_take(&boot->memory, PAGE_SIZE),
		.levels = boot->flags & TWINBOOT_LEVEL5_PAGING ? 5 : 4,
		.huge_pages = boot->cpu.huge_pages,
		.nx = boot->cpu.nx,
		.pat = boot->cpu.pat,
	};
	boot->direct_map_size = direct_map_end(boot);
	map_physical(boot, boot->direct_map_base, 0);
	if (boot->flags & TWINBOOT_IDENTITY_MAPPED)
		map_physical(boot, 0, PAGE_SIZE); /* virtual page 0 is never mapped */
	map_runtime_services(boot);
	map_kernel(boot);
}

void core_boot(struct machine *machine)
{
	struct boot boot;
	core_catch_exceptions(machine);
	if (!plan(&boot, machine))
		core_halt(machine, machine->error);
	keep_program_headers(&boot);
	take_low_page(&boot);
	settle_kernel(&boot);
	kernel_relocate(&boot.kernel);
	log_line(machine, "kernel: virtual %x, physical %x, %u KiB", boot.kernel.virt, boot.kernel.phys,
		 boot.kernel.size / 1024);
	build_page_tables(&boot);
	window_build(&boot);
	apic_choose_mode(&boot);
	net_build(&boot);
	cpu_quiet_interrupts();
	struct twinboot_handoff *handoff = handoff_make(&boot);
	log_line(machine, "page tables and handoff: %u KiB at %x",
		 (boot.memory.arena_top - boot.memory.arena_next) / 1024, boot.memory.arena_next);
	cpus_start(&boot, handoff->tsc_hz);
	log_line(machine, "CPUs: %u, of which %u parked", (uint64_t)boot.cpu_count, cpus_parked(&boot));
	log_line(machine, "entering the kernel at %x, on %u-level page tables at %x", boot.kernel.entry,
		 (uint64_t)boot.paging.levels, (uint64_t)(uintptr_t)boot.paging.root);
	handoff_take_log(&boot, handoff);
	handoff->tsc_handoff = __builtin_ia32_rdtsc();
	window_leave(&boot);
}
