/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect IMAGE: prints what is in an image, or on a stick that one was written to, and checks that all of it
 * is there and agrees with itself. Everything that is wrong gets a sentence; then it ends with 1.
 *
 * CRC-32C is computed here; for SHA-256 it asks sha256sum, the program that computed the digest in the build:
 * no library to depend on, and no second implementation to trust.
 */
#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/crc32c.h"
#include "loader.h"

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

static void *read_new(uint64_t offset, uint64_t size)
{
	if (offset + size > image_bytes())
		die("a structure of %llu bytes at %#llx reaches beyond its end", (ull)size, (ull)offset);
	void *bytes = malloc(size + 1); /* strings that lack a NUL get one */
	if (bytes == NULL)
		die("not enough memory");
	read_at(offset, bytes, size);
	((char *)bytes)[size] = 0;
	return bytes;
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
	    crc32c(0, loader, LOAD_TABLE_SIZE) != table.crc32c)
		die("the BIOS loader's load table is damaged");
	printf("load table    kernel %llu bytes at %#llx, modules %llu bytes at %#llx\n",
	       (ull)table.parts[LOAD_KERNEL].bytes, (ull)table.parts[LOAD_KERNEL].offset,
	       (ull)table.parts[LOAD_MODULES].bytes, (ull)table.parts[LOAD_MODULES].offset);
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

static void check_crc(const char *what, uint64_t offset, uint64_t size, uint32_t expected)
{
	uint32_t crc = crc32c_at(offset, size);
	if (crc != expected)
		problem("%s: damaged (CRC-32C %08x, should be %08x)", what, crc, expected);
}

/* The payload as `whose` loader finds it. */
static void check_payload(const char *whose, uint64_t kernel, uint64_t modules)
{
	char what[80];
	struct payload_info head;
	read_at(modules, &head, sizeof(head));
	uint32_t crc = head.info_crc32c;
	head.info_crc32c = 0;
	if (head.magic != PAYLOAD_MAGIC || head.info_size < sizeof(head) ||
	    head.modules_stored < head.info_size || head.kernel_stored > head.kernel_size)
		die("the payload's description at %#llx is damaged", (ull)modules);
	uint8_t *info = read_new(modules, head.info_size);
	memcpy(info, &head, sizeof(head));
	if (crc32c(0, info, head.info_size) != crc)
		problem("the payload's description that %s reads is damaged", whose);
	free(info);
	snprintf(what, sizeof(what), "the kernel that %s loads", whose);
	check_crc(what, kernel, head.kernel_stored, head.kernel_crc32c);
	snprintf(what, sizeof(what), "the modules that %s loads", whose);
	check_crc(what, modules + head.info_size, head.modules_stored - head.info_size, head.modules_crc32c);
}

static void check_sha256(uint64_t kernel, const struct payload_info *info)
{
	char command[200], found[65] = "", expected[65];
	for (int i = 0; i < 32; i++)
		snprintf(expected + 2 * i, 3, "%02x", info->kernel_sha256[i]);
	printf("kernel        SHA-256 %s\n", expected);
	snprintf(command, sizeof(command),
		 "{ tail -c +%llu -- \"$IMAGE\" | head -c %llu; head -c %llu /dev/zero; } | sha256sum",
		 (ull)kernel + 1, (ull)info->kernel_stored, (ull)(info->kernel_size - info->kernel_stored));
	setenv("IMAGE", image_name, 1);
	fflush(stdout);
	FILE *pipe = popen(command, "r");
	if (pipe == NULL || fread(found, 1, 64, pipe) != 64)
		die("cannot run sha256sum (package coreutils)");
	pclose(pipe);
	if (strcmp(found, expected) != 0)
		problem("the kernel's SHA-256 is %s", found);
}

static void show_kernel(uint64_t kernel, const struct payload_info *info)
{
	Elf64_Ehdr ehdr;
	read_at(kernel, &ehdr, sizeof(ehdr));
	if (memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0 || ehdr.e_phentsize != sizeof(Elf64_Phdr) ||
	    ehdr.e_phoff > info->kernel_stored) {
		problem("the kernel is not the ELF file that the build padded");
		return;
	}
	printf("              %llu bytes in memory, %llu stored; %s, entry %#llx\n", (ull)info->kernel_size,
	       (ull)info->kernel_stored, ehdr.e_type == ET_DYN ? "static PIE" : "linked to its place",
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

static const char *string(const struct payload_info *info, uint32_t offset)
{
	return offset < info->info_size ? (const char *)info + offset : "(damaged)";
}

static void show_modules(const struct payload_info *info)
{
	printf("command line  %s\n", string(info, info->command_line));
	for (uint32_t i = 0; i < info->module_count; i++) {
		if (sizeof(*info) + (i + 1) * sizeof(info->modules[0]) > info->info_size) {
			problem("the table of modules is damaged");
			return;
		}
		const struct payload_module *module = &info->modules[i];
		printf("module        %s, %llu bytes%s%s\n", string(info, module->name), (ull)module->size,
		       *string(info, module->arguments) != 0 ? ": " : "", string(info, module->arguments));
	}
	if (info->module_count == 0)
		printf("modules       none\n");
}

static void compare_places(const struct load_table *table, const struct fat_file *file, uint64_t kernel,
			   uint64_t modules)
{
	const uint64_t bios_kernel = table->parts[LOAD_KERNEL].offset,
		       bios_modules = table->parts[LOAD_MODULES].offset;
	if (bios_kernel % LOAD_ALIGNMENT != 0 || bios_modules % LOAD_ALIGNMENT != 0)
		problem("the load table's places are no multiples of %u", LOAD_ALIGNMENT);
	if (table->file.offset == 0) {
		printf("payload       BIOS has a copy of its own\n");
		check_payload("BIOS", bios_kernel, bios_modules);
		return;
	}
	printf("payload       once, in BOOTX64.EFI\n");
	if (table->file.offset != file->entry || table->file.cluster != file->cluster ||
	    table->file.size != file->size)
		problem("BOOTX64.EFI was replaced after the image was made: UEFI boots the new one, BIOS "
			"refuses; make a new "
			"image, or one with SEPARATE_PAYLOAD=1");
	else if (bios_kernel != kernel || bios_modules != modules)
		problem("BIOS and UEFI do not load from the same place");
	else
		check_crc("BOOTX64.EFI", file->place, file->size, table->file.crc32c);
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

	uint64_t kernel = pe_section(x64.place, x64.size, ".kernel"),
		 modules = pe_section(x64.place, x64.size, ".modules");
	compare_places(&table, &x64, kernel, modules);
	check_payload("UEFI", kernel, modules);
	struct payload_info head;
	read_at(modules, &head, sizeof(head));
	struct payload_info *info = read_new(modules, head.info_size);
	check_sha256(kernel, info);
	show_kernel(kernel, info);
	show_modules(info);
	free(info);
	image_close();
	printf("%s\n", problems == 0 ? "All copies and checksums agree." : "Something is wrong: see above.");
	return problems != 0;
}
