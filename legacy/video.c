/* SPDX-License-Identifier: BSD-2-Clause */
/* VBE (VESA BIOS Extension Core Functions 3.0) gives a linear framebuffer. Without one, the BIOS' text mode stays. */
#include "legacy.h"

#include "common/mode.h"

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
static uint8_t edid[EDID_SIZE];

/* A value other than 0 keeps this out of .bss, which is not cleared yet when TB03 is said. */
static int in_text_mode = 1;

/* The status stands in AX; the upper half of EAX is rubbish on some PCs. */
static int vbe(uint32_t function, uint32_t ebx, uint32_t ecx, void *buffer)
{
	struct bios_registers r = {
		.eax = function,
		.ebx = ebx,
		.ecx = ecx,
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
	return vbe(VBE_CONTROLLER, 0, 0, &controller) && controller.signature[0] == 'V' &&
	       controller.signature[1] == 'E' && controller.version >= 0x0200;
}

/* Fills the machine's framebuffer from a mode, if it is one that a kernel can use. The fields for linear
   modes count only from VBE 3.0 on, and where they are set. */
static int read_mode(uint32_t number, struct machine_framebuffer *f)
{
	clear(&info, sizeof(info));
	if (!vbe(VBE_MODE_INFO, 0, number, &info) || (info.attributes & MODE_WANTED) != MODE_WANTED)
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

void video_set(struct machine *machine, const struct twinboot_needs *needs)
{
	static struct mode modes[MODES_MAX];
	const struct mode text = {0};
	struct machine_framebuffer candidate = {0};
	uint32_t count = 0;
	if (!read_controller())
		return;
	/* DDC wants ES:DI clear for its questions and its buffer there for the answer; some adapters claim
	   success and give nothing. */
	int has_edid = vbe(VBE_DDC, DDC_READ_EDID, 0, edid) && edid_is_valid(edid);

	const uint16_t *list = far_pointer(controller.modes_segment, controller.modes_offset);
	for (uint32_t i = 0; i < MODES_MAX && list[i] != MODE_LIST_END; i++)
		if (read_mode(list[i], &candidate))
			modes[count++] = (struct mode){candidate.width, candidate.height,
						       candidate.bits_per_pixel, list[i]};

	/* The next best mode is tried if one cannot be set after all. */
	int choice;
	while ((choice = mode_choose(modes, count, needs, has_edid ? edid : 0, &text)) >= 0) {
		uint32_t number = modes[choice].id;
		if (read_mode(number, &candidate) && vbe(VBE_SET_MODE, number | SET_MODE_LINEAR, 0, &info)) {
			in_text_mode = 0;
			machine->framebuffer = candidate;
			if (has_edid) {
				machine->framebuffer.edid_size = EDID_SIZE;
				for (uint32_t i = 0; i < EDID_SIZE; i++)
					machine->framebuffer.edid[i] = edid[i];
			}
			return;
		}
		modes[choice] = modes[--count];
	}
}

void video_text(void)
{
	struct bios_registers r = {.eax = VIDEO_SET_MODE | VIDEO_TEXT};
	if (!in_text_mode)
		bios_call(BIOS_VIDEO, &r);
}
