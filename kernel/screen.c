/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The picture: who this is, what it was handed, and a test card on which a wrong pitch, size or mask shows.
 * Everything but the firmware's own rectangle is the same on every firmware that set the same mode.
 */
#include "kernel.h"
#include "report.h"
#include "draw.h"

enum {
	BACKGROUND_TOP = 0x0b1022,
	BACKGROUND_BOTTOM = 0x141b36,
	PANEL = 0x1b2444,
	QUIET = 0x8a97bf,
	PLAIN = 0xdfe6f7,
	WHITE = 0xffffff,
	AMBER = 0xf6ad37,
	TEAL = 0x37d0c0,
	GREEN = 0x4ade80,
	RED = 0xff5c6c,
};

/* The places of things, in pixels; `unit` is the scale of body text. */
struct layout {
	int unit, margin, line;
	struct box screen, header, facts, firmware, card, status;
};

static struct layout layout_of(const struct twinboot_framebuffer *fb)
{
	int width = (int)fb->width, height = (int)fb->height;
	int across = width / 1000, down = height / 700;
	struct layout l = {.unit = across < down ? across : down};
	bool is_small = l.unit < 1;

	if (is_small)
		l.unit = 1;
	l.margin = is_small ? 12 : 40 * l.unit;
	l.line = (is_small ? 17 : 26) * l.unit;

	int gap = is_small ? 8 : 24 * l.unit, inner = width - 2 * l.margin, y = l.margin;

	l.screen = (struct box){0, 0, width, height};
	l.header = (struct box){l.margin, y, inner, (is_small ? 48 : 72) * l.unit};
	y += l.header.height + gap;
	l.facts = (struct box){l.margin, y, (inner - gap) * 5 / 8, 10 * l.line};
	l.firmware =
		(struct box){l.margin + l.facts.width + gap, y, inner - gap - l.facts.width, l.facts.height};
	y += l.facts.height + gap;
	l.status = (struct box){l.margin, height - l.margin - l.line, inner, l.line};
	l.card = (struct box){l.margin, y, inner, l.status.y - gap - y};
	return l;
}

void screen_place(void)
{
	struct box box = layout_of(handoff->framebuffer).firmware;

	fact("firmware_rectangle", "%u,%u,%u,%u", (uint32_t)box.x, (uint32_t)box.y, (uint32_t)box.width,
	     (uint32_t)box.height);
}

/* A line of one pixel all around and a block of one colour in each corner: were the mode not what the handoff
   says, one of them would be missing, bent or of another colour. */
static void draw_edges(const struct layout *l)
{
	int side = 10 * l->unit, right = l->screen.width - 1 - side, bottom = l->screen.height - 1 - side;

	draw_outline(l->screen, 1, WHITE);
	draw_rectangle((struct box){1, 1, side, side}, 0xff0000);
	draw_rectangle((struct box){right, 1, side, side}, 0x00ff00);
	draw_rectangle((struct box){1, bottom, side, side}, 0x0000ff);
	draw_rectangle((struct box){right, bottom, side, side}, WHITE);
}

/* Two of a kind. */
static void draw_logo(struct box box)
{
	int side = box.height * 2 / 3, far = box.height - side, radius = side / 5;

	draw_panel((struct box){box.x, box.y, side, side}, radius, AMBER);
	draw_panel((struct box){box.x + far, box.y + far, side, side}, radius, TEAL);
	draw_panel((struct box){box.x + far, box.y + far, side - far, side - far}, radius / 2, PLAIN);
}

static void draw_header(const struct layout *l)
{
	struct box box = l->header;
	int scale = 3 * l->unit, logo = box.height;
	static const char first[] = "twinboot", second[] = " reference kernel";
	int letters = sizeof(first) + sizeof(second) - 2;

	while (scale > 1 && (letters * GLYPH_WIDTH * scale > box.width - logo * 3 / 2 ||
			     GLYPH_HEIGHT * (scale + l->unit) > box.height))
		scale--;

	int x = box.x + logo * 4 / 3, width = box.x + box.width - x;
	int y = box.y, below = box.y + box.height - GLYPH_HEIGHT * l->unit;

	draw_logo(box);
	int end = draw_text(x, y, scale, width, WHITE, first);
	draw_text(end, y, scale, box.x + box.width - end, QUIET, second);
	draw_text(x + scale, below, l->unit, width, QUIET, "One kernel, two firmwares, the same machine.");
}

