/* SPDX-License-Identifier: BSD-2-Clause */
/* links: adapters/smbios.c adapters/modules.c adapters/linux/command_line.c common/text.c */
/* Any bytes as SMBIOS structures: nothing is read beyond the table, and the command line stays within its limit. The
   first four bytes choose that limit. */
#include "../unit/adapter_host.h"
#include "adapters/linux/command_line.h"
#include "adapters/smbios.h"

#define TABLE_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *memory, entry[24];
	static char buffer[COMMAND_LINE_MAX];
	uint32_t limit;
	if (size < sizeof(limit) || size - sizeof(limit) > TABLE_MAX)
		return 0;
	if (memory == NULL)
		memory = low_memory(TABLE_MAX);
	memcpy(&limit, data, sizeof(limit));
	uint32_t length = (uint32_t)(size - sizeof(limit));
	uint64_t address = physical(memory + TABLE_MAX - length);
	memcpy(memory + TABLE_MAX - length, data + sizeof(limit), length);
	memcpy(entry + 0x0c, &length, sizeof(length));
	memcpy(entry + 0x10, &address, sizeof(address));
	host_handoff();
	handoff.command_line = "quiet";
	handoff.smbios3_phys = physical(entry);
	const char *found = smbios_oem_string(&handoff, "io.");
	require(found == NULL || strlen(found) < length);
	if (!HALTS(command_line_compose(buffer, &handoff, limit)))
		require(strlen(buffer) <= limit && strncmp(buffer, "quiet", 5) == 0);
	return 0;
}
