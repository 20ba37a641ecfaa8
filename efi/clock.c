/* SPDX-License-Identifier: BSD-2-Clause */
#include "front.h"

#include "common/date.h"

#define ZONE_MAX 1440 /* minutes */

int64_t clock_read(void)
{
	EFI_TIME time;
	if (EFI_ERROR(st->RuntimeServices->GetTime(&time, NULL)))
		return 0;
	int64_t seconds =
		date_to_seconds(time.Year, time.Month, time.Day, time.Hour, time.Minute, time.Second);
	/* UEFI 2.10, 8.3: local time = UTC - TimeZone, in minutes; 2047, like all that is no zone, says nothing. */
	if (seconds != 0 && time.TimeZone >= -ZONE_MAX && time.TimeZone <= ZONE_MAX)
		seconds += (int64_t)time.TimeZone * 60;
	return seconds;
}
