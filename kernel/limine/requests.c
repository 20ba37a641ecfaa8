/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel asks of a Limine loader: everything. The Makefile builds kernels that ask differently:
 *
 *     BASE            the base revision
 *     PAGING_WISH     the preferred paging mode, any being allowed
 *     X2APIC          1: local APICs in x2APIC mode
 *     KEEP            1: IOMMUs stay as the firmware left them
 */
#include "limine/limine.h"

#ifndef BASE
#define BASE 6
#endif
#ifndef PAGING_WISH
#define PAGING_WISH 0
#endif
#ifndef X2APIC
#define X2APIC 0
#endif
#ifndef KEEP
#define KEEP 0
#endif
#define STACK         (96 * 1024 + 16)
#define ENTROPY_WORDS 3

const uint64_t asked_stack = STACK, asked_entropy = ENTROPY_WORDS, asked_base = BASE,
	       asked_paging_mode = PAGING_WISH;
const bool asked_x2apic = X2APIC, asked_keep_iommu = KEEP;

/* What a loader leaves alone where it has no answer. */
#define UNANSWERED UINT64_C(0x5a5a0000feedc0de)

struct request_words {
	uint64_t id[4], revision, response, argument[3];
};

#define REQUEST(id2, id3, revision, ...) \
	{ \
		{0xc7b1dd30df4c8b88, 0x0a82e883a194f07b, id2, id3}, revision, UNANSWERED, \
		{ \
			__VA_ARGS__ \
		} \
	}

/* A file that need not be there. */
static const struct {
	const char *path, *string;
	uint64_t flags;
} internal_module = {"internal.txt", "named by the kernel", 0};
static const void *const internal_modules[] = {&internal_module};

/* One object: the order is the linker's in every other case. */
static volatile struct {
	uint64_t start_marker[4];
	uint64_t base[3];
	struct request_words requests[REQUEST_COUNT];
	uint64_t end_marker[2];
	/* Behind the end: a loader must not see it. */
	struct request_words hidden;
} requests
	__attribute__((used, aligned(8))) =
		{
			.start_marker = {0xf6b8f4b39de7d1ae, 0xfab91a6940fcb9cf, 0x785c6ed015d3e316,
					 0x181e920a7852b9d9},
			.base = {0xf9562b2d5c95a6c8, 0x6a7b384944536bdc, BASE},
			.requests =
				{
					[BOOTLOADER_INFO] =
						REQUEST(0xf55038d8e2a1202f, 0x279426fcf5f59740, 0),
					[COMMAND_LINE] = REQUEST(0x4b161536e598651e, 0xb390ad4a2f1f303a, 0),
					[FIRMWARE_TYPE] = REQUEST(0x8c2f75d90bef28a8, 0x7045a4688eac00c3, 0),
					[STACK_SIZE] =
						REQUEST(0x224ef0460a8e8926, 0xe1cb0fc25f46ea3d, 0, STACK),
					[HHDM] = REQUEST(0x48dcf1cb8ad2b852, 0x63984e959a98244b, 0),
					[FRAMEBUFFERS] = REQUEST(0x9d5827dcd881dd75, 0xa3148604f6fab11b, 1),
					[PAGING_MODE] = REQUEST(0x95c1a0edab0944cb, 0xa4e5cb3842f7488a, 1,
								PAGING_WISH, 1, 0),
					[MP] = REQUEST(0x95a67b819a1b857e, 0xa0b61b723b6a73e0, 0, X2APIC),
					[MEMORY_MAP] = REQUEST(0x67cf3d9d378a806f, 0xe304acdfc50c3c62, 0),
					[ENTRY_POINT] = REQUEST(0x13d86c035a1cd3e1, 0x2b0caa89d8f3026a, 0,
								(uint64_t)limine_main),
					[EXECUTABLE_FILE] =
						REQUEST(0xad97e90e83f1ed67, 0x31eb5d1c5ff23b69, 0),
					[MODULES] = REQUEST(0x3e7e279702be32af, 0xca1c4f3bd1280cee, 1, 1,
							    (uint64_t)internal_modules),
					[RSDP] = REQUEST(0xc5e77b6b397e7b43, 0x27637845accdcf3c, 0),
					[SMBIOS] = REQUEST(0x9e9046f11e095391, 0xaa4a520fefbde5ee, 0),
					[EFI_SYSTEM_TABLE] =
						REQUEST(0x5ceba5163eaaf6d6, 0x0a6981610cf65fcc, 0),
					[TPM_LOG] = REQUEST(0x98e094fc7e76e979, 0xee8d8775c54e1d1f, 0),
					[EFI_MEMORY_MAP] = REQUEST(0x7df62a431d6872d5, 0xa4fcdfb3e57306c8, 0),
					[DATE_AT_BOOT] = REQUEST(0x502746e184c088aa, 0xfbc5ec83e6327893, 0),
					[EXECUTABLE_ADDRESS] =
						REQUEST(0x71ba76863cc55f63, 0xb2644a48c516a487, 0),
					[DEVICE_TREE] = REQUEST(0xb40ddb48fb54bac7, 0x545081493f81ffb7, 0),
					[RISCV_HART] = REQUEST(0x1369359f025525f9, 0x2ff2a56178391bb6, 0),
					[PERFORMANCE] = REQUEST(0x6b50ad9bf36d13ad, 0xdc4c7e88fc759e17, 0),
					[KEEP_IOMMU] =
						REQUEST(KEEP ? 0x8ebaabe51f490179 : 0, 0x2aa86a59ffb4ab0f, 0),
					[TSC_FREQUENCY] = REQUEST(0x10f2ee1d87d195e4, 0xf747a2b78f6ddb31, 0),
					[FLANTERM] = REQUEST(0x3259399fe7c5f126, 0xe01c1c8c5db9d1a9, 0),
					[ENTROPY] = REQUEST(0x65ea80255d5682c5, 0x9117240723f493eb, 0,
							    ENTROPY_WORDS),
					[UNKNOWN] = REQUEST(0x6f6e6c7920746869, 0x73206b65726e656c, 7),
				},
			.end_marker = {0xadc0e0531bb10d03, 0x9572709f31764c62},
			.hidden = REQUEST(0x94469551da9b3192, 0xebe5e86db7382888, 0),
};

