/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/entry_points.h"

static int sums_to_zero(const uint8_t *bytes, uint32_t size)
{
	uint8_t sum = 0;
	for (uint32_t i = 0; i < size; i++)
		sum += bytes[i];
	return sum == 0;
}

static int begins_with(const uint8_t *bytes, const char *signature)
{
	for (; *signature != 0; signature++, bytes++)
		if (*bytes != (uint8_t)*signature)
			return 0;
	return 1;
}

/* From revision 2 on, all 36 bytes add up as well as the first 20. */
int is_rsdp(const uint8_t *bytes)
{
	const uint32_t revision = 15, first = 20, whole = 36;
	return begins_with(bytes, "RSD PTR ") && sums_to_zero(bytes, first) &&
	       (bytes[revision] < 2 || sums_to_zero(bytes, whole));
}

/* The entry point says its own length; 1Eh was a misprint of version 2.1 that some BIOSes follow. */
int is_smbios2(const uint8_t *bytes)
{
	const uint32_t length = 5;
	return begins_with(bytes, "_SM_") && bytes[length] >= 0x1e && bytes[length] <= 0x20 &&
	       sums_to_zero(bytes, bytes[length]);
}

int is_smbios3(const uint8_t *bytes)
{
	const uint32_t length = 6;
	return begins_with(bytes, "_SM3_") && bytes[length] >= 0x18 && bytes[length] <= 0x20 &&
	       sums_to_zero(bytes, bytes[length]);
}
