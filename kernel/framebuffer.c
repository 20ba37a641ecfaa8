/* SPDX-License-Identifier: BSD-2-Clause */
/* The framebuffer as it is described, and whether its far ends can be written to. */
#include "kernel.h"
#include "report.h"

static bool mask_fits(uint8_t size, uint8_t shift, uint32_t bits)
{
	return size >= 1 && (uint32_t)size + shift <= bits;
}

static uint64_t mask(uint8_t size, uint8_t shift)
{
	return ((UINT64_C(1) << size) - 1) << shift;
}

static bool masks_are_sane(const struct twinboot_framebuffer *fb)
{
	uint64_t red = mask(fb->red_size, fb->red_shift), green = mask(fb->green_size, fb->green_shift);
	uint64_t blue = mask(fb->blue_size, fb->blue_shift);

	return mask_fits(fb->red_size, fb->red_shift, fb->bits_per_pixel) &&
	       mask_fits(fb->green_size, fb->green_shift, fb->bits_per_pixel) &&
	       mask_fits(fb->blue_size, fb->blue_shift, fb->bits_per_pixel) && !(red & green) &&
	       !(red & blue) && !(green & blue);
}

static bool geometry_is_sane(const struct twinboot_framebuffer *fb)
{
	uint32_t bits = fb->bits_per_pixel;

	return (bits == 15 || bits == 16 || bits == 24 || bits == 32) && fb->width && fb->height &&
	       fb->width < 65536 && fb->height < 65536 &&
	       fb->pitch >= (uint64_t)fb->width * ((bits + 7) / 8) &&
	       fb->size >= (uint64_t)fb->pitch * fb->height;
}

/* Good enough to draw on. */
bool framebuffer_is_sane(void)
{
	const struct twinboot_framebuffer *fb = handoff->framebuffer;

	return fb && fb->base && geometry_is_sane(fb) && masks_are_sane(fb);
}

static void check_edid(const struct twinboot_framebuffer *fb)
{
	uint8_t sum = 0;

	fact("edid_size", "%u", fb->edid_size);
	for (unsigned i = 0; fb->edid && i < fb->edid_size; i++)
		sum += fb->edid[i];
	check("edid_is_whole_or_none", fb->edid ? fb->edid_size == 128 && sum == 0 : fb->edid_size == 0,
	      "%u bytes at 0x%lx, sum 0x%02x", fb->edid_size, (uint64_t)fb->edid, sum);
}

/* Some firmware counts lines that no memory is behind. */
static bool keeps_what_is_written(const struct twinboot_framebuffer *fb, uint64_t offset)
{
	volatile uint8_t *byte = (volatile uint8_t *)fb->base + offset;

	*byte = 0x5a;
	if (*byte != 0x5a)
		return false;
	*byte = 0xa5;
	return *byte == 0xa5;
}

void check_framebuffer(void)
{
	const struct twinboot_framebuffer *fb = handoff->framebuffer;

	if (!fb) {
		fact("framebuffer", "none");
		fact("framebuffer_phys", "none");
		fact("framebuffer_size", "none");
		fact("edid_size", "none");
		return;
	}
	fact("framebuffer", "%ux%u, %u bits", fb->width, fb->height, fb->bits_per_pixel);
	fact("framebuffer_pitch", "%u", fb->pitch);
	fact("framebuffer_masks", "red %u@%u green %u@%u blue %u@%u", fb->red_size, fb->red_shift,
	     fb->green_size, fb->green_shift, fb->blue_size, fb->blue_shift);
	fact("framebuffer_phys", "0x%lx", fb->base_phys);
	fact("framebuffer_size", "0x%lx", fb->size);
	check_edid(fb);
	check("framebuffer_in_direct_map", fb->base == direct_map(fb->base_phys), "base 0x%lx",
	      (uint64_t)fb->base);
	check("framebuffer_masks_are_sane", masks_are_sane(fb), "see framebuffer_masks");
	if (!check("framebuffer_geometry_is_sane", geometry_is_sane(fb), "pitch %u, size 0x%lx", fb->pitch,
		   fb->size))
		return;

	uint64_t end = (uint64_t)fb->pitch * fb->height;
	uint32_t type = memory_type(fb->base_phys / PAGE * PAGE, end);

	check("memory_map_marks_framebuffer", type == TWINBOOT_MEMORY_FRAMEBUFFER, "%s",
	      memory_type_name(type));
	check("framebuffer_first_and_last_byte",
	      keeps_what_is_written(fb, 0) && keeps_what_is_written(fb, end - 1),
	      "do not keep what is written");
	if (framebuffer_is_sane())
		screen_place();
}
