/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/mode.c common/records.c common/log.c common/text.c */
/* VBE as adapters of several ages speak it. The code is included, so that what the services write to is a test's. */
#define _GNU_SOURCE
#include "legacy/video.c"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* Where a real-mode pointer leads; on the host it is at that address, too. */
#define LIST_SEGMENT 0x2000
#define LIST         ((uint16_t *)(uintptr_t)(LIST_SEGMENT << 4))

/* The adapter. */
static struct {
	uint16_t version;
	struct mode_info modes[4]; /* number 100h and up; attributes 0: 4F01h fails for it */
	uint32_t cannot_set;       /* bit i: 4F02h fails for mode i */
	uint8_t edid[2 * EDID_SIZE];
	uint16_t is_set; /* the mode as given to 4F02h */
} adapter;

void bios_call(uint32_t vector, struct bios_registers *registers)
{
	uint32_t function = registers->eax, mode = (registers->ecx & 0x1ff) - 0x100, success = VBE_SUCCESS;
	assert_int_equal(vector, 0x10);
	registers->eax = 0xdead0000 | 0x014f; /* failed, and rubbish in the upper half */
	switch (function) {
	case VBE_CONTROLLER:
		assert_memory_equal(controller.signature, "VBE2", 4);
		memcpy(controller.signature, "VESA", 4);
		controller.version = adapter.version;
		controller.modes_segment = LIST_SEGMENT;
		controller.modes_offset = 0;
		break;
	case VBE_MODE_INFO:
		if (mode >= 4 || adapter.modes[mode].attributes == 0)
			return;
		info = adapter.modes[mode];
		break;
	case VBE_SET_MODE:
		mode = (registers->ebx & 0x1ff) - 0x100;
		if (adapter.cannot_set >> mode & 1)
			return;
		adapter.is_set = (uint16_t)registers->ebx;
		break;
	default:
		assert_int_equal(function, VBE_DDC);
		assert_true(registers->edx <= adapter.edid[EDID_EXTENSIONS]);
		memcpy(edid + registers->edx * EDID_SIZE, adapter.edid + registers->edx * EDID_SIZE,
		       EDID_SIZE);
		success = adapter.edid[1] != 0 ? VBE_SUCCESS : 0x014f;
	}
	registers->eax = 0xdead0000 | success;
}

/* A mode of 32 bits with both kinds of fields, and each of them different. */
static struct mode_info mode(uint16_t width, uint16_t height)
{
	return (struct mode_info){
		.attributes = MODE_WANTED,
		.pitch = (uint16_t)(width * 4 + 64),
		.width = width,
		.height = height,
		.bits_per_pixel = 32,
		.memory_model = MODEL_DIRECT,
		.red = {8, 16},
		.green = {8, 8},
		.blue = {8, 0},
		.base = 0xfd000000,
		.linear_pitch = (uint16_t)(width * 4),
		.linear_red = {8, 0},
		.linear_green = {8, 8},
		.linear_blue = {8, 16},
	};
}

static struct machine machine;

static struct machine_framebuffer set_as(uint32_t width, uint32_t height, uint32_t flags)
{
	static uint64_t records[1024];
	const struct twinboot_needs needs = {
		.framebuffer_width = width, .framebuffer_height = height, .flags = flags};
	memset(&machine, 0, sizeof(machine));
	machine.records = (uintptr_t)records;
	machine.records_capacity = sizeof(records);
	adapter.is_set = 0;
	video_set(&machine, &needs);
	return machine.framebuffer;
}

static struct machine_framebuffer set(uint32_t width, uint32_t height)
{
	return set_as(width, height, 0);
}

/* The record of that type, or NULL. */
static const void *record(uint32_t type)
{
	for (uint32_t from = 0; from < machine.records_size;) {
		const struct twinboot_record *r = (const void *)(uintptr_t)(machine.records + from);
		if (r->type == type)
			return r;
		from += (r->size + 7) & ~7u;
	}
	return NULL;
}

