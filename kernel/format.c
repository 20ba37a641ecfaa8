/* SPDX-License-Identifier: BSD-2-Clause */
/* This is as much of printf as a report needs. */
#include "report.h"

static void put_number(void (*put)(char, void *), void *context, uint64_t value, unsigned base,
		       unsigned width, char fill)
{
	char digits[20];
	unsigned count = 0;

	do
		digits[count++] = "0123456789abcdef"[value % base];
	while (value /= base);
	for (; width > count; width--)
		put(fill, context);
	while (count)
		put(digits[--count], context);
}

void format_to(void (*put)(char, void *), void *context, const char *format, va_list arguments)
{
	for (; *format; format++) {
		if (*format != '%') {
			put(*format, context);
			continue;
		}
		char fill = *++format == '0' ? '0' : ' ';
		unsigned width = 0;
		while (*format >= '0' && *format <= '9')
			width = 10 * width + (unsigned)(*format++ - '0');
		bool is_long = *format == 'l';
		if (is_long)
			format++;

		switch (*format) {
		case 's':
			for (const char *string = va_arg(arguments, const char *); *string; string++)
				put(*string, context);
			break;
		case 'c':
			put((char)va_arg(arguments, int), context);
			break;
		case 'u':
		case 'x': {
			uint64_t value = is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, uint32_t);
			put_number(put, context, value, *format == 'x' ? 16 : 10, width, fill);
			break;
		}
		default:
			put(*format, context);
		}
	}
}

struct buffer {
	char *next, *last;
};

static void put_in_buffer(char character, void *context)
{
	struct buffer *buffer = context;

	if (buffer->next < buffer->last)
		*buffer->next++ = character;
}

void format_text(char *text, size_t size, const char *format, ...)
{
	struct buffer buffer = {text, text + size - 1};
	va_list arguments;

	va_start(arguments, format);
	format_to(put_in_buffer, &buffer, format, arguments);
	va_end(arguments);
	*buffer.next = '\0';
}
