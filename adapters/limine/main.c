/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Limine adapter: a kernel of twinboot's contract that makes the machine which the Limine boot protocol promises out
 * of what it was handed, and enters a Limine kernel. That kernel lies in memory already, relocated by the build, and is
 * not moved; what it asks for the build has listed. docs/limine.md has the whole story.
 */
#include "adapters/limine/adapter.h"

#include "adapters/fail.h"

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

/* Before anything is asked of them. */
static void find_tables(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	adapter->acpi = (struct acpi){handoff->rsdp_phys, handoff->direct_map_size, handoff->direct_map_base};
	adapter->apic.direct_map = handoff->direct_map_base;
	adapter->apic.madt = acpi_table(&adapter->acpi, "APIC", &adapter->apic.madt_length);
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
	cpus_list(&adapter);
	crossings_make(&adapter);
	ioapics_mask(&adapter.apic);
	apic_settle(&adapter.apic, adapter.cpus[0].processor_id);
	cpus_send(&adapter);
	answers_write(&adapter);
	crossing_leave(&adapter, 0);
}