static const struct twinboot_video_mode *row(uint32_t index)
{
	const struct twinboot_video_modes *modes = record(TWINBOOT_RECORD_VIDEO_MODES);
	assert_true(index < modes->count && modes->row_size == 32);
	assert_int_equal(modes->record.size, sizeof(*modes) + modes->count * 32);
	return (const struct twinboot_video_mode *)(modes + 1) + index;
}

static int set_up(void **state)
{
	(void)state;
	memset(&adapter, 0, sizeof(adapter));
	adapter.version = 0x300;
	for (uint16_t i = 0; i < 4; i++)
		LIST[i] = (uint16_t)(0x100 + i);
	LIST[4] = MODE_LIST_END;
	adapter.modes[0] = mode(640, 480);
	adapter.modes[1] = mode(1024, 768);
	adapter.modes[2] = mode(800, 600);
	return 0;
}

static void the_linear_fields_count_from_vbe_3_on(void **state)
{
	(void)state;
	struct machine_framebuffer f = set(800, 600);
	assert_int_equal(adapter.is_set, 0x102 | SET_MODE_LINEAR);
	assert_int_equal(f.pitch, 3200);
	assert_int_equal(f.size, 3200 * 600);
	assert_true(f.red_shift == 0 && f.green_shift == 8 && f.blue_shift == 16);
	/* Before, they are reserved: whatever is there. */
	adapter.version = 0x200;
	f = set(800, 600);
	assert_int_equal(f.pitch, 3264);
	assert_int_equal(f.size, 3264 * 600);
	assert_true(f.red_shift == 16 && f.green_shift == 8 && f.blue_shift == 0);
}

static void linear_fields_that_are_not_set_do_not_count(void **state)
{
	(void)state;
	adapter.modes[2].linear_pitch = 0;
	struct machine_framebuffer f = set(800, 600);
	assert_int_equal(f.pitch, 3264);
	assert_int_equal(f.blue_shift, 16);
	adapter.modes[2].linear_red = (struct component){0, 0};
	f = set(800, 600);
	assert_true(f.red_size == 8 && f.red_shift == 16 && f.blue_shift == 0);
}

static void what_a_kernel_cannot_use_is_no_mode(void **state)
{
	(void)state;
	adapter.modes[0].attributes &= ~MODE_LINEAR;
	adapter.modes[1].linear_pitch = 1024 * 4 - 1; /* impossible */
	adapter.modes[2].memory_model = 3;
	struct machine_framebuffer f = set(0, 0);
	assert_int_equal(f.base, 0);
	adapter.modes[2] = mode(800, 600);
	adapter.modes[2].red = adapter.modes[2].linear_red = (struct component){0, 0}; /* a palette */
	assert_int_equal(set(0, 0).base, 0);
	adapter.modes[2] = mode(800, 600);
	adapter.modes[2].base = 0;
	assert_int_equal(set(0, 0).base, 0);
	adapter.modes[2].base = 0xe0000000;
	assert_int_equal(set(0, 0).base, 0xe0000000);
	adapter.version = 0x102;
	assert_int_equal(set(0, 0).base, 0);
}

