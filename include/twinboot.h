/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twinboot.h: what a kernel is handed, and how it says what it needs. Contract version 1.
 *
 * The loader enters the kernel at its ELF entry point in 64-bit mode by the System V AMD64 ABI, as if
 * by a call from nowhere:
 *
 *     _Noreturn void kernel_main(const struct twinboot_handoff *handoff);
 *
 * RDI points to the handoff. docs/contract.md lists every promise about registers, tables and memory.
 *
 * Every pointer below is a virtual address that the kernel can read at once, in the direct map of
 * physical memory: virtual = direct_map_base + physical. A field that holds a physical address ends
 * in _phys. A pointer is NULL, and a physical address 0, where the machine has no such thing.
 *
 * Everything pointed to lies in memory of type TWINBOOT_MEMORY_LOADER (or a more special type) and
 * stays until the kernel reuses it.
 *
 * Later loaders only append fields: compare `size` through TWINBOOT_HAS() before reading a field that
 * your oldest loader may lack. Nothing here depends on anything but <stdint.h>; valid C11 and C++17.
 */
#ifndef TWINBOOT_H
#define TWINBOOT_H

#include <stdint.h>

#define TWINBOOT_MAGIC            UINT64_C(0x544f4f424e495754) /* "TWINBOOT" as bytes in memory */
#define TWINBOOT_CONTRACT_VERSION 1

/* What a range of physical memory is, in order of rank: where firmware contradicts itself the higher
   one wins. Values a kernel does not know are to be treated as reserved. */
enum twinboot_memory_type {
	TWINBOOT_MEMORY_USABLE = 1, /* free RAM, write-back cacheable */
	/* RAM that is free once the kernel no longer uses what it was handed: the handoff and all that
	   it points to, page tables, stacks, parked CPUs, the loader itself; on UEFI also what boot
	   services used (some firmware leaves ACPI's BGRT picture there). */
	TWINBOOT_MEMORY_LOADER = 2,
	TWINBOOT_MEMORY_KERNEL = 3,           /* the kernel's image, from its first to its last page */
	TWINBOOT_MEMORY_MODULE = 4,           /* modules and command lines */
	TWINBOOT_MEMORY_ACPI_RECLAIMABLE = 5, /* ACPI tables: free once they have been read */
	TWINBOOT_MEMORY_ACPI_NVS = 6,         /* ACPI: never to be written, kept over sleep */
	TWINBOOT_MEMORY_RUNTIME_CODE = 7,     /* UEFI runtime services, also mapped one to one */
	TWINBOOT_MEMORY_RUNTIME_DATA = 8,
	TWINBOOT_MEMORY_RESERVED = 9, /* not to be touched, or MMIO; physical page 0 is always here */
	TWINBOOT_MEMORY_FRAMEBUFFER = 10,
	TWINBOOT_MEMORY_BAD = 11, /* RAM that the firmware found faulty */
};

/* One range of physical memory. The map is sorted by address, page aligned (4096), never overlaps,
   and two neighbours never have the same type. What it does not list is not RAM. */
struct twinboot_region {
	uint64_t base_phys; /* multiple of 4096 */
	uint64_t length;    /* bytes, a multiple of 4096, never 0 */
	uint32_t type;      /* enum twinboot_memory_type */
	uint32_t reserved;  /* 0 */
};

/* A linear framebuffer, mapped write-combining where the CPU has PAT. A pixel is bits_per_pixel / 8 bytes,
   rounded up, little-endian; each component is (pixel >> shift) & ((1 << size) - 1). */
struct twinboot_framebuffer {
	volatile void *base; /* first byte of the top line */
	uint64_t base_phys;
	uint64_t size;           /* bytes that may be written: at least pitch * height */
	uint32_t width;          /* pixels */
	uint32_t height;         /* pixels */
	uint32_t pitch;          /* bytes from one line to the next, at least width pixels */
	uint32_t bits_per_pixel; /* 15, 16, 24 or 32 */
	uint8_t red_size, red_shift;
	uint8_t green_size, green_shift;
	uint8_t blue_size, blue_shift;
	uint8_t reserved[2];
	const uint8_t *edid; /* the display's first EDID block (VESA E-EDID), checksum verified, or NULL */
	uint32_t edid_size;  /* 128 or 0 */
	uint32_t reserved2;
};

/* A file given to the build with MODULES=, at a page boundary. Only its own bytes may be read; the rest
   of its last page is zero. */
