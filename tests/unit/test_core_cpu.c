/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/text.c */
/* Processors that nobody has here: what they say of themselves is a test's. The code is included for that. */
#include "core_host.h"
#include "common/registers.h"
#include "common/port.h"

#include <cpuid.h>

static uint64_t read_register(uint32_t msr);
static void ask(uint32_t leaf, uint32_t *eax, uint32_t *ebx, uint32_t *ecx, uint32_t *edx);
#undef __cpuid_count
#define __cpuid_count(leaf, subleaf, eax, ebx, ecx, edx) ask(leaf, &(eax), &(ebx), &(ecx), &(edx))
#define rdmsr                                            read_register
#include "core/cpu.c"
#undef rdmsr

#include <cmocka.h>

static struct leaf {
	uint32_t number, eax, ebx, ecx, edx;
} leaves[8];
static uint64_t sev_status;
static int has_sev_status, has_pm_timer;

static void ask(uint32_t leaf, uint32_t *eax, uint32_t *ebx, uint32_t *ecx, uint32_t *edx)
{
	struct leaf found = {UINT32_MAX, 0, 0, 0, 0};
	for (uint32_t i = 0; found.number != leaf && i < sizeof(leaves) / sizeof(leaves[0]); i++)
		if (leaves[i].number == leaf)
			found = leaves[i];
	*eax = found.eax;
	*ebx = found.ebx;
	*ecx = found.ecx;
	*edx = found.edx;
}

/* A register that is not there is a #GP. */
static uint64_t read_register(uint32_t msr)
{
	assert_int_equal(msr, MSR_SEV);
	assert_true(has_sev_status);
	return sev_status;
}

int acpi_pm_timer_tsc_hz(const struct machine *machine, uint64_t *hz)
{
	(void)machine;
	*hz = 3000000000;
	return has_pm_timer;
}

/* Leaf 0, the last basic one; leaf 80000000h, the last extended one; and what else there is. */
static void processor(uint32_t basic, uint32_t extended, struct leaf one, struct leaf two)
{
	memset(leaves, 0xff, sizeof(leaves));
	leaves[0] = (struct leaf){0, basic, 0, 0, 0};
	leaves[1] = (struct leaf){0x80000000, extended, 0, 0, 0};
	leaves[2] = one;
	leaves[3] = two;
	has_sev_status = 0;
}

static const struct leaf none = {UINT32_MAX, 0, 0, 0, 0}, tdx = {0x21, 0, 0x65746e49, 0x20202020, 0x5844546c},
			 sev = {0x8000001f, 2, 51, 0, 0}, sme = {0x8000001f, 1, 51, 0, 0};

static void an_ordinary_machine_is_not_confidential(void **state)
{
	(void)state;
	processor(0x21, 0x8000001f, none, none);
	assert_null(cpu_confidential());
	processor(0x21, 0x8000001f, sme, none); /* the host's own memory encryption has no SEV_STATUS */
	assert_null(cpu_confidential());
	processor(0x20, 0x8000001e, tdx, sev); /* leaves beyond the last one answer anything */
	assert_null(cpu_confidential());
	struct leaf other = tdx;
	other.ecx = 0x2020205f;
	processor(0x21, 0x8000001f, other, none);
	assert_null(cpu_confidential());
}

static void a_tdx_guest_is_told_apart(void **state)
{
	(void)state;
	processor(0x21, 0x80000008, tdx, none);
	assert_string_equal(cpu_confidential(), "Intel TDX");
	processor(0x23, 0x80000008, none, tdx);
	assert_string_equal(cpu_confidential(), "Intel TDX");
}

static void a_sev_guest_is_told_from_its_host(void **state)
{
	(void)state;
	processor(0x10, 0x8000001f, sev, none);
	has_sev_status = 1;
	sev_status = 0; /* the host */
	assert_null(cpu_confidential());
	sev_status = 1;
	assert_string_equal(cpu_confidential(), "AMD SEV");
	sev_status = 7; /* ES and SNP */
	assert_string_equal(cpu_confidential(), "AMD SEV");
}

static void is_rate(uint64_t expected, int source)
{
	uint64_t hz = 1;
	assert_int_equal(cpu_tsc_hz(NULL, &hz), source);
	assert_int_equal(hz, expected);
}

static void the_best_clock_that_there_is(void **state)
{
	(void)state;
	const struct leaf crystal = {0x15, 2, 250, 24000000, 0}, no_crystal = {0x15, 2, 250, 0, 0},
			  guest = {1, 0, 0, 1u << 31, 0}, nominal = {0x16, 0xffff0fa0, 0, 0, 0};
	has_pm_timer = 1;
	processor(0x16, 0x80000008, crystal, nominal);
	is_rate(3000000000, TWINBOOT_TSC_CPUID_15H);
	processor(0x16, 0x80000008, no_crystal, nominal);
	is_rate(3000000000, TWINBOOT_TSC_PM_TIMER);
	processor(0x16, 0x80000008, no_crystal, guest);
	leaves[4] = (struct leaf){0x40000000, 0x40000010, 0, 0, 0};
	leaves[5] = (struct leaf){0x40000010, 2500000, 0, 0, 0};
	is_rate(2500000000, TWINBOOT_TSC_HYPERVISOR);
	leaves[4].eax = 0x4000000f;
	is_rate(3000000000, TWINBOOT_TSC_PM_TIMER);
	has_pm_timer = 0;
	processor(0x16, 0x80000008, no_crystal, nominal);
	is_rate(4000000000, TWINBOOT_TSC_CPUID_16H);
	processor(0x15, 0x80000008, no_crystal, nominal);
	is_rate(0, TWINBOOT_TSC_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_machine_is_not_confidential),
		cmocka_unit_test(a_tdx_guest_is_told_apart),
		cmocka_unit_test(a_sev_guest_is_told_from_its_host),
		cmocka_unit_test(the_best_clock_that_there_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