static void a_mode_that_cannot_be_set_is_struck_out(void **state)
{
	(void)state;
	adapter.cannot_set = 1 << 1;
	struct machine_framebuffer f = set(1024, 768);
	assert_int_equal(adapter.is_set, 0x102 | SET_MODE_LINEAR);
	assert_true(f.width == 800 && f.height == 600);
	assert_true(row(0)->id == 0x100 && row(0)->flags == 0);
	assert_true(row(1)->id == 0x101 && row(1)->flags == TWINBOOT_VIDEO_MODE_STRUCK_OUT);
	assert_true(row(2)->id == 0x102 && row(2)->flags == TWINBOOT_VIDEO_MODE_CURRENT);
	adapter.cannot_set = 7;
	assert_int_equal(set(1024, 768).base, 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(row(i)->flags, TWINBOOT_VIDEO_MODE_STRUCK_OUT);
	assert_null(record(TWINBOOT_RECORD_VBE_MODE));
}

static void every_mode_is_on_record(void **state)
{
	(void)state;
	adapter.modes[3] = mode(1600, 1200);
	adapter.modes[1].attributes &= ~MODE_LINEAR;
	struct machine_framebuffer f = set(800, 600);
	const struct twinboot_video_modes *modes = record(TWINBOOT_RECORD_VIDEO_MODES);
	const struct twinboot_vbe_mode *set_mode = record(TWINBOOT_RECORD_VBE_MODE);
	const struct twinboot_record *block = record(TWINBOOT_RECORD_VBE_CONTROLLER);
	assert_int_equal(modes->count, 3);
	assert_true(row(0)->width == 640 && row(0)->height == 480 && row(0)->bits_per_pixel == 32);
	assert_true(row(2)->id == 0x103 && row(2)->width == 1600 && row(2)->pitch == 6400);
	const struct twinboot_video_mode *now = row(1);
	assert_true(now->flags == TWINBOOT_VIDEO_MODE_CURRENT && now->pitch == f.pitch);
	assert_true(now->red_size == f.red_size && now->red_shift == f.red_shift &&
		    now->green_shift == f.green_shift && now->blue_shift == f.blue_shift);
	assert_int_equal(set_mode->number, adapter.is_set);
	assert_int_equal(set_mode->record.size, 272);
	assert_memory_equal(set_mode->block, &adapter.modes[2], sizeof(struct mode_info));
	assert_int_equal(block->size, 8 + 512);
	assert_memory_equal(block + 1, "VESA", 4);
}

static void text_stays_where_the_note_wants_it(void **state)
{
	(void)state;
	assert_int_equal(set_as(800, 600, TWINBOOT_KEEP_TEXT_MODE).base, 0);
	assert_int_equal(adapter.is_set, 0);
	assert_true(row(0)->flags == 0 && row(1)->flags == 0 && row(2)->flags == 0);
}

static void edid_is_believed_with_its_checksum(void **state)
{
	(void)state;
	static const uint8_t header[8] = {0, 255, 255, 255, 255, 255, 255, 0};
	uint8_t sum = 0;
	memcpy(adapter.edid, header, 8);
	adapter.edid[54] = 1; /* the preferred mode: 800 x 600 */
	adapter.edid[56] = 800 & 255, adapter.edid[58] = 800 >> 8 << 4;
	adapter.edid[59] = 600 & 255, adapter.edid[61] = 600 >> 8 << 4;
	for (int i = 0; i < 127; i++)
		sum += adapter.edid[i];
	adapter.edid[127] = (uint8_t)-sum;
	struct machine_framebuffer f = set(0, 0);
	assert_true(f.width == 800 && f.edid_size == 128);
	assert_memory_equal(f.edid, adapter.edid, 128);
	const struct twinboot_record *r = record(TWINBOOT_RECORD_EDID);
	assert_int_equal(r->size, 8 + 128);
	assert_memory_equal(r + 1, adapter.edid, 128);
	adapter.edid[127]++;
	f = set(0, 0);
	assert_true(f.width == 1024 && f.edid_size == 0);
	assert_null(record(TWINBOOT_RECORD_EDID));
	/* A second block counts if it is announced and adds up. */
	adapter.edid[126] = 1;
	adapter.edid[127] -= 2;
	adapter.edid[128] = 2;
	adapter.edid[255] = (uint8_t)-2;
	assert_int_equal(set(0, 0).edid_size, 128);
	r = record(TWINBOOT_RECORD_EDID);
	assert_int_equal(r->size, 8 + 256);
	assert_memory_equal(r + 1, adapter.edid, 256);
	adapter.edid[200] = 1;
	set(0, 0);
	r = record(TWINBOOT_RECORD_EDID);
	assert_int_equal(r->size, 8 + 128);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_linear_fields_count_from_vbe_3_on),
		TEST(linear_fields_that_are_not_set_do_not_count),
		TEST(what_a_kernel_cannot_use_is_no_mode),
		TEST(a_mode_that_cannot_be_set_is_struck_out),
		TEST(every_mode_is_on_record),
		TEST(text_stays_where_the_note_wants_it),
		TEST(edid_is_believed_with_its_checksum),
	};
	if (mmap(LIST, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		 -1, 0) != LIST)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
