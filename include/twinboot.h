/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twinboot.h: what a kernel is handed, and how it says what it needs. Contract version 2.
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
#define TWINBOOT_CONTRACT_VERSION 2

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

/* A file given to the build, at a page boundary. Only its own bytes may be read; the rest
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

/*
 * ---- From contract version 2 on ----
 *
 * A kernel that says contract 1 in its note finds none of this changed for it: it enters without an IDT.
 */

/* What a module is for. A protocol adapter shows its own kernel only those of role TWINBOOT_ROLE_MODULE. */
enum twinboot_role {
	TWINBOOT_ROLE_MODULE = 0,         /* given with MODULES= */
	TWINBOOT_ROLE_FOREIGN_KERNEL = 1, /* what an adapter starts: a padded ELF file or a bzImage */
	TWINBOOT_ROLE_ORIGINAL_FILE = 2,  /* the foreign kernel's file, byte for byte as it was given */
	TWINBOOT_ROLE_SYMBOLS = 3,        /* section headers, symbol and string tables of that file */
	TWINBOOT_ROLE_INITRD = 4,
	TWINBOOT_ROLE_MICROCODE = 5,
	TWINBOOT_ROLE_OTHER = 6, /* carried along for others: .osrel, .uname, .sbat */
};

enum twinboot_module_flags {
	/* The loader has compared the stored bytes with a CRC-32C of the build. Clear where the file was
	   assembled by another tool, which leaves only the signature to vouch for it. */
	TWINBOOT_MODULE_CHECKED = 1 << 0,
	TWINBOOT_MODULE_HAS_SHA256 = 1 << 1,     /* `sha256` is the build's, of the `size` bytes */
	TWINBOOT_MODULE_SHA256_CHECKED = 1 << 2, /* and the loader has compared it */
};

/* More about module i: row i of handoff->module_facts. Rows lie handoff->module_fact_size bytes apart, so
   that later contracts can append. */
struct twinboot_module_fact {
	uint32_t role;        /* enum twinboot_role */
	uint32_t flags;       /* enum twinboot_module_flags */
	uint64_t memory_size; /* bytes from data_phys that are this module's alone; zero behind `size` */
	uint8_t sha256[32];
};

/* What the build asked for on behalf of an adapter, and where the loader has planned it. */
enum twinboot_placement_kind {
	/* Memory for module `module` to run in: nothing of the loader's, of the kernel's or of another module
	   lies there. Where the firmware allowed it the module lies there already
	   (modules[module].data_phys == base_phys); else the kernel copies it as the last thing it does,
	   since on UEFI boot services may have used that memory. */
	TWINBOOT_PLACEMENT_TARGET = 1,
	/* Memory in which nothing of the loader's lies. */
	TWINBOOT_PLACEMENT_KEEP_CLEAR = 2,
};
#define TWINBOOT_NO_MODULE UINT32_MAX

struct twinboot_placement {
	uint32_t kind;      /* enum twinboot_placement_kind */
	uint32_t module;    /* index, or TWINBOOT_NO_MODULE: room alone */
	uint64_t base_phys; /* multiple of 4096 */
	uint64_t size;      /* bytes */
};

enum twinboot_secure_boot {
	TWINBOOT_SECURE_BOOT_UNKNOWN = 0, /* BIOS, or UEFI without the variable */
	TWINBOOT_SECURE_BOOT_OFF = 1,     /* SecureBoot is 0 */
	TWINBOOT_SECURE_BOOT_SETUP = 2,   /* SetupMode is 1: no platform key */
	TWINBOOT_SECURE_BOOT_ON = 3,      /* SecureBoot is 1, SetupMode 0, and shim does not say otherwise */
};

enum twinboot_measured {
	TWINBOOT_MEASURED_PAYLOAD = 1 << 0,      /* every part of it, into PCR 11, as lines of text */
	TWINBOOT_MEASURED_SYSTEMD = 1 << 1,      /* PCR 11 as systemd-stub would have */
	TWINBOOT_MEASURED_COMMAND_LINE = 1 << 2, /* what was passed from outside, into PCR 12 */
};

/*
 * Raw facts: records of any number and order behind handoff->records, each at a multiple of 8, the last one of
 * type TWINBOOT_RECORD_END. A reader skips types that it does not know, and ignores bytes beyond those it
 * knows. They are what the firmware said, unchecked, where the rest of the handoff is what the loader made of
 * it. What the machine or the firmware does not have has no record.
 */
struct twinboot_record {
	uint32_t type; /* enum twinboot_record_type */
	uint32_t size; /* bytes, this header included; the next record begins at the next multiple of 8 */
};
#define TWINBOOT_NEXT_RECORD(record) \
	((const struct twinboot_record *)((uintptr_t)(record) + \
					  (((record)->size + UINT64_C(7)) & ~UINT64_C(7))))

