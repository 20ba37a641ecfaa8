/* SPDX-License-Identifier: BSD-2-Clause */
#include "inspect.h"

#include "fat.h"
#include "iso.h"
#include "loader.h"
#include "partitions.h"
#include "payload.h"
#include "pe.h"
#include "formats/crc32c.h"

#include <elf.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What is found on the way. */
struct inspection {
	struct image image;
	FILE *out;
	uint32_t problems;
	struct disk_layout layout;
	struct fat fat;
	struct fat_file x64, ia32;
	struct load_table table;    /* as BIOS has it */
	struct load_table expected; /* as BOOTX64.EFI would have it */
	struct payload payload;
};

/* What is wrong, but does not keep the rest from being looked at. */
#define problem(inspection, ...) \
	((inspection)->problems++, fflush((inspection)->out), \
	 report_error(&(inspection)->image.report, __VA_ARGS__))

/* ---- Partitions, file systems ---- */

static bool inspect_partitions(struct inspection *in)
{
	struct disk_layout *layout = &in->layout;
	uint64_t size = in->image.size, end;

	if (!partitions_find(layout, &in->image, &end))
		return false;
	layout->size = end;
	fprintf(in->out, "image         %s, %" PRIu64 " bytes\n", in->image.report.file, size);
	fprintf(in->out,
		"partitions    %s, sectors of %u bytes; EFI system partition at sector %" PRIu64 ", %" PRIu64
		" sectors\n",
		layout->gpt ? "GPT" : "MBR", layout->sector, layout->esp / layout->sector,
		layout->esp_size / layout->sector);
	if (end > size)
		problem(in,
			"ends after %" PRIu64 " bytes, and its partitions want %" PRIu64
			": it was cut off, or what it was written to is too small; write it again, whole",
			size, end);
	if (layout->gpt && !gpt_check(layout, &in->image))
		in->problems++;
	return true;
}

static bool compare_fats(struct inspection *in)
{
	struct sum first, other;

	sum_begin(&first);
	if (!image_sum(&in->image, in->fat.table, in->fat.table_size, &first))
		return false;
	for (uint32_t i = 1; i < in->fat.tables; i++) {
		sum_begin(&other);
		if (!image_sum(&in->image, in->fat.table + i * in->fat.table_size, in->fat.table_size,
			       &other))
			return false;
		if (other.crc32c != first.crc32c)
			problem(in,
				"has two copies of the FAT that differ; run fsck.fat on the EFI system partition");
	}
	return true;
}

static bool inspect_fat(struct inspection *in)
{
	const struct fat_file *x64 = &in->x64, *ia32 = &in->ia32;
	bool agrees;

	if (!fat_open(&in->fat, &in->image, in->layout.esp) || !fat_find(&in->fat, LOADER_X64, &in->x64) ||
	    !fat_find(&in->fat, LOADER_IA32, &in->ia32))
		return false;
	fprintf(in->out, "file system   FAT%d, %u clusters of %u bytes\n", in->fat.bits,
		in->fat.cluster_count, in->fat.cluster_bytes);
	fprintf(in->out, "              %s, %u bytes at %#" PRIx64 "\n", x64->path, x64->size, x64->place);
	fprintf(in->out, "              %s, %u bytes at %#" PRIx64 "\n", ia32->path, ia32->size, ia32->place);
	if (!compare_fats(in) || !pe_checksum_agrees(&in->image, ia32->place, ia32->size, &agrees))
		return false;
	if (!agrees)
		problem(in, "has a damaged %s (its checksum does not agree); make the image anew",
			ia32->path);
	return true;
}

static bool inspect_iso(struct inspection *in)
{
	static uint8_t expected[ISO_END - ISO_START], found[ISO_END - ISO_START];

	if (!in->layout.iso) {
		fprintf(in->out, "CD            none: disks with sectors of %u bytes are no CDs\n",
			in->layout.sector);
		return true;
	}
	fprintf(in->out, "CD            ISO 9660, El Torito for BIOS and UEFI\n");
	if (!iso_make(&in->layout, &in->x64, &in->ia32, expected, &in->image.report) ||
	    !image_read(&in->image, found, sizeof(found), ISO_START))
		return false;
	if (memcmp(expected, found, ISO_BOOT_SECTOR - ISO_START) != 0)
		problem(in,
			"has a CD file system that does not agree with its partitions: damaged, or the EFI system "
			"partition was changed; make the image anew");
	return true;
}

/* ---- The BIOS loader ---- */

static bool check_cd_sector(struct inspection *in, const struct boot_sector *boot)
{
	struct boot_parameters door = boot_get(boot), twin;
	struct boot_sector cd;

	if (!image_read(&in->image, &cd, sizeof(cd), ISO_BOOT_SECTOR))
		return false;
	twin = boot_get(&cd);
	if (twin.sector != ISO_BLOCK || twin.loader != door.loader || twin.size != door.size ||
	    twin.sum != door.sum || memcmp(boot->code, cd.code, sizeof(cd.code)) != 0)
		problem(in,
			"has a boot sector for CDs that does not agree with the one for disks; make the image "
			"anew");
	return true;
}

