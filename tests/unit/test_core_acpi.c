/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/acpi.c common/text.c */
/* ACPI tables, good and damaged. The code is included, so that its port can be a test's. */
#include "core_tables.h"
#include "common/acpi.h"
#include "common/port.h"

static uint32_t timer_read(uint16_t port);
#define in32 timer_read
#include "core/acpi.c"
#undef in32

#include <cmocka.h>

static uint8_t *tables[4];
static uint32_t length;

static void make_tables(void)
{
	uint8_t body[100];
	memset(body, 0x11, sizeof(body));
	tables[0] = make_table("FACP", body, 100);
	tables[1] = make_table("APIC", body, 50);
	tables[2] = make_table("APIC", body, 60);
	tables[3] = make_table("HPET", NULL, 0);
}

static struct machine machine_with(const uint8_t *rsdp)
{
	return (struct machine){.rsdp = physical(rsdp), .mapped_limit = UINT64_MAX};
}

static void tables_are_found_through_either_root(void **state)
{
	(void)state;
	uint8_t *few[] = {tables[3]}, *rsdt = make_root(4, tables, 4), *xsdt = make_root(8, tables, 4);
	struct machine m = machine_with(make_rsdp(0, rsdt, NULL));
	assert_ptr_equal(acpi_find(&m, "FACP", &length), tables[0]);
	assert_int_equal(length, 136);
	assert_ptr_equal(acpi_find(&m, "APIC", &length), tables[1]); /* the first of two */
	assert_int_equal(length, 86);
	assert_ptr_equal(acpi_find(&m, "HPET", &length), tables[3]);
	assert_int_equal(length, 36);
	assert_null(acpi_find(&m, "MCFG", &length));

	m = machine_with(make_rsdp(2, make_root(4, few, 1), xsdt));
	assert_ptr_equal(acpi_find(&m, "FACP", &length), tables[0]); /* XSDT goes before RSDT */
	m = machine_with(make_rsdp(2, rsdt, NULL));
	assert_ptr_equal(acpi_find(&m, "FACP", &length), tables[0]);
	m = machine_with(make_rsdp(2, NULL, NULL));
	assert_null(acpi_find(&m, "FACP", &length));
	m = machine_with(make_rsdp(0, rsdt, NULL));
	m.rsdp = 0;
	assert_null(acpi_find(&m, "FACP", &length));
}

static void a_damaged_table_does_not_exist(void **state)
{
	(void)state;
	struct machine m = machine_with(make_rsdp(2, NULL, make_root(8, tables, 4)));
	tables[1][50] ^= 4;
	assert_ptr_equal(acpi_find(&m, "APIC", &length), tables[2]);
	tables[2][85] ^= 1;
	assert_null(acpi_find(&m, "APIC", &length));
	tables[1][50] ^= 4, tables[2][85] ^= 1;
}

static void a_damaged_xsdt_gives_way_to_the_rsdt(void **state)
{
	(void)state;
	uint8_t *few[] = {tables[3]}, *xsdt = make_root(8, tables, 4);
	struct machine m = machine_with(make_rsdp(2, make_root(4, few, 1), xsdt));
	xsdt[40] ^= 1;
	assert_null(acpi_find(&m, "FACP", &length));
	assert_ptr_equal(acpi_find(&m, "HPET", &length), tables[3]);
}

/* A length too small, too large, or beyond what can be read; the sums are right where they can be. */
static void impossible_lengths(void **state)
{
	(void)state;
	static const uint32_t lengths[] = {0,          1,          4,         35, ACPI_TABLE_SIZE_MAX + 1,
					   0x7fffffff, 0x80000000, UINT32_MAX};
	uint8_t body[64] = {0};
	for (uint32_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t *table = make_table("TEST", body, sizeof(body));
		struct machine m = machine_with(make_rsdp(2, NULL, make_root(8, &table, 1)));
		assert_ptr_equal(acpi_find(&m, "TEST", &length), table);
		memcpy(table + 4, &lengths[i], 4);
		if (lengths[i] > TABLE_SUM && lengths[i] < 100)
			sum_up(table, lengths[i], TABLE_SUM);
		assert_null(acpi_find(&m, "TEST", &length));
		/* The same damage in the root. */
		uint8_t *root = make_root(8, tables, 1);
		m = machine_with(make_rsdp(2, NULL, root));
		memcpy(root + 4, &lengths[i], 4);
		assert_null(acpi_find(&m, "FACP", &length));
	}
}

