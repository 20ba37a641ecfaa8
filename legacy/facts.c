/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw facts of a BIOS, whichever door we came in by. */
#include "legacy.h"

#include "common/records.h"

#define BIOS_VIDEO       0x10
#define VIDEO_GET_CURSOR 0x0300
#define VIDEO_GET_MODE   0x0fff /* with rubbish in AL, which stays where no video BIOS answers */
#define MODE_MONOCHROME  7

/* The BIOS data area: offset of the page that is shown, rows on the screen but one, scan lines of a character. */
#define PAGE_OFFSET  0x44e
#define ROWS_BUT_ONE 0x484
#define GLYPH_HEIGHT 0x485

/* The most that there can be: E820's rows and VBE's modes, and some blocks of less than 4 KiB together. */
#define RECORDS_SIZE (44u << 10)

void facts_start(struct machine *machine)
{
	static uint64_t records[RECORDS_SIZE / sizeof(uint64_t)];
	machine->records = (uintptr_t)records;
	machine->records_capacity = RECORDS_SIZE;
}

void facts_memory(struct machine *machine, const struct twinboot_e820_row *row)
{
	static struct twinboot_e820 *e820;
	if (e820 == 0) {
		e820 = record_add(machine, TWINBOOT_RECORD_E820, sizeof(*e820));
		e820->row_size = sizeof(*row);
	}
	*(struct twinboot_e820_row *)record_grow(machine, sizeof(*row)) = *row;
	e820->count++;
}

void facts_text_mode(struct machine *machine)
{
	struct bios_registers mode = {.eax = VIDEO_GET_MODE};
	bios_call(BIOS_VIDEO, &mode);
	if ((mode.eax & 0xffff) == VIDEO_GET_MODE)
		return;
	struct bios_registers cursor = {.eax = VIDEO_GET_CURSOR, .ebx = mode.ebx & 0xff00};
	bios_call(BIOS_VIDEO, &cursor);
	struct twinboot_text_mode *text = record_add(machine, TWINBOOT_RECORD_TEXT_MODE, sizeof(*text));
	text->mode = (uint8_t)mode.eax & 0x7f; /* bit 7: the screen was not cleared */
	text->base_phys =
		(text->mode == MODE_MONOCHROME ? 0xb0000u : 0xb8000u) + *(uint16_t *)fixed(PAGE_OFFSET);
	text->page = (uint8_t)(mode.ebx >> 8);
	text->columns = (uint8_t)(mode.eax >> 8);
	text->rows = (uint8_t)(*(uint8_t *)fixed(ROWS_BUT_ONE) + 1);
	text->cursor_column = (uint8_t)cursor.edx;
	text->cursor_row = (uint8_t)(cursor.edx >> 8);
	text->glyph_height = *(uint8_t *)fixed(GLYPH_HEIGHT);
}
