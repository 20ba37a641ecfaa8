/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Limine adapter: a kernel of twinboot's contract that makes the machine which the Limine boot protocol promises out
 * of what it was handed, and enters a Limine kernel. That kernel lies in memory already, relocated by the build, and is
 * not moved; what it asks for the build has listed. docs/limine.md has the whole story.
 */
#include "adapters/limine/adapter.h"

#include "adapters/fail.h"
#include "common/registers.h"

#include <stddef.h>

/* The build states the needs in the manifest: they are the kernel's. */
TWINBOOT_NEEDS(0, 0, 0, 0, 0)

uint32_t adapter_role(const struct adapter *adapter, uint32_t index)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	const uint8_t *row =
		(const uint8_t *)handoff->module_facts + (uint64_t)index * handoff->module_fact_size;
	return ((const struct twinboot_module_fact *)row)->role;
}

const struct twinboot_module *adapter_module(const struct adapter *adapter, enum twinboot_role role)
{
	for (uint32_t i = 0; i < adapter->handoff->module_count; i++)
		if (adapter_role(adapter, i) == role)
			return &adapter->handoff->modules[i];
	return NULL;
}

static void find_kernel(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	adapter->kernel = adapter_module(adapter, TWINBOOT_ROLE_FOREIGN_KERNEL);
	adapter->plan = handoff->adapter_data;
	if (adapter->kernel == NULL || adapter->plan == NULL)
		adapter_fail(ERROR_NO_LIMINE);
}

#define FOUR_GIB UINT64_C(0x100000000)

const uint8_t *adapter_seen(const struct adapter *adapter, uint64_t physical, uint64_t size)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	int is_there = physical < FOUR_GIB && size <= FOUR_GIB - physical;
	for (uint32_t i = 0; i < handoff->memory_map_count && !is_there; i++) {
		const struct twinboot_region *row = &handoff->memory_map[i];
		is_there = row->type <= TWINBOOT_MEMORY_RUNTIME_DATA && physical >= row->base_phys &&
			   physical - row->base_phys < row->length &&
			   size <= row->length - (physical - row->base_phys);
	}
	return is_there && physical != 0 ? (const uint8_t *)(handoff->direct_map_base + physical) : NULL;
}

volatile uint8_t *adapter_device(struct adapter *adapter, uint64_t physical)
{
	uint64_t here = adapter->handoff->direct_map_base + physical;
	if (physical >= FOUR_GIB) {
		struct paging own = adapter->paging;
		own.root = (uint64_t *)(own.offset + page_down(read_cr3()));
		paging_map(&own, page_down(here), page_down(physical), PAGE_SIZE, MAP_WRITE | MAP_UNCACHED);
	}
	return (volatile uint8_t *)here;
}

/* Before anything is asked of them. */
static void find_tables(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	/* No pointer of ACPI's is followed to above 4 GiB, where there are holes: 32-bit systems read these tables, too. */
	adapter->acpi = (struct acpi){handoff->rsdp_phys, FOUR_GIB, handoff->direct_map_base};
	adapter->apic.direct_map = handoff->direct_map_base;
	adapter->apic.madt = acpi_table(&adapter->acpi, "APIC", &adapter->apic.madt_length);
}

/* The protocol's own rule. Without the request for processors a kernel gets the mode that could be had. */
static void check_apic_mode(const struct adapter *adapter)
{
	if (is_asked(adapter, LIMINE_FEATURE_MP) && apic_is_x2(&adapter->apic) &&
	    !(adapter->plan->requests[LIMINE_FEATURE_MP].argument & LIMINE_MP_X2APIC))
		adapter_fail(ERROR_LIMINE_X2APIC);
}

static void make_map(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	uint64_t rows = MAP_ROWS(handoff->memory_map_count, handoff->module_count + 1 + TABLES_RANGES);
	adapter->map.rows = adapter_take(adapter, rows * sizeof(*adapter->map.rows));
	map_fill(&adapter->map, handoff, adapter->plan->base_revision);
	for (uint32_t i = 0; i < handoff->module_count; i++) {
		const struct twinboot_module *module = &handoff->modules[i];
		uint32_t role = adapter_role(adapter, i);
		if (role == TWINBOOT_ROLE_FOREIGN_KERNEL || role == TWINBOOT_ROLE_MODULE)
			map_set(&adapter->map, module->data_phys, module->size, LIMINE_EXECUTABLE_AND_MODULES,
				0);
	}
}

_Noreturn void kernel_main(const struct twinboot_handoff *handoff);

_Noreturn void kernel_main(const struct twinboot_handoff *handoff)
{
	static struct adapter adapter;
	adapter.handoff = handoff;
	find_kernel(&adapter);
	memory_open(&adapter.memory, handoff);
	find_tables(&adapter);
	make_map(&adapter);
	tables_claim(&adapter);
	space_build(&adapter);
	check_apic_mode(&adapter);
	cpus_list(&adapter);
	crossings_make(&adapter);
	iommus_disable(&adapter);
	ioapics_mask(&adapter.apic);
	apic_settle(&adapter.apic, adapter.cpus[0].processor_id);
	cpus_send(&adapter);
	answers_write(&adapter);
	crossing_leave(&adapter, 0);
}
