/* SPDX-License-Identifier: BSD-2-Clause */
/* Drawing on a linear framebuffer of any pixel format. Everything is clipped to the screen. */
#ifndef DRAW_H
#define DRAW_H

#include <stdbool.h>
#include <stdint.h>

#include <twinboot.h>

#define GLYPH_WIDTH  8
#define GLYPH_HEIGHT 16

/* Colours are 0xRRGGBB. */
typedef uint32_t colour;

struct box {
	int x, y, width, height;
};

void draw_on(const struct twinboot_framebuffer *framebuffer);
void draw_rectangle(struct box box, colour colour);
void draw_outline(struct box box, int thickness, colour colour);
void draw_panel(struct box box, int radius, colour colour); /* a rectangle with round corners */
void draw_shades_across(struct box box, colour left, colour right);
void draw_shades_down(struct box box, colour top, colour bottom);
/* Cuts the text off at `width` pixels; returns where it ended. */
int draw_text(int x, int y, int scale, int width, colour colour, const char *text);

#endif
