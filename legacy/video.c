/* SPDX-License-Identifier: BSD-2-Clause */
/* VBE (VESA BIOS Extension Core Functions 3.0) gives a linear framebuffer. Without one, the BIOS' text mode stays. */
#include "legacy.h"

#include "common/mode.h"
#include "common/records.h"

#define BIOS_VIDEO      0x10
#define VIDEO_SET_MODE  0x0000
#define VIDEO_TEXT      0x0003 /* 80 x 25, 16 colours */
#define VBE_CONTROLLER  0x4f00
#define VBE_MODE_INFO   0x4f01
#define VBE_SET_MODE    0x4f02
#define VBE_DDC         0x4f15
#define VBE_SUCCESS     0x004f
#define DDC_READ_EDID   1
#define SET_MODE_LINEAR (1u << 14)
#define MODE_LIST_END   0xffff
#define MODES_MAX       256u

#define MODE_SUPPORTED (1u << 0)
#define MODE_COLOUR    (1u << 3)
#define MODE_GRAPHICS  (1u << 4)
#define MODE_LINEAR    (1u << 7)
#define MODE_WANTED    (MODE_SUPPORTED | MODE_COLOUR | MODE_GRAPHICS | MODE_LINEAR)
#define MODEL_PACKED   4
#define MODEL_DIRECT   6

struct __attribute__((packed)) controller_info {
	uint8_t signature[4];
	uint16_t version;
	uint16_t oem_offset, oem_segment;
	uint32_t capabilities;
	uint16_t modes_offset, modes_segment;
	uint8_t rest[512 - 18];
};
_Static_assert(sizeof(struct controller_info) == 512, "VBE 3.0, 4.3");

struct __attribute__((packed)) component {
	uint8_t size, position;
};

struct __attribute__((packed)) mode_info {
	uint16_t attributes;
	uint8_t windows[14];
	uint16_t pitch, width, height;
	uint8_t cell_width, cell_height, planes, bits_per_pixel, banks, memory_model;
	uint8_t bank_size, image_pages, reserved;
	struct component red, green, blue, unused;
	uint8_t direct_colour;
	uint32_t base;
	uint8_t reserved2[6];
	/* from VBE 3.0 on: */
	uint16_t linear_pitch;
	uint8_t linear_banks, linear_pages;
	struct component linear_red, linear_green, linear_blue, linear_unused;
	uint32_t pixel_clock;
	uint8_t rest[256 - 66];
};
_Static_assert(sizeof(struct mode_info) == 256, "VBE 3.0, 4.4");

#define VBE3 0x0300

/* The services write into these, so they lie in low memory. They have the size that the standard says, and are zeroed
   before each call: some BIOSes write all of them, others only a part. */
static struct controller_info controller;
static struct mode_info info;
static uint8_t edid[2 * EDID_SIZE];

/* A value other than 0 keeps this out of .bss, which is not cleared yet when TB03 is said. */
static int in_text_mode = 1;

/* The status stands in AX; the upper half of EAX is rubbish on some PCs. */
static int vbe(uint32_t function, uint32_t ebx, uint32_t ecx, uint32_t edx, void *buffer)
{
	struct bios_registers r = {
		.eax = function,
		.ebx = ebx,
		.ecx = ecx,
		.edx = edx,
		.es = segment_of(buffer),
		.edi = offset_of(buffer),
	};
	bios_call(BIOS_VIDEO, &r);
	return (r.eax & 0xffff) == VBE_SUCCESS;
}

static void clear(void *buffer, uint32_t size)
{
	for (uint8_t *p = buffer; size > 0; size--)
		*p++ = 0;
}

static int read_controller(void)
{
	clear(&controller, sizeof(controller));
	controller.signature[0] = 'V';
	controller.signature[1] = 'B';
	controller.signature[2] = 'E';
	controller.signature[3] = '2';
	return vbe(VBE_CONTROLLER, 0, 0, 0, &controller) && controller.signature[0] == 'V' &&
	       controller.signature[1] == 'E' && controller.version >= 0x0200;
}

/* Fills the machine's framebuffer from a mode, if it is one that a kernel can use. The fields for linear
   modes count only from VBE 3.0 on, and where they are set. */
