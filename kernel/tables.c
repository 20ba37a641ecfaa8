/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI and SMBIOS: every checksum, and the processors that the MADT lists. */
#include "kernel.h"
#include "report.h"

struct __attribute__((packed)) rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	/* From revision 2 on: */
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
};

struct __attribute__((packed)) table {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
};

static uint8_t sum(const void *data, uint64_t size)
{
	const uint8_t *byte = data;
	uint8_t total = 0;

	while (size--)
		total += *byte++;
	return total;
}

static bool has_signature(const struct table *table, const char *signature)
{
	return !memcmp(table->signature, signature, 4);
}

/* Tables must not lie where the kernel will put something else. On UEFI the loader's memory has what was boot
   services', and there U-Boot leaves QEMU's tables. */
static bool is_kept(const void *data, uint64_t length)
{
	uint64_t physical = (uint64_t)data - handoff->direct_map_base;
	uint32_t type = memory_type(physical, length);

	if (type == TWINBOOT_MEMORY_LOADER)
		return handoff->firmware_type == TWINBOOT_FIRMWARE_UEFI;
	return type != TWINBOOT_MEMORY_USABLE && type != TWINBOOT_MEMORY_KERNEL;
}

static const struct rsdp *the_rsdp(void)
{
	return handoff->rsdp_phys ? direct_map(handoff->rsdp_phys) : NULL;
}

/* The table that lists the others: 64-bit addresses in the XSDT, 32-bit ones in the RSDT. */
static const struct table *root_table(bool *is_xsdt)
{
	const struct rsdp *rsdp = the_rsdp();

	*is_xsdt = rsdp->revision >= 2 && rsdp->xsdt;
	return direct_map(*is_xsdt ? rsdp->xsdt : rsdp->rsdt);
}

static void each_table(void (*visit)(const struct table *table))
{
	bool is_xsdt;
	const struct table *root = root_table(&is_xsdt);
	const uint8_t *entry = (const uint8_t *)(root + 1), *end = (const uint8_t *)root + root->length;
	unsigned size = is_xsdt ? 8 : 4;

	for (; entry + size <= end; entry += size) {
		uint64_t physical = 0;
		memcpy(&physical, entry, size); /* not aligned in the XSDT */
		if (physical)
			visit(direct_map(physical));
	}
}

static const struct table *bad_sum, *bad_place;

static void check_one(const struct table *table)
{
	if (sum(table, table->length) != 0)
		bad_sum = table;
	if (!is_kept(table, table->length))
		bad_place = table;
}

static void name_and_check(const struct table *table)
{
	fact_add("%c%c%c%c ", table->signature[0], table->signature[1], table->signature[2],
		 table->signature[3]);
	check_one(table);
	/* The FADT has the address of the DSDT, which is in no list. */
	if (has_signature(table, "FACP") && table->length >= 44) {
		uint32_t dsdt;
		memcpy(&dsdt, (const uint8_t *)table + 40, sizeof(dsdt));
		if (dsdt)
			check_one(direct_map(dsdt));
	}
}

static const char *name_of(const struct table *table)
{
	static char name[5];

	if (table)
		memcpy(name, table->signature, 4);
	return name;
}

void check_acpi(void)
{
	const struct rsdp *rsdp = the_rsdp();
	bool is_xsdt;

	fact("rsdp_phys", "0x%lx", handoff->rsdp_phys);
	if (!rsdp) {
		fact("rsdp_checksum", "none");
		fact("acpi_revision", "none");
		fact("acpi_tables", "none");
		return;
	}
	fact("acpi_revision", "%u", rsdp->revision);
	bool is_whole =
		!memcmp(rsdp->signature, "RSD PTR ", 8) && sum(rsdp, 20) == 0 &&
		(rsdp->revision < 2 || (rsdp->length >= sizeof(*rsdp) && sum(rsdp, rsdp->length) == 0));
	if (!check("rsdp_checksum", is_whole, "revision %u", rsdp->revision))
		return;

	const struct table *root = root_table(&is_xsdt);

	if (!check("acpi_root_table", has_signature(root, is_xsdt ? "XSDT" : "RSDT"), "not there: %s",
		   name_of(root)))
		return;
	check_one(root);
	fact_start("acpi_tables");
	each_table(name_and_check);
	fact_finish();
	check("acpi_checksums", !bad_sum, "not that of %s", name_of(bad_sum));
	check("acpi_tables_are_kept_memory", !bad_place, "not %s", name_of(bad_place));
}

#define MADT_LOCAL_APIC 0
#define MADT_X2APIC     9
#define MADT_ENABLED    1

static void (*visit_location)(const char *name, uint64_t physical, uint64_t length);

static void locate(const char *name, uint64_t physical)
{
	if (physical)
		visit_location(name, physical, ((const struct table *)direct_map(physical))->length);
}

/* ACPI 6.5, table 5.9: the FADT names two tables that are in no list, each with 32 and with 64 bits. */
static void locate_table(const struct table *table)
{
	static const struct {
		const char *name;
		uint32_t offset, size;
	} fields[] = {{"FACS", 36, 4}, {"DSDT", 40, 4}, {"FACS", 132, 8}, {"DSDT", 140, 8}};

	locate(name_of(table), (uint64_t)table - handoff->direct_map_base);
	for (unsigned i = 0; has_signature(table, "FACP") && i < 4; i++) {
		uint64_t physical = 0;
		if (fields[i].offset + fields[i].size > table->length)
			break;
		memcpy(&physical, (const uint8_t *)table + fields[i].offset, fields[i].size);
		locate(fields[i].name, physical);
	}
}

