/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BOOTIA32.EFI: what 32-bit UEFI starts (tablets and Macs of some years with 64-bit processors). It says what
 * twinboot needs, on the console and on COM1, and gives the machine back: the firmware's next boot entry may
 * be a better one.
 */
#include <efi.h>

#include "common/errors.h"
#include "common/port.h"

#define BEFORE "\r\ntwinboot: "

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	(void)image;
	st->BootServices->SetWatchdogTimer(0, 0, 0, NULL);
	if (serial_start())
		serial_write(BEFORE ERROR_EFI_32BIT "\r\n");
	if (st->ConOut != NULL) {
		static const char text[] = BEFORE ERROR_EFI_32BIT "\r\n";
		for (UINTN i = 0; text[i] != 0; i++) {
			CHAR16 one[2] = {(CHAR16)text[i], 0};
			st->ConOut->OutputString(st->ConOut, one);
		}
	}
	st->BootServices->Stall(10000000); /* the next boot entry clears the screen */
	return EFI_UNSUPPORTED;
}
