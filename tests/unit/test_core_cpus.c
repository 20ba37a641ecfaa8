/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/acpi.c common/acpi.c common/text.c */
/*
 * The MADT, and the start of processors that no emulator has: x2APIC, deaf ones, late ones. The code is
 * included, so that registers are a test's; the local APIC is a page of memory, or in x2APIC mode a function.
 */
#include "core_tables.h"
#include "common/registers.h"
#include "common/port.h"

static uint64_t read_register(uint32_t msr);
static void write_register(uint32_t msr, uint64_t value);
#define rdmsr read_register
#define wrmsr write_register
#include "core/cpus.c"
#undef rdmsr
#undef wrmsr

#include <signal.h>

#include <cmocka.h>

static uint64_t apic_base_register;
static uint32_t own_id;
static int has_apic;
static uint8_t apic_page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

int cpu_has_apic(void)
{
	return has_apic;
}

static uint64_t read_register(uint32_t msr)
{
	if (msr == MSR_APIC_BASE)
		return apic_base_register;
	assert_int_equal(msr, MSR_X2APIC + 0x20 / 16);
	assert_true(apic_base_register & APIC_BASE_X2);
	return own_id;
}

static void xapic(uint32_t id)
{
	has_apic = 1;
	own_id = id;
	memset(apic_page, 0, sizeof(apic_page));
	apic_page[0x23] = (uint8_t)id;
	apic_base_register = physical(apic_page) | APIC_BASE_ENABLED | APIC_BASE_BOOT_CPU;
}

static void x2apic(uint32_t id)
{
	has_apic = 1;
	own_id = id;
	apic_base_register = 0xfee00000 | APIC_BASE_ENABLED | APIC_BASE_X2 | APIC_BASE_BOOT_CPU;
}

/* ---- MADT ---- */

struct madt {
	uint8_t bytes[65536];
	uint32_t size;
};

static void begin(struct madt *madt)
{
	madt->size = 8; /* APIC address, flags */
	memset(madt->bytes, 0, 8);
}

static void add(struct madt *madt, const void *entry, uint32_t size)
{
	memcpy(madt->bytes + madt->size, entry, size);
	madt->size += size;
}

static void local_apic(struct madt *madt, uint8_t uid, uint8_t id, uint32_t flags)
{
	const uint8_t entry[8] = {0, 8, uid, id, (uint8_t)flags, (uint8_t)(flags >> 8)};
	add(madt, entry, 8);
}

static void local_x2apic(struct madt *madt, uint32_t uid, uint32_t id, uint32_t flags)
{
	const uint32_t entry[4] = {9 | 16 << 8, id, flags, uid};
	add(madt, entry, 16);
}

static struct machine *machine_with(const struct madt *madt)
{
	static uint8_t *tables[1];
	tables[0] = make_table("APIC", madt->bytes, madt->size);
	return make_acpi(tables, 1);
}

static struct madt madt;
static struct twinboot_cpu cpus[CPUS_MAX];

/* What is counted first must be enough for what is listed then. */
static uint32_t list(void)
{
	const struct machine *machine = machine_with(&madt);
	uint32_t count = cpus_list(machine, NULL);
	memset(cpus, 0, sizeof(cpus));
	uint32_t listed = cpus_list(machine, cpus);
	assert_true(listed <= count && count <= CPUS_MAX);
	for (uint32_t i = listed; i < CPUS_MAX; i++)
		assert_true(cpus[i].apic_id == 0 && cpus[i].processor_id == 0);
	return listed;
}

static void is_listed_at(uint32_t index, uint32_t apic_id, uint32_t processor_id)
{
	assert_int_equal(cpus[index].apic_id, apic_id);
	assert_int_equal(cpus[index].processor_id, processor_id);
	assert_int_equal(cpus[index].state, 0);
}

static void the_boot_cpu_comes_first(void **state)
{
	(void)state;
	xapic(4);
	begin(&madt);
	local_apic(&madt, 10, 0, 1);
	local_apic(&madt, 11, 2, 1);
	local_apic(&madt, 12, 4, 1);
	local_apic(&madt, 13, 6, 1);
	assert_int_equal(list(), 4);
	is_listed_at(0, 4, 12);
	is_listed_at(1, 0, 10);
	is_listed_at(2, 2, 11);
	is_listed_at(3, 6, 13);
}

