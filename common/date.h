/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DATE_H
#define DATE_H

#include <stdint.h>

/* Seconds from 1970-01-01 00:00 to that moment of the Gregorian calendar; year 1970 to 9999, month and day
   from 1. 0 if a part is out of range: clocks lose their battery. Built for i686 too. */
int64_t date_to_seconds(uint32_t year, uint32_t month, uint32_t day, uint32_t hour, uint32_t minute,
			uint32_t second);

#endif
