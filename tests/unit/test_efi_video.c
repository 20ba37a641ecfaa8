/* SPDX-License-Identifier: BSD-2-Clause */
/* links: efi/video.c efi/tables.c common/date.c common/entry_points.c common/log.c common/mode.c common/records.c common/text.c */
/* The Graphics Output Protocol as firmware really has it, and worse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>
#undef fail /* log.h has one too */
#include "efi_host.h"

#include "common/mode.h"

#define MODES  300
#define SIZE   (UINT64_C(1) << 36)
#define COLOUR PixelBlueGreenRedReserved8BitPerColor

static struct fake_gop {
	EFI_GRAPHICS_OUTPUT_PROTOCOL protocol; /* first: `this` is this */
	EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE mode;
	EFI_GRAPHICS_OUTPUT_MODE_INFORMATION live, modes[MODES];
	UINT32 set_fails[4]; /* modes that cannot be set, plus 1 */
	UINTN sets, queries;
	int is_not_started, hands_out_the_live_one, hands_out_nothing, lies_about_pitch;
	int base_is_0_after_set, size_is_short;
} gop, other;

/* SIZE bytes, of which the host gives what is touched. */
static uint8_t *video_memory;
#define BASE ((uint64_t)(uintptr_t)video_memory)

static struct machine machine;
static struct twinboot_needs needs;
static EFI_EDID_ACTIVE_PROTOCOL edid_protocol;
static uint8_t edid[256];

static EFI_STATUS EFIAPI query_mode(EFI_GRAPHICS_OUTPUT_PROTOCOL *this, UINT32 number, UINTN *size,
				    EFI_GRAPHICS_OUTPUT_MODE_INFORMATION **info)
{
	struct fake_gop *g = (struct fake_gop *)this;
	g->queries++;
	if (g->is_not_started)
		return EFI_NOT_STARTED;
	if (number >= g->mode.MaxMode || number >= MODES)
		return EFI_INVALID_PARAMETER;
	*size = sizeof(**info);
	*info = NULL;
	if (g->hands_out_nothing)
		return EFI_SUCCESS;
	if (g->hands_out_the_live_one) {
		g->live = g->modes[number];
		*info = &g->live;
		return EFI_SUCCESS;
	}
	*info = fake_pool(sizeof(**info));
	**info = g->modes[number];
	if (g->lies_about_pitch)
		(*info)->PixelsPerScanLine = 1;
	return EFI_SUCCESS;
}

static void apply(struct fake_gop *g, UINT32 number)
{
	g->mode.Mode = number;
	g->live = g->modes[number];
	g->mode.FrameBufferBase = g->base_is_0_after_set ? 0 : BASE;
	g->mode.FrameBufferSize = (UINTN)g->live.PixelsPerScanLine * 4 * g->live.VerticalResolution;
	if (g->mode.FrameBufferSize > SIZE)
		g->mode.FrameBufferSize = SIZE;
	if (g->size_is_short && g->live.HorizontalResolution == 3840)
		g->mode.FrameBufferSize -= 1;
}

static EFI_STATUS EFIAPI set_mode(EFI_GRAPHICS_OUTPUT_PROTOCOL *this, UINT32 number)
{
	struct fake_gop *g = (struct fake_gop *)this;
	g->sets++;
	g->is_not_started = 0;
	for (uint32_t i = 0; i < 4; i++)
		if (g->set_fails[i] == number + 1)
			return EFI_DEVICE_ERROR;
	apply(g, number);
	return EFI_SUCCESS;
}

static void add_mode(struct fake_gop *g, UINT32 width, UINT32 height, EFI_GRAPHICS_PIXEL_FORMAT format)
{
	g->modes[g->mode.MaxMode++] = (EFI_GRAPHICS_OUTPUT_MODE_INFORMATION){.HorizontalResolution = width,
									     .VerticalResolution = height,
									     .PixelFormat = format,
									     .PixelsPerScanLine = width};
}

static EFI_HANDLE handle(UINTN number)
{
	return at(0x1000 * number);
}

