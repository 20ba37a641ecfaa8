/* SPDX-License-Identifier: BSD-2-Clause */
#include "legacy.h"

#include "common/port.h"

#define BIOS_VIDEO     0x10
#define VIDEO_TELETYPE 0x0e

void die(const char *format, ...)
{
	char text[MACHINE_ERROR_MAX];
	uint32_t prefix = text_format(text, sizeof(text), "twinboot: ");
	va_list arguments;
	va_start(arguments, format);
	text_vformat(text + prefix, sizeof(text) - prefix, format, arguments);
	va_end(arguments);
	if (serial_start()) { /* anew: BIOS calls change the UART's settings */
		serial_write("\r\n");
		serial_write(text);
		serial_write("\r\n");
	}
	for (const char *c = text; *c != 0; c++) {
		struct bios_registers r = {.eax = VIDEO_TELETYPE << 8 | (uint8_t)*c, .ebx = 7};
		bios_call(BIOS_VIDEO, &r);
	}
	door_leave();
}
