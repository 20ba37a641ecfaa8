/* SPDX-License-Identifier: BSD-2-Clause */
/* What UEFI and the TPM leave behind, as the protocol hands it over. */
#include "limine/limine.h"

struct system_table {
	uint64_t signature;
	uint32_t revision, size, crc32, reserved;
	uint64_t vendor;
	uint32_t firmware_revision, padding;
	uint64_t consoles[6];
	uint64_t runtime_services, boot_services;
	uint64_t table_count, tables;
};

struct descriptor {
	uint32_t type, padding;
	uint64_t physical, virtual, pages, attributes;
};

#define SYSTEM_TABLE_SIGNATURE     UINT64_C(0x5453595320494249) /* "IBI SYST" */
#define RUNTIME_SERVICES_SIGNATURE UINT64_C(0x56524553544e5552) /* "RUNTSERV" */

/* UEFI 2.10, table 7.6 */
enum efi_type {
	LOADER_CODE = 1,
	BOOT_DATA = 4,
	RUNTIME_CODE = 5,
	RUNTIME_DATA = 6,
	CONVENTIONAL = 7,
	EFI_ACPI_RECLAIM = 9,
	EFI_ACPI_NVS = 10,
};

/* Types of rows that memory of an EFI type may have. Memory that the loader has taken for itself, for the kernel and for
   modules was conventional; tables may have a row of their own wherever they are. */
static uint32_t allowed(uint32_t type)
{
	const uint32_t taken = 1u << RECLAIMABLE | 1u << EXECUTABLE_AND_MODULES;
	const uint32_t mapped = 1u << (base_revision() >= 4 ? RESERVED_MAPPED : RESERVED);

	switch (type) {
	case CONVENTIONAL:
		return 1u << USABLE | taken | 1u << RESERVED | mapped; /* page 0 is nobody's */
	case RUNTIME_CODE:
	case RUNTIME_DATA:
		return base_revision() >= 5 ? 1u << RESERVED_MAPPED : 1u << RESERVED | mapped;
	case EFI_ACPI_RECLAIM:
		return 1u << ACPI_RECLAIMABLE | mapped;
	case EFI_ACPI_NVS:
		return 1u << ACPI_NVS | mapped;
	default:
		return type >= LOADER_CODE && type <= BOOT_DATA
			       ? taken | mapped | (uint32_t)(type == LOADER_CODE) << RESERVED
			       : UINT32_MAX & ~(1u << USABLE) & ~taken;
	}
}

static void check_memory_map_of(const struct answer_efi_memory_map *efi)
{
	uint64_t bad = UINT64_MAX;
	uint32_t type = 0;

	if (!check("efi_memory_map_is_handed_over", is_handed_over(efi->map, efi->size), "0x%lx, %lu bytes",
		   (uint64_t)efi->map, efi->size) ||
	    !check("efi_descriptors_are_sane",
		   efi->descriptor_size >= sizeof(struct descriptor) &&
			   efi->size % efi->descriptor_size == 0 && efi->descriptor_version,
		   "%lu of %lu bytes, version %lu", efi->size, efi->descriptor_size, efi->descriptor_version))
		return;
	for (uint64_t at = 0; at < efi->size; at += efi->descriptor_size) {
		const struct descriptor *d = (const struct descriptor *)(efi->map + at);
		for (uint64_t page = 0; page < d->pages; page++) {
			int found = row_type(d->physical + page * PAGE, PAGE);
			if (found >= 0 && d->physical + page && !(allowed(d->type) & 1u << found)) {
				bad = d->physical + page * PAGE;
				type = d->type;
			}
		}
	}
	check("efi_memory_types_are_upheld", bad == UINT64_MAX, "0x%lx of type %u is %u", bad, type,
	      (uint32_t)row_type(bad, 1));
}

static bool is_mapped_row(uint64_t physical, uint64_t size)
{
	return base_revision() < 5 || row_type(physical, size) == RESERVED_MAPPED;
}

static void check_system_table(const struct answer_word *answered)
{
	uint64_t physical = handoff->efi_system_table_phys;
	const struct system_table *table = direct_map(physical);

	if (!check("efi_system_table_is_one", table->signature == SYSTEM_TABLE_SIGNATURE,
		   "answer 0x%lx, signature 0x%lx", answered->value, table->signature))
		return;
	check("efi_runtime_services_are_there",
	      *(const uint64_t *)direct_map(table->runtime_services) == RUNTIME_SERVICES_SIGNATURE, "0x%lx",
	      table->runtime_services);
	const uint16_t *vendor = direct_map(table->vendor);
	uint64_t length = 0;

	while (vendor[length])
		length++;
	check("efi_tables_in_reserved_mapped_rows",
	      is_mapped_row(physical, sizeof(*table)) && is_mapped_row(table->runtime_services, 24) &&
		      is_mapped_row(table->tables, table->table_count * 24) &&
		      is_mapped_row(table->vendor, 2 * (length + 1)),
	      "system table 0x%lx, runtime services 0x%lx, %lu tables at 0x%lx, vendor 0x%lx", physical,
	      table->runtime_services, table->table_count, table->tables, table->vendor);
}

static void check_log(const struct answer_tpm_log *log)
{
	fact("tpm_log_size", "%lu", log->size);
	check("tpm_log_is_handed_over",
	      (log->format == 1 || log->format == 2) &&
		      (log->size ? is_handed_over(log->address, log->size) : !log->address),
	      "format %lu, %lu bytes at 0x%lx", log->format, log->size, (uint64_t)log->address);
}

/* Each key is there in any case, so that two transcripts have the same lines. */
static void report_none(const char *const *keys, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		fact(keys[i], "none");
}

void check_firmware(void)
{
	static const char *const map_keys[] = {"efi_memory_map_is_handed_over", "efi_descriptors_are_sane",
					       "efi_memory_types_are_upheld"};
	static const char *const table_keys[] = {"efi_system_table_is_one", "efi_runtime_services_are_there",
						 "efi_tables_in_reserved_mapped_rows"};
	static const char *const log_keys[] = {"tpm_log_size", "tpm_log_is_handed_over"};

	if (answer(EFI_MEMORY_MAP))
		check_memory_map_of(answer(EFI_MEMORY_MAP));
	else
		report_none(map_keys, 3);
	if (answer(EFI_SYSTEM_TABLE))
		check_system_table(answer(EFI_SYSTEM_TABLE));
	else
		report_none(table_keys, 3);
	if (answer(TPM_LOG))
		check_log(answer(TPM_LOG));
	else
		report_none(log_keys, 2);
}
