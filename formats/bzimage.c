/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/bzimage.h"

#include <stddef.h>

#define SECTOR           512u
#define SETUP_SECTS_IF_0 4u
#define JUMP_SHORT       0xebu /* Intel SDM 2A, JMP rel8 */
#define HEADER_RELATIVE  0x200u
/* Where the fields of protocol 2.12 end, and with them the least header that is of use. */
#define HEADER_MIN (offsetof(struct linux_setup_header, init_size) + sizeof(uint32_t))
/* Far more than any kernel asks for: with it no sum below can overflow. */
#define ALIGNMENT_MAX (UINT32_C(1) << 30)

static void copy(void *to, const void *from, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
}

/* The jump over the header tells how long it is: newer kernels have more fields than we know, older ones fewer. */
static uint32_t header_size(const uint8_t *file, uint64_t size)
{
	const uint32_t jump = BZIMAGE_HEADER + offsetof(struct linux_setup_header, jump);
	uint32_t end = jump + 2u + file[jump + 1];
	uint32_t known = BZIMAGE_HEADER + sizeof(struct linux_setup_header);
	if (end > known)
		end = known;
	return (end < size ? end : (uint32_t)size) - BZIMAGE_HEADER;
}

static int is_power_of_two(uint64_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

enum bzimage_verdict bzimage_read(struct bzimage *image, const void *file, uint64_t size)
{
	struct linux_setup_header *header = &image->header;
	*image = (struct bzimage){.header_size = 0};
	if (size < 2 * SECTOR)
		return BZIMAGE_IS_OTHER;
	image->header_size = header_size(file, size);
	copy(header, (const uint8_t *)file + BZIMAGE_HEADER, image->header_size);
	if (header->boot_flag != BZIMAGE_BOOT_FLAG || header->jump != JUMP_SHORT ||
	    header->header != BZIMAGE_MAGIC)
		return BZIMAGE_IS_OTHER;
	if (header->version < BZIMAGE_VERSION_MIN)
		return BZIMAGE_TOO_OLD;
	if (!(header->xloadflags & BZIMAGE_XLF_KERNEL_64) || !(header->loadflags & BZIMAGE_LOADED_HIGH))
		return BZIMAGE_NO_64_BIT_ENTRY;

	uint32_t setup = header->setup_sects != 0 ? header->setup_sects : SETUP_SECTS_IF_0;
	image->code_offset = (setup + 1u) * SECTOR;
	image->code_size = header->syssize * UINT64_C(16);
	image->alignment = header->kernel_alignment;
	image->memory = header->init_size;
	/* syssize counts whole paragraphs, so that the file can end up to 15 bytes earlier. */
	if (image->code_offset > size || size - image->code_offset + 15 < image->code_size)
		return BZIMAGE_CUT_OFF;
	if (image->code_size > size - image->code_offset)
		image->code_size = size - image->code_offset;
	if (image->header_size < HEADER_MIN || image->code_size <= BZIMAGE_ENTRY_64 ||
	    image->memory < image->code_size || !is_power_of_two(image->alignment) ||
	    image->alignment > ALIGNMENT_MAX)
		return BZIMAGE_BROKEN;
	return BZIMAGE_FITS;
}

void bzimage_name(char name[BZIMAGE_NAME_MAX], const struct bzimage *image, const void *file, uint64_t size)
{
	const char *bytes = file;
	uint64_t at = (uint64_t)image->header.kernel_version + HEADER_RELATIVE;
	uint32_t length = 0;
	if (image->header.kernel_version != 0)
		for (; at < size && bytes[at] != 0 && length + 1 < BZIMAGE_NAME_MAX; at++)
			name[length++] = bytes[at] >= ' ' && bytes[at] <= '~' ? bytes[at] : '?';
	name[length] = 0;
}