static bool take_table(struct inspection *in, const uint8_t *loader)
{
	struct load_table *table = &in->table;

	memcpy(table, loader, sizeof(*table));
	if (table->magic != LOAD_TABLE_MAGIC || table->version != LOAD_TABLE_VERSION ||
	    load_table_crc32c(table) != table->crc32c || table->part_count > LOAD_TABLE_PARTS_MAX)
		return report_error(&in->image.report,
				    "has a damaged load table in its BIOS loader; make the image anew");
	for (uint32_t i = 0; i < table->part_count; i++)
		fprintf(in->out,
			"load table    %-8.8s %" PRIu64 " bytes at %#" PRIx64 ", %" PRIu64 " in memory\n",
			table->parts[i].section, table->parts[i].stored, table->parts[i].offset,
			table->parts[i].size);
	return true;
}

/* The boot sector and its twin for CDs, and the loader that both lead to. */
static bool inspect_loader(struct inspection *in)
{
	static uint8_t loader[LOADER_SIZE_MAX];
	struct boot_sector boot;
	uint8_t volume[sizeof(ISO_SIGNATURE) - 1];

	if (!image_read(&in->image, &boot, sizeof(boot), 0))
		return false;
	struct boot_parameters door = boot_get(&boot);
	if (door.sector != in->layout.sector || door.size < LOAD_TABLE_SIZE || door.size > sizeof(loader) ||
	    boot.pieces != boot_pieces(door.size))
		return report_error(
			&in->image.report,
			"has another boot sector than twinboot's, so that a BIOS does not find the loader; "
			"make the image anew: damaged, or another program has written one");
	in->layout.loader = door.loader;
	if (!image_read(&in->image, loader, door.size, door.loader) ||
	    !image_read(&in->image, volume, sizeof(volume), ISO_START))
		return false;
	fprintf(in->out, "BIOS loader   %u bytes at %#" PRIx64 "\n", door.size, door.loader);
	if (boot_sum(loader, door.size) != door.sum)
		problem(in, "has a damaged BIOS loader (sum %#x, should be %#x); write the image again",
			boot_sum(loader, door.size), door.sum);
	in->layout.iso = memcmp(volume, ISO_SIGNATURE, sizeof(volume)) == 0;
	return (!in->layout.iso || check_cd_sector(in, &boot)) && take_table(in, loader);
}

/* ---- The payload ---- */

/* One part as `whose` loader finds it. */
static bool check_part(struct inspection *in, const char *whose, const struct load_part *part)
{
	uint8_t digest[SHA256_SIZE];
	struct sum sum;

	if (part->offset % LOAD_ALIGNMENT != 0 || part->stored % LOAD_ALIGNMENT != 0)
		problem(in, "has a load table with places that are no multiples of %u; make the image anew",
			LOAD_ALIGNMENT);
	sum_begin(&sum);
	if (!image_sum(&in->image, part->offset, part->stored, &sum))
		return false;
	sha256_end(&sum.sha256, digest);
	if (sum.crc32c != part->crc32c || memcmp(digest, part->sha256, sizeof(digest)) != 0)
		problem(in,
			"has a damaged section %.8s, which %s loads (CRC-32C %08x, should be %08x); write the image "
			"again",
			part->section, whose, sum.crc32c, part->crc32c);
	return true;
}

static bool check_parts(struct inspection *in, const char *whose, const struct load_table *table)
{
	for (uint32_t i = 0; i < table->part_count; i++)
		if (!check_part(in, whose, &table->parts[i]))
			return false;
	return true;
}

/* Were the loader that BIOS starts and the payload made for each other? */
static void compare_builds(struct inspection *in)
{
	const struct load_table *table = &in->table, *expected = &in->expected;

	if (table->parts[0].size != expected->parts[0].size)
		problem(in,
			"has a BIOS loader that was linked with another kernel than BOOTX64.EFI holds (%" PRIu64
			" and %" PRIu64 " bytes): BIOS refuses; make the image anew",
			table->parts[0].size, expected->parts[0].size);
	if (table->build_id != expected->build_id || table->part_count != expected->part_count)
		problem(in,
			"has a BIOS loader and a BOOTX64.EFI of different builds (%08x and %08x); make the image anew",
			table->build_id, expected->build_id);
}

static bool same_places(const struct load_table *a, const struct load_table *b)
{
	for (uint32_t i = 0; i < a->part_count; i++)
		if (a->parts[i].offset != b->parts[i].offset || a->parts[i].stored != b->parts[i].stored)
			return false;
	return true;
}

