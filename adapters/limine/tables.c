/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows for the firmware's tables: from base revision 4 on a kernel finds ACPI's in rows that are mapped, from 5 on also
   SMBIOS' and UEFI's. Firmware leaves them where it likes: SeaBIOS in reserved memory, others even in no row at all. */
#include "adapters/limine/adapter.h"

#include <stddef.h>
#include <string.h>

/* What is the kernel's own, and the screen, cannot hold a table, whatever the firmware says. */
#define NEVER \
	(MAP_TYPE(LIMINE_EXECUTABLE_AND_MODULES) | MAP_TYPE(LIMINE_FRAMEBUFFER) | \
	 MAP_TYPE(LIMINE_RESERVED_MAPPED))
#define ACPI_ROWS (MAP_TYPE(LIMINE_ACPI_RECLAIMABLE) | MAP_TYPE(LIMINE_ACPI_NVS))

static void claim(struct adapter *adapter, uint64_t physical, uint64_t size, uint32_t keep)
{
	if (adapter_seen(adapter, physical, size) != NULL)
		map_set(&adapter->map, physical, size, LIMINE_RESERVED_MAPPED, NEVER | keep);
}

static uint64_t number(const uint8_t *bytes, uint32_t offset, uint32_t size)
{
	uint64_t value = 0;
	memcpy(&value, bytes + offset, size);
	return value;
}

/* ---- ACPI 6.5 ---- */

#define RSDP_REVISION 15 /* 5.2.5.3 */
#define RSDP_RSDT     16
#define RSDP_LENGTH   20
#define RSDP_XSDT     24
#define RSDP_SIZE     36
#define RSDP_1_SIZE   20

/* Every table, and the FACS, has its length in its second double word (5.2.6, 5.2.10). Its checksum may be wrong: it is
   the kernel's to believe. */
#define TABLE_LENGTH 4
#define TABLE_HEADER 8

static void claim_table(struct adapter *adapter, uint64_t physical)
{
	const uint8_t *table = adapter_seen(adapter, physical, TABLE_HEADER);
	uint64_t length = table != NULL ? number(table, TABLE_LENGTH, 4) : 0;
	if (length >= TABLE_HEADER && length <= ACPI_TABLE_SIZE_MAX)
		claim(adapter, physical, length, ACPI_ROWS);
}

/* 5.2.9: two tables that are in no list, each with an address of 32 bits and one of 64. */
static void claim_from_fadt(struct adapter *adapter)
{
	static const struct {
		uint8_t offset, size;
	} fields[] = {{36, 4}, {40, 4}, {132, 8}, {140, 8}};
	uint32_t length;
	const uint8_t *fadt = acpi_table(&adapter->acpi, "FACP", &length);
	for (uint32_t i = 0; fadt != NULL && i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].offset + fields[i].size <= length)
			claim_table(adapter, number(fadt, fields[i].offset, fields[i].size));
}

static void claim_acpi(struct adapter *adapter)
{
	uint64_t tables[TABLES_MAX];
	const uint8_t *rsdp = adapter_seen(adapter, adapter->acpi.rsdp, RSDP_SIZE);
	if (rsdp == NULL)
		return;
	int is_new = rsdp[RSDP_REVISION] >= 2;
	claim(adapter, adapter->acpi.rsdp, is_new ? number(rsdp, RSDP_LENGTH, 4) : RSDP_1_SIZE, ACPI_ROWS);
	claim_table(adapter, number(rsdp, RSDP_RSDT, 4));
	if (is_new)
		claim_table(adapter, number(rsdp, RSDP_XSDT, 8));
	uint32_t count = acpi_tables(&adapter->acpi, tables, TABLES_MAX);
	for (uint32_t i = 0; i < count; i++)
		claim_table(adapter, tables[i]);
	claim_from_fadt(adapter);
}

/* ---- SMBIOS 3.7, 5.2: entry points that the loader has checked ---- */

static void claim_smbios(struct adapter *adapter)
{
	const struct twinboot_handoff *handoff = adapter->handoff;
	const uint8_t *two = adapter_seen(adapter, handoff->smbios2_phys, 31),
		      *three = adapter_seen(adapter, handoff->smbios3_phys, 24);
	if (two != NULL) {
		claim(adapter, handoff->smbios2_phys, two[5], 0);
		claim(adapter, number(two, 0x18, 4), number(two, 0x16, 2), 0);
	}
	if (three != NULL) {
		claim(adapter, handoff->smbios3_phys, three[6], 0);
		claim(adapter, number(three, 0x10, 8), number(three, 0x0c, 4), 0);
	}
}

/* ---- UEFI 2.10, 4.3 and 4.6 ---- */

#define EFI_HEADER_SIZE      12 /* of every table: HeaderSize */
#define EFI_VENDOR           24
#define EFI_RUNTIME_SERVICES 88
#define EFI_TABLE_COUNT      104
#define EFI_TABLES           112
#define EFI_SYSTEM_TABLE     120 /* bytes */
#define EFI_HEADER           24
#define EFI_TABLE            24 /* bytes of a configuration table's entry */
#define EFI_TABLES_MAX       1024

static void claim_efi_table(struct adapter *adapter, uint64_t physical)
{
	const uint8_t *header = adapter_seen(adapter, physical, EFI_HEADER);
	if (header != NULL)
		claim(adapter, physical, number(header, EFI_HEADER_SIZE, 4), 0);
}

/* UCS-2, ended by 0. */
static void claim_vendor(struct adapter *adapter, uint64_t physical)
{
	uint64_t size = 2;
	const uint8_t *text = adapter_seen(adapter, physical, PAGE_SIZE);
	while (text != NULL && size < PAGE_SIZE && number(text, (uint32_t)size - 2, 2) != 0)
		size += 2;
	claim(adapter, physical, size, 0);
}

static void claim_efi(struct adapter *adapter)
{
	uint64_t physical = adapter->handoff->efi_system_table_phys;
	const uint8_t *system = adapter_seen(adapter, physical, EFI_SYSTEM_TABLE);
	if (system == NULL)
		return;
	uint64_t count = number(system, EFI_TABLE_COUNT, 8);
	claim_efi_table(adapter, physical);
	claim_efi_table(adapter, number(system, EFI_RUNTIME_SERVICES, 8));
	claim(adapter, number(system, EFI_TABLES, 8),
	      (count < EFI_TABLES_MAX ? count : EFI_TABLES_MAX) * EFI_TABLE, 0);
	claim_vendor(adapter, number(system, EFI_VENDOR, 8));
}

void tables_claim(struct adapter *adapter)
{
	uint32_t base_revision = adapter->plan->base_revision;
	if (base_revision >= 4)
		claim_acpi(adapter);
	if (base_revision >= 5) {
		claim_smbios(adapter);
		claim_efi(adapter);
	}
}