const void *answer(enum request request)
{
	uint64_t response = requests.requests[request].response;

	return response == UNANSWERED ? NULL : (const void *)response;
}

bool hidden_request_is_seen(void)
{
	return requests.hidden.response != UNANSWERED;
}

uint64_t base_word(unsigned index)
{
	return requests.base[index];
}

const char *request_name(enum request request)
{
	static const char *const names[] = {
		[BOOTLOADER_INFO] = "bootloader_info",
		[COMMAND_LINE] = "command_line",
		[FIRMWARE_TYPE] = "firmware_type",
		[STACK_SIZE] = "stack_size",
		[HHDM] = "hhdm",
		[FRAMEBUFFERS] = "framebuffers",
		[PAGING_MODE] = "paging_mode",
		[MP] = "mp",
		[MEMORY_MAP] = "memory_map",
		[ENTRY_POINT] = "entry_point",
		[EXECUTABLE_FILE] = "executable_file",
		[MODULES] = "modules",
		[RSDP] = "rsdp",
		[SMBIOS] = "smbios",
		[EFI_SYSTEM_TABLE] = "efi_system_table",
		[TPM_LOG] = "tpm_log",
		[EFI_MEMORY_MAP] = "efi_memory_map",
		[DATE_AT_BOOT] = "date_at_boot",
		[EXECUTABLE_ADDRESS] = "executable_address",
		[DEVICE_TREE] = "device_tree",
		[RISCV_HART] = "riscv_hart",
		[PERFORMANCE] = "performance",
		[KEEP_IOMMU] = "keep_iommu",
		[TSC_FREQUENCY] = "tsc_frequency",
		[FLANTERM] = "flanterm",
		[ENTROPY] = "entropy",
		[UNKNOWN] = "unknown",
	};

	return names[request];
}
