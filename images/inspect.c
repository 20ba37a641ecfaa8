/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect IMAGE: prints what is in an image, or on a stick that one was written to, and checks that all of it
 * is there and agrees with itself. Everything that is wrong gets a sentence; then it ends with 1.
 */
#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/crc32c.h"
#include "formats/sha256.h"
#include "loader.h"
#include "payload.h"

typedef unsigned long long ull; /* for printf */

static int problems;

__attribute__((format(printf, 1, 2))) static void problem(const char *format, ...)
{
	va_list arguments;
	fflush(stdout);
	fprintf(stderr, "inspect: %s: ", image_name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	problems++;
}

static struct layout inspect_partitions(void)
{
	struct layout layout = {0};
	uint64_t size = image_bytes(), end = partitions_find(&layout);
	layout.size = end;
	printf("image         %s, %llu bytes\n", image_name, (ull)size);
	printf("partitions    %s, sectors of %u bytes; EFI system partition at sector %llu, %llu sectors\n",
	       layout.gpt ? "GPT" : "MBR", layout.sector, (ull)(layout.esp / layout.sector),
	       (ull)(layout.esp_size / layout.sector));
	if (end > size)
		problem("ends after %llu bytes, and its partitions want %llu: it was cut off, or what it was "
			"written to "
			"is too small",
			(ull)size, (ull)end);
	if (layout.gpt)
		gpt_check(&layout, size, problem);
	return layout;
}

static void inspect_fat(const struct fat *fat, const struct fat_file *x64, const struct fat_file *ia32)
{
	printf("file system   FAT%d, %u clusters of %u bytes\n", fat->bits, fat->cluster_count,
	       fat->cluster_bytes);
	printf("              %s, %u bytes at %#llx\n", x64->path, x64->size, (ull)x64->place);
	printf("              %s, %u bytes at %#llx\n", ia32->path, ia32->size, (ull)ia32->place);
	uint32_t first = crc32c_at(fat->table, fat->table_size);
	for (uint32_t i = 1; i < fat->tables; i++)
		if (crc32c_at(fat->table + i * fat->table_size, fat->table_size) != first)
			problem("the two copies of the FAT differ; run fsck.fat on the EFI system partition");
	if (!pe_checksum_agrees(ia32->place, ia32->size))
		problem("%s: damaged (its checksum does not agree)", ia32->path);
}

/* The boot sector and its twin for CDs, and the loader that both lead to. */
static struct load_table inspect_loader(struct layout *layout)
{
	static uint8_t loader[LOADER_SIZE_MAX];
	uint8_t boot[SECTOR], cd[SECTOR], volume[8];
	struct load_table table;
	read_at(0, boot, sizeof(boot));
	struct boot_parameters door = boot_get(boot);
	if (door.sector != layout->sector || door.size < LOAD_TABLE_SIZE || door.size > sizeof(loader) ||
	    boot[BOOT_PIECES_OFFSET] != (door.size + LOADER_PIECE - 1) / LOADER_PIECE)
		die("its boot sector is not the one that twinboot wrote: a BIOS does not find the loader");
	layout->loader = door.loader;
	read_at(door.loader, loader, door.size);
	printf("BIOS loader   %u bytes at %#llx\n", door.size, (ull)door.loader);
	if (boot_sum(loader, door.size) != door.sum)
		problem("the BIOS loader is damaged (sum %#x, should be %#x)", boot_sum(loader, door.size),
			door.sum);

	read_at(ISO_START, volume, sizeof(volume));
	layout->iso = memcmp(volume, "\1CD001\1", 7) == 0;
	if (layout->iso) {
		read_at(ISO_BOOT_SECTOR, cd, sizeof(cd));
		struct boot_parameters twin = boot_get(cd);
		if (twin.sector != ISO_BLOCK || twin.loader != door.loader || twin.size != door.size ||
		    twin.sum != door.sum || memcmp(boot, cd, BOOT_PACKET_OFFSET) != 0)
			problem("the boot sector for CDs does not agree with the one for disks");
	}

	memcpy(&table, loader, sizeof(table));
	memset(loader + offsetof(struct load_table, crc32c), 0, sizeof(table.crc32c));
	if (table.magic != LOAD_TABLE_MAGIC || table.version != LOAD_TABLE_VERSION ||
	    crc32c(0, loader, LOAD_TABLE_SIZE) != table.crc32c || table.part_count > LOAD_TABLE_PARTS_MAX)
		die("the BIOS loader's load table is damaged");
	for (uint32_t i = 0; i < table.part_count; i++)
		printf("load table    %-8.8s %llu bytes at %#llx, %llu in memory\n", table.parts[i].section,
		       (ull)table.parts[i].stored, (ull)table.parts[i].offset, (ull)table.parts[i].size);
	return table;
}

static void inspect_iso(const struct layout *layout, const struct fat_file *x64, const struct fat_file *ia32)
{
	static uint8_t expected[ISO_END - ISO_START], found[ISO_END - ISO_START];
	if (!layout->iso) {
		printf("CD            none: disks with sectors of %u bytes are no CDs\n", layout->sector);
		return;
	}
	printf("CD            ISO 9660, El Torito for BIOS and UEFI\n");
	iso_make(layout, x64, ia32, expected);
	read_at(ISO_START, found, sizeof(found));
	if (memcmp(expected, found, ISO_BOOT_SECTOR - ISO_START) != 0)
		problem("its CD file system does not agree with its partitions: damaged, or the EFI system "
			"partition was "
			"changed");
}

/* Both sums of `stored` bytes of the image. */
static void sum(uint64_t at, uint64_t stored, uint32_t *crc, uint8_t sha256[SHA256_SIZE])
{
	static uint8_t buffer[1 << 20];
	struct sha256 hash;
	sha256_begin(&hash);
	*crc = 0;
	while (stored > 0) {
		size_t piece = stored < sizeof(buffer) ? (size_t)stored : sizeof(buffer);
		read_at(at, buffer, piece);
		*crc = crc32c(*crc, buffer, piece);
		sha256_add(&hash, buffer, piece);
		at += piece;
		stored -= piece;
	}
	sha256_end(&hash, sha256);
}

/* One part as `whose` loader finds it. */
static void check_part(const char *whose, const struct load_part *part)
{
	uint8_t sha256[SHA256_SIZE];
	uint32_t crc;
	if (part->offset % LOAD_ALIGNMENT != 0 || part->stored % LOAD_ALIGNMENT != 0)
		problem("the load table's places are no multiples of %u", LOAD_ALIGNMENT);
	sum(part->offset, part->stored, &crc, sha256);
	if (crc != part->crc32c)
		problem("the section %.8s that %s loads: damaged (CRC-32C %08x, should be %08x)",
			part->section, whose, crc, part->crc32c);
	else if (memcmp(sha256, part->sha256, sizeof(sha256)) != 0)
		problem("the section %.8s that %s loads: damaged (its SHA-256 does not agree)", part->section,
			whose);
}

static void check_parts(const char *whose, const struct load_table *table)
{
	for (uint32_t i = 0; i < table->part_count; i++)
		check_part(whose, &table->parts[i]);
}

static void print_hex(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

/* The digest of the whole padded kernel goes on behind what is stored. */
static void check_kernel(uint64_t at, const struct manifest *manifest)
{
	static const uint8_t zeros[1 << 16];
	const struct manifest_part *part = &manifest_parts(manifest)[0];
	uint8_t page[LOAD_ALIGNMENT], digest[SHA256_SIZE];
	struct sha256 hash;
	sha256_begin(&hash);
	for (uint64_t i = 0; i < part->stored; i += sizeof(page)) {
		read_at(at + i, page, sizeof(page));
		sha256_add(&hash, page, sizeof(page));
	}
	for (uint64_t left = part->size - part->stored, piece; left > 0; left -= piece) {
		piece = left < sizeof(zeros) ? left : sizeof(zeros);
		sha256_add(&hash, zeros, piece);
	}
	sha256_end(&hash, digest);
	printf("kernel        SHA-256 ");
	print_hex(manifest->kernel_sha256, sizeof(digest));
	if (memcmp(digest, manifest->kernel_sha256, sizeof(digest)) != 0)
		problem("the kernel's SHA-256 does not agree: damaged");
}

static void show_kernel(uint64_t kernel, const struct manifest_part *part)
{
	Elf64_Ehdr ehdr;
	read_at(kernel, &ehdr, sizeof(ehdr));
	if (memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0 || ehdr.e_phentsize != sizeof(Elf64_Phdr) ||
	    ehdr.e_phoff > part->stored) {
		problem("the kernel is not the ELF file that the build padded");
		return;
	}
	printf("              %llu bytes in memory, %llu stored; %s, entry %#llx\n", (ull)part->size,
	       (ull)part->stored, ehdr.e_type == ET_DYN ? "static PIE" : "linked to its place",
	       (ull)ehdr.e_entry);
	for (int i = 0; i < ehdr.e_phnum; i++) {
		Elf64_Phdr phdr;
		read_at(kernel + ehdr.e_phoff + (uint64_t)i * sizeof(phdr), &phdr, sizeof(phdr));
		if (phdr.p_type == PT_LOAD)
			printf("segment       %c%c%c %#llx, %llu bytes\n", phdr.p_flags & PF_R ? 'r' : '-',
			       phdr.p_flags & PF_W ? 'w' : '-', phdr.p_flags & PF_X ? 'x' : '-',
			       (ull)phdr.p_vaddr, (ull)phdr.p_memsz);
	}
}

static void show_modules(const struct manifest *manifest)
{
	const char *strings = (const char *)manifest;
	printf("command line  %s\n", strings + manifest->command_line);
	for (uint32_t i = 0; i < manifest->module_count; i++) {
		const struct manifest_module *module = &manifest_modules(manifest)[i];
		const char *arguments = strings + module->arguments;
		printf("module        %s, %llu bytes%s%s\n", strings + module->name, (ull)module->size,
		       *arguments != 0 ? ": " : "", arguments);
	}
	if (manifest->module_count == 0)
		printf("modules       none\n");
}

/* Were the loader that BIOS starts and the payload made for each other? */
static void compare_builds(const struct load_table *table, const struct load_table *expected)
{
	if (table->build_id != expected->build_id || table->part_count != expected->part_count)
		problem("the BIOS loader and BOOTX64.EFI are of different builds (%08x and %08x); make the image "
			"anew",
			table->build_id, expected->build_id);
	if (table->parts[0].size != expected->parts[0].size)
		problem("the BIOS loader was linked with another kernel than BOOTX64.EFI holds (%llu and %llu bytes)",
			(ull)table->parts[0].size, (ull)expected->parts[0].size);
}

static int same_places(const struct load_table *a, const struct load_table *b)
{
	for (uint32_t i = 0; i < a->part_count; i++)
		if (a->parts[i].offset != b->parts[i].offset || a->parts[i].stored != b->parts[i].stored)
			return 0;
	return a->part_count == b->part_count;
}

static void compare_places(const struct load_table *table, const struct fat_file *file,
			   const struct load_table *expected)
{
	if (table->file.offset == 0) {
		printf("payload       BIOS has a copy of its own\n");
		check_parts("BIOS", table);
		return;
	}
	printf("payload       once, in BOOTX64.EFI\n");
	if (table->file.offset != file->entry || table->file.cluster != file->cluster ||
	    table->file.size != file->size) {
		problem("BOOTX64.EFI was replaced after the image was made: UEFI boots the new one, BIOS refuses; "
			"make a new image, or one with SEPARATE_PAYLOAD=1");
		return;
	}
	compare_builds(table, expected);
	if (!same_places(table, expected))
		problem("BIOS and UEFI do not load from the same place");
	else if (crc32c_at(file->place, file->size) != table->file.crc32c)
		problem("BOOTX64.EFI: damaged (its CRC-32C is not the load table's)");
}

int main(int argc, char **argv)
{
	program = image_name = "inspect";
	if (argc != 2)
		die("wants one image or device");
	image_open(argv[1], "rb");
	struct layout layout = inspect_partitions();
	struct load_table table = inspect_loader(&layout);
	struct fat fat = fat_open(layout.esp);
	struct fat_file x64 = fat_find(&fat, LOADER_X64), ia32 = fat_find(&fat, LOADER_IA32);
	inspect_fat(&fat, &x64, &ia32);
	inspect_iso(&layout, &x64, &ia32);

	struct payload payload = payload_open(x64.place, x64.size);
	struct load_table expected = payload_table(&payload);
	compare_places(&table, &x64, &expected);
	check_parts("UEFI", &expected);
	check_kernel(payload.at[0], payload.manifest);
	show_kernel(payload.at[0], manifest_parts(payload.manifest));
	show_modules(payload.manifest);
	free(payload.manifest);
	image_close();
	printf("%s\n", problems == 0 ? "All copies and checksums agree." : "Something is wrong: see above.");
	return problems != 0;
}
