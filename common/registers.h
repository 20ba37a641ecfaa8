/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers and instructions that C has no words for (Intel SDM volumes 2 and 4). */
#ifndef CPU_H
#define CPU_H

#ifndef __ASSEMBLER__
#include <stdint.h>
#endif

#define MSR_APIC_BASE 0x1b
#define MSR_PAT       0x277
#define MSR_EFER      0xc0000080
#define MSR_SEV       0xc0010131 /* AMD APM 2, 15.34.10: SEV_STATUS */

#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)

#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_PG (1u << 31)

#define CR4_PAE        (1u << 5)
#define CR4_OSFXSR     (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_LA57       (1u << 12)

/* The state that every CPU enters the kernel with. SSE is on: compilers use it unless told not to. */
#define KERNEL_CR0 (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG)
#define KERNEL_CR4 (CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT)

/* The value after reset: all SSE exceptions masked, rounding to nearest (Intel SDM 1, 10.2.3). */
#define KERNEL_MXCSR 0x1f80

/* Page attributes: entries 0 to 3 as after reset (WB, WT, UC-, UC), then WP, WC, UC-, UC. */
#define KERNEL_PAT 0x0007010500070406

/* Intel SDM 3A 11.4.4 */
#define APIC_BASE_BOOT_CPU (1u << 8)
#define APIC_BASE_X2       (1u << 10)
#define APIC_BASE_ENABLED  (1u << 11)
#define APIC_BASE_ADDRESS  UINT64_C(0x000ffffffffff000)
#define MSR_X2APIC         0x800 /* + register offset / 16 */

/* Selectors of the GDT that the kernel enters with. */
#define KERNEL_CS  0x08
#define KERNEL_DS  0x10
#define KERNEL_TSS 0x18 /* with the exception net alone */

#ifndef __ASSEMBLER__
static inline uint64_t read_cr3(void)
{
	uint64_t value;
	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return value;
}

static inline uint64_t read_cr4(void)
{
	uint64_t value;
	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}
#endif

#endif
