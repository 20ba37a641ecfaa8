/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI tables made by hand, in memory that 32-bit pointers reach, each ending where memory ends. */
#ifndef CORE_TABLES_H
#define CORE_TABLES_H

#include "core_host.h"

#define TABLE_HEADER 36u
#define TABLE_SUM    9
#define RSDP_SIZE    36u
#define RSDP1_SIZE   20u

__attribute__((unused)) static void sum_up(uint8_t *bytes, uint32_t size, uint32_t sum_at)
{
	uint8_t sum = 0;
	bytes[sum_at] = 0;
	for (uint32_t i = 0; i < size; i++)
		sum += bytes[i];
	bytes[sum_at] = (uint8_t)-sum;
}

__attribute__((unused)) static uint8_t *make_table(const char *signature, const void *body, uint32_t size)
{
	uint32_t length = TABLE_HEADER + size;
	uint8_t *table = low_memory(length);
	memcpy(table, signature, 4);
	memcpy(table + 4, &length, 4);
	if (size > 0)
		memcpy(table + TABLE_HEADER, body, size);
	sum_up(table, length, TABLE_SUM);
	return table;
}

/* RSDT or XSDT. */
__attribute__((unused)) static uint8_t *make_root(uint32_t width, uint8_t *const *tables, uint32_t count)
{
	uint8_t body[64 * 8] = {0};
	for (uint32_t i = 0; i < count; i++) {
		uint64_t address = physical(tables[i]);
		memcpy(body + i * width, &address, width);
	}
	return make_table(width == 8 ? "XSDT" : "RSDT", body, count * width);
}

__attribute__((unused)) static uint8_t *make_rsdp(uint8_t revision, const uint8_t *rsdt, const uint8_t *xsdt)
{
	uint8_t *rsdp = low_memory(revision >= 2 ? RSDP_SIZE : RSDP1_SIZE);
	uint32_t rsdt_address = (uint32_t)physical(rsdt), length = RSDP_SIZE;
	uint64_t xsdt_address = physical(xsdt);
	memcpy(rsdp, "RSD PTR ", 8);
	rsdp[15] = revision;
	memcpy(rsdp + 16, &rsdt_address, 4);
	sum_up(rsdp, RSDP1_SIZE, 8);
	if (revision >= 2) {
		memcpy(rsdp + 20, &length, 4);
		memcpy(rsdp + 24, &xsdt_address, 8);
		sum_up(rsdp, RSDP_SIZE, 32);
	}
	return rsdp;
}

/* A machine whose ACPI has these tables. */
__attribute__((unused)) static struct machine *make_acpi(uint8_t *const *tables, uint32_t count)
{
	static struct machine machine;
	memset(&machine, 0, sizeof(machine));
	machine.mapped_limit = UINT64_MAX;
	machine.rsdp = physical(make_rsdp(2, NULL, make_root(8, tables, count)));
	return &machine;
}

#endif