static bool compare_places(struct inspection *in)
{
	const struct load_table *table = &in->table;
	struct sum sum;

	if (table->file.offset == 0) {
		fprintf(in->out, "payload       BIOS has a copy of its own\n");
		return check_parts(in, "BIOS", table);
	}
	fprintf(in->out, "payload       once, in BOOTX64.EFI\n");
	if (table->file.offset != in->x64.entry || table->file.cluster != in->x64.cluster ||
	    table->file.size != in->x64.size) {
		problem(in,
			"has a BOOTX64.EFI that was replaced after the image was made: UEFI boots the new one, BIOS "
			"refuses; make a new image, or one with a payload for BIOS alone (--separate-payload)");
		return true;
	}
	compare_builds(in);
	if (!same_places(table, &in->expected))
		problem(in, "does not let BIOS and UEFI load from the same place; make the image anew");
	sum_begin(&sum);
	if (!image_sum(&in->image, in->x64.place, in->x64.size, &sum))
		return false;
	if (sum.crc32c != table->file.crc32c)
		problem(in, "has a damaged BOOTX64.EFI (CRC-32C %08x, should be %08x); write the image again",
			sum.crc32c, table->file.crc32c);
	return true;
}

/* The digest of the whole padded kernel goes on behind what is stored. */
static bool check_kernel(struct inspection *in)
{
	const struct manifest *manifest = in->payload.manifest;
	const struct manifest_part *part = &manifest_parts(manifest)[0];
	uint8_t digest[SHA256_SIZE];
	struct sum sum;

	sum_begin(&sum);
	if (!image_sum(&in->image, in->payload.at[0], part->stored, &sum))
		return false;
	sum_add_zeros(&sum, part->size - part->stored);
	sha256_end(&sum.sha256, digest);
	fprintf(in->out, "kernel        SHA-256 ");
	for (size_t i = 0; i < sizeof(digest); i++)
		fprintf(in->out, "%02x", manifest->kernel_sha256[i]);
	fputc('\n', in->out);
	if (memcmp(digest, manifest->kernel_sha256, sizeof(digest)) != 0)
		problem(in, "has a damaged kernel (its SHA-256 does not agree); write the image again");
	return true;
}

static bool show_segments(struct inspection *in, const Elf64_Ehdr *header)
{
	for (uint32_t i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr segment;

		if (!image_read(&in->image, &segment, sizeof(segment),
				in->payload.at[0] + header->e_phoff + i * sizeof(segment)))
			return false;
		if (segment.p_type == PT_LOAD)
			fprintf(in->out, "segment       %c%c%c %#" PRIx64 ", %" PRIu64 " bytes\n",
				segment.p_flags & PF_R ? 'r' : '-', segment.p_flags & PF_W ? 'w' : '-',
				segment.p_flags & PF_X ? 'x' : '-', segment.p_vaddr, segment.p_memsz);
	}
	return true;
}

static bool show_kernel(struct inspection *in)
{
	const struct manifest_part *part = &manifest_parts(in->payload.manifest)[0];
	Elf64_Ehdr header;

	if (!image_read(&in->image, &header, sizeof(header), in->payload.at[0]))
		return false;
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(Elf64_Phdr) ||
	    header.e_phoff > part->stored) {
		problem(in,
			"has a kernel that is not the ELF file which the build padded; make the image anew");
		return true;
	}
	fprintf(in->out,
		"              %" PRIu64 " bytes in memory, %" PRIu64 " stored; %s, entry %#" PRIx64 "\n",
		part->size, part->stored, header.e_type == ET_DYN ? "static PIE" : "linked to its place",
		header.e_entry);
	return show_segments(in, &header);
}

static void show_modules(const struct inspection *in)
{
	const struct manifest *manifest = in->payload.manifest;
	const char *strings = (const char *)manifest;

	fprintf(in->out, "command line  %s\n", strings + manifest->command_line);
	for (uint32_t i = 0; i < manifest->module_count; i++) {
		const struct manifest_module *module = &manifest_modules(manifest)[i];
		const char *arguments = strings + module->arguments;

		fprintf(in->out, "module        %s, %" PRIu64 " bytes%s%s\n", strings + module->name,
			module->size, *arguments ? ": " : "", arguments);
	}
	if (!manifest->module_count)
		fprintf(in->out, "modules       none\n");
}

static bool inspect_payload(struct inspection *in)
{
	if (!payload_open(&in->payload, &in->image, in->x64.place, in->x64.size))
		return false;
	in->expected = payload_table(&in->payload);
	if (!compare_places(in) || !check_parts(in, "UEFI", &in->expected) || !check_kernel(in) ||
	    !show_kernel(in))
		return false;
	show_modules(in);
	return true;
}

bool inspect(const char *name, FILE *out, FILE *messages)
{
	static struct inspection in;

	in = (struct inspection){.out = out};
	if (!image_open(&in.image, name, messages))
		return false;
	bool all_seen = inspect_partitions(&in) && inspect_loader(&in) && inspect_fat(&in) &&
			inspect_iso(&in) && inspect_payload(&in);
	payload_close(&in.payload);
	image_close(&in.image);
	bool is_good = all_seen && in.problems == 0;
	fprintf(out, "%s\n", is_good ? "All copies and checksums agree." : "Something is wrong: see above.");
	return is_good;
}
