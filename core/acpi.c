/* SPDX-License-Identifier: BSD-2-Clause */
/* The two questions that core itself asks of ACPI: a table by its name, and how fast the TSC runs against the PM timer. */
#include "core.h"
#include "common/acpi.h"
#include "common/port.h"

#include <string.h>

const void *acpi_find(const struct machine *machine, const char signature[4], uint32_t *length)
{
	const struct acpi acpi = {.rsdp = machine->rsdp, .limit = machine->mapped_limit};
	return acpi_table(&acpi, signature, length);
}

/* FADT, ACPI 6.5, 5.2.9 */
#define FADT_PM_TIMER_BLOCK  76
#define FADT_PM_TIMER_LENGTH 91
#define PM_TIMER_HZ          3579545u
#define PM_TIMER_MASK        0xffffffu /* 24 bits count on every machine */
/* About a millisecond: 0.03 % of error by the timer's own ticks. Most of it, or all, goes by between the
   sample that core_prepare() takes and the question, so that nearly nothing is waited for. */
#define MEASURED_TICKS 3580u
/* A timer that stands still must not hang the boot, nor one that is slow to read make it wait. */
#define STANDS_STILL 10000u
#define READS_MAX    1000000u

/* Ticks of the TSC after which the timer's 24 bits (4.7 s) may have wrapped: no TSC runs slower than 500 MHz.
 */
#define SAMPLE_VALID (UINT64_C(1) << 31)

/* The timer's port, 0 if there is none. */
static uint16_t pm_timer_port(const struct machine *machine)
{
	uint32_t length, port;
	const uint8_t *fadt = acpi_find(machine, "FACP", &length);
	if (fadt == NULL || length <= FADT_PM_TIMER_LENGTH || fadt[FADT_PM_TIMER_LENGTH] != 4)
		return 0;
	memcpy(&port, fadt + FADT_PM_TIMER_BLOCK, sizeof(port));
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* The closest of three readings: between the two clocks of one, system management mode can take its time (USB
   keyboards on old machines: once a millisecond). */
static struct machine_sample sample(uint16_t port)
{
	struct machine_sample best = {0};
	uint64_t closest = UINT64_MAX;
	for (int i = 0; i < 3; i++) {
		uint64_t before = __builtin_ia32_rdtsc();
		uint32_t ticks = in32(port);
		uint64_t after = __builtin_ia32_rdtsc();
		if (after - before < closest) {
			closest = after - before;
			best = (struct machine_sample){ticks, 0, after};
		}
	}
	return best;
}

void acpi_pm_timer_sample(struct machine *machine)
{
	uint16_t port = pm_timer_port(machine);
	if (port != 0)
		machine->sample = sample(port);
}

int acpi_pm_timer_tsc_hz(const struct machine *machine, uint64_t *hz)
{
	uint16_t port = pm_timer_port(machine);
	if (port == 0)
		return 0;
	struct machine_sample start = machine->sample, now = sample(port);
	if (start.tsc == 0 || now.tsc - start.tsc > SAMPLE_VALID)
		start = now;
	for (uint32_t reads = 0; reads < READS_MAX; reads++, now = sample(port)) {
		uint32_t ticks = (now.pm_timer - start.pm_timer) & PM_TIMER_MASK;
		if (ticks == 0 && reads == STANDS_STILL)
			break;
		if (ticks < MEASURED_TICKS)
			continue;
		*hz = (now.tsc - start.tsc) * PM_TIMER_HZ / ticks;
		return 1;
	}
	return 0;
}
