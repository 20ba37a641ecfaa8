/* SPDX-License-Identifier: BSD-2-Clause */
/* The BIOS front door, from the boot sector to core. */
#include "legacy.h"

#include "common/registers.h"
#include "common/log.h"
#include "common/port.h"
#include "formats/load_table.h"

/* memory.c keeps up to 1024 entries; the workspace that core wants follows from that. */
#define REGIONS_MAX 1024

#define BIOS_SYSTEM        0x15
#define SYSTEM_TARGET_MODE 0xec00 /* AMD64: what the operating system will use */
#define TARGET_LONG_MODE   2

static struct machine machine;
static struct twinboot_region regions[REGIONS_MAX + MACHINE_EXTRA_REGIONS];
static uint8_t scratch[MACHINE_SCRATCH_SIZE(REGIONS_MAX)] __attribute__((aligned(8)));

/* One page map level 4, one page directory pointer table, four page directories of 2 MiB pages, one page
   table for the first of these: the low 4 GiB. */
static uint64_t page_tables[7][512] __attribute__((aligned(4096)));

_Static_assert(offsetof(struct machine, error) == 1288, "MACHINE_ERROR in bios_call.S");

#define EFLAGS_ID           (1u << 21)
#define CPUID_EXTENDED      0x80000001u
#define CPUID_EDX_LONG_MODE (1u << 29)

/* CPUID exists where EFLAGS.ID can be changed (Intel SDM 1, 20.1.2). */
static int has_long_mode(void)
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

/* The BIOS hears of long mode only through this call; its answer does not matter. */
static void announce_long_mode(void)
{
	struct bios_registers r = {.eax = SYSTEM_TARGET_MODE, .ebx = TARGET_LONG_MODE};
	bios_call(BIOS_SYSTEM, &r);
}

/* Page 0 is left out, for null pointers to end in a sentence; and the loader itself, which from here on
   changes nothing in its code and constants, cannot be written to. */
static uint32_t identity_map(void)
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
	return (uint32_t)page_tables;
}

/* Is called once, with the BSS cleared and interrupts off. */
_Noreturn void legacy_main(uint32_t drive)
{
	machine.serial = (uint32_t)serial_start();
	machine.framebuffer.text_mode = 1;
	if (!has_long_mode())
		die(ERROR_NO_LONG_MODE);
	machine.tsc_entry = __builtin_ia32_rdtsc();

	uint32_t needed_kib = ((uint32_t)legacy_end + 1023) / 1024;
	if (base_memory_kib() < needed_kib)
		die(ERROR_LOW_MEMORY, (uint64_t)base_memory_kib(), (uint64_t)needed_kib);
	if (!a20_enable())
		die(ERROR_A20);

	machine.firmware_type = TWINBOOT_FIRMWARE_BIOS;
	machine.boot_device_type = TWINBOOT_BOOT_DEVICE_BIOS_DRIVE;
	machine.boot_drive = drive;
	machine.mapped_limit = FOUR_GIB;
	machine.loader_base = PAGE_SIZE; /* what is below belongs to the BIOS */
	machine.loader_size = (uintptr_t)legacy_end - PAGE_SIZE;
	machine.regions = (uintptr_t)regions;
	machine.region_capacity = REGIONS_MAX + MACHINE_EXTRA_REGIONS;
	machine.scratch = (uintptr_t)scratch;
	machine.scratch_size = sizeof(scratch);

	tables_find(&machine);
	log_firmware(&machine);
	memory_map_read(&machine);
	log_memory(&machine);
	payload_load(&machine);
	machine.tsc_payload_ready = __builtin_ia32_rdtsc();
	log_payload(&machine);
	machine.wall_clock = clock_read();
	announce_long_mode();
	const struct manifest *manifest = fixed((uint32_t)machine.manifest.base);
	video_set(&machine, &manifest->needs);
	log_framebuffer(&machine);
	if (!a20_enable()) /* once more: some BIOS' services turn it off (Syslinux asks again, too) */
		die(ERROR_A20);
	long_mode_enter(identity_map(), &machine);
}
