/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor of the UEFI door: the firmware loads an application with twinboot's own sections and payload,
 * which sets the same video mode, takes the memory map, exits boot services and stops. With STOP_AT_ONCE it
 * does nothing of that: with a small payload that is the firmware alone.
 */
#include <efi.h>

#include "../report.h"

#define WIDTH    1024
#define HEIGHT   768
#define MAP_SIZE 65536

static inline uint64_t now(void)
{
	return __builtin_ia32_rdtsc();
}

static int set_mode(EFI_BOOT_SERVICES *bs)
{
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
	EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info;
	UINTN size;
	if (EFI_ERROR(bs->LocateProtocol(&guid, NULL, (void **)&gop)))
		return 0;
	for (UINT32 i = 0; i < gop->Mode->MaxMode; i++)
		if (!EFI_ERROR(gop->QueryMode(gop, i, &size, &info)) && info->HorizontalResolution == WIDTH &&
		    info->VerticalResolution == HEIGHT)
			return !EFI_ERROR(gop->SetMode(gop, i));
	return 0;
}

static int exit_boot_services(EFI_BOOT_SERVICES *bs, EFI_HANDLE image)
{
	static uint8_t map[MAP_SIZE];
	for (int tries = 0; tries < 4; tries++) {
		UINTN size = sizeof(map), key, descriptor_size;
		UINT32 version;
		if (EFI_ERROR(bs->GetMemoryMap(&size, (EFI_MEMORY_DESCRIPTOR *)map, &key, &descriptor_size,
					       &version)))
			return 0;
		if (!EFI_ERROR(bs->ExitBootServices(image, key)))
			return 1;
	}
	return 0;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	uint64_t entry = now();
#ifdef STOP_AT_ONCE
	(void)image;
	(void)st;
	(void)set_mode;
	(void)exit_boot_services;
	uint64_t mode = entry, end = entry;
#else
	if (!set_mode(st->BootServices))
		return EFI_UNSUPPORTED;
	uint64_t mode = now();
	if (!exit_boot_services(st->BootServices, image))
		return EFI_ABORTED;
	uint64_t end = now();
#endif
	report_text("\n");
	report_value("loader_entry", entry);
	report_value("set_mode", mode - entry);
	report_value("exit_boot_services", end - mode);
	report_value("stop", end);
	report_end();
}