static void roots_of_every_length(void **state)
{
	(void)state;
	uint8_t *root = make_root(8, tables, 4);
	struct machine m = machine_with(make_rsdp(2, NULL, root));
	for (uint32_t size = 36; size <= 36 + 32; size++) {
		memcpy(root + 4, &size, 4);
		sum_up(root, size, TABLE_SUM);
		/* Half an entry is none. */
		assert_ptr_equal(acpi_find(&m, "FACP", &length), size >= 44 ? tables[0] : NULL);
		assert_ptr_equal(acpi_find(&m, "HPET", &length), size >= 68 ? tables[3] : NULL);
	}
}

static void what_is_not_mapped_is_not_read(void **state)
{
	(void)state;
	uint8_t *high[] = {(uint8_t *)at(FOUR_GIB),
			   (uint8_t *)at(UINT64_MAX - 8),
			   (uint8_t *)at(FOUR_GIB - 1),
			   (uint8_t *)at(FOUR_GIB - 35),
			   NULL,
			   tables[0]};
	struct machine m = machine_with(make_rsdp(2, NULL, make_root(8, high, 6)));
	m.mapped_limit = FOUR_GIB;
	assert_ptr_equal(acpi_find(&m, "FACP", &length), tables[0]);

	/* A table that begins where memory can be read and says that it goes on beyond. */
	m.mapped_limit = physical(tables[0]) + 135;
	assert_null(acpi_find(&m, "FACP", &length));
	m.mapped_limit = physical(tables[0]) + 35;
	assert_null(acpi_find(&m, "FACP", &length));
}

/* Each bit changed but those of the length, which is what is summed up. */
static void no_single_damage_is_believed(void **state)
{
	(void)state;
	uint8_t *root = make_root(8, tables, 4);
	struct machine m = machine_with(make_rsdp(2, NULL, root));
	for (uint32_t i = 0; i < 136; i++)
		for (int bit = 0; bit < 8 && (i < 4 || i > 7); bit++) {
			tables[0][i] ^= (uint8_t)(1 << bit);
			assert_null(acpi_find(&m, "FACP", &length));
			tables[0][i] ^= (uint8_t)(1 << bit);
			if (i >= 36 + 32)
				continue;
			root[i] ^= (uint8_t)(1 << bit);
			assert_null(acpi_find(&m, "FACP", &length));
			root[i] ^= (uint8_t)(1 << bit);
		}
}

/* ---- The PM timer ---- */

static uint32_t timer, timer_step, timer_reads;
static uint64_t tsc_per_tick, stolen; /* a timer that runs, and what goes by after each third reading */
static uint16_t timer_port;

static uint32_t timer_read(uint16_t port)
{
	assert_int_equal(port, timer_port);
	timer_reads++;
	timer += timer_step;
	if (tsc_per_tick != 0)
		timer = (uint32_t)(__builtin_ia32_rdtsc() / tsc_per_tick);
	for (uint64_t now = __builtin_ia32_rdtsc();
	     timer_reads % 3 == 1 && __builtin_ia32_rdtsc() - now < stolen;)
		;
	return (timer & 0xffffff) | timer_reads << 24; /* what 24-bit timers have there is anyone's guess */
}

