/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's window in the kernel's address space, and the bridge that leads there (enter.S). */
#include "core.h"
#include "common/registers.h"
#include "start.h"

#include <string.h>

#define WINDOW_CODE LOADER_WINDOW_BASE
#define WINDOW_DATA (LOADER_WINDOW_BASE + PAGE_SIZE)

_Static_assert(WINDOW_DATA == START, "start.h");
_Static_assert(offsetof(struct start, final_cr3) == START_FINAL_CR3 &&
		       offsetof(struct start, gdt) == START_GDT &&
		       offsetof(struct start, stack) == START_STACK &&
		       offsetof(struct start, entry) == START_ENTRY &&
		       offsetof(struct start, argument) == START_ARGUMENT &&
		       offsetof(struct start, cpus) == START_CPUS &&
		       offsetof(struct start, cpu_count) == START_CPU_COUNT &&
		       offsetof(struct start, apic_base) == START_APIC_BASE &&
		       offsetof(struct start, pat) == START_PAT &&
		       offsetof(struct start, direct_map) == START_DIRECT_MAP &&
		       offsetof(struct start, msr_count) == START_MSR_COUNT &&
		       offsetof(struct start, net_stack) == START_NET_STACK &&
		       offsetof(struct start, gdt_stride) == START_GDT_STRIDE &&
		       offsetof(struct start, net_taken) == START_NET_TAKEN &&
		       offsetof(struct start, gdt_limit) == START_GDT_LIMIT &&
		       offsetof(struct start, idtr) == START_IDTR &&
		       offsetof(struct start, tss) == START_TSS && offsetof(struct start, msrs) == START_MSRS,
	       "start.h");

/* The low page's code reads these fields, which lie behind it. */
struct far_pointer {
	uint32_t offset;
	uint16_t selector, reserved;
};
struct __attribute__((packed)) low_fields {
	uint16_t gdt_limit;
	uint64_t gdt_base; /* 64-bit code reads all of it, 16-bit code the lower half */
	uint16_t reserved[3];
	struct far_pointer ap, boot, code64;
	uint32_t cr3, cr4, efer, reserved2;
	uint64_t window_ap, window_boot;
	uint64_t gdt[4];
};
_Static_assert(offsetof(struct low_fields, ap) == LOW_FAR_AP &&
		       offsetof(struct low_fields, boot) == LOW_FAR_BOOT &&
		       offsetof(struct low_fields, code64) == LOW_FAR_64 &&
		       offsetof(struct low_fields, cr3) == LOW_CR3 &&
		       offsetof(struct low_fields, cr4) == LOW_CR4 &&
		       offsetof(struct low_fields, efer) == LOW_EFER &&
		       offsetof(struct low_fields, window_ap) == LOW_AP &&
		       offsetof(struct low_fields, window_boot) == LOW_BOOT &&
		       offsetof(struct low_fields, gdt) == LOW_GDT && sizeof(struct low_fields) == LOW_SIZE,
	       "start.h");

/* Intel SDM 3A 3.4.5. */
#define GDT_CODE32 UINT64_C(0x00cf9b000000ffff)
#define GDT_DATA32 UINT64_C(0x00cf93000000ffff)
#define GDT_CODE64 UINT64_C(0x00af9b000000ffff)

/* Intel SDM 3A 12.11: the registers that describe memory types, all CPUs alike. */
#define MSR_MTRR_CAP      0xfe
#define MTRR_CAP_VARIABLE 0xff
#define MTRR_CAP_FIXED    (1u << 8)
#define MSR_MTRR_VARIABLE 0x200
#define MSR_MTRR_DEFAULT  0x2ff

static uint32_t kernel_cr4(const struct boot *boot)
{
	return KERNEL_CR4 | (boot->flags & TWINBOOT_LEVEL5_PAGING ? CR4_LA57 : 0);
}

static uint32_t kernel_efer(const struct boot *boot)
{
	return EFER_LME | (boot->cpu.nx ? EFER_NXE : 0);
}

static void note_msr(struct start *start, uint32_t msr)
{
	/* The last place is the last one's, which turns the others on. */
	if (start->msr_count + (msr != MSR_MTRR_DEFAULT) < START_MSRS_MAX) {
		start->msrs[start->msr_count].msr = msr;
		start->msrs[start->msr_count++].value = rdmsr(msr);
	}
}

