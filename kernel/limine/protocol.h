/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Limine boot protocol as a kernel sees it (PROTOCOL.md of limine-protocol, 2026-08). Nothing of this tree's other
 * rooms is in here, so that a mistake in theirs shows.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer_bootloader_info {
	uint64_t revision;
	const char *name, *version;
};

struct answer_word {
	uint64_t revision, value;
};

struct answer_string {
	uint64_t revision;
	const char *text;
};

struct video_mode {
	uint64_t pitch, width, height;
	uint16_t bpp;
	uint8_t memory_model, red_size, red_shift, green_size, green_shift, blue_size, blue_shift;
};

struct framebuffer {
	void *address;
	uint64_t width, height, pitch;
	uint16_t bpp;
	uint8_t memory_model, red_size, red_shift, green_size, green_shift, blue_size, blue_shift, unused[7];
	uint64_t edid_size;
	const uint8_t *edid;
	uint64_t mode_count;
	const struct video_mode *const *modes;
};

struct answer_framebuffers {
	uint64_t revision, count;
	const struct framebuffer *const *framebuffers;
};

struct memory_row {
	uint64_t base, length, type;
};

struct answer_memory_map {
	uint64_t revision, count;
	const struct memory_row *const *rows;
};

struct limine_cpu {
	uint32_t processor_id, apic_id;
	uint64_t reserved;
	void *volatile goto_address;
	volatile uint64_t extra_argument;
};

struct answer_mp {
	uint64_t revision;
	uint32_t flags, boot_apic_id;
	uint64_t count;
	struct limine_cpu *const *cpus;
};

struct file {
	uint64_t revision;
	const uint8_t *address;
	uint64_t size;
	const char *path, *string;
	uint32_t media_type, unused;
	uint8_t tftp_address[4];
	uint32_t tftp_port, partition, mbr_disk_id;
	uint8_t gpt_disk[16], gpt_partition[16], file_system[16];
};

struct answer_file {
	uint64_t revision;
	const struct file *file;
};

struct answer_modules {
	uint64_t revision, count;
	const struct file *const *files;
};

struct answer_smbios {
	uint64_t revision, entry_32, entry_64;
};

struct answer_efi_memory_map {
	uint64_t revision;
	uint8_t *map;
	uint64_t size, descriptor_size, descriptor_version;
};

struct answer_tpm_log {
	uint64_t revision, format, size;
	const uint8_t *address;
};

struct answer_executable_address {
	uint64_t revision, physical, virtual;
};

struct answer_performance {
	uint64_t revision, reset_us, loader_us, kernel_us;
};

struct answer_entropy {
	uint64_t revision, count;
	const uint64_t *values;
};

enum memory_type {
	USABLE,
	RESERVED,
	ACPI_RECLAIMABLE,
	ACPI_NVS,
	BAD,
	RECLAIMABLE,
	EXECUTABLE_AND_MODULES,
	FRAMEBUFFER,
	RESERVED_MAPPED,
};

/* The requests, in the order in which they stand in the image. */
enum request {
	BOOTLOADER_INFO,
	COMMAND_LINE,
	FIRMWARE_TYPE,
	STACK_SIZE,
	HHDM,
	FRAMEBUFFERS,
	PAGING_MODE,
	MP,
	MEMORY_MAP,
	ENTRY_POINT,
	EXECUTABLE_FILE,
	MODULES,
	RSDP,
	SMBIOS,
	EFI_SYSTEM_TABLE,
	TPM_LOG,
	EFI_MEMORY_MAP,
	DATE_AT_BOOT,
	EXECUTABLE_ADDRESS,
	DEVICE_TREE,
	RISCV_HART,
	PERFORMANCE,
	KEEP_IOMMU,
	TSC_FREQUENCY,
	FLANTERM,
	ENTROPY,
	UNKNOWN, /* one that no loader knows */
	REQUEST_COUNT,
};

/* The response to it, or NULL. */
const void *answer(enum request request);
const char *request_name(enum request request);

extern const uint64_t asked_stack, asked_entropy, asked_base; /* what the requests ask for */
extern const uint64_t asked_paging_mode;
extern const bool asked_x2apic, asked_keep_iommu;
uint64_t base_word(unsigned index); /* of the base revision tag, as it is now */
bool hidden_request_is_seen(void);  /* the one behind the end marker */

#endif