static void only_enabled_ones_count(void **state)
{
	(void)state;
	xapic(0);
	begin(&madt);
	local_apic(&madt, 0, 0, 1);
	local_apic(&madt, 1, 1, 0);
	local_apic(&madt, 2, 2, 2);    /* online capable, but not there */
	local_apic(&madt, 3, 0xff, 1); /* what some firmware has for empty sockets */
	local_apic(&madt, 4, 4, 3);
	local_x2apic(&madt, 5, 500, 0);
	local_x2apic(&madt, 6, 600, 2);
	local_x2apic(&madt, 7, UINT32_MAX, 1); /* to send there is to send to all, the sender too */
	local_x2apic(&madt, 8, 0xff, 1);       /* a good x2APIC ID */
	assert_int_equal(list(), 3);
	is_listed_at(1, 4, 4);
	is_listed_at(2, 0xff, 8);
}

static void both_kinds_of_entries(void **state)
{
	(void)state;
	x2apic(0x12345);
	begin(&madt);
	local_x2apic(&madt, 0x10, 0x12344, 1);
	local_x2apic(&madt, 0x11, 0x12345, 1);
	local_apic(&madt, 1, 7, 1);
	local_x2apic(&madt, 0x12, 300, 1);
	assert_int_equal(list(), 4);
	is_listed_at(0, 0x12345, 0x11);
	is_listed_at(1, 0x12344, 0x10);
	is_listed_at(2, 7, 1);
	is_listed_at(3, 300, 0x12);
}

static void who_is_listed_twice_counts_once(void **state)
{
	(void)state;
	xapic(0);
	begin(&madt);
	for (uint8_t i = 0; i < 4; i++)
		local_apic(&madt, i, i, 1);
	for (uint8_t i = 0; i < 5; i++)
		local_x2apic(&madt, 100 + i, i, 1);
	assert_int_equal(list(), 5);
	for (uint8_t i = 1; i < 4; i++)
		is_listed_at(i, i, i);
	is_listed_at(4, 4, 104);
}

static void other_entries_are_passed_over(void **state)
{
	(void)state;
	const uint8_t io_apic[12] = {1, 12}, unknown[5] = {0x7f, 5}, short_entry[4] = {0, 4},
		      long_entry[10] = {0, 10, 9, 9, 1};
	xapic(0);
	begin(&madt);
	local_apic(&madt, 0, 0, 1);
	add(&madt, io_apic, 12);
	add(&madt, unknown, 5);
	add(&madt, short_entry, 4);
	add(&madt, long_entry, 10); /* a later version may have more to say */
	local_apic(&madt, 1, 1, 1);
	assert_int_equal(list(), 3);
	is_listed_at(1, 9, 9);
	is_listed_at(2, 1, 1);
}

static void an_entry_without_length_ends_the_list(void **state)
{
	(void)state;
	for (uint8_t bad = 0; bad < 2; bad++) {
		const uint8_t entry[2] = {0, bad};
		xapic(0);
		begin(&madt);
		local_apic(&madt, 0, 0, 1);
		local_apic(&madt, 1, 1, 1);
		add(&madt, entry, 2);
		local_apic(&madt, 2, 2, 1);
		assert_int_equal(list(), 2);
	}
}

static void the_table_may_end_anywhere(void **state)
{
	(void)state;
	xapic(0);
	begin(&madt);
	for (uint8_t i = 0; i < 4; i++) {
		local_apic(&madt, i, i, 1);
		local_x2apic(&madt, 10 + i, 10 + i, 1);
	}
	for (; madt.size > 0; madt.size--)
		list();
	list();
}

static void without_acpi_there_is_no_list(void **state)
{
	(void)state;
	xapic(0);
	assert_int_equal(cpus_list(make_acpi(NULL, 0), NULL), 0);
	begin(&madt);
	local_apic(&madt, 0, 0, 1);
	has_apic = 0; /* the boot CPU still is one */
	assert_int_equal(list(), 1);
	xapic(3); /* the boot CPU is there, whatever the table says */
	begin(&madt);
	assert_int_equal(list(), 1);
	is_listed_at(0, 3, 0);
}

static void there_is_an_end_to_it(void **state)
{
	(void)state;
	x2apic(0);
	begin(&madt);
	for (uint32_t i = 0; i < 2000; i++)
		local_x2apic(&madt, i, i, 1);
	assert_int_equal(list(), CPUS_MAX);
}

static void random_tables(void **state)
{
	(void)state;
	for (int round = 0; round < 3000; round++) {
		if (round % 2)
			xapic((uint32_t)below(8));
		else
			x2apic((uint32_t)below(8));
		begin(&madt);
		while (madt.size < 400) {
			uint8_t entry[32];
			for (uint32_t i = 0; i < sizeof(entry); i++)
				entry[i] = (uint8_t)below(below(4) ? 12 : 256);
			entry[0] = below(3) ? (below(2) ? 0 : 9) : entry[0];
			add(&madt, entry, 2 + (uint32_t)below(30));
		}
		uint32_t count = list();
		for (uint32_t i = 0; i < count; i++)
			for (uint32_t j = 0; j < i; j++)
				assert_int_not_equal(cpus[i].apic_id, cpus[j].apic_id);
	}
}

