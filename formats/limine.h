/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Limine boot protocol on x86-64, base revisions 0 to 6: the text of 2026-08 (PROTOCOL.md of
 * limine-protocol, the version with the entropy feature). A kernel asks by structures in its image, each
 * found by four words; the loader writes the address of an answer into each that it can serve.
 *
 * All pointers are virtual addresses. Those in requests lie in the kernel's image; those in answers in the
 * HHDM ("higher half direct map": physical memory at an offset), and what they point to is
 * bootloader-reclaimable memory. They are uint64_t here, since the build writes and reads them on behalf of
 * another machine.
 */
#ifndef LIMINE_H
#define LIMINE_H

#include <stdint.h>

/* The first two words of every request; two more tell which one it is. */
#define LIMINE_MAGIC_0 UINT64_C(0xc7b1dd30df4c8b88)
#define LIMINE_MAGIC_1 UINT64_C(0x0a82e883a194f07b)

/* Base revision tag: these and the number. The loader writes 0 to the third word if it speaks that revision,
   and, from revision 3 on, the revision that it speaks to the second one. */
#define LIMINE_BASE_0       UINT64_C(0xf9562b2d5c95a6c8)
#define LIMINE_BASE_1       UINT64_C(0x6a7b384944536bdc)
#define LIMINE_BASE_NEWEST  6u
#define LIMINE_BASE_WRITES1 3u /* from this base revision on the second word is written */

/* Only what lies between the last start marker and the first end marker counts. */
#define LIMINE_START_0 UINT64_C(0xf6b8f4b39de7d1ae)
#define LIMINE_START_1 UINT64_C(0xfab91a6940fcb9cf)
#define LIMINE_START_2 UINT64_C(0x785c6ed015d3e316)
#define LIMINE_START_3 UINT64_C(0x181e920a7852b9d9)
#define LIMINE_END_0   UINT64_C(0xadc0e0531bb10d03)
#define LIMINE_END_1   UINT64_C(0x9572709f31764c62)

/* Instead of a search, base revision 0 alone: an array of pointers to requests, ended by 0. */
#define LIMINE_REQUESTS_SECTION ".limine_reqs"

#define LIMINE_REQUESTS_MAX 128u /* as many as Limine takes */
#define LIMINE_STACK_MIN    (64u << 10)
#define LIMINE_TOP          UINT64_C(0xffffffff80000000) /* no kernel lies below */

/*
 * Every feature that an x86-64 kernel can ask for: a name, what a person calls it, the two words that tell it
 * from the others, and the bytes of its request. Old names share the words: SMP is MP, Kernel File is
 * Executable File, Kernel Address is Executable Address.
 */
