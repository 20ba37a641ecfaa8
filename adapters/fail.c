/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/fail.h"

#include "common/port.h"
#include "common/text.h"

#define SENTENCE_MAX 512

void adapter_fail(const char *format, ...)
{
	char text[SENTENCE_MAX];
	va_list arguments;
	va_start(arguments, format);
	text_vformat(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (serial_exists()) {
		serial_write("\r\ntwinboot: ");
		serial_write(text);
		serial_write("\r\n");
	}
	for (;;)
		__asm__ volatile("cli; hlt");
}