enum twinboot_record_type {
	TWINBOOT_RECORD_END = 0,
	TWINBOOT_RECORD_E820 = 1,           /* struct twinboot_e820 */
	TWINBOOT_RECORD_TPM_LOG = 2,        /* struct twinboot_tpm_log */
	TWINBOOT_RECORD_VIDEO_MODES = 3,    /* struct twinboot_video_modes */
	TWINBOOT_RECORD_VBE_CONTROLLER = 4, /* 512 bytes of INT 10h AX=4F00h (VBE 3.0, 4.3) */
	TWINBOOT_RECORD_VBE_MODE = 5,       /* struct twinboot_vbe_mode */
	TWINBOOT_RECORD_TEXT_MODE = 6,      /* struct twinboot_text_mode; BIOS, while text is on the screen */
	TWINBOOT_RECORD_EDID = 7,           /* 128 or 256 bytes, as the display gave them */
	TWINBOOT_RECORD_BOOT_MEDIUM = 8,    /* struct twinboot_boot_medium */
	TWINBOOT_RECORD_EDD = 9, /* the result buffer of INT 13h AH=48h (EDD-3), from its size word on */
	TWINBOOT_RECORD_DHCP_ACK = 10, /* the packet, from BOOTP's op on (RFC 951), as the boot ROM kept it */
	TWINBOOT_RECORD_NETWORK_SERVER = 11, /* struct twinboot_network_server */
	TWINBOOT_RECORD_LOAD_OPTIONS = 12, /* EFI_LOADED_IMAGE_PROTOCOL.LoadOptions, LoadOptionsSize bytes */
};

/* INT 15h E820h, row by row in the BIOS' order (ACPI 6.5, 15.1). The rows follow this structure. */
struct twinboot_e820 {
	struct twinboot_record record;
	uint32_t count;
	uint32_t row_size; /* bytes from one row to the next */
};

struct twinboot_e820_row {
	uint64_t base, length;
	uint32_t type;       /* as the BIOS says it */
	uint32_t attributes; /* ACPI 3.0's extended attributes, as the BIOS left them */
};

/* The TPM's event log as the firmware of a UEFI machine gave it to the loader (TCG EFI Protocol Specification,
   6.4). The log follows this structure. On BIOS it stands where ACPI's TPM2 or TCPA table says. */
struct twinboot_tpm_log {
	struct twinboot_record record;
	uint32_t
		format; /* 1: TCG 1.2, SHA-1 alone; 2: crypto agile (TCG PC Client Platform Firmware Profile) */
	uint32_t truncated; /* 1: the firmware had more events than room */
	uint64_t log_size;  /* bytes */
	/* EFI_TCG2_FINAL_EVENTS_TABLE (7.2 there), or 0: what was logged from the first GetEventLog() on. */
	uint64_t final_phys;
	uint64_t final_known; /* bytes of that table's events that the log has, too: skip them */
};

/* Every mode with a linear framebuffer that the firmware offers. The rows follow this structure. */
struct twinboot_video_modes {
	struct twinboot_record record;
	uint32_t count;
	uint32_t row_size; /* bytes from one row to the next */
};

enum twinboot_video_mode_flags {
	TWINBOOT_VIDEO_MODE_CURRENT = 1 << 0,
	TWINBOOT_VIDEO_MODE_STRUCK_OUT = 1 << 1, /* setting it failed */
};

struct twinboot_video_mode {
	uint32_t width, height, pitch; /* pixels, pixels, bytes */
	uint16_t bits_per_pixel;
	uint16_t flags; /* enum twinboot_video_mode_flags */
	uint8_t red_size, red_shift, green_size, green_shift, blue_size, blue_shift;
	uint8_t reserved[2];
	uint32_t id; /* VBE's or GOP's mode number */
	uint32_t reserved2;
};

/* 256 bytes of INT 10h AX=4F01h (VBE 3.0, 4.4) for the mode that is set. */
struct twinboot_vbe_mode {
	struct twinboot_record record;
	uint32_t number; /* as given to AX=4F02h */
	uint32_t reserved;
	uint8_t block[256];
};

struct twinboot_text_mode {
	struct twinboot_record record;
	uint64_t base_phys; /* B8000h */
	uint8_t mode;       /* INT 10h AH=0Fh: 3 */
	uint8_t page;
	uint8_t columns, rows;
	uint8_t cursor_column, cursor_row;
	uint8_t glyph_height; /* scan lines a character (40:85h) */
	uint8_t reserved;
};

enum twinboot_medium_type {
	TWINBOOT_MEDIUM_UNKNOWN = 0,
	TWINBOOT_MEDIUM_DISK = 1, /* read in sectors of the disk's size; a USB stick, too */
	TWINBOOT_MEDIUM_CD = 2,   /* El Torito */
	TWINBOOT_MEDIUM_NETWORK = 3,
};

/* The GUIDs and signatures are read from the disk at boot: tables change after an image is written. */
struct twinboot_boot_medium {
	struct twinboot_record record;
	uint32_t type;                               /* enum twinboot_medium_type */
	uint32_t sector_size;                        /* bytes; 0 for a network */
	uint32_t bios_drive;                         /* INT 13h's DL; UINT32_MAX on UEFI */
	uint32_t mbr_signature;                      /* the disk identifier at 1B8h; 0 if there is none */
	uint32_t has_gpt;                            /* 1: the two GUIDs are there */
	uint32_t partition;                          /* 1 and up; 0: the whole disk, or unknown */
	uint8_t disk_guid[16];                       /* as in the GPT's header */
	uint8_t partition_guid[16];                  /* of the partition that the payload lies in */
	uint64_t partition_first, partition_sectors; /* sectors; 0 if unknown */
};