#define LIMINE_FEATURES(FEATURE) \
	FEATURE(BOOTLOADER_INFO, "bootloader info", 0xf55038d8e2a1202f, 0x279426fcf5f59740, 48) \
	FEATURE(COMMAND_LINE, "command line", 0x4b161536e598651e, 0xb390ad4a2f1f303a, 48) \
	FEATURE(FIRMWARE_TYPE, "firmware type", 0x8c2f75d90bef28a8, 0x7045a4688eac00c3, 48) \
	FEATURE(STACK_SIZE, "stack size", 0x224ef0460a8e8926, 0xe1cb0fc25f46ea3d, 56) \
	FEATURE(HHDM, "HHDM", 0x48dcf1cb8ad2b852, 0x63984e959a98244b, 48) \
	FEATURE(FRAMEBUFFER, "framebuffer", 0x9d5827dcd881dd75, 0xa3148604f6fab11b, 48) \
	FEATURE(PAGING_MODE, "paging mode", 0x95c1a0edab0944cb, 0xa4e5cb3842f7488a, 56) \
	FEATURE(LEVEL5_PAGING, "5-level paging", 0x94469551da9b3192, 0xebe5e86db7382888, 48) \
	FEATURE(MP, "MP", 0x95a67b819a1b857e, 0xa0b61b723b6a73e0, 56) \
	FEATURE(MEMORY_MAP, "memory map", 0x67cf3d9d378a806f, 0xe304acdfc50c3c62, 48) \
	FEATURE(ENTRY_POINT, "entry point", 0x13d86c035a1cd3e1, 0x2b0caa89d8f3026a, 56) \
	FEATURE(EXECUTABLE_FILE, "executable file", 0xad97e90e83f1ed67, 0x31eb5d1c5ff23b69, 48) \
	FEATURE(MODULES, "modules", 0x3e7e279702be32af, 0xca1c4f3bd1280cee, 48) \
	FEATURE(RSDP, "RSDP", 0xc5e77b6b397e7b43, 0x27637845accdcf3c, 48) \
	FEATURE(SMBIOS, "SMBIOS", 0x9e9046f11e095391, 0xaa4a520fefbde5ee, 48) \
	FEATURE(EFI_SYSTEM_TABLE, "EFI system table", 0x5ceba5163eaaf6d6, 0x0a6981610cf65fcc, 48) \
	FEATURE(TPM_EVENT_LOG, "TPM event log", 0x98e094fc7e76e979, 0xee8d8775c54e1d1f, 48) \
	FEATURE(EFI_MEMORY_MAP, "EFI memory map", 0x7df62a431d6872d5, 0xa4fcdfb3e57306c8, 48) \
	FEATURE(DATE_AT_BOOT, "date at boot", 0x502746e184c088aa, 0xfbc5ec83e6327893, 48) \
	FEATURE(EXECUTABLE_ADDRESS, "executable address", 0x71ba76863cc55f63, 0xb2644a48c516a487, 48) \
	FEATURE(DEVICE_TREE, "device tree", 0xb40ddb48fb54bac7, 0x545081493f81ffb7, 48) \
	FEATURE(RISCV_BOOT_HART, "RISC-V boot hart", 0x1369359f025525f9, 0x2ff2a56178391bb6, 48) \
	FEATURE(PERFORMANCE, "bootloader performance", 0x6b50ad9bf36d13ad, 0xdc4c7e88fc759e17, 48) \
	FEATURE(KEEP_IOMMU, "keep IOMMU", 0x8ebaabe51f490179, 0x2aa86a59ffb4ab0f, 48) \
	FEATURE(TSC_FREQUENCY, "TSC frequency", 0x10f2ee1d87d195e4, 0xf747a2b78f6ddb31, 48) \
	FEATURE(FLANTERM, "Flanterm parameters", 0x3259399fe7c5f126, 0xe01c1c8c5db9d1a9, 48) \
	FEATURE(ENTROPY, "entropy", 0x65ea80255d5682c5, 0x9117240723f493eb, 56) \
	FEATURE(TERMINAL, "terminal", 0xc8ac59310c2b0844, 0xa68d0c7265d38878, 56)

enum limine_feature {
#define LIMINE_NAME(name, text, id2, id3, size) LIMINE_FEATURE_##name,
	LIMINE_FEATURES(LIMINE_NAME)
#undef LIMINE_NAME
		LIMINE_FEATURE_COUNT,
};

/* What every request begins with, and the word behind it in those that have one. */
struct limine_request {
	uint64_t id[4];
	uint64_t revision;
	uint64_t response; /* the loader writes here, or leaves it alone */
	uint64_t argument; /* stack size; preferred paging mode; MP flags; entry; number of random words; ...
			    */
};
#define LIMINE_REQUEST_SIZE 48u /* without an argument */

/* Request revision 1 of the paging mode and of the modules have two words more. */
struct limine_paging_mode_request {
	struct limine_request request;
	uint64_t max_mode, min_mode;
};
#define LIMINE_FOUR_LEVELS 0u
#define LIMINE_FIVE_LEVELS 1u

struct limine_modules_request {
	struct limine_request request; /* argument: number of internal modules */
	uint64_t internal;             /* pointer to pointers to struct limine_internal_module */
};

struct limine_internal_module {
	uint64_t path; /* relative to the kernel's file; "#" and 128 hexadecimal digits of BLAKE2b may follow
			*/
	uint64_t string; /* never 0 */
	uint64_t flags;
};
#define LIMINE_MODULE_REQUIRED   (1u << 0)
#define LIMINE_MODULE_COMPRESSED (1u << 1) /* gzip */

#define LIMINE_MP_X2APIC (1u << 0) /* in request: wish; in response: it is on */

/* Responses: each begins with its revision. */
struct limine_bootloader_info {
	uint64_t revision, name, version; /* strings */
};

