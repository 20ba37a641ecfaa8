/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core's interface: what a front door must know before it can knock.
 *
 * A front door (legacy/, efi/) gathers facts from its firmware into struct machine, then
 *
 *     core_prepare()   while the firmware is still there; writes only to machine and scratch, may fail
 *     (the front door says goodbye to its firmware and writes the final memory map into the machine)
 *     core_boot()      never returns
 *
 * Both are x86-64 code in one object. struct machine has the same layout for i686 and x86-64: fixed widths,
 * physical addresses as uint64_t, 8-byte alignment.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "common/page.h"
#include "formats/manifest.h"

/* Page tables lie below this, since a 32-bit CR3 must reach them; and the BIOS door's own tables map no more. */
#define FOUR_GIB UINT64_C(0x100000000)

/* Rows of the region table that core adds to the front door's: the payload's parts and its manifest, adapters'
   places, page 0, loader, framebuffer, arena, the kernel's final place, the CPU start page, and some to spare. */
#define MACHINE_EXTRA_REGIONS (MANIFEST_PARTS_MAX + MANIFEST_PLACES_MAX + 16u)

/* Bytes of scratch memory that core needs to normalise `regions` rows: two boundaries and up to two
   resulting rows for each. */
#define MACHINE_SCRATCH_SIZE(regions) ((uint64_t)((regions) + MACHINE_EXTRA_REGIONS + 1) * (2 * 8 + 2 * 24))

#define MACHINE_FIRMWARE_NAME_MAX 64u
#define MACHINE_DEVICE_PATH_MAX   512u
#define MACHINE_ERROR_MAX         512u
#define MACHINE_LOG_MAX           4096u

struct machine_framebuffer {
	uint64_t base; /* 0: there is none */
	uint64_t size; /* bytes */
	uint32_t width, height, pitch, bits_per_pixel;
	uint8_t red_size, red_shift, green_size, green_shift, blue_size, blue_shift;
	uint8_t edid_size; /* 128 or 0 */
	uint8_t text_mode; /* no framebuffer, but VGA text memory at B8000h is on screen, 80 columns by 25 */
	uint8_t edid[128];
};

/* A range that runtime services use, mapped with these permissions and with the memory type that the direct
   map gives it. Whole pages are mapped; what cannot be mapped one to one in the lower half is left out. */
struct machine_runtime {
	uint64_t base;   /* physical */
	uint64_t length; /* bytes, may be 0 */
	uint32_t writable, executable;
};
_Static_assert(sizeof(struct machine_runtime) == 24, "the same layout for i686 and x86-64");

/* Two clocks, read together. */
struct machine_sample {
	uint32_t pm_timer, reserved;
	uint64_t tsc; /* 0: not read */
};

/* Physical memory. */
struct machine_range {
	uint64_t base; /* a multiple of 4096 */
	uint64_t size; /* bytes */
};

struct __attribute__((aligned(8))) machine {
	uint32_t firmware_type; /* enum twinboot_firmware_type */
	uint32_t firmware_revision;
	uint32_t uefi_revision;
	uint32_t serial; /* 1 if COM1 answers: core writes errors there */
	char firmware[MACHINE_FIRMWARE_NAME_MAX];

	/* The memory map as the firmware gives it, each entry translated to a contract type, in any order,
	   of any alignment, overlapping or empty. `region_capacity` has room for MACHINE_EXTRA_REGIONS more.
	 */
	uint64_t regions; /* struct twinboot_region[region_capacity] */
	uint32_t region_count;
	uint32_t region_capacity;
	uint64_t scratch; /* at least MACHINE_SCRATCH_SIZE(region_count) bytes that are core's until the jump
			   */
	uint64_t scratch_size;
	/* Physical memory below this is readable one to one while core runs, and writable but for the
	   loader's own code. On BIOS all but page 0; on UEFI the end of memory, where holes may not be
	   mapped. */
	uint64_t mapped_limit;

