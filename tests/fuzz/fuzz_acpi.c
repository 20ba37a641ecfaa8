/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/text.c */
/*
 * Any bytes as ACPI's tables: read within what is mapped, and what is found is what was asked for. Pointers
 * are bent into the memory that there is; sums are made right where the input says so. The code is included,
 * so that ports and registers are not the host's.
 */
#include "../unit/core_tables.h"
#include "common/acpi.h"
#include "common/registers.h"
#include "common/entry_points.h"
#include "common/port.h"

static uint32_t port_read(uint16_t port);
static void *bounded_at(uint64_t address);
static uint64_t register_read(uint32_t msr);
static void register_write(uint32_t msr, uint64_t value);
#define in32                      port_read
#define rdmsr                     register_read
#define wrmsr                     register_write
#define acpi_seen(acpi, physical) bounded_at(physical)
#include "common/acpi.c"
#include "core/acpi.c"
#include "core/cpus.c"
#undef in32
#undef rdmsr
#undef wrmsr
#define sums_to_zero entry_point_sums_to_zero
#include "common/entry_points.c"

#define MEMORY_SIZE 0x8000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *memory;
static int has_apic;

static void require(int condition)
{
	if (!condition)
		abort();
}

int cpu_has_apic(void)
{
	return has_apic;
}

/* Below what can be read is memory as well, empty here. */
static void *bounded_at(uint64_t address)
{
	static uint8_t nothing[TABLE_HEADER];
	require(address <= physical(memory) + MEMORY_SIZE - TABLE_HEADER);
	return address >= physical(memory) ? at(address) : nothing;
}

static uint32_t port_read(uint16_t port)
{
	static uint32_t ticks;
	(void)port;
	return ticks += 1000;
}

static uint64_t register_read(uint32_t msr)
{
	return msr == MSR_APIC_BASE ? APIC_BASE_ENABLED | APIC_BASE_X2 : memory[MEMORY_SIZE - 1];
}

static void register_write(uint32_t msr, uint64_t value)
{
	(void)msr, (void)value;
	abort(); /* listing CPUs wakes none */
}

/* A pointer of 4 or 8 bytes comes to lie in memory, unless its top bit says that it is wild. */
static void bend(uint8_t *pointer, uint32_t width)
{
	uint64_t value = 0;
	memcpy(&value, pointer, width);
	if (value >> (8 * width - 1))
		return;
	value = value == 0 ? 0 : physical(memory) + value % MEMORY_SIZE;
	memcpy(pointer, &value, width);
}

static void sum_table(uint64_t address)
{
	uint32_t length;
	if (address < physical(memory) || address > physical(memory) + MEMORY_SIZE - TABLE_HEADER)
		return;
	uint8_t *table = at(address);
	memcpy(&length, table + 4, 4);
	if (length >= TABLE_HEADER && length <= physical(memory) + MEMORY_SIZE - address)
		sum_up(table, length, TABLE_SUM);
}

static void bend_root(uint64_t address, uint32_t width, int sums)
{
	if (address < physical(memory) || address > physical(memory) + MEMORY_SIZE - 36 - 16 * width)
		return;
	uint8_t *entries = (uint8_t *)at(address) + TABLE_HEADER;
	for (uint32_t i = 0; i < 16; i++) {
		uint64_t entry = 0;
		bend(entries + i * width, width);
		memcpy(&entry, entries + i * width, width);
		if (sums)
			sum_table(entry);
	}
	if (sums)
		sum_table(address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine machine;
	static struct twinboot_cpu cpus[CPUS_MAX];
	uint32_t length;
	uint64_t hz, xsdt;
	uint32_t rsdt;
	if (memory == NULL)
		memory = low_memory(MEMORY_SIZE);
	if (size < 1 + RSDP_SIZE)
		return 0;
	uint8_t flags = data[0];
	has_apic = !(flags & 4);
	memset(memory, 0, MEMORY_SIZE);
	memcpy(memory, data + 1, size - 1 < MEMORY_SIZE ? size - 1 : MEMORY_SIZE);
	bend(memory + 16, 4);
	bend(memory + 24, 8);
	memcpy(&rsdt, memory + 16, 4);
	memcpy(&xsdt, memory + 24, 8);
	bend_root(rsdt, 4, flags & 1);
	bend_root(xsdt, 8, flags & 1);
	if (flags & 2) {
		memcpy(memory, "RSD PTR ", 8);
		sum_up(memory, RSDP1_SIZE, 8);
		sum_up(memory, RSDP_SIZE, 32);
	}
	for (uint32_t i = 0; i + 36 <= 256; i += 16) {
		is_smbios2(memory + i);
		is_smbios3(memory + i);
	}

	machine.mapped_limit = physical(memory) + MEMORY_SIZE;
	machine.rsdp = is_rsdp(memory) ? physical(memory) : 0;
	static const char signatures[][5] = {"APIC", "FACP", "\0\0\0\0", "HPET"};
	for (uint32_t i = 0; i < 4; i++) {
		const uint8_t *table = acpi_find(&machine, signatures[i], &length);
		if (table == NULL)
			continue;
		require(memcmp(table, signatures[i], 4) == 0 && length >= TABLE_HEADER);
		require(physical(table) >= physical(memory) &&
			physical(table) + length <= physical(memory) + MEMORY_SIZE);
	}
	acpi_pm_timer_tsc_hz(&machine, &hz);

	uint32_t counted = cpus_list(&machine, NULL);
	memset(cpus, 0, sizeof(cpus));
	uint32_t count = cpus_list(&machine, cpus);
	require(count <= counted && counted <= CPUS_MAX && (count == 0) == (counted == 0));
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < i; j++)
			require(cpus[i].apic_id != cpus[j].apic_id);
	return 0;
}
