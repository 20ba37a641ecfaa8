/* SPDX-License-Identifier: BSD-2-Clause */
#include "legacy.h"

#include "common/date.h"

#define BIOS_CLOCK      0x1a
#define CLOCK_READ_TIME 0x02
#define CLOCK_READ_DATE 0x04

static uint32_t from_bcd(uint32_t byte)
{
	return (byte >> 4 & 15) * 10 + (byte & 15);
}

int64_t clock_read(void)
{
	struct bios_registers date = {.eax = CLOCK_READ_DATE << 8};
	struct bios_registers time = {.eax = CLOCK_READ_TIME << 8};
	bios_call(BIOS_CLOCK, &date);
	bios_call(BIOS_CLOCK, &time);
	if (carry(&date) || carry(&time))
		return 0;
	/* CX: century and year, hour and minute; DX: month and day, second; all BCD. */
	uint32_t year = from_bcd(date.ecx >> 8) * 100 + from_bcd(date.ecx);
	return date_to_seconds(year, from_bcd(date.edx >> 8), from_bcd(date.edx), from_bcd(time.ecx >> 8),
			       from_bcd(time.ecx), from_bcd(time.edx >> 8));
}
