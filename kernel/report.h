/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transcript: `key=value` lines on COM1. A fact carries a value; a check says `ok`, or `FAIL` and why. A
 * check that must hold on every firmware has a key of its own, apart from values that legitimately differ.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINTF_LIKE(text, values) __attribute__((format(printf, text, values)))

/* printf's %s %c %u %lu %x %lx %%, with a width and leading zeros for numbers; no more. */
void format_to(void (*put)(char character, void *context), void *context, const char *format,
	       va_list arguments);
void format_text(char *buffer, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

void report_begin(void);
void report_end(void);

void fact(const char *key, const char *format, ...) PRINTF_LIKE(2, 3);
void fact_bytes(const char *key, const uint8_t *bytes, size_t size);

/* A fact in pieces, for values made of many. */
void fact_start(const char *key);
void fact_add(const char *format, ...) PRINTF_LIKE(1, 2);
void fact_finish(void);

/* Returns `ok`. What follows `ok` is printed only if it is false. */
bool check(const char *key, bool ok, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same for a check that says what it saw either way, which is then the same on every firmware. */
bool check_saying(const char *key, bool ok, const char *format, ...) PRINTF_LIKE(3, 4);
void check_skipped(const char *key, const char *reason);

unsigned checks_failed(void);
const char *first_failed_check(void); /* "" if none */

#endif
