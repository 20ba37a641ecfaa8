/* SPDX-License-Identifier: BSD-2-Clause */
/* A bzImage that is all header, for the tests of who reads it. */
#ifndef LINUX_KERNEL_H
#define LINUX_KERNEL_H

#include "core_host.h"
#include "formats/bzimage.h"

#define SETUP_SECTS 3u
#define SETUP_SIZE  ((SETUP_SECTS + 1) * 512)
#define CODE_SIZE   4096u
#define FILE_SIZE   (SETUP_SIZE + CODE_SIZE)
#define NAME_AT     0x400u

/* The last byte of the file is the last one that can be read. */
static uint8_t *make_kernel(void)
{
	uint8_t *file = low_memory(FILE_SIZE);
	const struct linux_setup_header header = {
		.setup_sects = SETUP_SECTS,
		.syssize = CODE_SIZE / 16,
		.boot_flag = BZIMAGE_BOOT_FLAG,
		.jump = 0xeb,
		.jump_distance = sizeof(struct linux_setup_header) - 0x11,
		.header = BZIMAGE_MAGIC,
		.version = 0x20f,
		.kernel_version = NAME_AT - 0x200,
		.loadflags = BZIMAGE_LOADED_HIGH,
		.kernel_alignment = 2 << 20,
		.relocatable_kernel = 1,
		.xloadflags = BZIMAGE_XLF_KERNEL_64,
		.cmdline_size = 2047,
		.pref_address = 16 << 20,
		.init_size = 8 << 20,
		.kernel_info_offset = 0x1234,
	};
	memset(file, 0xff, FILE_SIZE);
	memcpy(file + BZIMAGE_HEADER, &header, sizeof(header));
	memcpy(file + NAME_AT, "6.12.0-test", 12);
	return file;
}

static struct linux_setup_header *header_of(uint8_t *file)
{
	return (struct linux_setup_header *)(file + BZIMAGE_HEADER);
}

#endif
