/* SPDX-License-Identifier: BSD-2-Clause */
/* Built for i686 and for the UEFI application. */
#include "common/records.h"

#include "common/log.h"

static void *at(uint64_t physical)
{
	return (void *)(uintptr_t)physical; /* NOLINT(performance-no-int-to-ptr) */
}

/* `size` zeroed bytes from the offset `from` on, which is the list's end or a little behind it. */
static uint8_t *take(struct machine *machine, uint32_t from, uint32_t size, uint32_t type)
{
	if (from > machine->records_capacity || size > machine->records_capacity - from) {
		log_line(machine, "records: no room for %u bytes of type %u", (uint64_t)size, (uint64_t)type);
		return 0;
	}
	uint8_t *list = at(machine->records);
	while (machine->records_size < from + size)
		list[machine->records_size++] = 0;
	return list + from;
}

void *record_add(struct machine *machine, uint32_t type, uint32_t size)
{
	uint32_t from = (machine->records_size + 7) & ~7u;
	struct twinboot_record *record = (struct twinboot_record *)take(machine, from, size, type);
	if (record != 0) {
		*record = (struct twinboot_record){type, size};
		machine->records_last = from;
	}
	return record;
}

void *record_grow(struct machine *machine, uint32_t bytes)
{
	struct twinboot_record *record = at(machine->records + machine->records_last);
	uint8_t *more = take(machine, machine->records_size, bytes, record->type);
	if (more != 0)
		record->size += bytes;
	return more;
}

static struct twinboot_video_modes *video_modes(struct machine *machine)
{
	for (uint32_t from = 0; from < machine->records_size;) {
		struct twinboot_record *record = at(machine->records + from);
		if (record->type == TWINBOOT_RECORD_VIDEO_MODES)
			return (struct twinboot_video_modes *)record;
		from += (record->size + 7) & ~7u;
	}
	return 0;
}

void record_video_mode(struct machine *machine, const struct machine_framebuffer *mode, uint32_t id)
{
	struct twinboot_video_modes *modes = video_modes(machine);
	if (modes == 0) {
		modes = record_add(machine, TWINBOOT_RECORD_VIDEO_MODES, sizeof(*modes));
		if (modes != 0)
			modes->row_size = sizeof(struct twinboot_video_mode);
	}
	struct twinboot_video_mode *row = modes != 0 ? record_grow(machine, sizeof(*row)) : 0;
	if (row == 0)
		return;
	*row = (struct twinboot_video_mode){
		.width = mode->width,
		.height = mode->height,
		.pitch = mode->pitch,
		.bits_per_pixel = (uint16_t)mode->bits_per_pixel,
		.red_size = mode->red_size,
		.red_shift = mode->red_shift,
		.green_size = mode->green_size,
		.green_shift = mode->green_shift,
		.blue_size = mode->blue_size,
		.blue_shift = mode->blue_shift,
		.id = id,
	};
	modes->count++;
}

void record_video_flag(struct machine *machine, uint32_t id, uint16_t flag)
{
	struct twinboot_video_modes *modes = video_modes(machine);
	struct twinboot_video_mode *rows = (struct twinboot_video_mode *)(modes + 1);
	for (uint32_t i = 0; modes != 0 && i < modes->count; i++)
		if (rows[i].id == id)
			rows[i].flags |= flag;
}