static void add_gop(struct fake_gop *g, EFI_HANDLE at_handle)
{
	g->protocol = (EFI_GRAPHICS_OUTPUT_PROTOCOL){
		.QueryMode = query_mode, .SetMode = set_mode, .Mode = &g->mode};
	g->mode.Info = &g->live;
	g->mode.SizeOfInfo = sizeof(g->live);
	fake_protocol(at_handle, (EFI_GUID)EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID, &g->protocol);
}

/* One adapter with three modes, in the first. */
static int set_up(void **state)
{
	(void)state;
	fake_start();
	memset(&gop, 0, sizeof(gop));
	memset(&other, 0, sizeof(other));
	memset(&machine, 0, sizeof(machine));
	needs = (struct twinboot_needs){.framebuffer_width = 1024, .framebuffer_height = 768};
	add_gop(&gop, handle(1));
	add_mode(&gop, 800, 600, COLOUR);
	add_mode(&gop, 1024, 768, COLOUR);
	add_mode(&gop, 3840, 2160, COLOUR);
	apply(&gop, 0);
	return 0;
}

/* What the firmware lent goes back. */
static int tear_down(void **state)
{
	(void)state;
	return fake.pool_count == 0 ? 0 : -1;
}

static void assert_mode(uint32_t width, uint32_t height, UINTN sets)
{
	video_set(&machine, &needs);
	assert_int_equal(machine.framebuffer.width, width);
	assert_int_equal(machine.framebuffer.height, height);
	assert_int_equal(machine.framebuffer.base, BASE);
	assert_int_equal(gop.sets, sets);
}

static void assert_none(void)
{
	video_set(&machine, &needs);
	assert_int_equal(machine.framebuffer.base, 0);
}

static void the_wished_mode_is_set(void **state)
{
	(void)state;
	video_memory[4096 * 768 - 3] = 0x11;
	assert_mode(1024, 768, 1);
	assert_int_equal(machine.framebuffer.pitch, 4096);
	assert_int_equal(machine.framebuffer.size, 4096 * 768);
	assert_int_equal(video_memory[4096 * 768 - 3], 0x11); /* written to, and put back */
	assert_int_equal(machine.framebuffer.bits_per_pixel, 32);
	assert_int_equal(machine.framebuffer.red_shift, 16);
	assert_int_equal(machine.framebuffer.blue_shift, 0);
	assert_int_equal(machine.framebuffer.edid_size, 0);
}

/* Setting a mode clears the screen. */
static void the_mode_that_is_there_is_not_set_again(void **state)
{
	(void)state;
	apply(&gop, 1);
	assert_mode(1024, 768, 0);
}

static void modes_that_cannot_be_drawn_on_are_skipped(void **state)
{
	(void)state;
	gop.modes[1].PixelFormat = PixelBltOnly;
	assert_mode(800, 600, 0);
}

static void from_a_mode_without_a_framebuffer_to_one_with_it(void **state)
{
	(void)state;
	gop.modes[0].PixelFormat = PixelBltOnly;
	apply(&gop, 0);
	gop.mode.FrameBufferBase = 0;
	assert_mode(1024, 768, 1);
}

/* virtio-gpu's. */
static void only_such_modes_are_no_framebuffer(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		gop.modes[i].PixelFormat = PixelBltOnly;
	apply(&gop, 0);
	assert_none();
}

static void a_base_of_0_is_no_framebuffer(void **state)
{
	(void)state;
	gop.base_is_0_after_set = 1;
	apply(&gop, 0);
	assert_none();
	assert_int_equal(gop.sets, 3); /* each was tried */
}

static void not_started_until_a_mode_is_set(void **state)
{
	(void)state;
	gop.is_not_started = 1;
	assert_mode(1024, 768, 2);
}

static void never_started(void **state)
{
	(void)state;
	gop.is_not_started = 1;
	gop.set_fails[0] = 1;
	gop.mode.FrameBufferBase = 0;
	assert_none();
	assert_int_equal(gop.sets, 1);
}

static void the_live_description_is_not_freed(void **state)
{
	(void)state;
	gop.hands_out_the_live_one = 1;
	assert_mode(1024, 768, 1);
}

static void a_query_that_gives_nothing(void **state)
{
	(void)state;
	gop.hands_out_nothing = 1;
	assert_mode(800, 600, 1); /* what is there, started once more in vain */
}

