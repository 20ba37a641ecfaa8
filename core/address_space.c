/* SPDX-License-Identifier: BSD-2-Clause */
/* The page tables that the kernel is entered on: direct map, identity map, UEFI runtime services, the kernel itself. The
   loader's window is window.c's. */
#include "core.h"

/* Faulty RAM does not count: a cached mapping would let the CPU prefetch from it. */
static int is_ram(const struct twinboot_region *row)
{
	return row->type <= TWINBOOT_MEMORY_RUNTIME_DATA;
}

/* The direct map ends at 4 GiB or, if RAM goes on above, where RAM ends. RAM beyond the room that the direct map has
   cannot be mapped. */
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

uint64_t address_space_tables(const struct boot *boot)
{
	uint64_t physical = 4 * (uint64_t)boot->memory.count; /* each row's ends need small pages */
	if (!boot->cpu.huge_pages)
		physical += direct_map_end(boot) / HUGE_PAGE + 1;
	uint64_t maps = boot->flags & TWINBOOT_IDENTITY_MAPPED ? 2 : 1;
	return maps * physical + runtime_tables(boot) + boot->kernel.size / LARGE_PAGE;
}

/* Maps all RAM, everything below 4 GiB, and the framebuffer, from physical address `first` on. Memory that is not RAM is
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

/* Maps each page with what its segments ask for. A page that two segments share gets what both ask for, so each
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

/* The memory types are the direct map's: the processor's behaviour is undefined for a page that is cached through one
   address and not through the other (Intel SDM 3A 12.12.4). */
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

void address_space_build(struct boot *boot)
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
	/* In this order, since a later mapping replaces an earlier one: the kernel hides the identity map under it. */
	if (boot->flags & TWINBOOT_IDENTITY_MAPPED)
		map_physical(boot, 0, PAGE_SIZE); /* virtual page 0 is never mapped */
	map_runtime_services(boot);
	map_kernel(boot);
}
