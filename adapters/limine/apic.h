/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt controllers, in the state that the protocol wants (Intel SDM 3A 11; 82093AA I/O APIC). */
#ifndef APIC_H
#define APIC_H

#include <stdint.h>

/* What the MADT says of them, and where they are seen. */
struct apic {
	const uint8_t *madt; /* NULL: there is none */
	uint32_t madt_length;
	uint64_t direct_map;
};

/* Whether this CPU has a local APIC; the next three only ask for its registers if so. */
int apic_exists(const struct apic *apic);
int apic_is_x2(const struct apic *apic);
uint32_t apic_id(const struct apic *apic);

/* This CPU's: on, spurious vector FFh, priority 0, no LVT entry unmasked, LINT pins as the MADT says for the CPU of that
   ACPI processor UID. */
void apic_settle(const struct apic *apic, uint32_t processor_id);

/* INIT to another CPU, which then waits for a start-up IPI. */
void apic_reset(const struct apic *apic, uint32_t apic_id);

/* Every entry of every I/O APIC that can interrupt a CPU is masked. */
void ioapics_mask(const struct apic *apic);

#endif