static void note_mtrrs(struct start *start)
{
	static const uint16_t fixed[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
					 0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
	uint64_t cap = rdmsr(MSR_MTRR_CAP);
	for (uint32_t i = 0; i < (cap & MTRR_CAP_VARIABLE) * 2; i++)
		note_msr(start, MSR_MTRR_VARIABLE + i);
	for (uint32_t i = 0; cap & MTRR_CAP_FIXED && i < sizeof(fixed) / sizeof(fixed[0]); i++)
		note_msr(start, fixed[i]);
	note_msr(start, MSR_MTRR_DEFAULT);
}

/* The window's code lies in the low page too, behind that page's own: the front door has made sure that code
   can run there (on UEFI it is of type EfiLoaderCode, which the arena is not). */
static uint64_t window_offset(void)
{
	return ((uint64_t)(low_end - low_code) + 15) & ~UINT64_C(15);
}

static uint64_t window_address(const uint8_t *symbol)
{
	return WINDOW_CODE + window_offset() + (uint64_t)(symbol - window_code);
}

static uint32_t low_address(const struct boot *boot, const uint8_t *symbol)
{
	return (uint32_t)(boot->low_page + (uint64_t)(symbol - low_code));
}

/* The low page lies below 1 MiB, where a start-up IPI can point to. Without one no other CPU is started, and
   a page from the arena does for the boot CPU. */
static void build_low_page(struct boot *boot, uint64_t bridge)
{
	uint8_t *page = at(boot->low_page);
	memcpy(page, low_code, (size_t)(low_end - low_code));
	memcpy(page + window_offset(), window_code, (size_t)(window_end - window_code));
	struct low_fields *fields = (struct low_fields *)(page + (low_fields - low_code));
	*fields = (struct low_fields){
		.gdt_limit = sizeof(fields->gdt) - 1,
		.gdt_base = (uintptr_t)fields->gdt,
		.ap = {low_address(boot, low_ap32), LOW_CODE32, 0},
		.boot = {low_address(boot, low_boot32), LOW_CODE32, 0},
		.code64 = {low_address(boot, low_64), LOW_CODE64, 0},
		.cr3 = (uint32_t)bridge,
		.cr4 = kernel_cr4(boot),
		.efer = kernel_efer(boot),
		.window_ap = window_address(window_ap),
		.window_boot = window_address(window_boot),
		.gdt = {0, GDT_CODE32, GDT_DATA32, GDT_CODE64},
	};
}

static uint64_t *new_root(struct boot *boot)
{
	return memory_take(&boot->memory, PAGE_SIZE);
}

static void map_one_to_one(struct paging *paging, uint64_t address, uint64_t size)
{
	paging_map(paging, page_down(address), page_down(address),
		   page_up(address + size) - page_down(address), MAP_EXECUTE);
}

void window_build(struct boot *boot)
{
	if (boot->low_page == 0)
		boot->low_page = (uintptr_t)memory_take(&boot->memory, PAGE_SIZE);
	struct start *start = memory_take(&boot->memory, PAGE_SIZE);
	boot->start = start;
	uint32_t stacks = boot->cpu_count > 0 ? boot->cpu_count : 1;
	boot->cpus = memory_take(&boot->memory, stacks * sizeof(*boot->cpus));
	if (boot->cpu_count > 0)
		boot->cpu_count = cpus_list(boot->machine, boot->cpus);
	for (uint32_t i = 0; i < stacks; i++) {
		boot->cpus[i].stack_top = stack_top(boot, i);
		uint64_t stack = (uintptr_t)memory_take(&boot->memory, boot->stack_size);
		paging_map(&boot->paging, stack_top(boot, i) - boot->stack_size, stack, boot->stack_size,
			   MAP_WRITE);
	}
	paging_map(&boot->paging, WINDOW_CODE, boot->low_page, PAGE_SIZE, MAP_EXECUTE);
	paging_map(&boot->paging, WINDOW_DATA, (uintptr_t)start, PAGE_SIZE, MAP_WRITE);

	/* The bridge has as many levels as the final tables; where the firmware's have not, the way to it
	   leads through the low page, on tables of the firmware's kind. */
	struct paging bridge = boot->paging, exit = boot->paging;
	uint32_t levels_now = read_cr4() & CR4_LA57 ? 5 : 4;
	bridge.root = new_root(boot);
	paging_map(&bridge, WINDOW_CODE, boot->low_page, PAGE_SIZE, MAP_EXECUTE);
	paging_map(&bridge, WINDOW_DATA, (uintptr_t)start, PAGE_SIZE, 0);
	build_low_page(boot, (uintptr_t)bridge.root);
	map_one_to_one(&bridge, boot->low_page, PAGE_SIZE);
	if (levels_now != bridge.levels) {
		exit.levels = levels_now;
		exit.root = new_root(boot);
		map_one_to_one(&exit, boot->low_page, PAGE_SIZE);
		boot->bridge_to = boot->low_page + (uint64_t)(low_boot - low_code);
	} else {
		exit = bridge;
		boot->bridge_to = window_address(window_boot);
	}
	map_one_to_one(&exit, (uintptr_t)cross_bridge,
		       (uint64_t)(cross_bridge_end - (const uint8_t *)cross_bridge));
	boot->bridge_cr3 = (uintptr_t)exit.root;

	start->final_cr3 = (uintptr_t)boot->paging.root;
	start->stack = stack_top(boot, 0) - 8;
	start->entry = boot->kernel.entry;
	start->cpus = direct(boot, boot->cpus);
	start->cpu_count = boot->cpu_count;
	start->direct_map = boot->direct_map_base;
	if (boot->cpu.pat)
		start->pat = KERNEL_PAT;
	if (boot->cpu.apic)
		start->apic_base = rdmsr(MSR_APIC_BASE) & ~(uint64_t)APIC_BASE_BOOT_CPU;
	if (boot->cpu.mtrr)
		note_mtrrs(start);
}

void enter_kernel(struct boot *boot)
{
	if (boot->cpu.pat)
		wrmsr(MSR_PAT, KERNEL_PAT);
	uint32_t cr4 = KERNEL_CR4 | (read_cr4() & CR4_LA57);
	/* LMA is read-only, and stays what it reads: whether writing another value faults depends on the
	 * processor. */
	uint32_t efer = kernel_efer(boot) | (uint32_t)(rdmsr(MSR_EFER) & EFER_LMA);
	cross_bridge(boot->bridge_cr3, efer, boot->bridge_to, cr4);
}
