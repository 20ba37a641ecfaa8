/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/acpi.c common/acpi.c common/text.c */
/* The local APIC's mode, on processors and firmware that QEMU does not have. The code is included, so that registers
   and CPUID are a test's. */
#include "core_tables.h"
#include "common/registers.h"
#include "common/port.h"

#include <cpuid.h>

static uint64_t read_register(uint32_t msr);
static void write_register(uint32_t msr, uint64_t value);
static int leaf(uint32_t number, uint32_t *eax, uint32_t *ebx, uint32_t *ecx, uint32_t *edx);
#define rdmsr                                           read_register
#define wrmsr                                           write_register
#define __get_cpuid(number, a, b, c, d)                 leaf(number, a, b, c, d)
#define __get_cpuid_count(number, sub_leaf, a, b, c, d) leaf(number, a, b, c, d)
#include "core/apic.c"
#undef rdmsr
#undef wrmsr

#include <cmocka.h>

#define MODE (APIC_BASE_X2 | APIC_BASE_ENABLED)

static struct {
	uint64_t base, capabilities, lock;
	uint32_t writes, leaf1_ecx, leaf7_edx;
	int has_apic;
} cpu;

int cpu_has_apic(void)
{
	return cpu.has_apic;
}

static int leaf(uint32_t number, uint32_t *eax, uint32_t *ebx, uint32_t *ecx, uint32_t *edx)
{
	*eax = *ebx = 0;
	*ecx = number == 1 ? cpu.leaf1_ecx : 0;
	*edx = number == 7 ? cpu.leaf7_edx : 0;
	return 1;
}

static uint64_t read_register(uint32_t msr)
{
	if (msr == MSR_APIC_BASE)
		return cpu.base;
	assert_true(cpu.leaf7_edx & 1u << 29); /* else a #GP */
	if (msr == 0x10a)
		return cpu.capabilities;
	assert_int_equal(msr, 0xbd);
	assert_true(cpu.capabilities & 1u << 21);
	return cpu.lock;
}

/* Intel SDM 3A, figure 11-27: any other change of the mode faults, and so does leaving x2APIC where that is locked. */
static void write_register(uint32_t msr, uint64_t value)
{
	assert_int_equal(msr, MSR_APIC_BASE);
	assert_int_equal(value & ~(uint64_t)MODE, cpu.base & ~(uint64_t)MODE);
	uint64_t from = cpu.base & MODE, to = value & MODE;
	assert_true((from == APIC_BASE_ENABLED && to == MODE) || (from == MODE && to == 0) ||
		    (from == 0 && to == APIC_BASE_ENABLED));
	assert_true(to != MODE || (cpu.leaf1_ecx & 1u << 21));
	assert_false(from == MODE && cpu.lock & 1);
	cpu.base = value;
	cpu.writes++;
}

static struct manifest manifest;
static struct start start;
static struct twinboot_cpu cpus[3];
static struct boot boot;

static void set_up(uint64_t mode, uint32_t wish)
{
	memset(&cpu, 0, sizeof(cpu));
	cpu.has_apic = 1;
	cpu.base = 0xfee00000 | APIC_BASE_BOOT_CPU | mode;
	cpu.leaf1_ecx = 1u << 21;
	manifest.needs.flags = wish;
	start.apic_base = cpu.base & ~(uint64_t)APIC_BASE_BOOT_CPU;
	for (uint32_t i = 0; i < 3; i++)
		cpus[i].apic_id = 10 * i;
	boot = (struct boot){.machine = make_acpi(NULL, 0),
			     .kernel = {.manifest = &manifest},
			     .start = &start,
			     .cpus = cpus,
			     .cpu_count = 3};
}

/* What other CPUs will copy is what the boot CPU has. */
static void becomes(uint64_t mode)
{
	uint64_t base = cpu.base;
	apic_choose_mode(&boot);
	assert_int_equal(cpu.base, (base & ~(uint64_t)MODE) | mode);
	assert_int_equal(start.apic_base, cpu.base & ~(uint64_t)APIC_BASE_BOOT_CPU);
}

