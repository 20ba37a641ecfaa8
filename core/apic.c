/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APICs' mode. The one found is the one kept, unless the kernel's note has a wish: leaving x2APIC mode loses
   the APIC's state, and firmware has its reasons. */
#include "core.h"
#include "common/registers.h"

#include <cpuid.h>

#define LEAF1_ECX_X2APIC       (1u << 21)
#define LEAF7_EDX_CAPABILITIES (1u << 29) /* the MSR below is there */

/* Intel SDM 4, table 2-2: processors that cannot leave x2APIC mode say so. */
#define MSR_CAPABILITIES        0x10a
#define CAPABILITIES_XAPIC_LOCK (1u << 21) /* the MSR below is there */
#define MSR_XAPIC_LOCK          0xbd
#define XAPIC_LOCKED            (1u << 0)

/* Intel Virtualization Technology for Directed I/O 4.1, 8.1 */
#define DMAR_FLAGS          37
#define DMAR_X2APIC_OPT_OUT (1u << 1)

static int has_x2apic(void)
{
	uint32_t eax, ebx, ecx, edx;
	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & LEAF1_ECX_X2APIC);
}

static int firmware_forbids_x2apic(const struct machine *machine)
{
	uint32_t length;
	const uint8_t *dmar = acpi_find(machine, "DMAR", &length);
	return dmar != NULL && length > DMAR_FLAGS && (dmar[DMAR_FLAGS] & DMAR_X2APIC_OPT_OUT);
}

static int is_locked(void)
{
	uint32_t eax, ebx, ecx, edx;
	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & LEAF7_EDX_CAPABILITIES) &&
	       (rdmsr(MSR_CAPABILITIES) & CAPABILITIES_XAPIC_LOCK) && (rdmsr(MSR_XAPIC_LOCK) & XAPIC_LOCKED);
}

/* In xAPIC mode an APIC ID has eight bits, and all ones are everybody's. */
static int all_ids_are_short(const struct boot *boot)
{
	for (uint32_t i = 0; i < boot->cpu_count; i++)
		if (boot->cpus[i].apic_id > XAPIC_ID_MAX)
			return 0;
	return 1;
}

void apic_choose_mode(struct boot *boot)
{
	uint32_t wish = boot->kernel.manifest->needs.flags;
	if (!(wish & (TWINBOOT_WANT_X2APIC | TWINBOOT_WANT_XAPIC)) || !cpu_has_apic())
		return;
	uint64_t base = rdmsr(MSR_APIC_BASE);
	if (wish & TWINBOOT_WANT_X2APIC && !(base & APIC_BASE_X2) && has_x2apic() &&
	    !firmware_forbids_x2apic(boot->machine)) {
		base |= APIC_BASE_X2;
	} else if (wish & TWINBOOT_WANT_XAPIC && base & APIC_BASE_X2 && !is_locked() &&
		   all_ids_are_short(boot)) {
		base &= ~(uint64_t)(APIC_BASE_X2 |
				    APIC_BASE_ENABLED); /* the only way leads through "disabled" */
		wrmsr(MSR_APIC_BASE, base);
		base |= APIC_BASE_ENABLED;
	} else {
		return;
	}
	wrmsr(MSR_APIC_BASE, base);
	boot->start->apic_base = base & ~(uint64_t)APIC_BASE_BOOT_CPU;
}