/* ---- The start ---- */

#define SILENT   UINT32_MAX
#define LOW_PAGE 0x9d000

/* What each processor, by its place in the list, does: comes to life at that many start-up IPIs. */
static uint32_t answers_at[8], inits[8], startups[8];
static struct boot boot;

static void start_up(uint32_t id, uint32_t command)
{
	uint32_t index = 0;
	while (index < boot.cpu_count && boot.cpus[index].apic_id != id)
		index++;
	assert_in_range(index, 1, boot.cpu_count - 1);
	if (command == 0x4500) {
		assert_int_equal(startups[index], 0);
		inits[index]++;
		return;
	}
	assert_int_equal(command, 0x4600 | LOW_PAGE >> 12);
	assert_int_equal(inits[index], 1);
	/* One that has come to life is not disturbed again. */
	assert_int_equal(boot.cpus[index].state, 0);
	if (++startups[index] == answers_at[index])
		boot.cpus[index].state = TWINBOOT_CPU_PARKED;
}

static void write_register(uint32_t msr, uint64_t value)
{
	assert_int_equal(msr, MSR_X2APIC + 0x300 / 16);
	start_up((uint32_t)(value >> 32), (uint32_t)value);
}

static void start(uint32_t count, uint64_t tsc_hz)
{
	memset(cpus, 0, sizeof(cpus));
	memset(inits, 0, sizeof(inits));
	memset(startups, 0, sizeof(startups));
	boot = (struct boot){.cpus = cpus, .cpu_count = count, .low_page = LOW_PAGE};
	for (uint32_t i = 0; i < count; i++) {
		cpus[i].apic_id = 0x10000 + i;
		cpus[i].stack_top = 0x1000 * (i + 1);
	}
	cpus_start(&boot, tsc_hz);
}

static void has_ended_as(uint32_t index, uint32_t cpu_state, uint32_t startups_sent)
{
	assert_int_equal(cpus[index].state, cpu_state);
	assert_int_equal(cpus[index].stack_top, cpu_state == TWINBOOT_CPU_ABSENT ? 0 : 0x1000 * (index + 1));
	assert_int_equal(startups[index], startups_sent);
}

static void each_gets_as_many_calls_as_it_needs(void **state)
{
	(void)state;
	x2apic(0x10000);
	memcpy(answers_at, (uint32_t[8]){0, 1, 2, 3, SILENT, 1}, sizeof(answers_at));
	start(6, 1000000);
	has_ended_as(0, TWINBOOT_CPU_BOOT, 0);
	has_ended_as(1, TWINBOOT_CPU_PARKED, 1);
	has_ended_as(2, TWINBOOT_CPU_PARKED, 2);
	has_ended_as(3, TWINBOOT_CPU_PARKED, 3);
	has_ended_as(4, TWINBOOT_CPU_ABSENT, 3);
	has_ended_as(5, TWINBOOT_CPU_PARKED, 1);
	assert_int_equal(cpus_parked(&boot), 4);
	for (uint32_t i = 1; i < 6; i++)
		assert_int_equal(inits[i], 1);
}

static void the_wait_has_an_end(void **state)
{
	(void)state;
	x2apic(0x10000);
	memcpy(answers_at, (uint32_t[8]){0, SILENT}, sizeof(answers_at));
	/* At 100 MHz by the caller's word: INIT, the two start-ups and the stated second. */
	uint64_t before = __builtin_ia32_rdtsc();
	start(2, 100000000);
	uint64_t ticks = __builtin_ia32_rdtsc() - before;
	has_ended_as(1, TWINBOOT_CPU_ABSENT, 3);
	assert_true(ticks >= UINT64_C(111020000));
}

static void all_there_means_no_wait(void **state)
{
	(void)state;
	x2apic(0x10000);
	memcpy(answers_at, (uint32_t[8]){0, 1, 1, 1, 1, 1, 1, 1}, sizeof(answers_at));
	start(8, 1000000);
	for (uint32_t i = 1; i < 8; i++)
		has_ended_as(i, TWINBOOT_CPU_PARKED, 1);
}

/* The list's page is not writable: a store to a state first arrives here, and meanwhile the CPU has parked. An
   exchange that compares is begun anew and sees it; a store would overwrite what it says. */