static void the_mode_found_is_kept_without_a_wish(void **state)
{
	(void)state;
	const uint32_t wishes[] = {0, TWINBOOT_LEAVE_CPUS, TWINBOOT_NO_EXCEPTION_NET};
	for (uint32_t i = 0; i < 3; i++) {
		set_up(APIC_BASE_ENABLED, wishes[i]);
		becomes(APIC_BASE_ENABLED);
		set_up(MODE, wishes[i]);
		becomes(MODE);
	}
}

static void x2apic_is_granted_where_it_is(void **state)
{
	(void)state;
	set_up(APIC_BASE_ENABLED, TWINBOOT_WANT_X2APIC);
	becomes(MODE);
	assert_int_equal(cpu.writes, 1);
	set_up(MODE, TWINBOOT_WANT_X2APIC);
	becomes(MODE);
	assert_int_equal(cpu.writes, 0);
	set_up(APIC_BASE_ENABLED, TWINBOOT_WANT_X2APIC);
	cpu.leaf1_ecx = 0;
	becomes(APIC_BASE_ENABLED);
	set_up(0, TWINBOOT_WANT_X2APIC);
	cpu.has_apic = 0;
	becomes(0);
}

static void firmware_can_forbid_x2apic(void **state)
{
	(void)state;
	for (uint8_t flags = 0; flags < 8; flags++) {
		uint8_t dmar[12] = {38, flags};
		uint8_t *tables[1] = {make_table("DMAR", dmar, sizeof(dmar))};
		set_up(APIC_BASE_ENABLED, TWINBOOT_WANT_X2APIC);
		boot.machine = make_acpi(tables, 1);
		becomes(flags & 2 ? APIC_BASE_ENABLED : MODE);
	}
	uint8_t cut = 38;
	uint8_t *tables[1] = {make_table("DMAR", &cut, 1)};
	set_up(APIC_BASE_ENABLED, TWINBOOT_WANT_X2APIC);
	boot.machine = make_acpi(tables, 1);
	becomes(MODE);
}

static void xapic_is_granted_by_way_of_off(void **state)
{
	(void)state;
	set_up(MODE, TWINBOOT_WANT_XAPIC);
	becomes(APIC_BASE_ENABLED);
	assert_int_equal(cpu.writes, 2);
	set_up(APIC_BASE_ENABLED, TWINBOOT_WANT_XAPIC);
	becomes(APIC_BASE_ENABLED);
	assert_int_equal(cpu.writes, 0);
}

static void no_cpu_is_lost_for_xapic(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		set_up(MODE, TWINBOOT_WANT_XAPIC);
		cpus[i].apic_id = 254;
		becomes(APIC_BASE_ENABLED);
		set_up(MODE, TWINBOOT_WANT_XAPIC);
		cpus[i].apic_id = 255;
		becomes(MODE);
	}
	set_up(MODE, TWINBOOT_WANT_XAPIC);
	cpus[2].apic_id = 255;
	boot.cpu_count = 2; /* not in the list */
	becomes(APIC_BASE_ENABLED);
}

static void a_locked_x2apic_stays(void **state)
{
	(void)state;
	for (uint32_t bits = 0; bits < 8; bits++) {
		set_up(MODE, TWINBOOT_WANT_XAPIC);
		cpu.leaf7_edx = bits & 1 ? 1u << 29 : 0;
		cpu.capabilities = bits & 2 ? 1u << 21 : 0;
		cpu.lock = bits == 7;
		becomes(bits == 7 ? MODE : APIC_BASE_ENABLED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mode_found_is_kept_without_a_wish),
		cmocka_unit_test(x2apic_is_granted_where_it_is),
		cmocka_unit_test(firmware_can_forbid_x2apic),
		cmocka_unit_test(xapic_is_granted_by_way_of_off),
		cmocka_unit_test(no_cpu_is_lost_for_xapic),
		cmocka_unit_test(a_locked_x2apic_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
