/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/records.c common/records.c core/memory.c common/text.c common/log.c */
/* Raw facts on their way from a front door to the kernel: whatever their sizes and the room for them. */
#include "core_host.h"
#include "common/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ROOM 4096u

static struct machine machine;
static struct boot boot;
static struct twinboot_handoff handoff;

static void begin(uint32_t capacity)
{
	static uint8_t *room;
	if (room == NULL)
		room = low_memory(ROOM);
	memset(room, 0xa5, ROOM);
	/* It ends within eight bytes of a page that cannot be touched. */
	machine = (struct machine){.records = physical(room + ROOM - ((capacity + 7) & ~7u)),
				   .records_capacity = capacity};
}

static const struct twinboot_record *finish(void)
{
	static uint8_t *arena;
	const uint32_t size = 2 * ROOM;
	if (arena == NULL)
		arena = low_memory(size);
	boot = (struct boot){.machine = &machine,
			     .memory = {.machine = &machine,
					.arena_low = physical(arena),
					.arena_next = physical(arena) + size,
					.arena_top = physical(arena) + size}};
	handoff = (struct twinboot_handoff){0};
	records_make(&boot, &handoff);
	assert_true(boot.memory.arena_top - boot.memory.arena_next == records_bytes(&machine));
	assert_int_equal(handoff.records_size % 8, 0);
	return handoff.records;
}

static void an_empty_list_has_an_end(void **state)
{
	(void)state;
	begin(0);
	assert_null(record_add(&machine, 1, 8));
	const struct twinboot_record *list = finish();
	assert_int_equal(list->type, TWINBOOT_RECORD_END);
	assert_int_equal(list->size, 8);
	assert_int_equal(handoff.records_size, 8);
}

static void records_of_any_size_follow_one_another(void **state)
{
	(void)state;
	begin(ROOM);
	for (uint32_t i = 0; i < 20; i++) {
		uint8_t *record = record_add(&machine, 100 + i, 8 + i);
		assert_non_null(record);
		for (uint32_t byte = 8; byte < 8 + i; byte++) {
			assert_int_equal(record[byte], 0);
			record[byte] = (uint8_t)i;
		}
	}
	const struct twinboot_record *record = finish();
	for (uint32_t i = 0; i < 20; i++, record = TWINBOOT_NEXT_RECORD(record)) {
		assert_true(record->type == 100 + i && record->size == 8 + i && physical(record) % 8 == 0);
		for (uint32_t byte = 8; byte < 8 + i; byte++)
			assert_int_equal(((const uint8_t *)record)[byte], i);
		for (const uint8_t *rest = (const uint8_t *)record + record->size;
		     rest < (const uint8_t *)TWINBOOT_NEXT_RECORD(record); rest++)
			assert_int_equal(*rest, 0);
	}
	assert_int_equal(record->type, TWINBOOT_RECORD_END);
	assert_true(physical(record) + 8 == physical(handoff.records) + handoff.records_size);
}

static void the_last_one_can_grow(void **state)
{
	(void)state;
	begin(ROOM);
	record_add(&machine, 7, 8);
	record_add(&machine, 8, 16);
	for (uint32_t i = 0; i < 10; i++) {
		uint32_t *row = record_grow(&machine, 4);
		assert_int_equal(*row, 0);
		*row = i;
	}
	record_add(&machine, 9, 8);
	const struct twinboot_record *record = TWINBOOT_NEXT_RECORD(finish());
	assert_true(record->type == 8 && record->size == 56);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(((const uint32_t *)record)[4 + i], i);
	assert_int_equal(TWINBOOT_NEXT_RECORD(record)->type, 9);
}

/* What does not fit is missing, whole; what fits is not touched by that. */
static void there_is_an_end_to_the_room(void **state)
{
	(void)state;
	for (uint32_t capacity = 0; capacity < 80; capacity++) {
		begin(capacity);
		uint32_t added = 0;
		while (record_add(&machine, 1 + added, 12) != NULL)
			added++;
		assert_null(record_add(&machine, 99, UINT32_MAX));
		if (added > 0)
			assert_null(record_grow(&machine, UINT32_MAX - 4));
		assert_int_equal(added, capacity < 12 ? 0 : 1 + (capacity - 12) / 16);
		assert_non_null(strstr(machine.log, "records: no room for 12 bytes of type"));
		const struct twinboot_record *record = finish();
		for (uint32_t i = 0; i < added; i++, record = TWINBOOT_NEXT_RECORD(record))
			assert_true(record->type == 1 + i && record->size == 12);
		assert_int_equal(record->type, TWINBOOT_RECORD_END);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_list_has_an_end),
		cmocka_unit_test(records_of_any_size_follow_one_another),
		cmocka_unit_test(the_last_one_can_grow),
		cmocka_unit_test(there_is_an_end_to_the_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