/* Rows of label and value in a box. */
struct rows {
	const struct layout *layout;
	struct box box;
	int label_width;
};

static struct rows panel_begin(const struct layout *l, struct box box, colour accent, const char *title,
			       int label_letters)
{
	int pad = l->line * 2 / 3;

	draw_panel(box, 8 * l->unit, PANEL);
	draw_panel((struct box){box.x, box.y + l->line / 2, 3 * l->unit, l->line}, l->unit, accent);
	box = (struct box){box.x + pad, box.y + l->line / 2, box.width - 2 * pad, box.height - l->line};
	draw_text(box.x, box.y + (l->line - GLYPH_HEIGHT * l->unit) / 2, l->unit, box.width, accent, title);
	box.y += l->line, box.height -= l->line;
	return (struct rows){l, box, label_letters * GLYPH_WIDTH * l->unit};
}

static void panel_row(struct rows *rows, const char *label, const char *value)
{
	int unit = rows->layout->unit, y = rows->box.y + (rows->layout->line - GLYPH_HEIGHT * unit) / 2;

	if (rows->box.height < rows->layout->line)
		return;
	draw_text(rows->box.x, y, unit, rows->label_width, QUIET, label);
	draw_text(rows->box.x + rows->label_width, y, unit, rows->box.width - rows->label_width, PLAIN,
		  value);
	rows->box.y += rows->layout->line;
	rows->box.height -= rows->layout->line;
}

static void draw_facts(const struct layout *l)
{
	const struct twinboot_framebuffer *fb = handoff->framebuffer;
	struct rows rows = panel_begin(l, l->facts, TEAL, "The same on every firmware", 13);
	const uint8_t *digest = handoff->kernel_sha256;
	unsigned parked = 0;
	uint64_t module_bytes = 0;
	char text[160];

	format_text(text, sizeof(text), "version %u, from %s", handoff->version, handoff->loader);
	panel_row(&rows, "contract", text);
	format_text(text, sizeof(text), "0x%lx, %lu KiB", handoff->kernel_virt, handoff->kernel_size / KIB);
	panel_row(&rows, "kernel", text);
	format_text(text, sizeof(text), "%02x%02x%02x%02x %02x%02x%02x%02x ... %02x%02x%02x%02x", digest[0],
		    digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7], digest[28],
		    digest[29], digest[30], digest[31]);
	panel_row(&rows, "SHA-256", text);
	format_text(text, sizeof(text), "%s levels, %s, direct map at 0x%lx",
		    handoff->flags & TWINBOOT_LEVEL5_PAGING ? "5" : "4",
		    handoff->flags & TWINBOOT_NX ? "no-execute" : "no NX", handoff->direct_map_base);
	panel_row(&rows, "paging", text);
	format_text(text, sizeof(text), "%u x %u, %u bits per pixel", fb->width, fb->height,
		    fb->bits_per_pixel);
	panel_row(&rows, "screen", text);
	for (unsigned i = 0; i < handoff->cpu_count; i++)
		parked += handoff->cpus[i].state == TWINBOOT_CPU_PARKED;
	format_text(text, sizeof(text), "%u, %u of them parked", handoff->cpu_count, parked);
	if (handoff->cpu_count == 0)
		format_text(text, sizeof(text), "left as the firmware had them");
	panel_row(&rows, "processors", text);
	for (unsigned i = 0; i < handoff->module_count; i++)
		module_bytes += handoff->modules[i].size;
	format_text(text, sizeof(text), "%u, %lu bytes", handoff->module_count, module_bytes);
	panel_row(&rows, "modules", text);
	panel_row(&rows, "command line", *handoff->command_line ? handoff->command_line : "none");
}

