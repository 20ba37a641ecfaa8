/* SPDX-License-Identifier: BSD-2-Clause */
/* The BIOS front door, from the boot sector to core. */
#include "legacy.h"

#include "common/log.h"
#include "common/port.h"

/* The BIOS' memory map may have so many entries. The workspace that core wants follows from that. */
#define REGIONS_MAX 1024

static struct machine machine;
static struct twinboot_region regions[REGIONS_MAX + MACHINE_EXTRA_REGIONS];
static uint8_t scratch[MACHINE_SCRATCH_SIZE(REGIONS_MAX)] __attribute__((aligned(8)));

/* Notes all that is known before the BIOS is asked anything. */
static void machine_start(uint32_t drive)
{
	machine.serial = (uint32_t)serial_start();
	machine.framebuffer.text_mode = 1;
	machine.firmware_type = TWINBOOT_FIRMWARE_BIOS;
	machine.boot_device_type = TWINBOOT_BOOT_DEVICE_BIOS_DRIVE;
	machine.boot_drive = drive;
	machine.mapped_limit = FOUR_GIB;
	machine.loader_base = PAGE_SIZE; /* page 0 belongs to the BIOS */
	machine.loader_size = (uintptr_t)legacy_end - PAGE_SIZE;
	machine.regions = (uintptr_t)regions;
	machine.region_capacity = REGIONS_MAX + MACHINE_EXTRA_REGIONS;
	machine.scratch = (uintptr_t)scratch;
	machine.scratch_size = sizeof(scratch);
	facts_start(&machine);
}

ON_STACK void legacy_main(uint32_t drive)
{
	machine_start(drive);
	if (!long_mode_exists())
		die(ERROR_NO_LONG_MODE);
	machine.tsc_entry = __builtin_ia32_rdtsc(); /* not sooner: a 486 has no such instruction */

	/* Gather. */
	a20_require(); /* a BIOS' tables can lie above 1 MiB */
	memory_map_read(&machine);
	tables_find(&machine); /* after the map, which may say where ACPI's tables lie */
	log_firmware(&machine);
	log_memory(&machine);
	payload_load(&machine); /* after the map, which says where the payload can lie */
	machine.tsc_payload_ready = __builtin_ia32_rdtsc();
	log_payload(&machine);
	machine.wall_clock = clock_read();
	const struct manifest *manifest = fixed((uint32_t)machine.manifest.base);
	video_set(&machine, &manifest->needs); /* after the payload, which says what the kernel wishes */
	if (machine.framebuffer.base == 0)
		facts_text_mode(&machine);
	log_framebuffer(&machine);

	/* Prepare, and give up as long as the BIOS can go on with another device. */
	long_mode_start();
	if (!core_call(core_prepare, &machine))
		give_up(machine.error);

	/* Say goodbye to the BIOS, and boot. */
	network_stop();
	core_call(core_boot, &machine); /* never returns */
}