struct twinboot_module {
	const void *data;
	uint64_t data_phys;    /* multiple of 4096 */
	uint64_t size;         /* bytes, may be 0 */
	const char *name;      /* NUL-terminated, never NULL */
	const char *arguments; /* the module's own command line, NUL-terminated, never NULL */
};

enum twinboot_cpu_state {
	TWINBOOT_CPU_BOOT = 1,   /* the one that runs the kernel's entry */
	TWINBOOT_CPU_PARKED = 2, /* waits on its mailbox */
	TWINBOOT_CPU_ABSENT =
		3, /* listed by ACPI, did not answer within the time that docs/contract.md states */
};

/* One processor that ACPI's MADT lists as enabled. To start a parked one, write `argument`, then
   `goto_address` (in that order; x86 keeps it), then send the CPU nothing: it watches goto_address.
   It enters that virtual address in the same state as the boot CPU entered the kernel, on the same
   page tables, with RDI = argument and RSP at its own stack. */
struct twinboot_cpu {
	uint32_t apic_id;      /* local APIC or x2APIC ID */
	uint32_t processor_id; /* ACPI processor UID */
	uint32_t state;        /* enum twinboot_cpu_state */
	uint32_t reserved;
	uint64_t stack_top; /* virtual, one past the stack's last byte; its guard page is handoff->stack_size
			       bytes below; 0 if absent */
	volatile uint64_t goto_address; /* 0 while parked */
	volatile uint64_t argument;
};

enum twinboot_firmware_type {
	TWINBOOT_FIRMWARE_BIOS = 1,
	TWINBOOT_FIRMWARE_UEFI = 2,
};

enum twinboot_handoff_flags {
	/* Physical memory and MMIO are also mapped one to one, but for page 0 (kernels linked in the
	   lower half, where the map allows it, and kernels whose note asks for it). */
	TWINBOOT_IDENTITY_MAPPED = 1 << 0,
	/* The kernel's virtual addresses equal its physical ones. */
	TWINBOOT_KERNEL_IN_PLACE = 1 << 1,
	/* CR4.LA57 is set: five levels of page tables. */
	TWINBOOT_LEVEL5_PAGING = 1 << 2,
	/* No-execute is on (EFER.NXE); clear only on a CPU that has no NX. */
	TWINBOOT_NX = 1 << 3,
};

enum twinboot_tsc_source {
	TWINBOOT_TSC_UNKNOWN = 0,    /* tsc_hz is 0 */
	TWINBOOT_TSC_CPUID_15H = 1,  /* CPUID leaf 15h, complete */
	TWINBOOT_TSC_HYPERVISOR = 2, /* hypervisor leaf 40000010h */
	TWINBOOT_TSC_PM_TIMER = 3,   /* measured against the ACPI PM timer */
	TWINBOOT_TSC_PIT = 4,        /* measured against the PIT, channel 2 */
	TWINBOOT_TSC_CPUID_16H = 5,  /* CPUID leaf 16h: nominal MHz, rounded */
};

/* Each source that went into the 32 bytes sets its bit. */
enum twinboot_entropy_source {
	TWINBOOT_ENTROPY_RDSEED = 1 << 0,
	TWINBOOT_ENTROPY_RDRAND = 1 << 1,
	TWINBOOT_ENTROPY_EFI_RNG = 1 << 2, /* EFI_RNG_PROTOCOL */
	TWINBOOT_ENTROPY_JITTER = 1 << 3,  /* timing only: weak, mix in more before relying on it */
};

enum twinboot_boot_device_type {
	TWINBOOT_BOOT_DEVICE_UNKNOWN = 0,
	TWINBOOT_BOOT_DEVICE_BIOS_DRIVE = 1, /* boot_drive is INT 13h's drive number */
	TWINBOOT_BOOT_DEVICE_EFI_PATH = 2,   /* boot_device_path is a UEFI device path */
};

struct twinboot_handoff {
	uint64_t magic;             /* TWINBOOT_MAGIC */
	uint32_t version;           /* contract version of the loader, at least TWINBOOT_CONTRACT_VERSION */
	uint32_t size;              /* bytes of this structure that the loader filled */
	uint32_t flags;             /* enum twinboot_handoff_flags */
	uint32_t firmware_type;     /* enum twinboot_firmware_type */
	const char *loader;         /* "twinboot <version>", NUL-terminated */
	const char *firmware;       /* vendor as the firmware names itself, NUL-terminated, may be empty */
	uint32_t firmware_revision; /* UEFI: EFI_SYSTEM_TABLE.FirmwareRevision; BIOS: 0 */
	uint32_t uefi_revision;     /* EFI_TABLE_HEADER.Revision, 0x00020046 is 2.7; BIOS: 0 */

