/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot sector's parameters, in one place for who writes and who reads them. */
#include "loader.h"

#include <string.h>

void boot_put(uint8_t sector[SECTOR], const struct boot_parameters *p)
{
	put16(sector + BOOT_PACKET_OFFSET + BOOT_PACKET_COUNT, LOADER_PIECE / p->sector);
	put64(sector + BOOT_PACKET_OFFSET + BOOT_PACKET_LBA, p->loader / p->sector);
	put32(sector + BOOT_SUM_OFFSET, p->sum);
	put16(sector + BOOT_WORDS_OFFSET, p->size / 4);
	sector[BOOT_PIECES_OFFSET] = (uint8_t)((p->size + LOADER_PIECE - 1) / LOADER_PIECE);
	sector[BOOT_COUNT_OFFSET] = (uint8_t)(LOADER_PIECE / p->sector);
}

struct boot_parameters boot_get(const uint8_t sector[SECTOR])
{
	struct boot_parameters p = {0};
	uint32_t count = sector[BOOT_COUNT_OFFSET];
	p.sector = count != 0 ? LOADER_PIECE / count : 0;
	p.loader = (uint64_t)get32(sector + BOOT_PACKET_OFFSET + BOOT_PACKET_LBA) * p.sector;
	p.sum = get32(sector + BOOT_SUM_OFFSET);
	p.size = get16(sector + BOOT_WORDS_OFFSET) * 4u;
	return p;
}

uint32_t boot_sum(const uint8_t *loader, uint32_t size)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < size; i += 4)
		sum += get32(loader + i);
	return sum;
}
