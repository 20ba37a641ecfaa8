/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/acpi.h"

#include <stddef.h>
#include <string.h>

struct __attribute__((packed)) rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length; /* from here on revision 2 */
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
};
_Static_assert(sizeof(struct rsdp) == 36, "ACPI 6.5, 5.2.5.3");

struct __attribute__((packed)) table {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision, creator_id, creator_revision;
};
_Static_assert(sizeof(struct table) == 36, "ACPI 6.5, 5.2.6");

static int sums_to_zero(const void *data, uint32_t size)
{
	uint8_t sum = 0;
	for (uint32_t i = 0; i < size; i++)
		sum += ((const uint8_t *)data)[i];
	return sum == 0;
}

/* On BIOS only what lies below 4 GiB is mapped while core runs. Tables of other names can be large, and are not touched. */
const void *acpi_table_at(const struct acpi *acpi, uint64_t physical, const char *signature)
{
	if (physical == 0 || physical > acpi->limit - sizeof(struct table))
		return NULL;
	const struct table *table = acpi_seen(acpi, physical);
	if ((signature != NULL && memcmp(table->signature, signature, 4) != 0) ||
	    table->length < sizeof(*table) || table->length > ACPI_TABLE_SIZE_MAX ||
	    table->length > acpi->limit - physical || !sums_to_zero(table, table->length))
		return NULL;
	return table;
}

/* The XSDT or the RSDT. */
struct root {
	const uint8_t *entries;
	uint32_t count, width; /* bytes of an entry */
};

static struct root find_root(const struct acpi *acpi)
{
	if (acpi->rsdp == 0)
		return (struct root){0};
	const struct rsdp *rsdp = acpi_seen(acpi, acpi->rsdp);
	/* A revision 2 RSDP can have either table missing. */
	const struct table *xsdt = rsdp->revision >= 2 ? acpi_table_at(acpi, rsdp->xsdt, NULL) : NULL;
	const struct table *table = xsdt != NULL ? xsdt : acpi_table_at(acpi, rsdp->rsdt, NULL);
	uint32_t width = xsdt != NULL ? 8 : 4;
	if (table == NULL)
		return (struct root){0};
	return (struct root){(const uint8_t *)(table + 1), (table->length - (uint32_t)sizeof(*table)) / width,
			     width};
}

static uint64_t entry(const struct root *root, uint32_t index)
{
	uint64_t physical = 0;
	memcpy(&physical, root->entries + (uint64_t)index * root->width, root->width);
	return physical;
}

uint32_t acpi_tables(const struct acpi *acpi, uint64_t *tables, uint32_t max)
{
	struct root root = find_root(acpi);
	uint32_t count = root.count < max ? root.count : max;
	for (uint32_t i = 0; i < count; i++)
		tables[i] = entry(&root, i);
	return count;
}

const void *acpi_table(const struct acpi *acpi, const char signature[4], uint32_t *length)
{
	struct root root = find_root(acpi);
	for (uint32_t i = 0; i < root.count; i++) {
		const struct table *table = acpi_table_at(acpi, entry(&root, i), signature);
		if (table == NULL)
			continue;
		*length = table->length;
		return table;
	}
	return NULL;
}

#define MADT_FIRST_ENTRY 44u

const uint8_t *acpi_madt_next(const uint8_t *madt, uint32_t length, const uint8_t *entry)
{
	uint32_t at = entry == NULL ? MADT_FIRST_ENTRY : (uint32_t)(entry - madt) + entry[1];
	return at + 2 <= length && madt[at + 1] >= 2 && madt[at + 1] <= length - at ? madt + at : NULL;
}
