/* SPDX-License-Identifier: BSD-2-Clause */
/* The instructions that C has no words for. */
#ifndef CPU_H
#define CPU_H

#include <stdbool.h>
#include <stdint.h>

#define CR0_PE (UINT64_C(1) << 0)
#define CR0_EM (UINT64_C(1) << 2)
#define CR0_TS (UINT64_C(1) << 3)
#define CR0_WP (UINT64_C(1) << 16)
#define CR0_NW (UINT64_C(1) << 29)
#define CR0_CD (UINT64_C(1) << 30)
#define CR0_PG (UINT64_C(1) << 31)
/* docs/contract.md, "Registers at entry" */
#define CR0_AT_ENTRY   0x80010033
#define CR4_AT_ENTRY   0x620
#define PAT_AT_ENTRY   0x0007010500070406
#define MXCSR_AT_ENTRY 0x1f80

#define CR4_PAE    (UINT64_C(1) << 5)
#define CR4_LA57   (UINT64_C(1) << 12)
#define CR4_OSFXSR (UINT64_C(1) << 9)

#define RFLAGS_IF       (UINT64_C(1) << 9)
#define RFLAGS_DF       (UINT64_C(1) << 10)
#define RFLAGS_AT_ENTRY 2 /* only the bit that is always set */

#define MSR_APIC_BASE     0x1b
#define MSR_MTRR_CAP      0xfe
#define MSR_MTRR_PHYS     0x200
#define MSR_PAT           0x277
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MSR_X2APIC        0x800
#define MSR_EFER          0xc0000080
#define MSR_FS_BASE       0xc0000100
#define MSR_GS_BASE       0xc0000101

#define EFER_LME (UINT64_C(1) << 8)
#define EFER_LMA (UINT64_C(1) << 10)
#define EFER_NXE (UINT64_C(1) << 11)

#define APIC_BASE_BOOT_CPU (UINT64_C(1) << 8)
#define APIC_BASE_X2       (UINT64_C(1) << 10)
#define APIC_BASE_ENABLED  (UINT64_C(1) << 11)
#define APIC_BASE_ADDRESS  UINT64_C(0x000ffffffffff000)

/* The operand of LIDT, LGDT and their opposites. */
struct __attribute__((packed)) descriptor_table {
	uint16_t limit;
	uint64_t base;
};

/* Intel SDM 3A 6.14.1 */
struct gate {
	uint16_t offset_low, selector;
	uint8_t stack, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void write_cr0(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

/* A leaf that the CPU lacks reads as zeros. */
static inline struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf & 0x80000000), "c"(0));
	if (leaf > r.eax)
		return (struct cpuid){0, 0, 0, 0};
	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
	return r;
}

static inline bool cpu_has_msrs_for_mtrr(void)
{
	return cpuid(1).edx >> 12 & 1;
}

static inline bool cpu_has_pat(void)
{
	return cpuid(1).edx >> 16 & 1;
}

static inline bool cpu_has_apic(void)
{
	return cpuid(1).edx >> 9 & 1 && rdmsr(MSR_APIC_BASE) & APIC_BASE_ENABLED;
}

static inline bool cpu_has_nx(void)
{
	return cpuid(0x80000001).edx >> 20 & 1;
}

#endif
