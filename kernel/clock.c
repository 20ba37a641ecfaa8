/* SPDX-License-Identifier: BSD-2-Clause */
/* Time: the stamps of the time-stamp counter, its frequency, the wall clock. */
#include "kernel.h"
#include "report.h"

#define DAY INT64_C(86400)

/* 2025-11-23T12:34:56Z. Years start in March, so that the leap day is a year's last; eras are of 400 years.
 */
void format_time(char *buffer, size_t size, int64_t seconds)
{
	uint64_t days = (uint64_t)(seconds / DAY) + 719468; /* since 0000-03-01 */
	uint32_t second = (uint32_t)(seconds % DAY);
	uint64_t era = days / 146097, day = days % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;

	day -= 365 * year + year / 4 - year / 100;
	uint64_t month = (5 * day + 2) / 153; /* 0 is March */

	day -= (153 * month + 2) / 5;
	year += 400 * era + (month >= 10);
	month = month < 10 ? month + 3 : month - 9;
	format_text(buffer, size, "%04lu-%02lu-%02luT%02u:%02u:%02uZ", year, month, day + 1, second / 3600,
		    second / 60 % 60, second % 60);
}

static void check_wall_clock(void)
{
	const int64_t year_2020 = INT64_C(1577836800), year_2100 = INT64_C(4102444800);
	char text[32];

	if (handoff->wall_clock == 0) {
		check_skipped("wall_clock_is_plausible", "unknown");
		fact("wall_clock", "unknown");
		return;
	}
	if (check("wall_clock_is_plausible",
		  handoff->wall_clock >= year_2020 && handoff->wall_clock < year_2100, "%lu",
		  (uint64_t)handoff->wall_clock)) {
		format_time(text, sizeof(text), handoff->wall_clock);
		fact("wall_clock", "%s", text);
	}
}

/* The loader's log: each line is "+ticks text", counted from the loader's entry. Ticks of the line that
   begins with `text`, 0 if there is none. */
static uint64_t log_ticks(const char *text)
{
	for (const char *at = handoff->log; *at != 0;) {
		uint64_t ticks = 0;
		if (*at == '+')
			at++;
		for (; *at >= '0' && *at <= '9'; at++)
			ticks = ticks * 10 + (uint64_t)(*at - '0');
		size_t same = 0;
		while (text[same] != 0 && at[1 + same] == text[same])
			same++;
		if (text[same] == 0)
			return ticks;
		while (*at != 0 && *at++ != '\n')
			;
	}
	return 0;
}

static uint64_t microseconds(uint64_t from, uint64_t to)
{
	return to > from ? (to - from) / (handoff->tsc_hz / 1000000) : 0;
}

/* Says where the time went, for a person with a real machine. */
static void report_times(uint64_t now)
{
	uint64_t entry = handoff->tsc_loader_entry;

	if (handoff->tsc_hz < 1000000 || !handoff->log) {
		fact("boot_time_us", "unknown");
		return;
	}
	uint64_t checked = log_ticks("payload: checked"), built = log_ticks("page tables");

	fact("boot_time_us",
	     "firmware %lu, loader %lu, of which reading %lu, checking %lu, paging %lu, CPUs %lu",
	     microseconds(0, entry), microseconds(entry, now),
	     microseconds(entry, handoff->tsc_payload_ready), microseconds(log_ticks("framebuffer"), checked),
	     microseconds(log_ticks("kernel:"), built), microseconds(built, log_ticks("CPUs:")));
}

void check_clock(uint64_t now)
{
	uint64_t entry = handoff->tsc_loader_entry, ready = handoff->tsc_payload_ready,
		 last = handoff->tsc_handoff;

	fact("tsc_loader_entry", "%lu", entry);
	fact("tsc_payload_ready", "%lu", ready);
	fact("tsc_handoff", "%lu", last);
	fact("tsc_kernel_entry", "%lu", now);
	fact("tsc_hz", "%lu", handoff->tsc_hz);
	fact("tsc_source", "%u", handoff->tsc_source);
	check("tsc_stamps_in_order", entry && entry <= ready && ready <= last && last < now,
	      "%lu %lu %lu %lu", entry, ready, last, now);
	/* 1 MHz to 10 GHz: a machine, or an emulator that counts instructions (Bochs: 4 million a second). */
	check("tsc_hz_as_its_source_says",
	      handoff->tsc_source == TWINBOOT_TSC_UNKNOWN
		      ? handoff->tsc_hz == 0
		      : handoff->tsc_hz >= 1000000 && handoff->tsc_hz < UINT64_C(10000000000),
	      "%lu from %u", handoff->tsc_hz, handoff->tsc_source);
	report_times(now);
	check_wall_clock();
}
