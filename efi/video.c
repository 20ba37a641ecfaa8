/* SPDX-License-Identifier: BSD-2-Clause */
/* The Graphics Output Protocol (UEFI 2.10, 12.9). */
#include "front.h"

#include "common/mode.h"
#include "common/records.h"

#define MODES_MAX 256

struct gop {
	EFI_GRAPHICS_OUTPUT_PROTOCOL *protocol;
	EFI_HANDLE handle;
};

static uint32_t has(EFI_HANDLE handle, EFI_GUID guid)
{
	void *protocol;
	return !EFI_ERROR(bs->HandleProtocol(handle, &guid, &protocol));
}

/* The display's EDID: its first block for us, two for the record. The protocol can be there with size 0 or without
   data. */
static void read_edid(EFI_HANDLE handle, struct machine *machine)
{
	EFI_GUID guid = EFI_EDID_ACTIVE_PROTOCOL_GUID;
	EFI_EDID_ACTIVE_PROTOCOL *protocol;
	if (EFI_ERROR(bs->HandleProtocol(handle, &guid, (void **)&protocol)) ||
	    protocol->SizeOfEdid < EDID_SIZE || protocol->Edid == NULL || !edid_is_valid(protocol->Edid))
		return;
	bs->CopyMem(machine->framebuffer.edid, protocol->Edid, EDID_SIZE);
	machine->framebuffer.edid_size = EDID_SIZE;
	uint32_t size = protocol->SizeOfEdid >= 2 * EDID_SIZE ? 2 * EDID_SIZE : EDID_SIZE;
	struct twinboot_record *record =
		record_add(machine, TWINBOOT_RECORD_EDID, (uint32_t)sizeof(*record) + size);
	if (record != NULL)
		bs->CopyMem(record + 1, protocol->Edid, size);
}

/* A mask is one run of bits. Returns 0 for anything else, as some unused mode might have it. */
static int component(uint32_t mask, uint8_t *size, uint8_t *shift)
{
	if (mask == 0)
		return 0;
	*shift = (uint8_t)__builtin_ctz(mask);
	*size = (uint8_t)(32 - __builtin_clz(mask) - *shift);
	return mask >> *shift == UINT32_MAX >> (32 - *size);
}

/* Returns 0 if the mode cannot be drawn on: "blt only", or masks that are no colours. */
static int read_format(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info, struct machine_framebuffer *f)
{
	EFI_PIXEL_BITMASK mask = info->PixelInformation;
	if (info->PixelFormat == PixelRedGreenBlueReserved8BitPerColor)
		mask = (EFI_PIXEL_BITMASK){0x0000ff, 0x00ff00, 0xff0000, 0xff000000};
	else if (info->PixelFormat == PixelBlueGreenRedReserved8BitPerColor)
		mask = (EFI_PIXEL_BITMASK){0xff0000, 0x00ff00, 0x0000ff, 0xff000000};
	else if (info->PixelFormat != PixelBitMask)
		return 0;
	uint32_t red = mask.RedMask, green = mask.GreenMask, blue = mask.BlueMask;
	if (!component(red, &f->red_size, &f->red_shift) ||
	    !component(green, &f->green_size, &f->green_shift) ||
	    !component(blue, &f->blue_size, &f->blue_shift) || (red & green) || (red & blue) ||
	    (green & blue))
		return 0;
	f->bits_per_pixel = 32 - (uint32_t)__builtin_clz(red | green | blue | mask.ReservedMask);
	return f->bits_per_pixel >= 15;
}

/* 0 x 0 if it is of no use. */
static struct mode mode_of(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info, uint32_t id)
{
	struct machine_framebuffer f;
	if (info == NULL || !read_format(info, &f))
		return (struct mode){0};
	return (struct mode){info->HorizontalResolution, info->VerticalResolution, f.bits_per_pixel, id};
}

/* What QueryMode gave. Some firmware hands out the live one. */
static void release(const EFI_GRAPHICS_OUTPUT_PROTOCOL *gop, EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info)
{
	if (info != NULL && info != gop->Mode->Info)
		bs->FreePool(info);
}

static uint32_t list_modes(EFI_GRAPHICS_OUTPUT_PROTOCOL *gop, struct mode *modes)
{
	uint32_t count = 0;
	for (UINT32 i = 0; i < gop->Mode->MaxMode && i < MODES_MAX; i++) {
		EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info;
		UINTN size;
		if (EFI_ERROR(gop->QueryMode(gop, i, &size, &info)))
			continue;
		modes[count] = mode_of(info, i);
		if (modes[count].width != 0 && modes[count].height != 0)
			count++;
		release(gop, info);
	}
	return count;
}

/* Several handles are usual: the console splitter's own, and one for each adapter. Of use is one with a
   linear mode (virtio-gpu has none); real are those with a device path; and those that the firmware's console
   uses have a display. */
