/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI 6.5, 5.2: finding tables. Nothing is believed without its checksum. */
#ifndef ACPI_H
#define ACPI_H

#include <stdint.h>

#define ACPI_TABLE_SIZE_MAX (16u << 20) /* more than any FADT, MADT or (X)SDT: a length beyond it is damage */

/* How physical memory is seen. */
struct acpi {
	uint64_t rsdp;   /* physical address, 0: there is none */
	uint64_t limit;  /* physical memory below this can be read */
	uint64_t offset; /* at its address plus this */
};

static inline const void *acpi_seen(const struct acpi *acpi, uint64_t physical)
{
	return (const void *)(uintptr_t)(physical + acpi->offset); /* NOLINT(performance-no-int-to-ptr) */
}

/* The physical addresses in the XSDT or, where it is missing or bad, in the RSDT; at most `max`. Returns how many. */
uint32_t acpi_tables(const struct acpi *acpi, uint64_t *tables, uint32_t max);

/* The table at a physical address, if it can be read, has that name where one is given, and adds up; else NULL. */
const void *acpi_table_at(const struct acpi *acpi, uint64_t physical, const char *signature);

/* The first table of that name with a good checksum, or NULL. */
const void *acpi_table(const struct acpi *acpi, const char signature[4], uint32_t *length);

/* The entry of a MADT (ACPI 6.5, 5.2.12) behind `entry`, for NULL the first one. Its byte 0 is the type, byte 1 its size,
   all of which lies in the table. NULL behind the last one, or behind one whose size cannot be. */
const uint8_t *acpi_madt_next(const uint8_t *madt, uint32_t length, const uint8_t *entry);

#endif
