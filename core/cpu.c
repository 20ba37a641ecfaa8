/* SPDX-License-Identifier: BSD-2-Clause */
/* This processor's features, its clock and its random numbers; and the interrupts that it must not get yet. */
#include "core.h"
#include "common/registers.h"
#include "common/port.h"

#include <cpuid.h>

/* CPUID leaves whose bits <cpuid.h> does not name for every compiler. */
#define LEAF1_ECX_RDRAND    (1u << 30)
#define LEAF1_ECX_GUEST     (1u << 31) /* a hypervisor is present */
#define LEAF1_EDX_APIC      (1u << 9)
#define LEAF1_EDX_MTRR      (1u << 12)
#define LEAF1_EDX_PAT       (1u << 16)
#define LEAF1_EDX_SSE2      (7u << 24) /* FXSAVE, SSE, SSE2: all three */
#define LEAF7_EBX_RDSEED    (1u << 18)
#define LEAF7_ECX_LA57      (1u << 16)
#define LEAF21_EBX_TDX      0x65746e49u /* "Inte", with EDX and ECX "IntelTDX    " (Intel TDX Module) */
#define LEAF21_EDX_TDX      0x5844546cu
#define LEAF21_ECX_TDX      0x20202020u
#define EXTENDED1_EDX_NX    (1u << 20)
#define EXTENDED1_EDX_1GIB  (1u << 26)
#define EXTENDED1F_EAX_SEV  (1u << 1) /* SEV, and with it the register SEV_STATUS */
#define SEV_STATUS_ENABLED  (1u << 0)
#define HYPERVISOR_LEAF     0x40000000u
#define HYPERVISOR_LEAF_TSC 0x40000010u /* EAX: TSC kHz (VMware's interface, KVM gives it too) */

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r;
	__cpuid_count(leaf, 0, r.eax, r.ebx, r.ecx, r.edx);
	return r;
}

static struct cpuid basic_leaf(uint32_t leaf)
{
	return cpuid(0).eax >= leaf ? cpuid(leaf) : (struct cpuid){0, 0, 0, 0};
}

static struct cpuid extended_leaf(uint32_t leaf)
{
	return cpuid(0x80000000u).eax >= leaf ? cpuid(leaf) : (struct cpuid){0, 0, 0, 0};
}

void cpu_identify(struct cpu *cpu)
{
	struct cpuid one = basic_leaf(1), seven = basic_leaf(7), extended = extended_leaf(0x80000001u);
	cpu->pat = (one.edx & LEAF1_EDX_PAT) != 0;
	cpu->mtrr = (one.edx & LEAF1_EDX_MTRR) != 0;
	cpu->sse = (one.edx & LEAF1_EDX_SSE2) == LEAF1_EDX_SSE2;
	cpu->apic = (one.edx & LEAF1_EDX_APIC) != 0;
	cpu->level5 = (seven.ecx & LEAF7_ECX_LA57) != 0;
	cpu->nx = (extended.edx & EXTENDED1_EDX_NX) != 0;
	cpu->huge_pages = (extended.edx & EXTENDED1_EDX_1GIB) != 0;
}

/* In an SEV or TDX guest, page table entries need a bit that says whether a page is encrypted, and CPUID, port I/O and MMIO
   raise exceptions that the guest must handle. The firmware does; from its exit on this loader would die without
   a word. */
const char *cpu_confidential(void)
{
	struct cpuid tdx = basic_leaf(0x21);
	if (tdx.ebx == LEAF21_EBX_TDX && tdx.edx == LEAF21_EDX_TDX && tdx.ecx == LEAF21_ECX_TDX)
		return "Intel TDX";
	/* CPUID says what the processor can do, also to the host; the register says where this is. */
	int has_register = (extended_leaf(0x8000001fu).eax & EXTENDED1F_EAX_SEV) != 0;
	return has_register && (rdmsr(MSR_SEV) & SEV_STATUS_ENABLED) ? "AMD SEV" : NULL;
}

/* The 64-bit forms only: narrower RDRAND and RDSEED are doubtful on unpatched Zen 5. */
#define TRIES 16

__attribute__((target("rdrnd"))) static int rdrand(uint64_t *value)
{
	unsigned long long got;
	for (int i = 0; i < TRIES; i++)
		if (__builtin_ia32_rdrand64_step(&got) && got + 1 > 1) {
			*value = got;
			return 1;
		}
	return 0;
}

