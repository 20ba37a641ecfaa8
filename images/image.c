/* SPDX-License-Identifier: BSD-2-Clause */
#include "image.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/crc32c.h"

const char *program, *image_name;
static FILE *image;

void die(const char *format, ...)
{
	va_list arguments;
	fflush(stdout);
	fprintf(stderr, "%s: %s: ", program, image_name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

void image_open(const char *name, const char *mode)
{
	image_name = name;
	image = fopen(name, mode);
	if (image == NULL)
		die("%s", strerror(errno));
}

uint64_t image_bytes(void)
{
	if (fseeko(image, 0, SEEK_END) != 0)
		die("%s", strerror(errno));
	return (uint64_t)ftello(image);
}

void image_close(void)
{
	if (fclose(image) != 0)
		die("%s", strerror(errno));
}

void read_at(uint64_t offset, void *to, size_t size)
{
	if (fseeko(image, (off_t)offset, SEEK_SET) != 0 || fread(to, 1, size, image) != size)
		die("cannot read %zu bytes at %#llx: it ends before all that it should hold; write it again, "
		    "whole",
		    size, (unsigned long long)offset);
}

void write_at(uint64_t offset, const void *from, size_t size)
{
	if (fseeko(image, (off_t)offset, SEEK_SET) != 0 || fwrite(from, 1, size, image) != size)
		die("%s", strerror(errno));
}

uint32_t crc32c_at(uint64_t offset, uint64_t size)
{
	static uint8_t buffer[1 << 20];
	uint32_t crc = 0;
	while (size > 0) {
		size_t part = size < sizeof(buffer) ? (size_t)size : sizeof(buffer);
		read_at(offset, buffer, part);
		crc = crc32c(crc, buffer, part);
		offset += part;
		size -= part;
	}
	return crc;
}

uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

void put32(uint8_t *p, uint32_t value)
{
	put16(p, value);
	put16(p + 2, value >> 16);
}

void put64(uint8_t *p, uint64_t value)
{
	put32(p, (uint32_t)value);
	put32(p + 4, (uint32_t)(value >> 32));
}
