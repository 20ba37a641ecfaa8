/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/mode.h"

/* The first detailed timing descriptor is the display's preferred mode (VESA E-EDID 1.4, 3.10.2). */
#define EDID_TIMING        54
#define TIMING_WIDTH_LOW   2
#define TIMING_WIDTH_HIGH  4 /* upper four bits */
#define TIMING_HEIGHT_LOW  5
#define TIMING_HEIGHT_HIGH 7 /* upper four bits */

#define FALLBACK_WIDTH  1024
#define FALLBACK_HEIGHT 768

int edid_adds_up(const uint8_t block[EDID_SIZE])
{
	uint8_t sum = 0;
	for (int i = 0; i < EDID_SIZE; i++)
		sum += block[i];
	return sum == 0;
}

int edid_is_valid(const uint8_t edid[EDID_SIZE])
{
	static const uint8_t header[8] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
	for (int i = 0; i < 8; i++)
		if (edid[i] != header[i])
			return 0;
	return edid_adds_up(edid);
}

static struct mode edid_preferred(const uint8_t *edid)
{
	const uint8_t *timing = edid + EDID_TIMING;
	struct mode mode = {0};
	if (timing[0] == 0 && timing[1] == 0) /* pixel clock 0: another kind of descriptor */
		return mode;
	mode.width = timing[TIMING_WIDTH_LOW] | (uint32_t)(timing[TIMING_WIDTH_HIGH] & 0xf0) << 4;
	mode.height = timing[TIMING_HEIGHT_LOW] | (uint32_t)(timing[TIMING_HEIGHT_HIGH] & 0xf0) << 4;
	return mode;
}

static uint32_t difference(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

/* The mode nearest in size to width x height; its distance goes to *distance. */
static int nearest(const struct mode *modes, uint32_t count, uint32_t width, uint32_t height, uint32_t depth,
		   uint64_t *distance)
{
	int best = -1;
	*distance = UINT64_MAX;
	for (uint32_t i = 0; i < count; i++) {
		/* 64 bits: what firmware says may be any number. */
		uint64_t d =
			(uint64_t)difference(modes[i].width, width) + difference(modes[i].height, height);
		int deeper = best >= 0 && modes[best].bits_per_pixel != depth &&
			     (modes[i].bits_per_pixel == depth ||
			      modes[i].bits_per_pixel > modes[best].bits_per_pixel);
		if (best < 0 || d < *distance || (d == *distance && deeper)) {
			best = (int)i;
			*distance = d;
		}
	}
	return best;
}

int mode_choose(const struct mode *modes, uint32_t count, const struct twinboot_needs *needs,
		const uint8_t *edid, const struct mode *current)
{
	struct mode targets[] = {
		{.width = needs->framebuffer_width, .height = needs->framebuffer_height},
		edid != 0 ? edid_preferred(edid) : (struct mode){0},
		*current,
		{.width = FALLBACK_WIDTH, .height = FALLBACK_HEIGHT},
	};
	int found = -1;
	for (uint32_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		uint64_t distance;
		if (targets[i].width == 0 || targets[i].height == 0)
			continue;
		found = nearest(modes, count, targets[i].width, targets[i].height,
				needs->framebuffer_bits_per_pixel, &distance);
		if (distance == 0)
			return found;
	}
	return found;
}