struct twinboot_network_server {
	struct twinboot_record record;
	uint8_t is_ipv6, reserved[7];
	uint8_t address[16]; /* of the server that the loader came from; IPv4 in the first four */
	uint8_t client_address[16];
	char path[128]; /* the file that was asked for, NUL-terminated */
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
	uint64_t rsdp_phys;    /* ACPI 5.2.5, checksum verified; revision 2 where there is one */
	uint64_t smbios2_phys; /* SMBIOS 2.x entry point "_SM_", checksum verified */
	uint64_t smbios3_phys; /* SMBIOS 3.x entry point "_SM3_", checksum verified */
	uint64_t
		efi_system_table_phys; /* UEFI only; its boot services are gone. 0 where the kernel hides runtime services */
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

	/* From contract version 2 on. */

	/* What the build wrote for this kernel alone, at a multiple of 8; NULL and 0 if nothing. */
	const void *adapter_data;
	uint64_t adapter_data_size;                      /* bytes */
	const struct twinboot_module_fact *module_facts; /* module_count rows; NULL if module_count is 0 */
	const struct twinboot_placement *placements;     /* NULL if placement_count is 0 */
	uint32_t module_fact_size;                       /* bytes from one row to the next */
	uint32_t placement_count;
	const struct twinboot_record *records; /* ends with TWINBOOT_RECORD_END; never NULL */
	uint64_t records_size;                 /* bytes, the end's included */

	/* What the kernel stands on as long as it runs on what the loader made; all of type LOADER. */
	uint64_t arena_phys, arena_size; /* page tables, stacks, GDT, this handoff and what it points to */
	uint64_t low_page_phys; /* where other CPUs start, and one that comes late still runs; 0: none */
	uint64_t loader_phys, loader_size; /* the loader's own code and data, without the payload; the
					      exception net runs there */

	/* The IDT that catches exceptions until the kernel loads its own: vectors 0 to 31 end in a sentence
	   on COM1 and on the screen. 0: the kernel's note says contract 1, or TWINBOOT_NO_EXCEPTION_NET. */
	uint64_t exception_net; /* virtual address, also in IDTR */

	uint32_t secure_boot; /* enum twinboot_secure_boot */
	uint32_t measured;    /* enum twinboot_measured, ORed; 0: nothing was measured by the loader */
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
	/* From contract version 2 on. */
	TWINBOOT_KEEP_TEXT_MODE = 1 << 6, /* BIOS: leave the text mode on; no framebuffer is handed over */
	TWINBOOT_WANT_X2APIC = 1 << 7,    /* every local APIC in x2APIC mode, if the CPU has it */
	TWINBOOT_WANT_XAPIC = 1 << 8,     /* every local APIC in xAPIC mode, if the CPU allows that */
	TWINBOOT_WANT_LINUX_TABLES =
		1 << 9, /* UEFI: install the configuration tables that Linux' EFI stub does */
	TWINBOOT_NO_EXCEPTION_NET = 1 << 10, /* enter with an IDTR of limit 0, as contract 1 has it */
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
TWINBOOT_OFFSET(handoff, adapter_data, 368);
TWINBOOT_OFFSET(handoff, adapter_data_size, 376);
TWINBOOT_OFFSET(handoff, module_facts, 384);
TWINBOOT_OFFSET(handoff, placements, 392);
TWINBOOT_OFFSET(handoff, module_fact_size, 400);
TWINBOOT_OFFSET(handoff, placement_count, 404);
TWINBOOT_OFFSET(handoff, records, 408);
TWINBOOT_OFFSET(handoff, records_size, 416);
TWINBOOT_OFFSET(handoff, arena_phys, 424);
TWINBOOT_OFFSET(handoff, arena_size, 432);
TWINBOOT_OFFSET(handoff, low_page_phys, 440);
TWINBOOT_OFFSET(handoff, loader_phys, 448);
TWINBOOT_OFFSET(handoff, loader_size, 456);
TWINBOOT_OFFSET(handoff, exception_net, 464);
TWINBOOT_OFFSET(handoff, secure_boot, 472);
TWINBOOT_OFFSET(handoff, measured, 476);
TWINBOOT_SIZE(handoff, 480);
TWINBOOT_SIZE(module_fact, 48);
TWINBOOT_SIZE(placement, 24);
TWINBOOT_SIZE(record, 8);
TWINBOOT_SIZE(e820, 16);
TWINBOOT_SIZE(e820_row, 24);
TWINBOOT_SIZE(tpm_log, 40);
TWINBOOT_SIZE(video_modes, 16);
TWINBOOT_SIZE(video_mode, 32);
TWINBOOT_SIZE(vbe_mode, 272);
TWINBOOT_SIZE(text_mode, 24);
TWINBOOT_SIZE(boot_medium, 80);
TWINBOOT_SIZE(network_server, 176);
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
