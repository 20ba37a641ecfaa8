/* SPDX-License-Identifier: BSD-2-Clause */
/* The processors: those that the loader has parked move over to the kernel's side, those that never came are put to
   rest. */
#include "adapters/limine/adapter.h"

#include "adapters/fail.h"
#include "adapters/limine/apic.h"

/* A CPU that comes out of a loop needs microseconds; seconds are for a host that is busy with other guests. */
#define PATIENCE_SECONDS 10
#define TSC_HZ_MAX       UINT64_C(5000000000)

static struct adapter *common; /* what all CPUs find */

/* On each CPU that the loader had parked, on the stack that it had there. */
static _Noreturn void arrive(uint64_t index)
{
	apic_settle(&common->apic, common->cpus[index].processor_id);
	crossing_leave(common, (uint32_t)index);
}

void cpus_list(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	adapter->cpus = adapter_take(adapter, (handoff->cpu_count + 1) * sizeof(*adapter->cpus));
	for (uint32_t i = 0; i < handoff->cpu_count; i++) {
		const struct twinboot_cpu *cpu = &handoff->cpus[i];
		if (cpu->state != TWINBOOT_CPU_ABSENT)
			adapter->cpus[adapter->cpu_count++] = (struct limine_cpu){
				.processor_id = cpu->processor_id, .apic_id = cpu->apic_id};
	}
	/* Without a list there is still this one. */
	if (adapter->cpu_count == 0)
		adapter->cpus[adapter->cpu_count++].apic_id = apic_id(&adapter->apic);
}

static void wait_for(const struct adapter *adapter, uint32_t index)
{
	uint64_t hz = adapter->handoff->tsc_hz != 0 ? adapter->handoff->tsc_hz : TSC_HZ_MAX;
	uint64_t start = __builtin_ia32_rdtsc();
	while (!crossing_is_over(adapter, index)) {
		if (__builtin_ia32_rdtsc() - start > PATIENCE_SECONDS * hz)
			adapter_fail(ERROR_LIMINE_CPU, (uint64_t)adapter->cpus[index].apic_id);
		__builtin_ia32_pause();
	}
}

void cpus_send(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	uint64_t index = 0;
	common = adapter;
	for (uint32_t i = 0; i < handoff->cpu_count; i++) {
		struct twinboot_cpu *cpu = &handoff->cpus[i];
		if (cpu->state == TWINBOOT_CPU_PARKED) {
			cpu->argument = ++index;
			cpu->goto_address = (uintptr_t)arrive;
		} else if (cpu->state == TWINBOOT_CPU_ABSENT) {
			/* Were it to come now, it would run in memory that is the kernel's to reclaim. */
			apic_reset(&adapter->apic, cpu->apic_id);
		}
	}
	for (uint32_t i = 1; i < adapter->cpu_count; i++)
		wait_for(adapter, i);
}

uint64_t cpus_answer(struct adapter *adapter)
{
	if (!apic_exists(&adapter->apic))
		return 0;
	struct limine_mp *response = adapter_take(adapter, sizeof(*response));
	uint64_t *pointers = adapter_take(adapter, adapter->cpu_count * sizeof(*pointers));
	for (uint32_t i = 0; i < adapter->cpu_count; i++)
		pointers[i] = (uintptr_t)&adapter->cpus[i];
	*response = (struct limine_mp){
		.flags = apic_is_x2(&adapter->apic) ? LIMINE_MP_X2APIC : 0,
		.boot_apic_id = adapter->cpus[0].apic_id,
		.count = adapter->cpu_count,
		.cpus = (uintptr_t)pointers,
	};
	return (uintptr_t)response;
}
