/* SPDX-License-Identifier: BSD-2-Clause */
/* The transcript on COM1, and the tally of its checks. */
#include "report.h"
#include "cpu.h"

/* Not zero, hence in .data: .bss is checked only after the first lines have been printed. */
static uint16_t port = 0x3f8;
/* Written to by failing checks only, and the first check is that of .bss. */
static unsigned failed;
static char first_failed[40];

/* A UART register that keeps what is written: without it, nothing listens and nothing is waited for. */
static bool uart_answers(void)
{
	outb(port + 7, 0x5a);
	if (inb(port + 7) != 0x5a)
		return false;
	outb(port + 7, 0xa5);
	return inb(port + 7) == 0xa5;
}

static void put_byte(char byte)
{
	if (!port)
		return;
	for (unsigned patience = 100000; !(inb(port + 5) & 0x20); patience--)
		if (patience == 0) {
			port = 0; /* stuck: say no more instead of waiting for each byte */
			return;
		}
	outb(port, (uint8_t)byte);
}

static void put_text(const char *text)
{
	while (*text)
		put_byte(*text++);
}

/* Values can hold what firmware or a user wrote: a line stays a line of ASCII whatever that is. */
static void put_value(char character, void *context)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t byte = (uint8_t)character;

	(void)context;
	if (byte >= 0x20 && byte < 0x7f) {
		put_byte(character);
		return;
	}
	put_text("\\x");
	put_byte(hex[byte >> 4]);
	put_byte(hex[byte & 15]);
}

void report_begin(void)
{
	if (!uart_answers())
		port = 0;
	if (port) {
		outb(port + 1, 0x00); /* no interrupts */
		outb(port + 3, 0x80); /* the divisor: */
		outb(port + 0, 0x01); /* 115200 baud */
		outb(port + 1, 0x00);
		outb(port + 3, 0x03); /* 8 bits, no parity, 1 stop bit */
		outb(port + 2, 0x07); /* FIFOs on and emptied */
		outb(port + 4, 0x03); /* DTR, RTS */
	}
	/* Loaders and firmware end their last line or do not. */
	put_text("\ntwinboot-kernel=begin\n");
}

void report_end(void)
{
	put_text(failed ? "twinboot-kernel=end result=FAIL\n" : "twinboot-kernel=end result=ok\n");
	/* The last bytes are still in the UART: wait till it is empty before the machine may go away. */
	for (unsigned patience = 100000; port && patience && !(inb(port + 5) & 0x40); patience--)
		;
}

void fact_start(const char *key)
{
	put_text(key);
	put_byte('=');
}

void fact_add(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	format_to(put_value, NULL, format, arguments);
	va_end(arguments);
}

void fact_finish(void)
{
	put_byte('\n');
}

void fact(const char *key, const char *format, ...)
{
	va_list arguments;

	fact_start(key);
	va_start(arguments, format);
	format_to(put_value, NULL, format, arguments);
	va_end(arguments);
	fact_finish();
}

void fact_bytes(const char *key, const uint8_t *bytes, size_t size)
{
	fact_start(key);
	for (size_t i = 0; i < size; i++)
		fact_add("%02x", bytes[i]);
	fact_finish();
}

static void count_failure(const char *key)
{
	if (failed++ == 0)
		format_text(first_failed, sizeof(first_failed), "%s", key);
}

bool check(const char *key, bool ok, const char *format, ...)
{
	va_list arguments;

	fact_start(key);
	if (ok) {
		put_text("ok");
	} else {
		count_failure(key);
		put_text("FAIL ");
		va_start(arguments, format);
		format_to(put_value, NULL, format, arguments);
		va_end(arguments);
	}
	fact_finish();
	return ok;
}

bool check_saying(const char *key, bool ok, const char *format, ...)
{
	va_list arguments;

	if (!ok)
		count_failure(key);
	fact_start(key);
	put_text(ok ? "ok (" : "FAIL (");
	va_start(arguments, format);
	format_to(put_value, NULL, format, arguments);
	va_end(arguments);
	put_text(")");
	fact_finish();
	return ok;
}

void check_skipped(const char *key, const char *reason)
{
	fact(key, "skipped (%s)", reason);
}

unsigned checks_failed(void)
{
	return failed;
}

const char *first_failed_check(void)
{
	return first_failed;
}
