/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/limine/apic.h"

#include "common/acpi.h"
#include "common/registers.h"

#include <cpuid.h>
#include <string.h>

/* Registers by offset; in x2APIC mode the MSR 800h + offset / 16. */
#define APIC_ID           0x20
#define APIC_VERSION      0x30
#define APIC_PRIORITY     0x80
#define APIC_SPURIOUS     0xf0
#define APIC_LVT_CMCI     0x2f0
#define APIC_COMMAND_LOW  0x300
#define APIC_COMMAND_HIGH 0x310
#define APIC_LVT_TIMER    0x320
#define APIC_LVT_THERMAL  0x330
#define APIC_LVT_COUNTER  0x340
#define APIC_LVT_LINT0    0x350
#define APIC_LVT_LINT1    0x360
#define APIC_LVT_ERROR    0x370

#define SPURIOUS_ON_FF  0x1ff /* software-enabled, vector FFh */
#define COMMAND_INIT    0x4500
#define COMMAND_PENDING (1u << 12)
#define PENDING_READS   100000
#define XAPIC_ID_MAX    0xfe

/* LVT and redirection entries alike. */
#define ENTRY_MODE       0x700
#define ENTRY_FIXED      0x000
#define ENTRY_LOWEST     0x100
#define ENTRY_NMI        0x400
#define ENTRY_EXTINT     0x700
#define ENTRY_ACTIVE_LOW (1u << 13)
#define ENTRY_LEVEL      (1u << 15)
#define ENTRY_MASKED     (1u << 16)

/* ACPI 6.5, 5.2.12 */
#define MADT_IO_APIC    1
#define MADT_NMI        4
#define MADT_X2APIC_NMI 10
#define MADT_ALL        0xff
#define MADT_X2APIC_ALL UINT32_MAX
#define INTI_POLARITY   0x3
#define INTI_ACTIVE_LOW 0x3
#define INTI_TRIGGER    0xc
#define INTI_LEVEL      0xc

/* I/O APIC */
#define IOAPIC_SELECT     0x00
#define IOAPIC_WINDOW     0x10
#define IOAPIC_VERSION    1
#define IOAPIC_FIRST_LINE 0x10

static uint32_t read32(const uint8_t *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint64_t base(void)
{
	return rdmsr(MSR_APIC_BASE);
}

static volatile uint32_t *in_memory(const struct apic *apic, uint32_t offset)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	return (volatile uint32_t *)(apic->direct_map + (base() & APIC_BASE_ADDRESS) + offset);
}

static uint32_t read(const struct apic *apic, uint32_t offset)
{
	return apic_is_x2(apic) ? (uint32_t)rdmsr(MSR_X2APIC + offset / 16) : *in_memory(apic, offset);
}

static void write(const struct apic *apic, uint32_t offset, uint32_t value)
{
	if (apic_is_x2(apic))
		wrmsr(MSR_X2APIC + offset / 16, value);
	else
		*in_memory(apic, offset) = value;
}

int apic_exists(const struct apic *apic)
{
	uint32_t eax, ebx, ecx, edx = 0;
	(void)apic;
	__get_cpuid(1, &eax, &ebx, &ecx, &edx);
	return edx >> 9 & 1;
}

int apic_is_x2(const struct apic *apic)
{
	return apic_exists(apic) && (base() & APIC_BASE_X2) != 0;
}

uint32_t apic_id(const struct apic *apic)
{
	if (!apic_exists(apic))
		return 0;
	return apic_is_x2(apic) ? read(apic, APIC_ID) : read(apic, APIC_ID) >> 24;
}

/* SMI, INIT and what is reserved are the firmware's. */
static int can_interrupt(uint32_t entry)
{
	uint32_t mode = entry & ENTRY_MODE;
	return mode == ENTRY_FIXED || mode == ENTRY_LOWEST || mode == ENTRY_NMI || mode == ENTRY_EXTINT;
}

static void mask(const struct apic *apic, uint32_t offset)
{
	uint32_t entry = read(apic, offset);
	if (can_interrupt(entry))
		write(apic, offset, entry | ENTRY_MASKED);
}

/* How many entries the local vector table has beside the first four tells which there are (SDM 3A 11.4.8). */
static void mask_all(const struct apic *apic)
{
	uint32_t last = read(apic, APIC_VERSION) >> 16 & 0xff;
	mask(apic, APIC_LVT_TIMER);
	mask(apic, APIC_LVT_LINT0);
	mask(apic, APIC_LVT_LINT1);
	mask(apic, APIC_LVT_ERROR);
	if (last >= 4)
		mask(apic, APIC_LVT_COUNTER);
	if (last >= 5)
		mask(apic, APIC_LVT_THERMAL);
	if (last >= 6)
		mask(apic, APIC_LVT_CMCI);
}