	/* The kernel. Image byte i lies at kernel_virt + i and, physically, at kernel_phys + i. */
	uint64_t kernel_virt; /* page of the lowest PT_LOAD */
	uint64_t kernel_phys;
	uint64_t kernel_size;      /* bytes from there to the end of the last page */
	uint64_t kernel_slide;     /* kernel_virt minus the linked address, modulo 2^64 */
	uint64_t kernel_entry;     /* virtual */
	uint8_t kernel_sha256[32]; /* of the padded ELF file, computed by the build */
	const char *command_line;  /* NUL-terminated, never NULL */

	uint64_t direct_map_base; /* virtual address of physical 0; page 0 itself is mapped there */
	uint64_t direct_map_size; /* bytes; covers all RAM and the low 4 GiB. The framebuffer, where it lies
				     above that, is mapped at direct_map_base + its physical address too */

	const struct twinboot_region *memory_map;
	uint32_t memory_map_count;
	uint32_t module_count;
	const struct twinboot_module *modules;          /* NULL if module_count is 0 */
	const struct twinboot_framebuffer *framebuffer; /* NULL if there is none */

	/* Tables of the platform. */
	uint64_t rsdp_phys;             /* ACPI 5.2.5, checksum verified; revision 2 where there is one */
	uint64_t smbios2_phys;          /* SMBIOS 2.x entry point "_SM_", checksum verified */
	uint64_t smbios3_phys;          /* SMBIOS 3.x entry point "_SM3_", checksum verified */
	uint64_t efi_system_table_phys; /* UEFI only; its boot services are gone */
	/* The UEFI memory map of the exit, in the form that SetVirtualAddressMap takes: set VirtualStart
	   of the runtime entries and pass it on. NULL and 0 on BIOS. */
	void *efi_memory_map;
	uint64_t efi_memory_map_size; /* bytes */
	uint32_t efi_descriptor_size; /* bytes from one descriptor to the next */
	uint32_t efi_descriptor_version;

	struct twinboot_cpu
		*cpus; /* the boot CPU first; NULL if the kernel's note says so or ACPI lists none */
	uint32_t cpu_count;
	uint32_t stack_size; /* bytes of each stack, a multiple of 4096 */
	uint64_t stack_top;  /* virtual, one past the boot CPU's stack; a guard page lies below the stack */

	/* Time. */
	uint64_t tsc_loader_entry;  /* TSC at the loader's first instructions */
	uint64_t tsc_payload_ready; /* kernel and modules in memory, not yet checked */
	uint64_t tsc_handoff;       /* just before the kernel's entry */
	uint64_t tsc_hz;            /* ticks per second, 0 if unknown */
	uint32_t tsc_source;        /* enum twinboot_tsc_source */
	uint32_t entropy_source;    /* enum twinboot_entropy_source, ORed; 0: the bytes are all zero */
	uint8_t entropy[32];
	int64_t wall_clock; /* seconds since 1970-01-01 00:00 UTC when the loader started; 0 if unknown.
			       A clock that does not say its zone is taken to run in UTC */

	uint32_t boot_device_type;    /* enum twinboot_boot_device_type */
	uint32_t boot_drive;          /* INT 13h's DL */
	const void *boot_device_path; /* EFI_DEVICE_PATH_PROTOCOL, ends with its end node */

	const char *log;   /* the loader's own lines, each ends with '\n'; NUL-terminated */
	uint64_t log_size; /* bytes without the NUL */
};

/* True if the loader filled `field`; use it for every field added after contract version 1. */
#define TWINBOOT_HAS(handoff, field) \
	((handoff)->size >= (uintptr_t)(&(handoff)->field + 1) - (uintptr_t)(handoff))

/*
 * What a kernel needs, in an ELF note (System V gABI, "Note Section") with the name "twinboot" and type
 * TWINBOOT_NOTE_TYPE. Without a note: no framebuffer needed, 64 KiB of stack, every CPU started.
 */
#define TWINBOOT_NOTE_TYPE 1

enum twinboot_need_flags {
	TWINBOOT_NEED_FRAMEBUFFER = 1 << 0,   /* without one: an error, not a boot */
	TWINBOOT_NEED_IDENTITY_MAP = 1 << 1,  /* map memory one to one as well */
	TWINBOOT_NEED_IN_PLACE = 1 << 2,      /* virtual must equal physical */
	TWINBOOT_WANT_LEVEL5_PAGING = 1 << 3, /* five levels if the CPU has them */
	TWINBOOT_NEED_LEVEL5_PAGING = 1 << 4, /* five levels, or an error */
	TWINBOOT_LEAVE_CPUS = 1 << 5,         /* do not start the other CPUs */
};