/* Command line (string), device tree, RSDP, EFI system table (addresses), firmware type, HHDM offset, paging
   mode, TSC frequency in Hz, seconds since 1970: one word each. */
struct limine_word {
	uint64_t revision, value;
};
#define LIMINE_FIRMWARE_BIOS  0u
#define LIMINE_FIRMWARE_EFI64 2u

/* Framebuffers, memory map, modules, random numbers: how many, and where. But for the random numbers it is an
   array of pointers. */
struct limine_list {
	uint64_t revision, count, items;
};

struct limine_framebuffer {
	uint64_t address; /* in the HHDM, write-combining */
	uint64_t width, height, pitch;
	uint16_t bits_per_pixel;
	uint8_t memory_model;
	uint8_t red_size, red_shift, green_size, green_shift, blue_size, blue_shift;
	uint8_t unused[7];
	uint64_t edid_size, edid;
	uint64_t mode_count, modes; /* response revision 1: pointers to struct limine_video_mode */
};
#define LIMINE_RGB 1u

struct limine_video_mode {
	uint64_t pitch, width, height;
	uint16_t bits_per_pixel;
	uint8_t memory_model;
	uint8_t red_size, red_shift, green_size, green_shift, blue_size, blue_shift;
};

/* In response to MP. */
struct limine_mp {
	uint64_t revision;
	uint32_t flags;
	uint32_t boot_apic_id;
	uint64_t count;
	uint64_t cpus; /* pointers to struct limine_cpu */
};

/* A parked CPU watches goto_address and enters it with RDI = this structure, which therefore keeps its place.
 */
struct limine_cpu {
	uint32_t processor_id; /* ACPI processor UID */
	uint32_t apic_id;
	uint64_t reserved; /* the loader's: where its stack ends */
	uint64_t goto_address;
	uint64_t extra_argument; /* the kernel's */
};

enum limine_memory_type {
	LIMINE_USABLE = 0,
	LIMINE_RESERVED = 1,
	LIMINE_ACPI_RECLAIMABLE = 2,
	LIMINE_ACPI_NVS = 3,
	LIMINE_BAD = 4,
	LIMINE_RECLAIMABLE = 5, /* the loader's, free once nothing of it is needed any more */
	LIMINE_EXECUTABLE_AND_MODULES = 6,
	LIMINE_FRAMEBUFFER = 7,
	LIMINE_RESERVED_MAPPED = 8, /* from base revision 4 on */
};

struct limine_memory {
	uint64_t base, length, type; /* enum limine_memory_type */
};

struct limine_smbios {
	uint64_t revision, entry_32, entry_64; /* 0: absent */
};

struct limine_tpm_log {
	uint64_t revision, format, size, address;
};

struct limine_efi_memory_map {
	uint64_t revision, map, size, descriptor_size, descriptor_version;
};

struct limine_executable_address {
	uint64_t revision, physical, virtual;
};

struct limine_performance {
	uint64_t revision, reset_us, loader_us, kernel_us; /* microseconds from one point in time */
};

/* In response to executable file (a pointer), modules (pointers). */
struct limine_file {
	uint64_t revision;
	uint64_t address; /* a multiple of 4096, with its pages to itself */
	uint64_t size;    /* bytes */
	uint64_t path, string;
	uint32_t media; /* LIMINE_MEDIA_ */
	uint32_t unused;
	uint8_t tftp_address[4]; /* what follows is 0 where it is not known */
	uint32_t tftp_port;
	uint32_t partition; /* from 1 on */
	uint32_t mbr_disk_id;
	uint8_t gpt_disk[16], gpt_partition[16];
	uint8_t file_system[16];
};
#define LIMINE_MEDIA_GENERIC 0u
#define LIMINE_MEDIA_OPTICAL 1u
#define LIMINE_MEDIA_TFTP    2u

_Static_assert(sizeof(struct limine_request) == 56, "packed by itself");
_Static_assert(sizeof(struct limine_framebuffer) == 80, "packed by itself");
_Static_assert(sizeof(struct limine_video_mode) == 40, "packed by itself");
_Static_assert(sizeof(struct limine_cpu) == 32, "packed by itself");
_Static_assert(sizeof(struct limine_file) == 112, "packed by itself");

#endif
