/* SPDX-License-Identifier: BSD-2-Clause */
/* Built for i686 and for the UEFI application. */
#include "common/records.h"

#include "common/log.h"

static void *at(uint64_t physical)
{
	return (void *)(uintptr_t)physical; /* NOLINT(performance-no-int-to-ptr) */
}

/* `size` zeroed bytes from the offset `from` on, which is the list's end or a little behind it. */
static uint8_t *take(struct machine *machine, uint32_t from, uint32_t size, uint32_t type)
{
	if (from > machine->records_capacity || size > machine->records_capacity - from) {
		log_line(machine, "records: no room for %u bytes of type %u", (uint64_t)size, (uint64_t)type);
		return 0;
	}
	uint8_t *list = at(machine->records);
	while (machine->records_size < from + size)
		list[machine->records_size++] = 0;
	return list + from;
}

void *record_add(struct machine *machine, uint32_t type, uint32_t size)
{
	uint32_t from = (machine->records_size + 7) & ~7u;
	struct twinboot_record *record = (struct twinboot_record *)take(machine, from, size, type);
	if (record != 0) {
		*record = (struct twinboot_record){type, size};
		machine->records_last = from;
	}
	return record;
}

void *record_grow(struct machine *machine, uint32_t bytes)
{
	struct twinboot_record *record = at(machine->records + machine->records_last);
	uint8_t *more = take(machine, machine->records_size, bytes, record->type);
	if (more != 0)
		record->size += bytes;
	return more;
}