struct twinboot_needs {
	uint32_t contract; /* least contract version */
	uint32_t flags;    /* enum twinboot_need_flags */
	/* Wishes; 0 means any. Where no mode has that size: the display's preferred one, else the one the
	   firmware is in, else 1024 x 768 or what is nearest to it. */
	uint32_t framebuffer_width;
	uint32_t framebuffer_height;
	uint32_t framebuffer_bits_per_pixel;
	uint32_t stack_size; /* bytes, 0 for 64 KiB, at most TWINBOOT_STACK_MAX; rounded up to pages */
};

#define TWINBOOT_STACK_DEFAULT (64u << 10)
#define TWINBOOT_STACK_MAX     (16u << 20)

struct twinboot_note {
	uint32_t name_size, desc_size, type;
	char name[12]; /* "twinboot", NUL, padded to a multiple of 4 */
	struct twinboot_needs needs;
};

/* One line at file scope states the needs:
       TWINBOOT_NEEDS(TWINBOOT_NEED_FRAMEBUFFER, 1024, 768, 32, 0)                                 */
#define TWINBOOT_NEEDS(flags, width, height, bits_per_pixel, stack_size) \
	__attribute__((used, section(".note.twinboot"), \
		       aligned(4))) static const struct twinboot_note twinboot_note = { \
		9, \
		sizeof(struct twinboot_needs), \
		TWINBOOT_NOTE_TYPE, \
		"twinboot", \
		{TWINBOOT_CONTRACT_VERSION, (flags), (width), (height), (bits_per_pixel), (stack_size)}};

