/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader.h"

#include <string.h>

#define FRONT (LOADER_ADDRESS - BOOT_ADDRESS) /* from the boot sector's beginning to the loader's */

bool loader_open(struct loader *loader, const char *name, FILE *messages)
{
	const struct report report = {name, messages};
	struct input input;

	if (!input_open(&input, &report))
		return false;
	bool is_one = input.size >= FRONT + LOAD_TABLE_SIZE && input.size % SECTOR == 0 &&
		      input.size - FRONT <= LOADER_SIZE_MAX;
	if (is_one) {
		memcpy(&loader->boot, input.data, sizeof(loader->boot));
		loader->size = (uint32_t)(input.size - FRONT);
		memcpy(loader->bytes, input.data + FRONT, loader->size);
	}
	input_close(&input);
	return is_one ||
	       report_error(&report, "is not a boot sector and a loader in whole sectors; build it again");
}

uint32_t boot_pieces(uint32_t size)
{
	return (size + LOADER_PIECE - 1) / LOADER_PIECE;
}

void boot_put(struct boot_sector *sector, const struct boot_parameters *p)
{
	sector->packet_count = sector->count = (uint8_t)(LOADER_PIECE / p->sector);
	sector->packet_lba = p->loader / p->sector;
	sector->sum = p->sum;
	sector->words = (uint16_t)(p->size / 4);
	sector->pieces = (uint8_t)boot_pieces(p->size);
}

struct boot_parameters boot_get(const struct boot_sector *sector)
{
	uint32_t bytes = sector->count != 0 ? LOADER_PIECE / sector->count : 0;

	return (struct boot_parameters){.sector = bytes,
					.loader = (uint32_t)sector->packet_lba * (uint64_t)bytes,
					.size = sector->words * 4u,
					.sum = sector->sum};
}

uint32_t boot_sum(const uint8_t *bytes, uint64_t size)
{
	uint32_t sum = 0, word;

	for (uint64_t i = 0; i < size; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		sum += word;
	}
	return sum;
}
