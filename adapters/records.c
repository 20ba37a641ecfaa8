/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/records.h"

#include <stddef.h>

const void *record_find(const struct twinboot_handoff *handoff, enum twinboot_record_type type)
{
	const struct twinboot_record *record = handoff->records;
	while (record->type != TWINBOOT_RECORD_END && record->type != type)
		record = TWINBOOT_NEXT_RECORD(record);
	return record->type == type ? record : NULL;
}
