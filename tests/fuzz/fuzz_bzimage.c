/* SPDX-License-Identifier: BSD-2-Clause */
/* links: formats/bzimage.c */
/* Any bytes as a bzImage: nothing is read beyond them (the sanitizer sees it), and what fits stays inside. */
#include "formats/bzimage.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bzimage image;
	char name[BZIMAGE_NAME_MAX];
	enum bzimage_verdict verdict = bzimage_read(&image, data, size);
	require(image.header_size <= sizeof(image.header));
	bzimage_name(name, &image, data, size);
	require(memchr(name, 0, sizeof(name)) != NULL);
	if (verdict != BZIMAGE_FITS)
		return 0;
	require(image.code_offset <= size && image.code_size <= size - image.code_offset);
	require(image.code_size > BZIMAGE_ENTRY_64 && image.memory >= image.code_size);
	require(image.alignment != 0 && (image.alignment & (image.alignment - 1)) == 0);
	require(BZIMAGE_HEADER + image.header_size <= size);
	return 0;
}
