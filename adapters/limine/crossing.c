/* SPDX-License-Identifier: BSD-2-Clause */
/* The way out of the adapter, for the boot CPU and for those that the loader has parked (cross.S). */
#include "adapters/limine/crossing.h"

#include "adapters/limine/adapter.h"
#include "common/registers.h"

#include <stddef.h>
#include <string.h>

struct __attribute__((packed)) table_register {
	uint16_t limit;
	uint64_t base;
};

/* One for each CPU. It stays: the CPU's GDT is in it. */
struct crossing {
	uint64_t stack; /* where its null return address is */
	uint64_t entry;
	uint64_t cpu; /* struct limine_cpu, 0 for the boot CPU */
	uint32_t cr4;
	uint32_t arrived; /* becomes 1 */
	struct table_register gdtr, idtr;
	uint32_t reserved;
	uint64_t gdt[9];
};
_Static_assert(offsetof(struct crossing, stack) == CROSSING_STACK &&
		       offsetof(struct crossing, entry) == CROSSING_ENTRY &&
		       offsetof(struct crossing, cpu) == CROSSING_CPU &&
		       offsetof(struct crossing, cr4) == CROSSING_CR4 &&
		       offsetof(struct crossing, arrived) == CROSSING_ARRIVED &&
		       offsetof(struct crossing, gdtr) == CROSSING_GDTR &&
		       offsetof(struct crossing, idtr) == CROSSING_IDTR &&
		       offsetof(struct crossing, gdt) == CROSSING_GDT &&
		       sizeof(struct crossing) == CROSSING_SIZE,
	       "crossing.h");
_Static_assert(offsetof(struct limine_cpu, goto_address) == CPU_GOTO, "crossing.h");

/* Intel SDM 3A 3.4.5; what the protocol lists, accessed already, then an empty TSS of 16 bytes. */
static const uint64_t gdt[] = {
	0,
	UINT64_C(0x00009b000000ffff), /* 16-bit code */
	UINT64_C(0x000093000000ffff), /* 16-bit data */
	UINT64_C(0x00cf9b000000ffff), /* 32-bit code */
	UINT64_C(0x00cf93000000ffff), /* 32-bit data */
	UINT64_C(0x00209b0000000000), /* 64-bit code */
	UINT64_C(0x0000930000000000), /* 64-bit data */
	UINT64_C(0x0000890000000000), /* LTR marks it busy, so no two CPUs can share it */
	0,
};
_Static_assert(sizeof(gdt) == sizeof(((struct crossing *)0)->gdt), "nine entries");

extern const uint8_t shelter[], shelter_end[];
_Noreturn void cross(uint64_t bridge, uint64_t shelter, struct crossing *crossing, uint64_t tables);

static uint64_t bridge, shelter_address, tables;

static void make(struct adapter *adapter, uint32_t index)
{
	struct crossing *crossing = &adapter->crossings[index];
	struct limine_cpu *cpu = &adapter->cpus[index];
	uint64_t size = adapter->plan->stack_size;
	*crossing = (struct crossing){
		.stack = (uintptr_t)memory_take(&adapter->memory, size, PAGE_SIZE) + size - sizeof(uint64_t),
		.entry = adapter->plan->entry,
		.cpu = index > 0 ? (uintptr_t)cpu : 0,
		.cr4 = CR4_PAE | (adapter->paging.levels == 5 ? CR4_LA57 : 0),
		.gdtr = {sizeof(gdt) - 1, (uintptr_t)crossing->gdt},
	};
	memcpy(crossing->gdt, gdt, sizeof(gdt));
	cpu->reserved = crossing->stack;
}

static void build_bridge(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	uint8_t *page = memory_take_page(&adapter->memory);
	struct paging paging = adapter->paging;
	uint64_t here = page_down((uintptr_t)cross);
	memcpy(page, shelter, (size_t)(shelter_end - shelter));
	shelter_address = (uintptr_t)page;
	paging.root = memory_take_page(&adapter->memory);
	paging_map(&paging, here, here - handoff->kernel_virt + handoff->kernel_phys, PAGE_SIZE, MAP_EXECUTE);
	paging_map(&paging, shelter_address, memory_physical(&adapter->memory, page), PAGE_SIZE, MAP_EXECUTE);
	bridge = memory_physical(&adapter->memory, paging.root);
	tables = memory_physical(&adapter->memory, adapter->paging.root);
}

void crossings_make(struct adapter *adapter)
{
	adapter->crossings = adapter_take(adapter, adapter->cpu_count * sizeof(*adapter->crossings));
	for (uint32_t i = 0; i < adapter->cpu_count; i++)
		make(adapter, i);
	build_bridge(adapter);
}

int crossing_is_over(const struct adapter *adapter, uint32_t index)
{
	return __atomic_load_n(&adapter->crossings[index].arrived, __ATOMIC_ACQUIRE) != 0;
}

void crossing_leave(const struct adapter *adapter, uint32_t index)
{
	cross(bridge, shelter_address, &adapter->crossings[index], tables);
}
