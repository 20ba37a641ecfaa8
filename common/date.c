/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/date.h"

int64_t date_to_seconds(uint32_t year, uint32_t month, uint32_t day, uint32_t hour, uint32_t minute,
			uint32_t second)
{
	if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
	    minute > 59 || second > 60)
		return 0;
	/* Years that begin in March have their leap day at the end; 153 days in five months from there on. */
	uint32_t march_year = month > 2 ? year : year - 1;
	uint32_t march_month = month > 2 ? month - 3 : month + 9;
	uint32_t days = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 +
			(153 * march_month + 2) / 5 + day - 1;
	const uint32_t epoch = 719468; /* the same sum for 1970-01-01 */
	return (int64_t)(days - epoch) * 86400 + hour * 3600 + minute * 60 + second;
}