static void the_pitch_is_that_of_the_mode_that_is_set(void **state)
{
	(void)state;
	gop.lies_about_pitch = 1;
	gop.modes[1].PixelsPerScanLine = 1088;
	assert_mode(1024, 768, 1);
	assert_int_equal(machine.framebuffer.pitch, 4 * 1088);
}

static void a_pitch_below_the_width_strikes_the_mode_out(void **state)
{
	(void)state;
	gop.modes[1].PixelsPerScanLine = 1023;
	assert_mode(800, 600, 2);
}

/* OptiPlex 9020M */
static void a_framebuffer_that_is_too_small_strikes_the_mode_out(void **state)
{
	(void)state;
	needs.framebuffer_width = 3840;
	needs.framebuffer_height = 2160;
	gop.size_is_short = 1;
	assert_mode(800, 600, 2);
}

static void a_mode_that_cannot_be_set_is_struck_out(void **state)
{
	(void)state;
	gop.set_fails[0] = 2;
	assert_mode(800, 600, 1);
}

static void sizes_that_wrap_are_refused(void **state)
{
	(void)state;
	gop.mode.MaxMode = 1;
	gop.modes[0].HorizontalResolution = gop.modes[0].PixelsPerScanLine = 0x40000001; /* times 4 is 4 */
	apply(&gop, 0);
	gop.mode.FrameBufferSize = SIZE;
	assert_none();
	gop.modes[0].HorizontalResolution = 800;
	gop.modes[0].PixelsPerScanLine = 0x40000320; /* times 4 is 3200 */
	apply(&gop, 0);
	gop.mode.FrameBufferSize = 3200 * 600;
	assert_none();
	gop.modes[0].VerticalResolution = UINT32_MAX;
	gop.modes[0].PixelsPerScanLine = 0x3fffffff;
	apply(&gop, 0);
	gop.mode.FrameBufferSize = 1 << 20;
	assert_none();
}

static void empty_modes_are_refused(void **state)
{
	(void)state;
	gop.mode.MaxMode = 1;
	gop.modes[0].HorizontalResolution = 0;
	apply(&gop, 0);
	assert_none();
	gop.modes[0].HorizontalResolution = gop.modes[0].PixelsPerScanLine = 0;
	apply(&gop, 0);
	assert_none();
	gop.modes[0].HorizontalResolution = gop.modes[0].PixelsPerScanLine = 800;
	gop.modes[0].VerticalResolution = 0;
	apply(&gop, 0);
	assert_none();
}

static void masks_of_every_depth(void **state)
{
	static const struct {
		EFI_PIXEL_BITMASK mask;
		uint32_t bits;
	} formats[] = {
		{{0x7c00, 0x03e0, 0x001f, 0}, 15},
		{{0x7c00, 0x03e0, 0x001f, 0x8000}, 16},
		{{0xf800, 0x07e0, 0x001f, 0}, 16},
		{{0xff0000, 0xff00, 0xff, 0}, 24},
		{{0x3ff00000, 0xffc00, 0x3ff, 0xc0000000}, 32},
		{{0xff000000, 0xff0000, 0xff00, 0xff}, 32},
	};
	for (uint32_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		set_up(state);
		gop.mode.MaxMode = 1;
		gop.modes[0].PixelFormat = PixelBitMask;
		gop.modes[0].PixelInformation = formats[i].mask;
		apply(&gop, 0);
		assert_mode(800, 600, 0);
		const struct machine_framebuffer *f = &machine.framebuffer;
		assert_int_equal(f->bits_per_pixel, formats[i].bits);
		assert_int_equal(f->pitch, 800 * ((formats[i].bits + 7) / 8));
		assert_int_equal(((UINT64_C(1) << f->red_size) - 1) << f->red_shift, formats[i].mask.RedMask);
		assert_int_equal(((UINT64_C(1) << f->green_size) - 1) << f->green_shift,
				 formats[i].mask.GreenMask);
		assert_int_equal(((UINT64_C(1) << f->blue_size) - 1) << f->blue_shift,
				 formats[i].mask.BlueMask);
	}
}

