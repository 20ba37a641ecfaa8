/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netboot BOOTX64.EFI LEGACY.BIN PXE.BIN TWINBOOT.PAYLOAD TWINBOOT.0: writes the payload as the BIOS network
 * boot program fetches it, and that program with its sum (formats/pxe_payload.h). LEGACY.BIN, the loader for
 * disks, knows where the kernel belongs. UEFI needs no such files: its loader carries the payload.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/pxe_payload.h"
#include "payload.h"

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

static struct load_table linked_table(const char *name)
{
	struct load_table table;
	image_open(name, "rb");
	read_at(LOADER_ADDRESS - BOOT_ADDRESS, &table, sizeof(table));
	image_close();
	return table;
}

/* The table fills a page, then the parts follow one another. */
static void write_payload(FILE *out, struct load_table *table)
{
	uint8_t page[LOAD_ALIGNMENT] = {0};
	uint64_t from[LOAD_TABLE_PARTS_MAX], offset = sizeof(page);
	for (uint32_t i = 0; i < table->part_count; i++) {
		from[i] = table->parts[i].offset;
		table->parts[i].offset = offset;
		offset += table->parts[i].stored;
	}
	table->crc32c = load_table_crc32c(table);
	memcpy(page, table, sizeof(*table));
	if (fwrite(page, 1, sizeof(page), out) != sizeof(page))
		die("%s: %s", temporary, strerror(errno));
	for (uint32_t i = 0; i < table->part_count; i++)
		copy_to(out, temporary, from[i], table->parts[i].stored);
}

int main(int argc, char **argv)
{
	program = image_name = "netboot";
	if (argc != 6)
		die("wants BOOTX64.EFI LEGACY.BIN PXE.BIN TWINBOOT.PAYLOAD TWINBOOT.0");
	write_program(argv[3], argv[5]);
	struct load_table linked = linked_table(argv[2]);
	image_open(argv[1], "rb");
	struct payload payload = payload_open(0, (uint32_t)image_bytes());
	struct load_table table = payload_table(&payload);
	free(payload.manifest);
	payload_link(&table, &linked);
	FILE *out = begin(argv[4]);
	write_payload(out, &table);
	end(out, argv[4]);
	return 0;
}