static struct machine *with_timer(uint32_t size, uint32_t port, uint8_t port_bytes)
{
	static uint8_t *fadt[1];
	uint8_t body[100] = {0};
	memcpy(body + 76 - 36, &port, 4);
	body[91 - 36] = port_bytes;
	fadt[0] = make_table("FACP", body, size - 36);
	timer_port = (uint16_t)port;
	timer_reads = 0;
	return make_acpi(fadt, 1);
}

static void the_pm_timer_is_measured_also_across_its_end(void **state)
{
	(void)state;
	uint64_t hz = 0;
	timer = 0xffff00; /* the end comes some readings after the first sample */
	timer_step = 10;
	assert_true(acpi_pm_timer_tsc_hz(with_timer(116, 0x608, 4), &hz));
	assert_true(hz != 0);
	assert_in_range(timer_reads, 357, 366);
}

static void after_a_sample_nothing_is_waited_for(void **state)
{
	(void)state;
	uint64_t hz = 0;
	struct machine *machine = with_timer(116, 0x608, 4);
	timer = 0xfffff0;
	timer_step = 5000; /* more than is measured */
	acpi_pm_timer_sample(machine);
	assert_true(acpi_pm_timer_tsc_hz(machine, &hz));
	assert_true(hz != 0);
	assert_int_equal(timer_reads, 6);

	machine->sample.tsc -= SAMPLE_VALID + 1; /* the timer may have wrapped: measured anew */
	assert_true(acpi_pm_timer_tsc_hz(machine, &hz));
	assert_int_equal(timer_reads, 12);
}

/* As with an SMI between the readings of the two clocks, half as long as all that is measured. */
static void time_that_is_stolen_is_not_counted(void **state)
{
	(void)state;
	uint64_t hz = 0;
	tsc_per_tick = 700;
	stolen = tsc_per_tick * MEASURED_TICKS / 2;
	struct machine *machine = with_timer(116, 0x608, 4);
	acpi_pm_timer_sample(machine);
	assert_true(acpi_pm_timer_tsc_hz(machine, &hz));
	assert_in_range(hz, tsc_per_tick * PM_TIMER_HZ / 100 * 98, tsc_per_tick * PM_TIMER_HZ / 100 * 102);
	tsc_per_tick = stolen = 0;
}

static void a_timer_that_stands_still_is_given_up(void **state)
{
	(void)state;
	uint64_t hz;
	timer_step = 0;
	assert_false(acpi_pm_timer_tsc_hz(with_timer(116, 0x608, 4), &hz));
	assert_true(timer_reads <= 3 * (STANDS_STILL + 2));
}

static void no_timer(void **state)
{
	(void)state;
	uint64_t hz;
	timer_step = 10;
	assert_false(acpi_pm_timer_tsc_hz(with_timer(116, 0, 4), &hz));
	assert_false(acpi_pm_timer_tsc_hz(with_timer(116, 0x608, 0), &hz));
	assert_false(acpi_pm_timer_tsc_hz(with_timer(116, 0x10608, 4), &hz)); /* not a port */
	assert_false(acpi_pm_timer_tsc_hz(with_timer(91, 0x608, 4), &hz));    /* too short to say */
	assert_false(acpi_pm_timer_tsc_hz(make_acpi(NULL, 0), &hz));
	assert_int_equal(timer_reads, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_found_through_either_root),
		cmocka_unit_test(a_damaged_table_does_not_exist),
		cmocka_unit_test(a_damaged_xsdt_gives_way_to_the_rsdt),
		cmocka_unit_test(impossible_lengths),
		cmocka_unit_test(roots_of_every_length),
		cmocka_unit_test(what_is_not_mapped_is_not_read),
		cmocka_unit_test(no_single_damage_is_believed),
		cmocka_unit_test(the_pm_timer_is_measured_also_across_its_end),
		cmocka_unit_test(after_a_sample_nothing_is_waited_for),
		cmocka_unit_test(time_that_is_stolen_is_not_counted),
		cmocka_unit_test(a_timer_that_stands_still_is_given_up),
		cmocka_unit_test(no_timer),
	};
	make_tables();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