static void masks_that_are_no_colours(void **state)
{
	static const EFI_PIXEL_BITMASK masks[] = {
		{0, 0, 0, 0},
		{0xff0000, 0xff00, 0, 0},
		{0xff0000, 0xff00, 0xffff, 0},
		{0xff0000, 0xa500, 0xff, 0},
		{0xf00, 0xf0, 0xf, 0}, /* 12 bits */
		{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
	};
	for (uint32_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		set_up(state);
		gop.mode.MaxMode = 1;
		gop.modes[0].PixelFormat = PixelBitMask;
		gop.modes[0].PixelInformation = masks[i];
		apply(&gop, 0);
		assert_none();
	}
}

static void offer_edid(uint32_t size, uint8_t *bytes)
{
	static const uint8_t head[8] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
	memset(edid, 0, sizeof(edid));
	memcpy(edid, head, sizeof(head));
	edid[54] = 1; /* a timing of 800 x 600 */
	edid[56] = 800 & 0xff, edid[58] = 800 >> 8 << 4;
	edid[59] = 600 & 0xff, edid[61] = 600 >> 8 << 4;
	for (int i = 0; i < 127; i++)
		edid[127] -= edid[i];
	edid_protocol = (EFI_EDID_ACTIVE_PROTOCOL){.SizeOfEdid = size, .Edid = bytes};
	fake_protocol(handle(1), (EFI_GUID)EFI_EDID_ACTIVE_PROTOCOL_GUID, &edid_protocol);
}

static void the_displays_own_size(void **state)
{
	(void)state;
	needs.framebuffer_width = 0;
	apply(&gop, 1);
	offer_edid(256, edid); /* the first block is enough */
	assert_mode(800, 600, 1);
	assert_int_equal(machine.framebuffer.edid_size, 128);
	assert_memory_equal(machine.framebuffer.edid, edid, 128);
}

static void edid_that_is_none(void **state)
{
	static const struct {
		uint32_t size;
		uint8_t *bytes;
		int flip;
	} blocks[] = {{0, NULL, 0}, {128, NULL, 0}, {0, edid, 0}, {127, edid, 0}, {128, edid, 1}};
	for (uint32_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		set_up(state);
		offer_edid(blocks[i].size, blocks[i].bytes);
		edid[20] ^= (uint8_t)blocks[i].flip;
		assert_mode(1024, 768, 1);
		assert_int_equal(machine.framebuffer.edid_size, 0);
	}
}

/* The console splitter's handle comes first, then a card without a monitor. */
static void the_handle_with_a_device_and_the_console(void **state)
{
	(void)state;
	static const EFI_GUID console_out = {
		0xd3b36f2c, 0xd551, 0x11d4, {0x9a, 0x46, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
	static uint8_t path[4] = {0x7f, 0xff, 4, 0};
	add_gop(&other, handle(2));
	add_mode(&other, 640, 480, COLOUR);
	apply(&other, 0);
	fake_protocol(handle(2), (EFI_GUID)EFI_DEVICE_PATH_PROTOCOL_GUID, path);
	video_set(&machine, &needs);
	assert_int_equal(machine.framebuffer.width, 640);
	assert_int_equal(gop.sets, 0);
	fake_protocol(handle(1), (EFI_GUID)EFI_DEVICE_PATH_PROTOCOL_GUID, path);
	fake_protocol(handle(1), console_out, path);
	assert_mode(1024, 768, 1);
}

static void a_handle_without_a_mode(void **state)
{
	(void)state;
	add_gop(&other, handle(2));
	gop.protocol.Mode = NULL;
	add_mode(&other, 640, 480, COLOUR);
	apply(&other, 0);
	video_set(&machine, &needs);
	assert_int_equal(machine.framebuffer.width, 640);
}

static void a_mode_without_a_description(void **state)
{
	(void)state;
	gop.mode.Info = NULL;
	assert_none();
}

static void no_graphics_at_all(void **state)
{
	(void)state;
	fake.protocol_count = 0;
	assert_none();
}

static void modes_without_end(void **state)
{
	(void)state;
	gop.mode.MaxMode = UINT32_MAX;
	for (uint32_t i = 3; i < MODES; i++)
		gop.modes[i] = gop.modes[2];
	assert_mode(1024, 768, 1);
	assert_true(gop.queries <= 3 * 256);
}

static uint64_t seed = 1;
static uint32_t below(uint32_t bound)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % bound;
}

static uint32_t any_number(void)
{
	static const uint32_t odd[] = {0, 1, UINT32_MAX, 0x80000000, 0x40000001};
	return below(3) ? 1 + below(1 << (1 + below(14))) : odd[below(5)];
}

/* Whatever is handed on can be drawn on: every pixel lies within what the firmware said, and the colours apart. */
static void hostile_adapters(void **state)
{
	uint32_t found = 0;
	for (uint32_t round = 0; round < 5000; round++) {
		set_up(state);
		gop.mode.MaxMode = below(6);
		for (uint32_t i = 0; i < gop.mode.MaxMode; i++) {
			EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *m = &gop.modes[i];
			m->HorizontalResolution = any_number();
			m->VerticalResolution = any_number();
			m->PixelsPerScanLine = below(2) ? m->HorizontalResolution : any_number();
			m->PixelFormat = below(6);
			m->PixelInformation =
				(EFI_PIXEL_BITMASK){0xffu << below(25), 0xffu << below(25),
						    0xffu << below(25), below(2) ? 0xffu << 24 : 0};
		}
		gop.is_not_started = below(8) == 0;
		gop.hands_out_the_live_one = below(4) == 0;
		gop.hands_out_nothing = below(16) == 0;
		gop.set_fails[0] = below(4);
		if (gop.mode.MaxMode > 0)
			apply(&gop, below(gop.mode.MaxMode));
		video_set(&machine, &needs);
		const struct machine_framebuffer *f = &machine.framebuffer;
		assert_int_equal(fake.pool_count, 0);
		if (f->base == 0)
			continue;
		found++;
		assert_in_range(f->bits_per_pixel, 15, 32);
		assert_true(f->width > 0 && f->height > 0);
		assert_true((uint64_t)f->width * ((f->bits_per_pixel + 7) / 8) <= f->pitch);
		assert_int_equal(f->size, (uint64_t)f->pitch * f->height);
		assert_true(f->size <= gop.mode.FrameBufferSize);
		uint64_t red = ((UINT64_C(1) << f->red_size) - 1) << f->red_shift,
			 green = ((UINT64_C(1) << f->green_size) - 1) << f->green_shift,
			 blue = ((UINT64_C(1) << f->blue_size) - 1) << f->blue_shift;
		assert_true(red && green && blue && !(red & green) && !(red & blue) && !(green & blue));
		assert_true((red | green | blue) <= (UINT64_C(1) << f->bits_per_pixel) - 1);
	}
	assert_in_range(found, 500, 4500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_wished_mode_is_set),
		TEST(the_mode_that_is_there_is_not_set_again),
		TEST(modes_that_cannot_be_drawn_on_are_skipped),
		TEST(from_a_mode_without_a_framebuffer_to_one_with_it),
		TEST(only_such_modes_are_no_framebuffer),
		TEST(a_base_of_0_is_no_framebuffer),
		TEST(not_started_until_a_mode_is_set),
		TEST(never_started),
		TEST(the_live_description_is_not_freed),
		TEST(a_query_that_gives_nothing),
		TEST(the_pitch_is_that_of_the_mode_that_is_set),
		TEST(a_pitch_below_the_width_strikes_the_mode_out),
		TEST(a_framebuffer_that_is_too_small_strikes_the_mode_out),
		TEST(a_mode_that_cannot_be_set_is_struck_out),
		TEST(sizes_that_wrap_are_refused),
		TEST(empty_modes_are_refused),
		TEST(masks_of_every_depth),
		TEST(masks_that_are_no_colours),
		TEST(the_displays_own_size),
		TEST(edid_that_is_none),
		TEST(the_handle_with_a_device_and_the_console),
		TEST(a_handle_without_a_mode),
		TEST(a_mode_without_a_description),
		TEST(no_graphics_at_all),
		TEST(modes_without_end),
		TEST(hostile_adapters),
	};
	video_memory =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (video_memory == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
