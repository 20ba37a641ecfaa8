/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's list of raw facts: what the front door has gathered, and its end. */
#include "core.h"

#include <string.h>

static uint64_t end_of(const struct machine *machine)
{
	return (machine->records_size + UINT64_C(7)) & ~UINT64_C(7);
}

uint64_t records_bytes(const struct machine *machine)
{
	return page_up(end_of(machine) + sizeof(struct twinboot_record));
}

void records_make(struct boot *boot, struct twinboot_handoff *handoff)
{
	const struct machine *machine = boot->machine;
	uint64_t end = end_of(machine);
	uint8_t *list = memory_take(&boot->memory, records_bytes(machine));
	memcpy(list, at(machine->records), machine->records_size);
	*(struct twinboot_record *)(list + end) =
		(struct twinboot_record){TWINBOOT_RECORD_END, sizeof(struct twinboot_record)};
	handoff->records = at(direct(boot, list));
	handoff->records_size = end + sizeof(struct twinboot_record);
}