static void draw_firmware(const struct layout *l)
{
	bool is_uefi = handoff->firmware_type == TWINBOOT_FIRMWARE_UEFI;
	struct rows rows = panel_begin(l, l->firmware, AMBER, "This firmware", 10);
	int scale = 3 * l->unit;
	char text[160];

	if (l->line >= GLYPH_HEIGHT * scale / 2) {
		draw_text(rows.box.x, rows.box.y, scale, rows.box.width, WHITE, is_uefi ? "UEFI" : "BIOS");
		rows.box.y += 2 * l->line, rows.box.height -= 2 * l->line;
	} else {
		panel_row(&rows, "type", is_uefi ? "UEFI" : "BIOS");
	}
	panel_row(&rows, "name", *handoff->firmware ? handoff->firmware : "unnamed");
	format_text(text, sizeof(text), "0x%lx", handoff->kernel_phys);
	panel_row(&rows, "kernel at", text);
	format_text(text, sizeof(text), "%lu MiB usable", memory_total(TWINBOOT_MEMORY_USABLE) / MIB);
	panel_row(&rows, "memory", text);
	format_text(text, sizeof(text), "%u regions", handoff->memory_map_count);
	panel_row(&rows, "map", text);
	if (handoff->tsc_hz >= 1000) {
		format_text(text, sizeof(text), "%lu ms",
			    (handoff->tsc_handoff - handoff->tsc_loader_entry) / (handoff->tsc_hz / 1000));
		panel_row(&rows, "loader", text);
	}
	if (handoff->wall_clock > 0) {
		format_time(text, sizeof(text), handoff->wall_clock);
		panel_row(&rows, "started", text);
	}
}

/* Colour bars; below them white and each primary from nothing to full, and a comb of single pixels. */
static void draw_card(const struct layout *l)
{
	static const colour bars[] = {0xffffff, 0xffff00, 0x00ffff, 0x00ff00,
				      0xff00ff, 0xff0000, 0x0000ff, 0x000000};
	static const colour ramps[] = {0xffffff, 0xff0000, 0x00ff00, 0x0000ff};
	struct box card = l->card;
	int count = sizeof(bars) / sizeof(*bars), tall = card.height * 2 / 5;
	int ramp = (card.height - tall) / 5, comb = card.width / 8;

	if (card.height < 40)
		return;
	for (int i = 0; i < count; i++) {
		int left = card.width * i / count, right = card.width * (i + 1) / count;
		draw_rectangle((struct box){card.x + left, card.y, right - left, tall}, bars[i]);
	}
	for (int i = 0; i < 4; i++)
		draw_shades_across((struct box){card.x, card.y + tall + ramp * i, card.width, ramp}, 0x000000,
				   ramps[i]);

	/* Eight combs, teeth of 1 to 8 pixels: scaled or skewed pictures blur the finest first. */
	for (int tooth = 1; tooth <= 8; tooth++)
		for (int x = 0; x < comb; x++)
			draw_rectangle((struct box){card.x + (tooth - 1) * comb + x, card.y + tall + 4 * ramp,
						    1, ramp},
				       x / tooth % 2 ? BACKGROUND_TOP : PLAIN);
}

static void draw_status(const struct layout *l)
{
	struct box box = l->status;
	unsigned failed = checks_failed();
	colour colour = failed ? RED : GREEN;
	int dot = 12 * l->unit;
	char text[96] = "every check passed";

	if (failed)
		format_text(text, sizeof(text), "%u %s failed: %s%s", failed,
			    failed == 1 ? "check" : "checks", first_failed_check(),
			    failed == 1 ? "" : ", ...");
	draw_panel((struct box){box.x, box.y + (box.height - dot) / 2, dot, dot}, dot / 2, colour);
	draw_text(box.x + 2 * dot, box.y + (box.height - GLYPH_HEIGHT * l->unit) / 2, l->unit,
		  box.width - 2 * dot, colour, text);
}

void screen_draw(void)
{
	if (!framebuffer_is_sane())
		return;

	struct layout l = layout_of(handoff->framebuffer);

	draw_on(handoff->framebuffer);
	draw_shades_down(l.screen, BACKGROUND_TOP, BACKGROUND_BOTTOM);
	draw_header(&l);
	draw_facts(&l);
	draw_firmware(&l);
	draw_card(&l);
	if (l.status.y >= l.facts.y + l.facts.height)
		draw_status(&l);
	draw_edges(&l);
}
