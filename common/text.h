/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEXT_H
#define TEXT_H

#include <stdarg.h>
#include <stdint.h>

/* Writes `format` to `buffer`, cut off at `size` bytes with the NUL (size > 0). Returns the bytes written
   without the NUL. Knows %s (const char *, only its printable ASCII), %u and %x (both uint64_t: cast narrower
   arguments), %%. */
uint32_t text_format(char *buffer, uint32_t size, const char *format, ...);
uint32_t text_vformat(char *buffer, uint32_t size, const char *format, va_list arguments);

#endif