static int read_mode(uint32_t number, struct machine_framebuffer *f)
{
	clear(&info, sizeof(info));
	if (!vbe(VBE_MODE_INFO, 0, number, 0, &info) || (info.attributes & MODE_WANTED) != MODE_WANTED)
		return 0;
	if ((info.memory_model != MODEL_DIRECT && info.memory_model != MODEL_PACKED) ||
	    info.bits_per_pixel < 15 || info.base == 0)
		return 0;
	int linear_fields = controller.version >= VBE3 && info.linear_pitch != 0;
	int linear_masks = controller.version >= VBE3 && info.linear_red.size != 0;
	f->base = info.base;
	f->width = info.width;
	f->height = info.height;
	f->pitch = linear_fields ? info.linear_pitch : info.pitch;
	f->bits_per_pixel = info.bits_per_pixel;
	f->size = (uint64_t)f->pitch * f->height;
	f->red_size = linear_masks ? info.linear_red.size : info.red.size;
	f->red_shift = linear_masks ? info.linear_red.position : info.red.position;
	f->green_size = linear_masks ? info.linear_green.size : info.green.size;
	f->green_shift = linear_masks ? info.linear_green.position : info.green.position;
	f->blue_size = linear_masks ? info.linear_blue.size : info.blue.size;
	f->blue_shift = linear_masks ? info.linear_blue.position : info.blue.position;
	if (f->red_size == 0 || f->green_size == 0 || f->blue_size == 0)
		return 0; /* these packed pixels are numbers of a palette's colours */
	return f->pitch >= f->width * ((f->bits_per_pixel + 7) / 8);
}

/* Bytes of the display's EDID: one block, or two. DDC wants ES:DI clear for its questions and its buffer there for the
   answer; some adapters claim success and give nothing. */
static uint32_t read_edid(void)
{
	if (!vbe(VBE_DDC, DDC_READ_EDID, 0, 0, edid) || !edid_is_valid(edid))
		return 0;
	int has_more = edid[EDID_EXTENSIONS] != 0 && vbe(VBE_DDC, DDC_READ_EDID, 0, 1, edid + EDID_SIZE) &&
		       edid_adds_up(edid + EDID_SIZE);
	return has_more ? 2 * EDID_SIZE : EDID_SIZE;
}

static void note(struct machine *machine, uint32_t type, const void *from, uint32_t size)
{
	struct twinboot_record *record = record_add(machine, type, sizeof(*record) + size);
	for (uint32_t i = 0; record != 0 && i < size; i++)
		((uint8_t *)(record + 1))[i] = ((const uint8_t *)from)[i];
}

static uint32_t list_modes(struct machine *machine, struct mode *modes)
{
	const uint16_t *list = far_pointer(controller.modes_segment, controller.modes_offset);
	struct machine_framebuffer f = {0};
	uint32_t count = 0;
	for (uint32_t i = 0; i < MODES_MAX && list[i] != MODE_LIST_END; i++) {
		if (!read_mode(list[i], &f))
			continue;
		modes[count++] = (struct mode){f.width, f.height, f.bits_per_pixel, list[i]};
		record_video_mode(machine, &f, list[i]);
	}
	return count;
}

/* The mode that is set now, of which `info` still tells. */
static void keep_mode(struct machine *machine, const struct machine_framebuffer *f, uint32_t number)
{
	struct {
		uint32_t number, reserved;
		struct mode_info block;
	} mode = {number | SET_MODE_LINEAR, 0, info};
	in_text_mode = 0;
	machine->framebuffer = *f;
	record_video_flag(machine, number, TWINBOOT_VIDEO_MODE_CURRENT);
	note(machine, TWINBOOT_RECORD_VBE_MODE, &mode, sizeof(mode));
}

void video_set(struct machine *machine, const struct twinboot_needs *needs)
{
	static struct mode modes[MODES_MAX];
	const struct mode text = {0};
	struct machine_framebuffer candidate = {0};
	if (!read_controller())
		return;
	note(machine, TWINBOOT_RECORD_VBE_CONTROLLER, &controller, sizeof(controller));
	uint32_t edid_size = read_edid();
	if (edid_size != 0) {
		note(machine, TWINBOOT_RECORD_EDID, edid, edid_size);
		candidate.edid_size = EDID_SIZE;
		for (uint32_t i = 0; i < EDID_SIZE; i++)
			candidate.edid[i] = edid[i];
	}
	uint32_t count = list_modes(machine, modes);

	/* The next best mode is tried if one cannot be set after all. */
	int choice;
	while (!(needs->flags & TWINBOOT_KEEP_TEXT_MODE) &&
	       (choice = mode_choose(modes, count, needs, edid_size != 0 ? edid : 0, &text)) >= 0) {
		uint32_t number = modes[choice].id;
		if (read_mode(number, &candidate) &&
		    vbe(VBE_SET_MODE, number | SET_MODE_LINEAR, 0, 0, &info)) {
			keep_mode(machine, &candidate, number);
			return;
		}
		record_video_flag(machine, number, TWINBOOT_VIDEO_MODE_STRUCK_OUT);
		modes[choice] = modes[--count];
	}
}

void video_text(void)
{
	struct bios_registers r = {.eax = VIDEO_SET_MODE | VIDEO_TEXT};
	if (!in_text_mode)
		bios_call(BIOS_VIDEO, &r);
}
