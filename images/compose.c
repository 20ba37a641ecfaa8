/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compose [--gpt] [--sector BYTES] [--copy OFFSET] --loader OFFSET --esp OFFSET --esp-size BYTES --id HEX
 * IMAGE LEGACY.BIN
 *
 * IMAGE has its full size and, at --esp, a FAT file system with EFI/BOOT/BOOTX64.EFI. This makes everything
 * else of it: boot sectors, partition table, ISO 9660, BIOS loader. The payload lies in the image once,
 * inside of that file: compose finds the file's sections and writes where they are into the load table. With
 * --copy, the payload lies there once more, and BIOS reads that. LEGACY.BIN is legacy.elf's boot sector and
 * loader as they lie in memory.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader.h"
#include "payload.h"

static uint64_t to_number(const char *text)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 0);
	if (errno != 0 || end == text || *end != 0)
		die("not a number: %s", text);
	return value;
}

static void to_id(const char *text, uint8_t id[16])
{
	for (int i = 0; i < 16; i++)
		if (sscanf(text + 2 * i, "%2hhx", &id[i]) != 1)
			die("--id wants 32 hexadecimal digits");
}

static void copy_bytes(uint64_t from, uint64_t to, uint64_t size)
{
	static uint8_t buffer[1 << 20];
	while (size > 0) {
		size_t part = size < sizeof(buffer) ? (size_t)size : sizeof(buffer);
		read_at(from, buffer, part);
		write_at(to, buffer, part);
		from += part;
		to += part;
		size -= part;
	}
}

/* The payload once more, for BIOS alone. */
static void copy_payload(const struct layout *layout, struct load_table *table)
{
	uint64_t to = layout->copy;
	for (uint32_t i = 0; i < table->part_count; i++) {
		struct load_part *part = &table->parts[i];
		if (to + part->stored > layout->esp)
			die("no room for the payload's own copy");
		copy_bytes(part->offset, to, part->stored);
		part->offset = to;
		to += part->stored;
	}
}

static struct load_table make_table(const struct layout *layout, struct fat_file file,
				    const struct load_table *linked)
{
	struct payload payload = payload_open(file.place, file.size);
	struct load_table table = payload_table(&payload);
	free(payload.manifest);
	payload_link(&table, linked);
	if (file.place % LOAD_ALIGNMENT != 0)
		die("the payload does not begin at a multiple of %u bytes", LOAD_ALIGNMENT);
	if (layout->copy != 0) {
		copy_payload(layout, &table);
	} else {
		table.file.offset = file.entry;
		table.file.cluster = file.cluster;
		table.file.size = file.size;
		table.file.crc32c = crc32c_at(file.place, file.size);
	}
	table.crc32c = load_table_crc32c(&table);
	return table;
}

/* The boot sector and the loader, in one piece as in memory. */
static uint32_t read_legacy(const char *name, uint8_t boot[SECTOR], uint8_t loader[LOADER_SIZE_MAX])
{
	static uint8_t legacy[LOADER_ADDRESS - BOOT_ADDRESS + LOADER_SIZE_MAX + 1];
	const char *image = image_name;
	image_name = name;
	FILE *file = fopen(name, "rb");
	if (file == NULL)
		die("%s", strerror(errno));
	size_t size = fread(legacy, 1, sizeof(legacy), file);
	fclose(file);
	if (size < LOADER_ADDRESS - BOOT_ADDRESS + LOAD_TABLE_SIZE || size % SECTOR != 0 ||
	    size == sizeof(legacy))
		die("not a boot sector and loader in whole sectors");
	memcpy(boot, legacy, SECTOR);
	size -= LOADER_ADDRESS - BOOT_ADDRESS;
	memcpy(loader, legacy + LOADER_ADDRESS - BOOT_ADDRESS, size);
	image_name = image;
	return (uint32_t)size;
}

static void write_iso(const struct layout *layout, const struct fat_file *x64, const struct fat_file *ia32,
		      const uint8_t boot[SECTOR])
{
	static uint8_t area[ISO_END - ISO_START];
	iso_make(layout, x64, ia32, area);
	memcpy(area + (ISO_BOOT_SECTOR - ISO_START), boot, SECTOR);
	write_at(ISO_START, area, sizeof(area));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"gpt", no_argument, NULL, 'g'},        {"sector", required_argument, NULL, 's'},
		{"copy", required_argument, NULL, 'c'}, {"loader", required_argument, NULL, 'l'},
		{"esp", required_argument, NULL, 'e'},  {"esp-size", required_argument, NULL, 'z'},
		{"id", required_argument, NULL, 'i'},   {0},
	};
	struct layout layout = {.sector = SECTOR};
	int option;
	program = image_name = "compose";
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'g':
			layout.gpt = 1;
			break;
		case 's':
			layout.sector = (uint32_t)to_number(optarg);
			break;
		case 'c':
			layout.copy = to_number(optarg);
			break;
		case 'l':
			layout.loader = to_number(optarg);
			break;
		case 'e':
			layout.esp = to_number(optarg);
			break;
		case 'z':
			layout.esp_size = to_number(optarg);
			break;
		case 'i':
			to_id(optarg, layout.id);
			break;
		default:
			return 1;
		}
	}
	if (argc - optind != 2)
		die("wants IMAGE LEGACY.BIN");

	static uint8_t boot[SECTOR], loader[LOADER_SIZE_MAX];
	image_open(argv[optind], "r+b");
	layout.size = image_bytes();
	layout.iso = layout.sector == SECTOR; /* disks with larger sectors are no CDs */
	struct boot_parameters door = {.loader = layout.loader, .sector = layout.sector};
	door.size = read_legacy(argv[optind + 1], boot, loader);
	layout.loader_room = (door.size + LOADER_PIECE - 1) / LOADER_PIECE * LOADER_PIECE;
	if (layout.loader + layout.loader_room > (layout.copy != 0 ? layout.copy : layout.esp) ||
	    layout.esp + layout.esp_size > layout.size)
		die("loader and file system do not fit where they should lie");

	struct fat fat = fat_open(layout.esp);
	struct fat_file x64 = fat_find(&fat, LOADER_X64), ia32 = fat_find(&fat, LOADER_IA32);
	struct load_table linked;
	memcpy(&linked, loader, sizeof(linked));
	struct load_table table = make_table(&layout, x64, &linked);
	memset(loader, 0, LOAD_TABLE_SIZE);
	memcpy(loader, &table, sizeof(table));
	door.sum = boot_sum(loader, door.size);
	write_at(layout.loader, loader, door.size);

	if (layout.iso) {
		struct boot_parameters cd = door;
		cd.sector = ISO_BLOCK;
		boot_put(boot, &cd);
		write_iso(&layout, &x64, &ia32, boot);
	}
	boot_put(boot, &door);
	partitions_make(&layout, boot);
	write_at(0, boot, sizeof(boot));
	image_close();
	return 0;
}
