/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry points that a BIOS leaves in memory: ACPI's (ACPI 6.5, 5.2.5.1) and those of SMBIOS. */
#include "legacy.h"

#include "common/entry_points.h"

#define EBDA_SEARCHED 1024u
#define BIOS_AREA     0xe0000u
#define SMBIOS_AREA   0xf0000u
#define AREA_END      0x100000u

/* Entry points lie at multiples of 16. */
static uint32_t search(uint32_t from, uint32_t to, int (*is_it)(const uint8_t *))
{
	for (from = (from + 15) & ~15u; from < to; from += 16)
		if (is_it(fixed(from)))
			return from;
	return 0;
}

/* SMBIOS 3.7, 6.1 and 7.1: structure type 0 is "BIOS Information"; byte 4 numbers the vendor among the
   strings behind it. Only the first structure is looked at, since every BIOS has that one first. */
static void vendor_read(const uint8_t *entry_point, char *name)
{
	const uint32_t table_length = 0x16, table_address = 0x18, vendor_number = 4;
	uint32_t size = entry_point[table_length] | (uint32_t)entry_point[table_length + 1] << 8;
	const uint8_t *table = fixed(*(const uint32_t *)(entry_point + table_address));
	if (size < 5 || table[0] != 0 || table[1] < 5 || table[1] >= size || table[vendor_number] == 0)
		return;
	uint32_t at = table[1];
	for (uint32_t string = 1; string < table[vendor_number]; string++) {
		while (at < size && table[at] != 0)
			at++;
		at++;
	}
	for (uint32_t i = 0; i < MACHINE_FIRMWARE_NAME_MAX - 1 && at < size && table[at] != 0; i++, at++)
		name[i] = table[at] >= ' ' && table[at] <= '~' ? (char)table[at] : '?';
}

/* The CSM of UEFI firmware may leave the RSDP in the memory of ACPI's tables alone (projectacrn/acrn-hypervisor #4302). */
static uint32_t search_acpi_memory(const struct machine *machine)
{
	const struct twinboot_region *rows = fixed((uint32_t)machine->regions);
	uint32_t found = 0;
	for (uint32_t i = 0; i < machine->region_count && found == 0; i++)
		if (rows[i].type == TWINBOOT_MEMORY_ACPI_RECLAIMABLE && rows[i].base_phys < FOUR_GIB &&
		    rows[i].length < FOUR_GIB - rows[i].base_phys)
			found = search((uint32_t)rows[i].base_phys,
				       (uint32_t)(rows[i].base_phys + rows[i].length), is_rsdp);
	return found;
}

void tables_find(struct machine *machine)
{
	uint32_t ebda = ebda_address();
	if (ebda != 0)
		machine->rsdp = search(ebda, ebda + EBDA_SEARCHED, is_rsdp);
	if (machine->rsdp == 0)
		machine->rsdp = search(BIOS_AREA, AREA_END, is_rsdp);
	if (machine->rsdp == 0)
		machine->rsdp = search_acpi_memory(machine);
	machine->smbios2 = search(SMBIOS_AREA, AREA_END, is_smbios2);
	machine->smbios3 = search(SMBIOS_AREA, AREA_END, is_smbios3);
	if (machine->smbios2 != 0)
		vendor_read(fixed((uint32_t)machine->smbios2), machine->firmware);
}
