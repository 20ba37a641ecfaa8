/* SPDX-License-Identifier: BSD-2-Clause */
/* Built for x86-64 in core and again for i686 in legacy/, where a 64-bit division would need a run-time
   library: so decimals come from subtracting powers of ten. */
#include "common/text.h"

struct output {
	char *at, *end; /* end leaves room for the NUL */
};

static void put(struct output *out, char c)
{
	if (out->at < out->end)
		*out->at++ = c;
}

static void put_decimal(struct output *out, uint64_t value)
{
	static const uint64_t powers[] = {
		UINT64_C(10000000000000000000),
		UINT64_C(1000000000000000000),
		UINT64_C(100000000000000000),
		UINT64_C(10000000000000000),
		UINT64_C(1000000000000000),
		UINT64_C(100000000000000),
		UINT64_C(10000000000000),
		UINT64_C(1000000000000),
		UINT64_C(100000000000),
		UINT64_C(10000000000),
		1000000000,
		100000000,
		10000000,
		1000000,
		100000,
		10000,
		1000,
		100,
		10,
		1,
	};
	int started = 0;
	for (uint32_t i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
		char digit = '0';
		for (; value >= powers[i]; value -= powers[i])
			digit++;
		started |= digit != '0' || powers[i] == 1;
		if (started)
			put(out, digit);
	}
}

static void put_hex(struct output *out, uint64_t value)
{
	int shift = 60;
	while (shift > 0 && (value >> shift) == 0)
		shift -= 4;
	put(out, '0');
	put(out, 'x');
	for (; shift >= 0; shift -= 4)
		put(out, "0123456789abcdef"[(value >> shift) & 15]);
}

uint32_t text_vformat(char *buffer, uint32_t size, const char *format, va_list arguments)
{
	struct output out = {buffer, buffer + size - 1};
	for (; *format != 0; format++) {
		if (*format != '%') {
			put(&out, *format);
			continue;
		}
		format++;
		if (*format == 's') {
			for (const char *s = va_arg(arguments, const char *); *s != 0; s++)
				put(&out, *s >= ' ' && *s <= '~' ? *s : '?');
		} else if (*format == 'u') {
			put_decimal(&out, va_arg(arguments, uint64_t));
		} else if (*format == 'x') {
			put_hex(&out, va_arg(arguments, uint64_t));
		} else {
			put(&out, '%');
		}
	}
	*out.at = 0;
	return (uint32_t)(out.at - buffer);
}

uint32_t text_format(char *buffer, uint32_t size, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	uint32_t length = text_vformat(buffer, size, format, arguments);
	va_end(arguments);
	return length;
}