static uint32_t rank(EFI_HANDLE handle, EFI_GRAPHICS_OUTPUT_PROTOCOL *gop, struct mode *modes)
{
	static const EFI_GUID console_out_device = /* gEfiConsoleOutDeviceGuid of EDK2 */
		{0xd3b36f2c, 0xd551, 0x11d4, {0x9a, 0x46, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
	return (list_modes(gop, modes) > 0 ? 4u : 0) +
	       2 * has(handle, (EFI_GUID)EFI_DEVICE_PATH_PROTOCOL_GUID) + has(handle, console_out_device);
}

static struct gop find_gop(struct mode *modes)
{
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	struct gop found = {NULL, NULL};
	uint32_t best = 0;
	EFI_HANDLE *handles;
	UINTN count;
	if (EFI_ERROR(bs->LocateHandleBuffer(ByProtocol, &guid, NULL, &count, &handles)))
		return found;
	for (UINTN i = 0; i < count; i++) {
		EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
		if (EFI_ERROR(bs->HandleProtocol(handles[i], &guid, (void **)&gop)) || gop->Mode == NULL)
			continue;
		uint32_t r = rank(handles[i], gop, modes);
		if (found.protocol == NULL || r > best) {
			found = (struct gop){gop, handles[i]};
			best = r;
		}
	}
	bs->FreePool(handles);
	return found;
}

/* Read after any SetMode: what QueryMode said of the pitch can be wrong (Apple). All in 64 bits: what firmware
   says may be any number. */
static int read_framebuffer(const EFI_GRAPHICS_OUTPUT_PROTOCOL *gop, struct machine_framebuffer *f)
{
	const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info = gop->Mode->Info;
	f->base = 0;
	if (info == NULL || !read_format(info, f))
		return 0;
	uint64_t pixel_bytes = (f->bits_per_pixel + 7) / 8;
	uint64_t width = info->HorizontalResolution, height = info->VerticalResolution;
	uint64_t pitch = info->PixelsPerScanLine * pixel_bytes;
	if (width == 0 || height == 0 || pitch < width * pixel_bytes || pitch > UINT32_MAX ||
	    gop->Mode->FrameBufferSize / pitch < height || gop->Mode->FrameBufferBase == 0)
		return 0;
	f->width = (uint32_t)width;
	f->height = (uint32_t)height;
	f->pitch = (uint32_t)pitch;
	f->size = pitch * height;
	f->base = gop->Mode->FrameBufferBase;
	return 1;
}

/* The last lines of an OptiPlex 9020M's 3840 x 2160 are no memory (Limine #621). Asked of a byte of the last pixel
   that holds nothing but colours. */
static int holds_its_last_pixel(const struct machine_framebuffer *f)
{
	uint32_t pixel_bytes = (f->bits_per_pixel + 7) / 8;
	volatile uint8_t *last = at(f->base + (uint64_t)f->pitch * (f->height - 1) +
				    (uint64_t)pixel_bytes * (f->width - 1) + f->green_shift / 8);
	uint8_t before = *last, other = before ^ 0xff;
	*last = other;
	int is_kept = *last == other;
	*last = before;
	return is_kept;
}

/* For the record, with what QueryMode says of the pitch. */
static void note_modes(struct machine *machine, EFI_GRAPHICS_OUTPUT_PROTOCOL *gop)
{
	for (UINT32 i = 0; i < gop->Mode->MaxMode && i < MODES_MAX; i++) {
		EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info;
		struct machine_framebuffer f = {0};
		UINTN size;
		if (EFI_ERROR(gop->QueryMode(gop, i, &size, &info)))
			continue;
		if (info != NULL && read_format(info, &f)) {
			f.width = info->HorizontalResolution;
			f.height = info->VerticalResolution;
			f.pitch = info->PixelsPerScanLine * ((f.bits_per_pixel + 7) / 8);
			record_video_mode(machine, &f, i);
		}
		release(gop, info);
	}
}

void video_set(struct machine *machine, const struct twinboot_needs *needs)
{
	static struct mode modes[MODES_MAX];
	struct machine_framebuffer *f = &machine->framebuffer;
	struct gop found = find_gop(modes);
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = found.protocol;
	if (gop == NULL)
		return;
	read_edid(found.handle, machine);

	struct mode current = mode_of(gop->Mode->Info, gop->Mode->Mode);
	uint32_t count = list_modes(gop, modes);
	/* "Not started" until the first SetMode, on some; on all others that would only clear the screen. */
	if (count == 0 && !EFI_ERROR(gop->SetMode(gop, gop->Mode->Mode)))
		count = list_modes(gop, modes);
	note_modes(machine, gop);
	int choice;
	/* A mode that cannot be set after all, or is too large for its framebuffer, is struck from the list.
	   Setting one clears the screen, so not without need. */
	while ((choice = mode_choose(modes, count, needs, f->edid_size != 0 ? f->edid : NULL, &current)) >=
	       0) {
		if ((modes[choice].id == gop->Mode->Mode ||
		     !EFI_ERROR(gop->SetMode(gop, modes[choice].id))) &&
		    read_framebuffer(gop, f) && holds_its_last_pixel(f)) {
			record_video_flag(machine, modes[choice].id, TWINBOOT_VIDEO_MODE_CURRENT);
			return;
		}
		record_video_flag(machine, modes[choice].id, TWINBOOT_VIDEO_MODE_STRUCK_OUT);
		modes[choice] = modes[--count];
	}
	if (read_framebuffer(gop, f)) /* whatever is there */
		record_video_flag(machine, gop->Mode->Mode, TWINBOOT_VIDEO_MODE_CURRENT);
}