	/* Memory for core_boot(). Where the firmware has an allocator, core_prepare() says what is needed and
	   the front door allocates it; else the front door leaves these 0, and core finds free memory in the
	   map. */
	uint64_t arena_needed;        /* out: bytes */
	uint64_t arena;               /* in: page aligned, below 4 GiB, arena_needed bytes */
	uint64_t kernel_move_to;      /* out: the address that a kernel linked low would be moved to, or 0 */
	uint64_t kernel_move_size;    /* out: bytes */
	uint64_t low_page;            /* in: a page below 1 MiB where the other CPUs start, or 0 */
	uint64_t kernel_move_granted; /* in: kernel_move_to, if the front door owns those bytes now */

	/* UEFI runtime services: what must stay callable one to one. A later row overrules an earlier one. */
	uint64_t runtime; /* struct machine_runtime[runtime_count] */
	uint32_t runtime_count;
	uint32_t reserved;

	/* The loader itself, so that nothing is put over it while it runs. */
	uint64_t loader_base, loader_size;

	/* The payload, zeros after the stored bytes included: `parts` in the order of the manifest's, the kernel
	   first (_kernel_start_addr to _kernel_end_addr). Nothing of the manifest is believed yet. */
	struct machine_range parts[MANIFEST_PARTS_MAX];
	struct machine_range manifest;
	uint32_t part_count;
	uint32_t reserved4;
	/* out: memory for what the manifest's places ask, row for row; the front door keeps out of it, and
	   allocates of it what is free. size 0: not chosen yet. */
	struct machine_range places[MANIFEST_PLACES_MAX];

	struct machine_framebuffer framebuffer;

	uint64_t rsdp, smbios2, smbios3; /* 0 if not found; signatures and checksums verified */
	uint64_t efi_system_table;
	uint64_t efi_memory_map, efi_memory_map_size; /* the final map as the firmware wrote it */
	uint32_t efi_descriptor_size, efi_descriptor_version;

	uint64_t tsc_entry, tsc_payload_ready;
	int64_t wall_clock;      /* as twinboot_handoff.wall_clock */
	uint8_t entropy[32];     /* from EFI_RNG_PROTOCOL, if entropy_source says so; core adds the CPU's */
	uint32_t entropy_source; /* enum twinboot_entropy_source */
	uint32_t boot_device_type, boot_drive;
	uint32_t device_path_size; /* bytes */
	uint8_t device_path[MACHINE_DEVICE_PATH_MAX];

	char error[MACHINE_ERROR_MAX]; /* after a failed core_prepare(): code, sentence and facts */
	char log[MACHINE_LOG_MAX];     /* log.h */
	uint32_t log_size;             /* bytes without the NUL */
	uint32_t reserved2;
	struct machine_sample sample; /* core's own, from core_prepare() on */

	/* Contract 2. The raw facts (records.h): an empty list in `records_capacity` bytes of the front door's. */
	uint64_t records;
	uint32_t records_size, records_capacity;
	uint32_t records_last; /* offset of the last record, if there is any */
	uint32_t secure_boot;  /* enum twinboot_secure_boot */
	uint32_t measured;     /* enum twinboot_measured, ORed */
	uint32_t reserved3;
};

_Static_assert(sizeof(struct machine) == 6208, "the same layout for i686 and x86-64");

/* Checks payload, processor and memory and decides whether this kernel can run here. Returns 1, or 0 with
   machine->error set. Calls no firmware; writes to nothing but machine->scratch and fields of *machine. */
__attribute__((sysv_abi)) int core_prepare(struct machine *machine);

/* From here on an exception ends in core_halt() with its facts. For front doors whose firmware no longer
   catches them; core_boot() calls it itself. */
__attribute__((sysv_abi)) void core_catch_exceptions(struct machine *machine);

/* Boots. The firmware is gone, interrupts are off, machine->regions is the final map. */
__attribute__((sysv_abi, noreturn)) void core_boot(struct machine *machine);

/* Shows `text` on COM1 and on whatever screen the machine has, and halts for good. */
__attribute__((sysv_abi, noreturn)) void core_halt(const struct machine *machine, const char *text);

#endif
