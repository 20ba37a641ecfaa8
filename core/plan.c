/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything that is decided before anything is touched, and every reason not to boot that is not damage. */
#include "core.h"

/* Pages for the handoff, the bridge, map rows and the upper levels of page tables. */
#define ARENA_SPARE_PAGES 64

static int plan_processor(struct boot *boot)
{
	const struct twinboot_needs *needs = &boot->kernel.manifest->needs;
	cpu_identify(&boot->cpu);
	if (!boot->cpu.sse)
		return fail(boot->machine, ERROR_NO_SSE);
	if (cpu_confidential() != NULL)
		return fail(boot->machine, ERROR_CONFIDENTIAL, cpu_confidential());
	if ((needs->flags & TWINBOOT_NEED_LEVEL5_PAGING) && !boot->cpu.level5)
		return fail(boot->machine, ERROR_NO_LEVEL5);
	if (boot->cpu.nx)
		boot->flags |= TWINBOOT_NX;
	if (boot->cpu.level5 && needs->flags & (TWINBOOT_WANT_LEVEL5_PAGING | TWINBOOT_NEED_LEVEL5_PAGING)) {
		boot->flags |= TWINBOOT_LEVEL5_PAGING;
		boot->direct_map_base = DIRECT_MAP_BASE_LEVEL5;
	}
	if (!(needs->flags & TWINBOOT_LEAVE_CPUS))
		boot->cpu_count = cpus_list(boot->machine, NULL);
	return 1;
}

/* A framebuffer that the direct map cannot show is none: its addresses there are the kernel's or nobody's. */
static void drop_unreachable_framebuffer(struct machine *machine)
{
	struct machine_framebuffer *framebuffer = &machine->framebuffer;
	if (framebuffer->size <= DIRECT_MAP_SIZE_MAX &&
	    framebuffer->base <= DIRECT_MAP_SIZE_MAX - framebuffer->size)
		return;
	log_line(machine, "framebuffer: at %x, beyond the direct map: not handed over", framebuffer->base);
	*framebuffer = (struct machine_framebuffer){0};
}

static int plan_framebuffer(struct boot *boot)
{
	drop_unreachable_framebuffer(boot->machine);
	return boot->machine->framebuffer.base != 0 ||
	       !(boot->kernel.manifest->needs.flags & TWINBOOT_NEED_FRAMEBUFFER) ||
	       fail(boot->machine, ERROR_NO_FRAMEBUFFER);
}

/* A kernel linked in the lower half wants physical to equal virtual. Where it lies elsewhere but its linked address
   is free, it will be moved there; a front door that can allocate is told of the wish. */
static int plan_kernels_address(struct boot *boot)
{
	struct machine *machine = boot->machine;
	const struct kernel *kernel = &boot->kernel;
	uint32_t needs = kernel->manifest->needs.flags;
	int low = kernel->virt < LOWER_HALF_END;
	uint64_t reach = machine->mapped_limit;
	int reachable = kernel->virt < reach && kernel->size <= reach - kernel->virt;
	if (low && kernel->virt != kernel->phys) {
		machine->kernel_move_to = kernel->virt;
		machine->kernel_move_size = kernel->size;
	}
	if (low && (kernel->virt == kernel->phys || kernel->virt == machine->kernel_move_granted ||
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

/* An upper bound of what core_boot() will take: each step says its own. */
static uint64_t arena_bound(const struct boot *boot)
{
	uint64_t pages = address_space_tables(boot) + ARENA_SPARE_PAGES;
	return page_up(pages * PAGE_SIZE + window_bytes(boot) + kernel_headers_bytes(&boot->kernel) +
		       net_size(boot) + records_bytes(boot->machine));
}

static int plan_arena(struct boot *boot)
{
	struct machine *machine = boot->machine;
	int in_place = (boot->flags & TWINBOOT_KERNEL_IN_PLACE) != 0;
	if (machine->arena == 0)
		machine->arena_needed = arena_bound(boot);
	uint64_t need = machine->arena_needed;
	if (memory_arena_open(&boot->memory, boot->kernel.virt, in_place ? boot->kernel.size : 0) < need)
		return fail(machine, error_out_of_memory, need / 1024);
	return 1;
}

/* In this order: what an adapter asked for goes before the kernel's own address, and the arena, which may lie
   anywhere, after both. */
static int plan_memory(struct boot *boot)
{
	struct machine *machine = boot->machine;
	if (machine->region_count + MACHINE_EXTRA_REGIONS > machine->region_capacity ||
	    machine->scratch_size < MACHINE_SCRATCH_SIZE(machine->region_count))
		return fail(machine, error_memory_rows, (uint64_t)machine->region_count);
	memory_init(&boot->memory, machine);
	return places_plan(boot) && plan_kernels_address(boot) && plan_arena(boot);
}

int plan_boot(struct boot *boot, struct machine *machine)
{
	*boot = (struct boot){.machine = machine, .direct_map_base = DIRECT_MAP_BASE};
	if (!kernel_view(machine, &boot->kernel))
		return 0;
	const struct twinboot_needs *needs = &boot->kernel.manifest->needs;
	if (needs->contract > TWINBOOT_CONTRACT_VERSION)
		return fail(machine, ERROR_CONTRACT, (uint64_t)needs->contract,
			    (uint64_t)TWINBOOT_CONTRACT_VERSION);
	boot->stack_size = (uint32_t)page_up(needs->stack_size);
	return plan_processor(boot) && plan_framebuffer(boot) && plan_memory(boot);
}
