/* SPDX-License-Identifier: BSD-2-Clause */
/* The way to core, which is 64-bit code: this file asks whether the processor can run it, and makes its page tables. */
#include "legacy.h"

#include "common/port.h"
#include "common/registers.h"

#define EFLAGS_ID           (1u << 21)
#define CPUID_EXTENDED      0x80000001u
#define CPUID_EDX_LONG_MODE (1u << 29)

#define BIOS_SYSTEM        0x15
#define SYSTEM_TARGET_MODE 0xec00 /* AMD64: what the operating system will use */
#define TARGET_LONG_MODE   2

/* They map the low 4 GiB: one page map level 4, one page directory pointer table, four page directories of 2 MiB
   pages, and one page table for the first of these pages. */
static uint64_t page_tables[7][512] __attribute__((aligned(4096)));

/* CPUID exists if EFLAGS.ID can be changed (Intel SDM 1, 20.1.2). */
int long_mode_exists(void)
{
	uint32_t changed, eax, ebx, ecx, edx;
	__asm__("pushf\n\tpop %%eax\n\tmov %%eax, %%ecx\n\txor %1, %%eax\n\tpush %%eax\n\tpopf\n\t"
		"pushf\n\tpop %%eax\n\txor %%ecx, %%eax"
		: "=&a"(changed)
		: "i"(EFLAGS_ID)
		: "ecx", "cc");
	if (!(changed & EFLAGS_ID))
		return 0;
	__asm__("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(CPUID_EXTENDED - 1));
	if (eax < CPUID_EXTENDED)
		return 0;
	__asm__("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(CPUID_EXTENDED));
	return (edx & CPUID_EDX_LONG_MODE) != 0;
}

/* Page 0 is not mapped, so that a null pointer ends in a sentence. The loader's own code and constants are
   read-only: only the 32-bit side, which runs without paging, writes there. */
static void map_low_memory(void)
{
	const uint64_t present = 1, writable = 2, large = 0x80;
	page_tables[0][0] = (uintptr_t)page_tables[1] | present | writable;
	for (uint32_t i = 0; i < 4; i++)
		page_tables[1][i] = (uintptr_t)page_tables[2 + i] | present | writable;
	for (uint32_t i = 1; i < 4 * 512; i++)
		page_tables[2 + i / 512][i % 512] = ((uint64_t)i << 21) | present | writable | large;
	page_tables[2][0] = (uintptr_t)page_tables[6] | present | writable;
	for (uint32_t i = 1; i < 512; i++) {
		uint32_t page = i * PAGE_SIZE;
		int own = page >= (uintptr_t)load_table && page < (uintptr_t)loader_end;
		page_tables[6][i] = page | present | (own ? 0 : writable);
	}
}

/* The BIOS hears of long mode only through this call; its answer does not matter. */
void long_mode_start(void)
{
	struct bios_registers r = {.eax = SYSTEM_TARGET_MODE, .ebx = TARGET_LONG_MODE};
	bios_call(BIOS_SYSTEM, &r);
	map_low_memory();
}

uint32_t core_call(const void *function, struct machine *machine)
{
	a20_require();
	if (machine->serial)
		serial_start(); /* anew: BIOS services change the UART's settings */
	return long_mode_call((uint32_t)page_tables, function, machine);
}
