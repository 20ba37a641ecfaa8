/* SPDX-License-Identifier: BSD-2-Clause */
/* The other processors are found in ACPI's MADT, started together, and each is left waiting in the kernel's address
   space. */
#include "core.h"
#include "common/acpi.h"
#include "common/registers.h"

/* ACPI 6.5, 5.2.12 */
#define MADT_LOCAL_APIC 0
#define MADT_X2APIC     9
#define MADT_ENABLED    1u
#define XAPIC_NO_CPU    0xff
#define X2APIC_NO_CPU   UINT32_MAX /* also everyone's address: an INIT to it would stop this CPU too */

/* Intel SDM 3A 11.4 and 11.12: registers by offset from the base, or as MSRs. */
#define APIC_ID           0x20
#define APIC_COMMAND_LOW  0x300
#define APIC_COMMAND_HIGH 0x310
#define COMMAND_INIT      0x4500 /* assert, edge, physical destination */
#define COMMAND_STARTUP   0x4600 /* plus the page's number */
#define COMMAND_PENDING   (1u << 12)

/* Intel SDM 3A 9.4.4: a pause after INIT, without which some machines hang; two start-up IPIs 200
   microseconds apart. A third, once, for what was lost while a CPU was in SMM or its host busy. Then a CPU
   has a second. */
#define INIT_PAUSE_US    10000
#define STARTUP_PAUSE_US 200
#define RETRY_PAUSE_US   100000
#define GIVE_UP_US       1000000
#define PENDING_READS    100000

/* This is the fastest TSC there is: if its rate is unknown, the waits get longer, never shorter. */
#define TSC_HZ_MAX UINT64_C(5000000000)