void acpi_locations(void (*visit)(const char *name, uint64_t physical, uint64_t length))
{
	const struct rsdp *rsdp = the_rsdp();

	if (!rsdp)
		return;
	visit_location = visit;
	visit("RSDP", handoff->rsdp_phys, rsdp->revision >= 2 ? rsdp->length : 20);
	locate("RSDT", rsdp->rsdt);
	locate("XSDT", rsdp->revision >= 2 ? rsdp->xsdt : 0);
	each_table(locate_table);
}

static void (*visit_entry)(const uint8_t *entry);
static void (*visit_processor)(uint32_t apic_id, uint32_t processor_id);

/* A table that is a list of entries, each with its length in its second byte or in its second word. */
static struct list {
	const char *signature;
	uint32_t first; /* offset of the first entry */
	bool is_long;
} wanted;

static void visit_if_wanted(const struct table *table)
{
	const uint8_t *entry = (const uint8_t *)table + wanted.first,
		      *end = (const uint8_t *)table + table->length;
	unsigned length;

	if (!has_signature(table, wanted.signature))
		return;
	for (; entry + 4 <= end; entry += length) {
		length = wanted.is_long ? entry[2] | (unsigned)entry[3] << 8 : entry[1];
		if (length < 2)
			return;
		visit_entry(entry);
	}
}

static void each_entry(struct list list, void (*visit)(const uint8_t *entry))
{
	if (!handoff->rsdp_phys)
		return;
	wanted = list;
	visit_entry = visit;
	each_table(visit_if_wanted);
}

void madt_entries(void (*visit)(const uint8_t *entry))
{
	each_entry((struct list){"APIC", 44, false}, visit);
}

void iommu_entries(void (*visit_intel)(const uint8_t *entry), void (*visit_amd)(const uint8_t *entry))
{
	each_entry((struct list){"DMAR", 48, true}, visit_intel);
	each_entry((struct list){"IVRS", 48, true}, visit_amd);
}

static void visit_if_processor(const uint8_t *entry)
{
	uint32_t apic_id, flags, processor_id;

	if (entry[0] == MADT_LOCAL_APIC) {
		processor_id = entry[2];
		apic_id = entry[3];
		memcpy(&flags, entry + 4, 4);
		if (apic_id == 0xff) /* a broadcast, no processor */
			return;
	} else if (entry[0] == MADT_X2APIC) {
		memcpy(&apic_id, entry + 4, 4);
		memcpy(&flags, entry + 8, 4);
		memcpy(&processor_id, entry + 12, 4);
	} else {
		return;
	}
	if (flags & MADT_ENABLED)
		visit_processor(apic_id, processor_id);
}

void madt_processors(void (*visit)(uint32_t apic_id, uint32_t processor_id))
{
	visit_processor = visit;
	madt_entries(visit_if_processor);
}

/* Structures of a type, a length and a handle, each followed by strings up to a double NUL; type 127 ends. */
static bool structures_end(uint64_t physical, uint64_t size)
{
	const uint8_t *at = direct_map(physical), *end = at + size;

	while (end - at >= 4 && at[1] >= 4) {
		bool is_last = at[0] == 127;
		at += at[1];
		while (end - at >= 2 && (at[0] || at[1]))
			at++;
		at += 2;
		if (is_last)
			return true;
	}
	return false;
}

bool smbios_structures(unsigned entry, uint64_t *physical, uint64_t *size)
{
	uint64_t at = entry ? handoff->smbios3_phys : handoff->smbios2_phys;

	*physical = *size = 0;
	if (!at)
		return false;
	memcpy(physical, (const uint8_t *)direct_map(at) + (entry ? 0x10 : 0x18), entry ? 8 : 4);
	memcpy(size, (const uint8_t *)direct_map(at) + (entry ? 0x0c : 0x16), entry ? 4 : 2);
	return true;
}

static bool smbios2_is_whole(const uint8_t *entry)
{
	uint16_t size;
	uint32_t physical;

	memcpy(&size, entry + 0x16, 2);
	memcpy(&physical, entry + 0x18, 4);
	return !memcmp(entry, "_SM_", 4) && sum(entry, entry[5]) == 0 && !memcmp(entry + 0x10, "_DMI_", 5) &&
	       sum(entry + 0x10, 15) == 0 && structures_end(physical, size);
}

static bool smbios3_is_whole(const uint8_t *entry)
{
	uint32_t size;
	uint64_t physical;

	memcpy(&size, entry + 0x0c, 4);
	memcpy(&physical, entry + 0x10, 8);
	return !memcmp(entry, "_SM3_", 5) && sum(entry, entry[6]) == 0 && structures_end(physical, size);
}

/* A BIOS has its entry points in this area (SMBIOS 3.7, 5.2). */
static bool smbios_is_in_bios_area(void)
{
	for (uint64_t at = 0xf0000; at < 0x100000; at += 16) {
		const uint8_t *entry = direct_map(at);
		if ((!memcmp(entry, "_SM_", 4) && sum(entry, entry[5]) == 0) ||
		    (!memcmp(entry, "_SM3_", 5) && sum(entry, entry[6]) == 0))
			return true;
	}
	return false;
}

void check_smbios(void)
{
	uint64_t two = handoff->smbios2_phys, three = handoff->smbios3_phys;

	fact("smbios2_phys", "0x%lx", two);
	fact("smbios3_phys", "0x%lx", three);
	if (!two && !three && !smbios_is_in_bios_area()) { /* Bochs' legacy BIOS, for one */
		fact("smbios_is_there", "none");
		fact("smbios_is_whole", "none");
		return;
	}
	check("smbios_is_there", two || three, "neither entry point was handed over");
	check("smbios_is_whole",
	      (!two || smbios2_is_whole(direct_map(two))) && (!three || smbios3_is_whole(direct_map(three))),
	      "checksum or structures of 0x%lx or 0x%lx", two, three);
}
