/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netboot BOOTX64.EFI PXE.BIN TWINBOOT.PAYLOAD TWINBOOT.0: writes the payload as the BIOS network boot
 * program fetches it, and that program with its sum (legacy/pxe_payload.h). UEFI needs no such files: its
 * loader carries the payload.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "formats/crc32c.h"
#include "formats/pxe_payload.h"
#include "image.h"

/* As linker/legacy.ld: the kernel's first segment lies here, a page of headers of its own below. */
#define PLACE 0x200000u

static void copy_to(FILE *out, const char *name, uint64_t offset, uint64_t size)
{
	static uint8_t buffer[1 << 16];
	while (size > 0) {
		size_t part = size < sizeof(buffer) ? (size_t)size : sizeof(buffer);
		read_at(offset, buffer, part);
		if (fwrite(buffer, 1, part, out) != part)
			die("%s: %s", name, strerror(errno));
		offset += part;
		size -= part;
	}
}

/* Bytes of the padded kernel before its first segment, as embed laid it out. */
static uint32_t header_size(uint64_t kernel)
{
	uint8_t ehdr[64], phdr[56];
	uint64_t lowest = UINT64_MAX, offset = 0;
	const uint32_t load = 1;
	read_at(kernel, ehdr, sizeof(ehdr));
	for (uint32_t i = 0; i < get16(ehdr + 56); i++) {
		read_at(kernel + get64(ehdr + 32) + i * sizeof(phdr), phdr, sizeof(phdr));
		if (get32(phdr) == load && get64(phdr + 16) < lowest) {
			lowest = get64(phdr + 16);
			offset = get64(phdr + 8);
		}
	}
	return (uint32_t)(offset & ~(uint64_t)(PAYLOAD_PAGE - 1));
}

/* A file that is there whole or not at all. */
static char temporary[4096];

static FILE *begin(const char *name)
{
	if (snprintf(temporary, sizeof(temporary), "%s.tmp", name) >= (int)sizeof(temporary))
		die("%s: the name is too long", name);
	FILE *out = fopen(temporary, "wb");
	if (out == NULL)
		die("%s: %s", temporary, strerror(errno));
	return out;
}

static void end(FILE *out, const char *name)
{
	if (fclose(out) != 0 || rename(temporary, name) != 0)
		die("%s: %s", name, strerror(errno));
	image_close();
}

static void write_program(const char *from, const char *to)
{
	static uint8_t code[1 << 16];
	uint32_t sum = 0;
	image_open(from, "rb");
	uint64_t size = image_bytes();
	if (size > sizeof(code))
		die("%s: more than 64 KiB, which a network boot ROM may not load", from);
	read_at(0, code, size);
	put32(code + PXE_SUM_OFFSET, 0);
	for (uint32_t i = 0; i < size; i += 4)
		sum += get32(code + i);
	put32(code + PXE_SUM_OFFSET, 0 - sum);
	FILE *out = begin(to);
	if (fwrite(code, 1, size, out) != size)
		die("%s: %s", temporary, strerror(errno));
	end(out, to);
}

int main(int argc, char **argv)
{
	program = image_name = "netboot";
	if (argc != 5)
		die("wants BOOTX64.EFI PXE.BIN TWINBOOT.PAYLOAD TWINBOOT.0");
	write_program(argv[2], argv[4]);
	image_open(argv[1], "rb");
	uint32_t size = (uint32_t)image_bytes();
	uint64_t kernel = pe_section(0, size, ".kernel"), modules = pe_section(0, size, ".modules");
	struct payload_info info;
	read_at(modules, &info, sizeof(info));
	if (info.magic != PAYLOAD_MAGIC)
		die("holds no payload");

	uint8_t page[PAYLOAD_PAGE] = {0};
	struct pxe_payload header = {
		.magic = PXE_PAYLOAD_MAGIC,
		.version = PXE_PAYLOAD_VERSION,
		.kernel = PLACE - header_size(kernel),
		.kernel_size = info.kernel_size,
		.kernel_stored = info.kernel_stored,
		.modules_size = info.modules_size,
		.modules_stored = info.modules_stored,
	};
	header.crc32c = crc32c(0, &header, sizeof(header));
	memcpy(page, &header, sizeof(header));

	FILE *out = begin(argv[3]);
	if (fwrite(page, 1, sizeof(page), out) != sizeof(page))
		die("%s: %s", temporary, strerror(errno));
	copy_to(out, temporary, kernel, info.kernel_stored);
	copy_to(out, temporary, modules, info.modules_stored);
	end(out, argv[3]);
	return 0;
}
