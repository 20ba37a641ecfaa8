/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/mode.c */
/* Any bytes as EDID and as a firmware's list of modes. */
#include "common/mode.h"

#include <stddef.h>
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
	uint8_t edid[EDID_SIZE], sum = 0;
	struct twinboot_needs needs = {0};
	struct mode current;
	if (size < EDID_SIZE + 6 + sizeof(current))
		return 0;
	memcpy(edid, data, EDID_SIZE);
	data += EDID_SIZE, size -= EDID_SIZE;
	/* Half of them with a sum that is right. */
	if (edid[EDID_SIZE - 1] & 1) {
		memcpy(edid, "\0\xff\xff\xff\xff\xff\xff", 8);
		for (int i = 0; i < EDID_SIZE - 1; i++)
			sum += edid[i];
		edid[EDID_SIZE - 1] = (uint8_t)-sum;
		require(edid_is_valid(edid));
	}
	const uint8_t *believed = edid_is_valid(edid) ? edid : NULL;
	needs.framebuffer_width = data[0] | (uint32_t)data[1] << 8;
	needs.framebuffer_height = data[2] | (uint32_t)data[3] << 8;
	needs.framebuffer_bits_per_pixel = data[4];
	memcpy(&current, data + 6, sizeof(current));
	data += 6 + sizeof(current), size -= 6 + sizeof(current);

	uint32_t count = (uint32_t)(size / sizeof(struct mode)), wished = 0;
	struct mode *modes = malloc(count * sizeof(*modes));
	if (count > 0)
		memcpy(modes, data, count * sizeof(*modes));
	int choice = mode_choose(modes, count, &needs, believed, &current);
	require(count == 0 ? choice == -1 : choice >= 0 && (uint32_t)choice < count);
	for (uint32_t i = 0; i < count; i++)
		wished |= needs.framebuffer_width != 0 && needs.framebuffer_height != 0 &&
			  modes[i].width == needs.framebuffer_width &&
			  modes[i].height == needs.framebuffer_height;
	if (wished) {
		require(modes[choice].width == needs.framebuffer_width &&
			modes[choice].height == needs.framebuffer_height);
		/* Nothing of that size is as deep as wished, or this one is. */
		for (uint32_t i = 0; i < count; i++)
			require(modes[i].width != modes[choice].width ||
				modes[i].height != modes[choice].height ||
				modes[i].bits_per_pixel != needs.framebuffer_bits_per_pixel ||
				modes[choice].bits_per_pixel == needs.framebuffer_bits_per_pixel);
	}
	free(modes);
	return 0;
}
