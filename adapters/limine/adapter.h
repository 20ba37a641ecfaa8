/* SPDX-License-Identifier: BSD-2-Clause */
/* What the adapter's files know of each other. */
#ifndef ADAPTER_H
#define ADAPTER_H

#include "adapters/limine/apic.h"
#include "adapters/limine/map.h"
#include "adapters/memory.h"
#include "common/acpi.h"
#include "common/paging.h"
#include "formats/limine_plan.h"

/* Everything that the kernel is pointed to lies in `memory`, at its address in the HHDM: that is where the handoff's
   direct map is, so the pointers of both are the same. */
struct adapter {
	const struct twinboot_handoff *handoff;
	const struct limine_plan *plan;
	const struct twinboot_module *kernel; /* its memory image, where it lies and stays */
	struct memory memory;
	struct acpi acpi;
	struct apic apic;
	struct map map;
	struct paging paging; /* the kernel's page tables */
	uint32_t cpu_count;
	struct limine_cpu *cpus;    /* those that answered, the boot CPU first */
	struct crossing *crossings; /* of each, in the same order */
};

static inline void *adapter_take(struct adapter *adapter, uint64_t size)
{
	return memory_take(&adapter->memory, size, 16);
}

static inline int is_asked(const struct adapter *adapter, enum limine_feature feature)
{
	return adapter->plan->requests[feature].offset != LIMINE_ABSENT;
}

/* The module of that role, or NULL. */
const struct twinboot_module *adapter_module(const struct adapter *adapter, enum twinboot_role role);
uint32_t adapter_role(const struct adapter *adapter, uint32_t index); /* of a module: enum twinboot_role */

/* Physical memory as it is seen here, NULL if it is not: the direct map has all memory, and all else below 4 GiB. */
const uint8_t *adapter_seen(const struct adapter *adapter, uint64_t physical, uint64_t size);
/* A page of device registers, wherever it is. */
volatile uint8_t *adapter_device(struct adapter *adapter, uint64_t physical);

/* iommu.c: turned off, unless the kernel asks to keep them. */
void iommus_disable(struct adapter *adapter);

/* tables.c: rows of the map for the firmware's tables. */
void tables_claim(struct adapter *adapter);
#define TABLES_MAX    128u              /* of ACPI's root table */
#define TABLES_RANGES (TABLES_MAX + 15) /* map_set() is called at most so often */

/* space.c: the kernel's page tables, from the map as it is. */
void space_build(struct adapter *adapter);

/* cpus.c */
void cpus_list(struct adapter *adapter);
void cpus_send(struct adapter *adapter); /* to where they wait for the kernel; returns when all are there */
uint64_t cpus_answer(struct adapter *adapter);

/* crossing.c: from the adapter's page tables to the kernel's. */
void crossings_make(struct adapter *adapter);
int crossing_is_over(const struct adapter *adapter, uint32_t index);
_Noreturn void crossing_leave(const struct adapter *adapter,
			      uint32_t index); /* this CPU, the index-th of the list */

/* answers.c: writes a response for each request that has one, and the base revision. The memory map's response, the last,
   says what has been taken, so nothing may be taken any more. */
void answers_write(struct adapter *adapter);

#endif
