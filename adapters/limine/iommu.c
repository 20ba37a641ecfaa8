/* SPDX-License-Identifier: BSD-2-Clause */
/* IOMMUs off: some firmware leaves them on to keep devices out of its memory (Intel's and Apple's do), and a kernel that
   does not know of them would see its devices fail. */
#include "adapters/limine/adapter.h"

#include <string.h>

/* ---- Intel VT-d (Architecture Specification 4.1, chapters 8 and 11) ---- */

#define DMAR_FIRST      48
#define DMAR_DRHD       0
#define DRHD_REGISTERS  8
#define DRHD_SIZE       16
#define VTD_COMMAND     0x18
#define VTD_STATUS      0x1c
#define VTD_TRANSLATION (1u << 31)
#define VTD_QUEUE       (1u << 26)
#define VTD_REMAP       (1u << 25)
/* Bits of the status that, written back as a command, would do something once more: root table pointer, fault log, write
   buffer, interrupt table pointer. */
#define VTD_ONE_SHOT ((1u << 30) | (1u << 29) | (1u << 27) | (1u << 24))
/* A register answers within microseconds; one that does not must not hang the boot. */
#define READS_MAX 1000000u

static void vtd_turn_off(volatile uint8_t *registers, uint32_t bit)
{
	volatile uint32_t *command = (volatile uint32_t *)(registers + VTD_COMMAND);
	const volatile uint32_t *status = (const volatile uint32_t *)(registers + VTD_STATUS);
	uint32_t now = *status;
	if (!(now & bit))
		return;
	*command = now & ~VTD_ONE_SHOT & ~bit;
	for (uint32_t i = 0; i < READS_MAX && *status & bit; i++)
		__builtin_ia32_pause();
}

/* The queue last: turning the others off may still use it. */
static void vtd_disable(volatile uint8_t *registers)
{
	vtd_turn_off(registers, VTD_TRANSLATION);
	vtd_turn_off(registers, VTD_REMAP);
	vtd_turn_off(registers, VTD_QUEUE);
}

/* ---- AMD-Vi (AMD I/O Virtualization Technology Specification 3.08, 3.4 and 5.2) ---- */

#define IVRS_FIRST        48
#define IVRS_IVHD         0x10 /* and 11h and 40h, which say the same of the same IOMMU in more detail */
#define IVRS_IVHD_11      0x11
#define IVRS_IVHD_40      0x40
#define IVHD_REGISTERS    8
#define IVHD_SIZE         16
#define AMDVI_CONTROL     0x18
#define AMDVI_ENABLE      (UINT64_C(1) << 0)
#define AMDVI_EVENT_LOG   (UINT64_C(1) << 2)
#define AMDVI_COMMANDS    (UINT64_C(1) << 12)
#define AMDVI_REQUEST_LOG (UINT64_C(1) << 13)
#define AMDVI_GUEST_LOG   (UINT64_C(1) << 28)

/* What reads and writes memory first, then the IOMMU itself. */
static void amdvi_disable(volatile uint8_t *registers)
{
	volatile uint64_t *control = (volatile uint64_t *)(registers + AMDVI_CONTROL);
	*control &= ~(AMDVI_EVENT_LOG | AMDVI_COMMANDS | AMDVI_REQUEST_LOG | AMDVI_GUEST_LOG);
	*control &= ~AMDVI_ENABLE;
}

/* ---- Both tables are lists of entries that begin with a type and a length ---- */

struct kind {
	char signature[5];
	uint8_t first;     /* offset of the first entry */
	uint8_t type_size; /* bytes of an entry's type */
	uint8_t registers; /* offset of the register's address in an entry */
	uint8_t least;     /* bytes that an entry of interest has */
	uint8_t types[3];
	void (*disable)(volatile uint8_t *registers);
};

static const struct kind kinds[] = {
	{"DMAR", DMAR_FIRST, 2, DRHD_REGISTERS, DRHD_SIZE, {DMAR_DRHD, DMAR_DRHD, DMAR_DRHD}, vtd_disable},
	{"IVRS",
	 IVRS_FIRST,
	 1,
	 IVHD_REGISTERS,
	 IVHD_SIZE,
	 {IVRS_IVHD, IVRS_IVHD_11, IVRS_IVHD_40},
	 amdvi_disable},
};

static void look_at(struct adapter *adapter, const struct kind *kind, const uint8_t *entry, uint32_t length)
{
	uint16_t type = 0;
	uint64_t physical;
	memcpy(&type, entry, kind->type_size);
	if (length < kind->least ||
	    (type != kind->types[0] && type != kind->types[1] && type != kind->types[2]))
		return;
	memcpy(&physical, entry + kind->registers, sizeof(physical));
	if (physical != 0)
		kind->disable(adapter_device(adapter, physical));
}

static void disable_all(struct adapter *adapter, const struct kind *kind)
{
	uint32_t length;
	const uint8_t *table = acpi_table(&adapter->acpi, kind->signature, &length);
	if (table == NULL)
		return;
	for (uint32_t at = kind->first; at + 4 <= length;) {
		uint16_t size;
		memcpy(&size, table + at + 2, sizeof(size));
		if (size < 4 || size > length - at)
			return;
		look_at(adapter, kind, table + at, size);
		at += size;
	}
}

void iommus_disable(struct adapter *adapter)
{
	if (is_asked(adapter, LIMINE_FEATURE_KEEP_IOMMU))
		return;
	for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		disable_all(adapter, &kinds[i]);
}