static struct twinboot_cpu *watched;
static uint32_t stores_seen;

static void cpu_arrives(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	if ((uint8_t *)info->si_addr < (uint8_t *)watched ||
	    (uint8_t *)info->si_addr >= (uint8_t *)(watched + 2))
		abort();
	mprotect(watched, PAGE_SIZE, PROT_READ | PROT_WRITE);
	watched[1].state = TWINBOOT_CPU_PARKED;
	stores_seen++;
}

static void who_parks_at_the_last_moment_is_not_given_up(void **state)
{
	(void)state;
	const struct sigaction action = {.sa_sigaction = cpu_arrives, .sa_flags = SA_SIGINFO};
	x2apic(0x10000);
	watched = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	watched[0].state = TWINBOOT_CPU_BOOT;
	watched[1].stack_top = 0x2000;
	boot = (struct boot){.cpus = watched, .cpu_count = 2, .low_page = ONE_MIB};
	mprotect(watched, PAGE_SIZE, PROT_READ);
	sigaction(SIGSEGV, &action, NULL);
	give_up_silent(&boot);
	assert_int_equal(stores_seen, 1);
	assert_int_equal(watched[1].state, TWINBOOT_CPU_PARKED);
	assert_int_equal(watched[1].stack_top, 0x2000);
}

static void without_a_low_page_nobody_is_called(void **state)
{
	(void)state;
	x2apic(0x10000);
	memset(cpus, 0, sizeof(cpus));
	memset(startups, 0, sizeof(startups));
	cpus[0].apic_id = 0x10000, cpus[1].apic_id = 0x10001;
	boot = (struct boot){.cpus = cpus, .cpu_count = 2, .low_page = ONE_MIB};
	cpus_start(&boot, 1000000);
	assert_int_equal(cpus[0].state, TWINBOOT_CPU_BOOT);
	assert_int_equal(cpus[1].state, TWINBOOT_CPU_ABSENT);
	boot.cpu_count = 0;
	boot.cpus = NULL;
	cpus_start(&boot, 1000000);
}

/* xAPIC: registers in memory; the last command written stays there. */
static void an_xapic_cannot_reach_ids_above_254(void **state)
{
	(void)state;
	xapic(0);
	memset(cpus, 0, sizeof(cpus));
	cpus[1].apic_id = 255, cpus[2].apic_id = 300;
	boot = (struct boot){.cpus = cpus, .cpu_count = 3, .low_page = LOW_PAGE};
	cpus_start(&boot, 1000000);
	assert_int_equal(cpus[1].state, TWINBOOT_CPU_ABSENT);
	assert_int_equal(cpus[2].state, TWINBOOT_CPU_ABSENT);
	assert_int_equal(*(uint32_t *)(apic_page + 0x300), 0);
	cpus[1].state = cpus[2].state = 0;
	cpus[1].apic_id = 254;
	cpus_start(&boot, 1000000);
	assert_int_equal(*(uint32_t *)(apic_page + 0x310), UINT32_C(254) << 24);
	assert_int_equal(*(uint32_t *)(apic_page + 0x300), 0x4600 | LOW_PAGE >> 12);
}

/* "Delivery pending" that never goes away must not hang the boot. */
static void an_apic_that_never_sends_is_given_up(void **state)
{
	(void)state;
	xapic(0);
	*(uint32_t *)(apic_page + 0x300) = 1u << 12;
	assert_true(COMMAND_PENDING == 1u << 12);
	send(1, 0x4500 | COMMAND_PENDING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_boot_cpu_comes_first),
		cmocka_unit_test(only_enabled_ones_count),
		cmocka_unit_test(both_kinds_of_entries),
		cmocka_unit_test(who_is_listed_twice_counts_once),
		cmocka_unit_test(other_entries_are_passed_over),
		cmocka_unit_test(an_entry_without_length_ends_the_list),
		cmocka_unit_test(the_table_may_end_anywhere),
		cmocka_unit_test(without_acpi_there_is_no_list),
		cmocka_unit_test(there_is_an_end_to_it),
		cmocka_unit_test(random_tables),
		cmocka_unit_test(each_gets_as_many_calls_as_it_needs),
		cmocka_unit_test(the_wait_has_an_end),
		cmocka_unit_test(all_there_means_no_wait),
		cmocka_unit_test(who_parks_at_the_last_moment_is_not_given_up),
		cmocka_unit_test(without_a_low_page_nobody_is_called),
		cmocka_unit_test(an_xapic_cannot_reach_ids_above_254),
		cmocka_unit_test(an_apic_that_never_sends_is_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
