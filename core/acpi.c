/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI 6.5, chapter 5: as many tables as the loader itself needs. Nothing is believed without its checksum.
 */
#include "core.h"
#include "common/port.h"

#include <string.h>

struct __attribute__((packed)) rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length; /* from here on revision 2 */
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
};
_Static_assert(sizeof(struct rsdp) == 36, "ACPI 6.5, 5.2.5.3");

struct __attribute__((packed)) table {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision, creator_id, creator_revision;
};
_Static_assert(sizeof(struct table) == 36, "ACPI 6.5, 5.2.6");

#define TABLE_SIZE_MAX (16u << 20) /* more than any FADT, MADT or (X)SDT: a length beyond it is damage */

static int sums_to_zero(const void *data, uint32_t size)
{
	uint8_t sum = 0;
	for (uint32_t i = 0; i < size; i++)
		sum += ((const uint8_t *)data)[i];
	return sum == 0;
}

/* The table at `phys`, if it can be read here (on BIOS only what lies below 4 GiB is mapped), has that name
   where one is given, and adds up. Other tables can be large, and are not touched. */
static const struct table *checked(const struct machine *machine, uint64_t phys, const char *signature)
{
	uint64_t limit = machine->mapped_limit;
	if (phys == 0 || phys > limit - sizeof(struct table))
		return NULL;
	const struct table *table = at(phys);
	if ((signature != NULL && memcmp(table->signature, signature, 4) != 0) ||
	    table->length < sizeof(*table) || table->length > TABLE_SIZE_MAX ||
	    table->length > limit - phys || !sums_to_zero(table, table->length))
		return NULL;
	return table;
}

const void *acpi_find(const struct machine *machine, const char signature[4], uint32_t *length)
{
	if (machine->rsdp == 0)
		return NULL;
	const struct rsdp *rsdp = at(machine->rsdp);
	/* A revision 2 RSDP can have either table missing. */
	const struct table *xsdt = rsdp->revision >= 2 ? checked(machine, rsdp->xsdt, NULL) : NULL;
	const struct table *root = xsdt != NULL ? xsdt : checked(machine, rsdp->rsdt, NULL);
	uint32_t width = xsdt != NULL ? 8 : 4;
	if (root == NULL)
		return NULL;
	const uint8_t *entries = (const uint8_t *)(root + 1);
	for (uint32_t i = 0; i + width <= root->length - sizeof(*root); i += width) {
		uint64_t phys = 0;
		memcpy(&phys, entries + i, width);
		const struct table *table = checked(machine, phys, signature);
		if (table == NULL)
			continue;
		*length = table->length;
		return table;
	}
	return NULL;
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