static uint32_t read32(const uint8_t *bytes)
{
	uint32_t value;
	__builtin_memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint64_t apic_base(void)
{
	return rdmsr(MSR_APIC_BASE);
}

static volatile uint32_t *apic_register(uint32_t offset)
{
	return at((apic_base() & APIC_BASE_ADDRESS) + offset);
}

/* The mode found is the mode kept: leaving x2APIC loses the APIC's state. */
static int is_x2apic(void)
{
	return (apic_base() & APIC_BASE_X2) != 0;
}

static uint32_t own_apic_id(void)
{
	return is_x2apic() ? (uint32_t)rdmsr(MSR_X2APIC + APIC_ID / 16) : *apic_register(APIC_ID) >> 24;
}

/* A CPU can stand in the MADT twice, as local APIC and as x2APIC; the first entry counts. */
static int is_listed(const struct twinboot_cpu *cpus, uint32_t count, uint32_t apic_id)
{
	for (uint32_t i = 0; i < count; i++)
		if (cpus[i].apic_id == apic_id)
			return 1;
	return 0;
}

/* An entry of the MADT, if it is that of a processor that is there. */
static int is_processor(const uint8_t *entry, struct twinboot_cpu *cpu)
{
	uint32_t flags = 0;
	if (entry[0] == MADT_LOCAL_APIC && entry[1] >= 8 && entry[3] != XAPIC_NO_CPU) {
		cpu->processor_id = entry[2];
		cpu->apic_id = entry[3];
		flags = read32(entry + 4);
	} else if (entry[0] == MADT_X2APIC && entry[1] >= 16 && read32(entry + 4) != X2APIC_NO_CPU) {
		cpu->apic_id = read32(entry + 4);
		flags = read32(entry + 8);
		cpu->processor_id = read32(entry + 12);
	}
	return (flags & MADT_ENABLED) != 0;
}

uint32_t cpus_list(const struct machine *machine, struct twinboot_cpu *cpus)
{
	uint32_t length, count = 1;
	const uint8_t *madt = acpi_find(machine, "APIC", &length);
	if (madt == NULL)
		return 0;
	uint32_t own = cpu_has_apic() ? own_apic_id() : 0; /* without one, no other CPU can be reached */
	if (cpus != NULL)
		cpus[0].apic_id = own;
	for (const uint8_t *entry = NULL;
	     count < CPUS_MAX && (entry = acpi_madt_next(madt, length, entry)) != NULL;) {
		struct twinboot_cpu cpu;
		if (!is_processor(entry, &cpu))
			continue;
		if (cpus == NULL) {
			count += cpu.apic_id != own;
		} else if (cpu.apic_id == own) {
			cpus[0].processor_id = cpu.processor_id;
		} else if (!is_listed(cpus, count, cpu.apic_id)) {
			cpus[count].apic_id = cpu.apic_id;
			cpus[count++].processor_id = cpu.processor_id;
		}
	}
	return count;
}

static void wait_us(uint64_t tsc_hz, uint64_t us)
{
	uint64_t ticks = (tsc_hz != 0 ? tsc_hz : TSC_HZ_MAX) / 1000000 * us;
	for (uint64_t start = __builtin_ia32_rdtsc(); __builtin_ia32_rdtsc() - start < ticks;)
		__builtin_ia32_pause();
}

static void send(uint32_t apic_id, uint32_t command)
{
	if (is_x2apic()) {
		wrmsr(MSR_X2APIC + APIC_COMMAND_LOW / 16, (uint64_t)apic_id << 32 | command);
		return;
	}
	*apic_register(APIC_COMMAND_HIGH) = apic_id << 24;
	*apic_register(APIC_COMMAND_LOW) = command;
	for (int i = 0; i < PENDING_READS && *apic_register(APIC_COMMAND_LOW) & COMMAND_PENDING; i++)
		__builtin_ia32_pause();
}

static uint32_t state_of(const struct twinboot_cpu *cpu)
{
	return __atomic_load_n(&cpu->state, __ATOMIC_ACQUIRE);
}

static uint32_t send_to_silent(struct boot *boot, uint32_t command)
{
	uint32_t silent = 0;
	for (uint32_t i = 1; i < boot->cpu_count; i++) {
		if (state_of(&boot->cpus[i]) != 0)
			continue;
		silent++;
		if (command != 0 && (is_x2apic() || boot->cpus[i].apic_id <= XAPIC_ID_MAX))
			send(boot->cpus[i].apic_id, command);
	}
	return silent;
}

/* Returns 1 once no CPU is silent any more, 0 after `us`. */
static int all_arrive(struct boot *boot, uint64_t tsc_hz, uint64_t us)
{
	const uint64_t step = 50;
	for (uint64_t waited = 0; waited < us; waited += step) {
		if (send_to_silent(boot, 0) == 0)
			return 1;
		wait_us(tsc_hz, step);
	}
	return 0;
}

uint64_t cpus_parked(const struct boot *boot)
{
	uint64_t parked = 0;
	for (uint32_t i = 1; i < boot->cpu_count; i++)
		parked += state_of(&boot->cpus[i]) == TWINBOOT_CPU_PARKED;
	return parked;
}

/* A CPU that arrives after this finds that it was given up, and stops for good. */
static void give_up_silent(struct boot *boot)
{
	for (uint32_t i = 1; i < boot->cpu_count; i++) {
		uint32_t silent = 0;
		if (__atomic_compare_exchange_n(&boot->cpus[i].state, &silent, TWINBOOT_CPU_ABSENT, 0,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			boot->cpus[i].stack_top = 0;
	}
}

void cpus_start(struct boot *boot, uint64_t tsc_hz)
{
	if (boot->cpu_count == 0)
		return;
	boot->cpus[0].state = TWINBOOT_CPU_BOOT;
	if (boot->cpu_count > 1 && boot->low_page < ONE_MIB && cpu_has_apic()) {
		uint32_t startup = COMMAND_STARTUP | (uint32_t)(boot->low_page / PAGE_SIZE);
		send_to_silent(boot, COMMAND_INIT);
		wait_us(tsc_hz, INIT_PAUSE_US);
		send_to_silent(boot, startup);
		if (!all_arrive(boot, tsc_hz, STARTUP_PAUSE_US)) {
			send_to_silent(boot, startup);
			if (!all_arrive(boot, tsc_hz, RETRY_PAUSE_US)) {
				send_to_silent(boot, startup);
				all_arrive(boot, tsc_hz, GIVE_UP_US);
			}
		}
	}
	give_up_silent(boot);
}