/* The entry of the MADT behind `entry`, for NULL the first one, or NULL; also where there is no MADT. */
static const uint8_t *next(const struct apic *apic, const uint8_t *entry)
{
	return apic->madt != NULL ? acpi_madt_next(apic->madt, apic->madt_length, entry) : NULL;
}

/* MPS INTI flags (ACPI 6.5, table 5.26). What conforms to the bus is high and edge, as NMIs are. */
static void set_nmi(const struct apic *apic, uint32_t pin, uint32_t flags)
{
	uint32_t offset = pin == 0 ? APIC_LVT_LINT0 : APIC_LVT_LINT1;
	uint32_t entry = ENTRY_MASKED | ENTRY_NMI;
	if (pin > 1 || !can_interrupt(read(apic, offset)))
		return;
	if ((flags & INTI_POLARITY) == INTI_ACTIVE_LOW)
		entry |= ENTRY_ACTIVE_LOW;
	if ((flags & INTI_TRIGGER) == INTI_LEVEL)
		entry |= ENTRY_LEVEL;
	write(apic, offset, entry);
}

static void set_nmis(const struct apic *apic, uint32_t processor_id)
{
	for (const uint8_t *entry = next(apic, NULL); entry != NULL; entry = next(apic, entry)) {
		if (entry[0] == MADT_NMI && entry[1] >= 6 &&
		    (entry[2] == MADT_ALL || entry[2] == processor_id))
			set_nmi(apic, entry[5], entry[3]);
		if (entry[0] == MADT_X2APIC_NMI && entry[1] >= 12 &&
		    (read32(entry + 4) == MADT_X2APIC_ALL || read32(entry + 4) == processor_id))
			set_nmi(apic, entry[8], entry[2]);
	}
}

void apic_settle(const struct apic *apic, uint32_t processor_id)
{
	if (!apic_exists(apic))
		return;
	if (!(base() & APIC_BASE_ENABLED))
		wrmsr(MSR_APIC_BASE, base() | APIC_BASE_ENABLED);
	/* First: entries of one that is software-disabled cannot be read as they were left, but all are masked. */
	write(apic, APIC_SPURIOUS, SPURIOUS_ON_FF);
	mask_all(apic);
	set_nmis(apic, processor_id);
	write(apic, APIC_PRIORITY, 0);
}

void apic_reset(const struct apic *apic, uint32_t id)
{
	if (!apic_exists(apic) || !(base() & APIC_BASE_ENABLED))
		return;
	if (apic_is_x2(apic)) {
		wrmsr(MSR_X2APIC + APIC_COMMAND_LOW / 16, (uint64_t)id << 32 | COMMAND_INIT);
		return;
	}
	if (id > XAPIC_ID_MAX)
		return; /* never addressed, so it cannot have been started */
	write(apic, APIC_COMMAND_HIGH, id << 24);
	write(apic, APIC_COMMAND_LOW, COMMAND_INIT);
	for (int i = 0; i < PENDING_READS && read(apic, APIC_COMMAND_LOW) & COMMAND_PENDING; i++)
		__builtin_ia32_pause();
}

static void mask_lines(const struct apic *apic, uint32_t address)
{
	uint8_t *registers = (uint8_t *)(apic->direct_map + address); /* NOLINT(performance-no-int-to-ptr) */
	volatile uint32_t *select = (volatile uint32_t *)(registers + IOAPIC_SELECT);
	volatile uint32_t *window = (volatile uint32_t *)(registers + IOAPIC_WINDOW);
	*select = IOAPIC_VERSION;
	uint32_t last = *window >> 16 & 0xff;
	for (uint32_t line = 0; line <= last; line++) {
		*select = IOAPIC_FIRST_LINE + 2 * line;
		uint32_t entry = *window;
		if (can_interrupt(entry))
			*window = entry | ENTRY_MASKED;
	}
}

void ioapics_mask(const struct apic *apic)
{
	for (const uint8_t *entry = next(apic, NULL); entry != NULL; entry = next(apic, entry))
		if (entry[0] == MADT_IO_APIC && entry[1] >= 12)
			mask_lines(apic, read32(entry + 4));
}