__attribute__((target("rdseed"))) static int rdseed(uint64_t *value)
{
	unsigned long long got;
	for (int i = 0; i < TRIES; i++)
		if (__builtin_ia32_rdseed_di_step(&got) && got + 1 > 1) {
			*value = got;
			return 1;
		}
	return 0;
}

/* splitmix64's finaliser (Steele, Lea, Flood 2014): spreads each input bit over the whole word. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* The low bits of the time that a port read takes. Weak, and named as such. */
static uint64_t jitter(void)
{
	uint64_t pool = __builtin_ia32_rdtsc();
	for (int i = 0; i < 64; i++) {
		in8(COM_LINE_STATUS);
		pool = mix(pool + UINT64_C(0x9e3779b97f4a7c15)) ^ __builtin_ia32_rdtsc();
	}
	return pool;
}

uint32_t cpu_entropy(uint8_t bytes[32], uint32_t sources)
{
	int has_rdrand = (basic_leaf(1).ecx & LEAF1_ECX_RDRAND) != 0;
	int has_rdseed = (basic_leaf(7).ebx & LEAF7_EBX_RDSEED) != 0;
	uint64_t words[4] = {0, 0, 0, 0};
	for (int i = 0; i < 4; i++) {
		uint64_t value;
		if (has_rdseed && rdseed(&value)) {
			words[i] ^= value;
			sources |= TWINBOOT_ENTROPY_RDSEED;
		}
		if (has_rdrand && rdrand(&value)) {
			words[i] ^= mix(value);
			sources |= TWINBOOT_ENTROPY_RDRAND;
		}
	}
	if (sources == 0) {
		sources = TWINBOOT_ENTROPY_JITTER;
		for (int i = 0; i < 4; i++)
			words[i] = jitter();
	}
	for (int i = 0; i < 32; i++)
		bytes[i] ^= (uint8_t)(words[i / 8] >> (8 * (i % 8)));
	return sources;
}

int cpu_tsc_hz(const struct machine *machine, uint64_t *hz)
{
	/* 15h counts only if complete: some Intel parts leave ECX, the crystal's frequency, 0. */
	struct cpuid crystal = basic_leaf(0x15);
	if (crystal.eax != 0 && crystal.ebx != 0 && crystal.ecx != 0) {
		*hz = (uint64_t)crystal.ecx * crystal.ebx / crystal.eax;
		return TWINBOOT_TSC_CPUID_15H;
	}
	if ((basic_leaf(1).ecx & LEAF1_ECX_GUEST) && cpuid(HYPERVISOR_LEAF).eax >= HYPERVISOR_LEAF_TSC &&
	    cpuid(HYPERVISOR_LEAF_TSC).eax != 0) {
		*hz = (uint64_t)cpuid(HYPERVISOR_LEAF_TSC).eax * 1000;
		return TWINBOOT_TSC_HYPERVISOR;
	}
	if (acpi_pm_timer_tsc_hz(machine, hz))
		return TWINBOOT_TSC_PM_TIMER;
	*hz = (uint64_t)(basic_leaf(0x16).eax & 0xffff) * 1000000;
	return *hz != 0 ? TWINBOOT_TSC_CPUID_16H : TWINBOOT_TSC_UNKNOWN;
}

/* The 8259A pair (Intel 8259A; ports as on the IBM AT) and the local APIC's own timer, so that the first STI
   brings no interrupt that the kernel never asked for. OVMF leaves its timer running. */
#define PIC1_MASK      0x21
#define PIC2_MASK      0xa1
#define ALL_MASKED     0xff
#define APIC_LVT_TIMER 0x320
#define APIC_MASKED    (1u << 16)

int cpu_has_apic(void)
{
	return (basic_leaf(1).edx & LEAF1_EDX_APIC) && (rdmsr(MSR_APIC_BASE) & APIC_BASE_ENABLED);
}

void cpu_quiet_interrupts(void)
{
	out8(PIC1_MASK, ALL_MASKED);
	out8(PIC2_MASK, ALL_MASKED);
	if (!cpu_has_apic())
		return;
	uint64_t base = rdmsr(MSR_APIC_BASE);
	if (base & APIC_BASE_X2)
		wrmsr(MSR_X2APIC + APIC_LVT_TIMER / 16, APIC_MASKED);
	else
		*(volatile uint32_t *)at((base & APIC_BASE_ADDRESS) + APIC_LVT_TIMER) = APIC_MASKED;
}
