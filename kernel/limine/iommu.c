/* SPDX-License-Identifier: BSD-2-Clause */
/* IOMMUs: none of them translates or remaps any more, unless the kernel has asked to keep them. */
#include "limine/limine.h"

#define VTD_STATUS    0x1c
#define VTD_ON        0x82000000u /* translation, interrupt remapping */
#define AMDVI_CONTROL 0x18
#define AMDVI_ON      UINT64_C(1)

static unsigned intel, amd, on;

static const volatile void *registers(const uint8_t *entry, unsigned offset)
{
	uint64_t physical;

	memcpy(&physical, entry + 8, sizeof(physical));
	return (const volatile uint8_t *)direct_map(physical) + offset;
}

static void look_at_intel(const uint8_t *entry)
{
	if (entry[0] || entry[1])
		return;
	intel++;
	on += !!(*(const volatile uint32_t *)registers(entry, VTD_STATUS) & VTD_ON);
}

static void look_at_amd(const uint8_t *entry)
{
	if (entry[0] != 0x10 && entry[0] != 0x11 && entry[0] != 0x40)
		return;
	amd++;
	on += !!(*(const volatile uint64_t *)registers(entry, AMDVI_CONTROL) & AMDVI_ON);
}

void check_iommus(void)
{
	iommu_entries(look_at_intel, look_at_amd);
	fact("iommus", "%u of Intel, %u of AMD, %u on", intel, amd, on);
	check("iommus_as_asked", asked_keep_iommu || !is_strict() || !on, "%u are on", on);
}
