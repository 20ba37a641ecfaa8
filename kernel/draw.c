/* SPDX-License-Identifier: BSD-2-Clause */
/* Pixels, from 0xRRGGBB to whatever the masks say. */
#include "draw.h"

extern const uint8_t kernel_font8x16[95][GLYPH_HEIGHT];

static const struct twinboot_framebuffer *screen;

void draw_on(const struct twinboot_framebuffer *framebuffer)
{
	screen = framebuffer;
}

/* 8 bits of one component, scaled to as many bits as the framebuffer has for it. */
static uint32_t component(uint32_t value, unsigned size, unsigned shift)
{
	uint64_t most = (UINT64_C(1) << size) - 1;

	return (uint32_t)((value * most + 127) / 255 << shift);
}

static uint32_t pixel_of(colour colour)
{
	return component(colour >> 16 & 0xff, screen->red_size, screen->red_shift) |
	       component(colour >> 8 & 0xff, screen->green_size, screen->green_shift) |
	       component(colour & 0xff, screen->blue_size, screen->blue_shift);
}

static struct box clipped(struct box box)
{
	int right = box.x + box.width, bottom = box.y + box.height;

	box.x = box.x < 0 ? 0 : box.x;
	box.y = box.y < 0 ? 0 : box.y;
	right = right > (int)screen->width ? (int)screen->width : right;
	bottom = bottom > (int)screen->height ? (int)screen->height : bottom;
	box.width = right - box.x;
	box.height = bottom - box.y;
	return box;
}

void draw_rectangle(struct box box, colour colour)
{
	unsigned bytes = (screen->bits_per_pixel + 7) / 8;
	uint32_t pixel = pixel_of(colour);

	box = clipped(box);
	for (int y = box.y; y < box.y + box.height; y++) {
		volatile uint8_t *at = (volatile uint8_t *)screen->base + (uint64_t)y * screen->pitch +
				       (uint64_t)box.x * bytes;
		for (int x = 0; x < box.width; x++, at += bytes) {
			if (bytes == 4) {
				*(volatile uint32_t *)at = pixel;
			} else if (bytes == 2) {
				*(volatile uint16_t *)at = (uint16_t)pixel;
			} else {
				at[0] = (uint8_t)pixel;
				at[1] = (uint8_t)(pixel >> 8);
				at[2] = (uint8_t)(pixel >> 16);
			}
		}
	}
}

void draw_outline(struct box box, int thickness, colour colour)
{
	int right = box.x + box.width, bottom = box.y + box.height;

	draw_rectangle((struct box){box.x, box.y, box.width, thickness}, colour);
	draw_rectangle((struct box){box.x, bottom - thickness, box.width, thickness}, colour);
	draw_rectangle((struct box){box.x, box.y, thickness, box.height}, colour);
	draw_rectangle((struct box){right - thickness, box.y, thickness, box.height}, colour);
}

void draw_panel(struct box box, int radius, colour colour)
{
	for (int y = 0; y < box.height; y++) {
		int from_edge = y < box.height - 1 - y ? y : box.height - 1 - y;
		int up = radius - from_edge, inset = 0;

		/* The line begins as far in as the circle's edge is there. */
		while (up > 0 && (radius - inset) * (radius - inset) + up * up > radius * radius)
			inset++;
		draw_rectangle((struct box){box.x + inset, box.y + y, box.width - 2 * inset, 1}, colour);
	}
}

static colour mixed(colour from, colour to, int part, int whole)
{
	colour result = 0;

	for (int shift = 0; shift <= 16; shift += 8) {
		int a = from >> shift & 0xff, b = to >> shift & 0xff;
		result |= (colour)(a + (b - a) * part / whole) << shift;
	}
	return result;
}

void draw_shades_across(struct box box, colour left, colour right)
{
	for (int x = 0; x < box.width; x++)
		draw_rectangle((struct box){box.x + x, box.y, 1, box.height},
			       mixed(left, right, x, box.width > 1 ? box.width - 1 : 1));
}

void draw_shades_down(struct box box, colour top, colour bottom)
{
	for (int y = 0; y < box.height; y++)
		draw_rectangle((struct box){box.x, box.y + y, box.width, 1},
			       mixed(top, bottom, y, box.height > 1 ? box.height - 1 : 1));
}

int draw_text(int x, int y, int scale, int width, colour colour, const char *text)
{
	int end = x + width;

	for (; *text && x + GLYPH_WIDTH * scale <= end; text++, x += GLYPH_WIDTH * scale) {
		char shown = *text >= ' ' && *text <= '~' ? *text : '?';
		const uint8_t *glyph = kernel_font8x16[shown - ' '];

		for (int line = 0; line < GLYPH_HEIGHT; line++)
			for (int column = 0; column < GLYPH_WIDTH; column++)
				if (glyph[line] >> (GLYPH_WIDTH - 1 - column) & 1)
					draw_rectangle((struct box){x + column * scale, y + line * scale,
								    scale, scale},
						       colour);
	}
	return x;
}
