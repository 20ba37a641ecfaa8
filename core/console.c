/* SPDX-License-Identifier: BSD-2-Clause */
/* The last words of a boot that failed: on COM1, and on the screen in whatever mode it is. */
#include "core.h"
#include "common/port.h"

#include <string.h>

#define GLYPH_WIDTH  8
#define GLYPH_HEIGHT 16
#define GLYPH_FIRST  ' '
#define GLYPH_LAST   '~'
/* font.S; bit 7 is leftmost. Hidden: no global offset table is needed to find it. */
__attribute__((
	visibility("hidden"))) extern const uint8_t core_font8x16[GLYPH_LAST - GLYPH_FIRST + 1][GLYPH_HEIGHT];

/* VGA text mode 3 (IBM VGA): 80 x 25 cells of character and attribute. */
#define VGA_TEXT              0xb8000
#define VGA_COLUMNS           80
#define VGA_ROWS              25
#define VGA_LIGHT_GREY_ON_RED 0x4f00

#define SENTENCE_MAX (MACHINE_ERROR_MAX + 16) /* with "twinboot: " and its line */

struct screen {
	const struct machine_framebuffer *framebuffer;
	uint64_t memory;               /* where physical memory is mapped */
	uint32_t columns, rows, scale; /* in cells; pixels a glyph's dot */
};

static void fill(const struct screen *screen, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
		 uint64_t pixel)
{
	const struct machine_framebuffer *f = screen->framebuffer;
	uint32_t bytes = (f->bits_per_pixel + 7) / 8;
	for (uint32_t line = y; line < y + height && line < f->height; line++) {
		volatile uint8_t *out = (volatile uint8_t *)at(screen->memory + f->base) +
					(uint64_t)line * f->pitch + (uint64_t)x * bytes;
		for (uint32_t i = 0; i < width * bytes && x + i / bytes < f->width; i++)
			out[i] = (uint8_t)(pixel >> (8 * (i % bytes)));
	}
}

static uint64_t all_ones(uint32_t size, uint32_t shift)
{
	return ((UINT64_C(1) << size) - 1) << shift;
}

static void draw(const struct screen *screen, uint32_t column, uint32_t row, char c)
{
	if (screen->framebuffer == NULL) {
		volatile uint16_t *cell =
			(volatile uint16_t *)at(screen->memory + VGA_TEXT) + row * VGA_COLUMNS + column;
		*cell = (uint16_t)(VGA_LIGHT_GREY_ON_RED | (uint8_t)c);
		return;
	}
	const struct machine_framebuffer *f = screen->framebuffer;
	uint64_t white = all_ones(f->red_size, f->red_shift) | all_ones(f->green_size, f->green_shift) |
			 all_ones(f->blue_size, f->blue_shift);
	uint64_t red = all_ones(f->red_size - 1u, f->red_shift); /* half as bright as it gets */
	uint32_t s = screen->scale;
	char shown = c >= GLYPH_FIRST && c <= GLYPH_LAST ? c : '?';
	for (uint32_t y = 0; y < GLYPH_HEIGHT; y++)
		for (uint32_t x = 0; x < GLYPH_WIDTH; x++) {
			int set = core_font8x16[shown - GLYPH_FIRST][y] >> (7 - x) & 1;
			fill(screen, (column * GLYPH_WIDTH + x) * s, (row * GLYPH_HEIGHT + y) * s, s, s,
			     set ? white : red);
		}
}

/* The text begins at the top left and is broken at the right edge, between words. */
static void show_on_screen(const struct machine_framebuffer *framebuffer, uint64_t memory, const char *text)
{
	struct screen screen = {NULL, memory, VGA_COLUMNS, VGA_ROWS, 1};
	if (framebuffer->base != 0) {
		screen.framebuffer = framebuffer;
		screen.scale = framebuffer->width >= 1280 ? 2 : 1;
		screen.columns = framebuffer->width / GLYPH_WIDTH / screen.scale;
		screen.rows = framebuffer->height / GLYPH_HEIGHT / screen.scale;
	} else if (!framebuffer->text_mode) {
		return;
	}
	uint32_t column = 0, row = 0;
	while (*text != 0 && row < screen.rows) {
		uint32_t word = 0;
		while (text[word] != 0 && text[word] != ' ' && text[word] != '\n')
			word++;
		if (*text == '\n' || (column + word > screen.columns && word < screen.columns)) {
			column = 0;
			row++;
			text += *text == '\n' || *text == ' ';
			continue;
		}
		for (uint32_t i = 0; i < (word > 0 ? word : 1) && row < screen.rows; i++) {
			draw(&screen, column, row, *text++);
			if (++column == screen.columns) {
				column = 0;
				row++;
			}
		}
	}
}

void console_show(const struct machine_framebuffer *framebuffer, uint64_t memory, const char *text)
{
	char sentence[SENTENCE_MAX];
	text_format(sentence, sizeof(sentence), "twinboot: %s", text);
	show_on_screen(framebuffer, memory, sentence);
}

void console_say(const char *text)
{
	char line[SENTENCE_MAX];
	if (!serial_start())
		return;
	text_format(line, sizeof(line), "\r\ntwinboot: %s\r\n", text);
	serial_write(line);
}

void console_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* The sentence that is being drawn, or was. A fault while drawing leads to core_halt() again, with a sentence of its own. */
static const char *on_screen;

void core_halt(const struct machine *machine, const char *text)
{
	if (on_screen == NULL) {
		/* The screen first: a port to which nothing is connected can take its time. */
		on_screen = text;
		console_show(&machine->framebuffer, 0, text);
	} else if (machine->serial) {
		console_say(on_screen);
	}
	if (machine->serial)
		console_say(text);
	console_halt();
}

void fail_halt(struct machine *machine, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_vformat(machine->error, sizeof(machine->error), format, arguments);
	va_end(arguments);
	core_halt(machine, machine->error);
}