/* The layout is the contract: it cannot drift. (Only 64-bit code is handed these structures.) */
#if UINTPTR_MAX > 0xffffffff
#ifdef __cplusplus
#define TWINBOOT_ASSERT(condition, text) static_assert(condition, text)
#else
#define TWINBOOT_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define TWINBOOT_OFFSET(type, field, offset) \
	TWINBOOT_ASSERT(__builtin_offsetof(struct twinboot_##type, field) == (offset), #type "." #field)
#define TWINBOOT_SIZE(type, bytes) TWINBOOT_ASSERT(sizeof(struct twinboot_##type) == (bytes), #type)

TWINBOOT_OFFSET(region, base_phys, 0);
TWINBOOT_OFFSET(region, length, 8);
TWINBOOT_OFFSET(region, type, 16);
TWINBOOT_OFFSET(region, reserved, 20);
TWINBOOT_SIZE(region, 24);
TWINBOOT_OFFSET(framebuffer, base, 0);
TWINBOOT_OFFSET(framebuffer, base_phys, 8);
TWINBOOT_OFFSET(framebuffer, size, 16);
TWINBOOT_OFFSET(framebuffer, width, 24);
TWINBOOT_OFFSET(framebuffer, height, 28);
TWINBOOT_OFFSET(framebuffer, pitch, 32);
TWINBOOT_OFFSET(framebuffer, bits_per_pixel, 36);
TWINBOOT_OFFSET(framebuffer, red_size, 40);
TWINBOOT_OFFSET(framebuffer, red_shift, 41);
TWINBOOT_OFFSET(framebuffer, green_size, 42);
TWINBOOT_OFFSET(framebuffer, green_shift, 43);
TWINBOOT_OFFSET(framebuffer, blue_size, 44);
TWINBOOT_OFFSET(framebuffer, blue_shift, 45);
TWINBOOT_OFFSET(framebuffer, reserved, 46);
TWINBOOT_OFFSET(framebuffer, edid, 48);
TWINBOOT_OFFSET(framebuffer, edid_size, 56);
TWINBOOT_OFFSET(framebuffer, reserved2, 60);
TWINBOOT_SIZE(framebuffer, 64);
TWINBOOT_OFFSET(module, data, 0);
TWINBOOT_OFFSET(module, data_phys, 8);
TWINBOOT_OFFSET(module, size, 16);
TWINBOOT_OFFSET(module, name, 24);
TWINBOOT_OFFSET(module, arguments, 32);
TWINBOOT_SIZE(module, 40);
TWINBOOT_OFFSET(cpu, apic_id, 0);
TWINBOOT_OFFSET(cpu, processor_id, 4);
TWINBOOT_OFFSET(cpu, state, 8);
TWINBOOT_OFFSET(cpu, reserved, 12);
TWINBOOT_OFFSET(cpu, stack_top, 16);
TWINBOOT_OFFSET(cpu, goto_address, 24);
TWINBOOT_OFFSET(cpu, argument, 32);
TWINBOOT_SIZE(cpu, 40);
TWINBOOT_OFFSET(handoff, magic, 0);
TWINBOOT_OFFSET(handoff, version, 8);
TWINBOOT_OFFSET(handoff, size, 12);
TWINBOOT_OFFSET(handoff, flags, 16);
TWINBOOT_OFFSET(handoff, firmware_type, 20);
TWINBOOT_OFFSET(handoff, loader, 24);
TWINBOOT_OFFSET(handoff, firmware, 32);
TWINBOOT_OFFSET(handoff, firmware_revision, 40);
TWINBOOT_OFFSET(handoff, uefi_revision, 44);
TWINBOOT_OFFSET(handoff, kernel_virt, 48);
TWINBOOT_OFFSET(handoff, kernel_phys, 56);
TWINBOOT_OFFSET(handoff, kernel_size, 64);
TWINBOOT_OFFSET(handoff, kernel_slide, 72);
TWINBOOT_OFFSET(handoff, kernel_entry, 80);
TWINBOOT_OFFSET(handoff, kernel_sha256, 88);
TWINBOOT_OFFSET(handoff, command_line, 120);
TWINBOOT_OFFSET(handoff, direct_map_base, 128);
TWINBOOT_OFFSET(handoff, direct_map_size, 136);
TWINBOOT_OFFSET(handoff, memory_map, 144);
TWINBOOT_OFFSET(handoff, memory_map_count, 152);
TWINBOOT_OFFSET(handoff, module_count, 156);
TWINBOOT_OFFSET(handoff, modules, 160);
TWINBOOT_OFFSET(handoff, framebuffer, 168);
TWINBOOT_OFFSET(handoff, rsdp_phys, 176);
TWINBOOT_OFFSET(handoff, smbios2_phys, 184);
TWINBOOT_OFFSET(handoff, smbios3_phys, 192);
TWINBOOT_OFFSET(handoff, efi_system_table_phys, 200);
TWINBOOT_OFFSET(handoff, efi_memory_map, 208);
TWINBOOT_OFFSET(handoff, efi_memory_map_size, 216);
TWINBOOT_OFFSET(handoff, efi_descriptor_size, 224);
TWINBOOT_OFFSET(handoff, efi_descriptor_version, 228);
TWINBOOT_OFFSET(handoff, cpus, 232);
TWINBOOT_OFFSET(handoff, cpu_count, 240);
TWINBOOT_OFFSET(handoff, stack_size, 244);
TWINBOOT_OFFSET(handoff, stack_top, 248);
TWINBOOT_OFFSET(handoff, tsc_loader_entry, 256);
TWINBOOT_OFFSET(handoff, tsc_payload_ready, 264);
TWINBOOT_OFFSET(handoff, tsc_handoff, 272);
TWINBOOT_OFFSET(handoff, tsc_hz, 280);
TWINBOOT_OFFSET(handoff, tsc_source, 288);
TWINBOOT_OFFSET(handoff, entropy_source, 292);
TWINBOOT_OFFSET(handoff, entropy, 296);
TWINBOOT_OFFSET(handoff, wall_clock, 328);
TWINBOOT_OFFSET(handoff, boot_device_type, 336);
TWINBOOT_OFFSET(handoff, boot_drive, 340);
TWINBOOT_OFFSET(handoff, boot_device_path, 344);
TWINBOOT_OFFSET(handoff, log, 352);
TWINBOOT_OFFSET(handoff, log_size, 360);
TWINBOOT_SIZE(handoff, 368);
TWINBOOT_OFFSET(needs, contract, 0);
TWINBOOT_OFFSET(needs, flags, 4);
TWINBOOT_OFFSET(needs, framebuffer_width, 8);
TWINBOOT_OFFSET(needs, framebuffer_height, 12);
TWINBOOT_OFFSET(needs, framebuffer_bits_per_pixel, 16);
TWINBOOT_OFFSET(needs, stack_size, 20);
TWINBOOT_SIZE(needs, 24);
TWINBOOT_OFFSET(note, name_size, 0);
TWINBOOT_OFFSET(note, desc_size, 4);
TWINBOOT_OFFSET(note, type, 8);
TWINBOOT_OFFSET(note, name, 12);
TWINBOOT_OFFSET(note, needs, 24);
TWINBOOT_SIZE(note, 48);

#undef TWINBOOT_ASSERT
#undef TWINBOOT_OFFSET
#undef TWINBOOT_SIZE
#endif

#endif
