/* SPDX-License-Identifier: BSD-2-Clause */
/* links: embed/multiboot.c embed/report.c */
/* Multiboot kernels as embed reads them: good ones of either protocol, and each way to be a bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>

#include "embed/multiboot.h"

static uint8_t file[65536];
static struct multiboot_kernel kernel;

static void put(size_t at, const void *bytes, size_t size)
{
	memcpy(file + at, bytes, size);
}

static void put1(size_t at, uint32_t flags, const uint32_t rest[9])
{
	uint32_t header[12] = {MULTIBOOT1_HEADER, flags, -(MULTIBOOT1_HEADER + flags)};
	if (rest != NULL)
		memcpy(header + 3, rest, 9 * sizeof(uint32_t));
	put(at, header, sizeof(header));
}

/* A header of the given tags, the end tag appended. */
static void put2(size_t at, const uint32_t *tags, uint32_t size)
{
	uint32_t length = 16 + size + 8;
	uint32_t header[4] = {MULTIBOOT2_HEADER, 0, length, -(MULTIBOOT2_HEADER + length)};
	uint32_t end[2] = {MULTIBOOT2_HEADER_END, 8};
	put(at, header, sizeof(header));
	put(at + 16, tags, size);
	put(at + 16 + size, end, sizeof(end));
}

/* An ELF32 kernel: text at 1 MiB, data and bss at 1 MiB + 2000h; linked 3 GiB higher if `high`. */
static void elf32(uint32_t high)
{
	Elf32_Ehdr ehdr = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1},
			   .e_type = ET_EXEC,
			   .e_machine = EM_386,
			   .e_entry = high + 0x100040,
			   .e_phoff = 52,
			   .e_phentsize = 32,
			   .e_phnum = 2};
	Elf32_Phdr phdrs[2] = {
		{PT_LOAD, 0x1000, high + 0x100000, 0x100000, 0x800, 0x800, PF_R | PF_X, 4096},
		{PT_LOAD, 0x2000, high + 0x102000, 0x102000, 0x100, 0x1100, PF_R | PF_W, 4096},
	};
	memset(file, 0, sizeof(file));
	memset(file + 0x1000, 0x11, 0x800);
	memset(file + 0x2000, 0x22, 0x100);
	put(0, &ehdr, sizeof(ehdr));
	put(52, phdrs, sizeof(phdrs));
}

static bool read_it(uint32_t protocol, size_t size, char **said)
{
	size_t length;
	FILE *stream = open_memstream(said, &length);
	const struct report report = {"kernel.elf", stream};
	bool good = multiboot_read(&kernel, file, size, protocol, &report);
	fclose(stream);
	return good;
}

static void accept(uint32_t protocol)
{
	char *said;
	if (!read_it(protocol, sizeof(file), &said))
		fail_msg("%s", said);
	assert_string_equal(said, "");
	free(said);
}

static void refuse_cut(uint32_t protocol, size_t size, const char *sentence)
{
	char *said;
	assert_false(read_it(protocol, size, &said));
	if (strstr(said, sentence) == NULL)
		fail_msg("\"%s\" is not about \"%s\"", said, sentence);
	free(said);
}

static void refuse(uint32_t protocol, const char *sentence)
{
	refuse_cut(protocol, sizeof(file), sentence);
}

static void headers_are_found(void **state)
{
	const uint32_t nothing[2] = {0};
	(void)state;
	elf32(0);
	assert_false(multiboot_speaks(file, sizeof(file), 1));
	put1(8192 - 12, 0, NULL);
	assert_true(multiboot_speaks(file, sizeof(file), 1));
	assert_false(multiboot_speaks(file, sizeof(file), 2));
	assert_false(multiboot_speaks(file, 8192 - 4, 1));
	put2(32768 - 24, nothing, 0);
	assert_true(multiboot_speaks(file, sizeof(file), 2));
	elf32(0);
	put1(8192 - 8, 0, NULL); /* one word too far */
	assert_false(multiboot_speaks(file, sizeof(file), 1));
	put1(4098, 0, NULL); /* not at a multiple of 4 */
	assert_false(multiboot_speaks(file, sizeof(file), 1));
	put1(4096, 0, NULL);
	file[4096 + 8] ^= 1; /* checksum */
	assert_false(multiboot_speaks(file, sizeof(file), 1));
	assert_false(multiboot_speaks(file, 0, 1));
	assert_false(multiboot_speaks(file, 0, 2));
}

static void elf_by_physical_addresses(void **state)
{
	static uint8_t image[0x4000];
	(void)state;
	for (uint32_t high = 0; high < 2; high++) {
		elf32(high * 0xc0000000);
		put1(0x1000, MULTIBOOT1_ALIGN | MULTIBOOT1_MEMORY, NULL);
		accept(1);
		assert_int_equal(kernel.data.base, 0x100000);
		assert_int_equal(kernel.end, 0x103100);
		assert_int_equal(kernel.data.entry, 0x100040);
		assert_int_equal(kernel.needs.flags, TWINBOOT_KEEP_TEXT_MODE | TWINBOOT_LEAVE_CPUS);
		memset(image, 0, sizeof(image));
		multiboot_image(&kernel, image);
		assert_int_equal(image[0x7ff], 0x11);
		assert_int_equal(image[0x20ff], 0x22);
		assert_int_equal(image[0x2100], 0);
	}
}

static void address_fields_overrule_elf(void **state)
{
	const uint32_t fields[9] = {0x200100, 0x200000, 0x200400, 0x201000, 0x200120, 0, 800, 600, 32};
	(void)state;
	elf32(0);
	put1(0x1100, MULTIBOOT1_ADDRESSES | MULTIBOOT1_VIDEO, fields);
	accept(1);
	assert_int_equal(kernel.piece_count, 1);
	assert_ptr_equal(kernel.pieces[0].bytes, file + 0x1000);
	assert_int_equal(kernel.pieces[0].stored, 0x400);
	assert_int_equal(kernel.end, 0x201000);
	assert_int_equal(kernel.data.entry, 0x200120);
	assert_int_equal(kernel.needs.flags, TWINBOOT_LEAVE_CPUS);
	assert_int_equal(kernel.needs.framebuffer_height, 600);
}

static void tags_of_a_header(void **state)
{
	const uint32_t tags[] = {MULTIBOOT2_HEADER_REQUEST,
				 12,
				 6,
				 0 /* padding */,
				 MULTIBOOT2_HEADER_ENTRY,
				 12,
				 0x100080,
				 0,
				 MULTIBOOT2_HEADER_RELOCATABLE,
				 24,
				 0x100000,
				 0x8000000,
				 0x200000,
				 2,
				 MULTIBOOT2_HEADER_BOOT_SERVICES | MULTIBOOT2_OPTIONAL << 16,
				 8,
				 99 | MULTIBOOT2_OPTIONAL << 16,
				 8,
				 MULTIBOOT2_HEADER_FRAMEBUFFER,
				 20,
				 1024,
				 768,
				 32,
				 0};
	(void)state;
	elf32(0);
	put2(0x1100, tags, sizeof(tags));
	accept(2);
	assert_int_equal(kernel.data.entry, 0x100080);
	assert_int_equal(kernel.data.flags, MULTIBOOT_RELOCATABLE);
	assert_true(kernel.least == 0x100000 && kernel.greatest == 0x8000000 && kernel.alignment == 0x200000);
	assert_true(kernel.prefers_highest);
	assert_int_equal(kernel.needs.framebuffer_width, 1024);
}

static void what_cannot_boot(void **state)
{
	const uint32_t wrong_fields[9] = {0x1ff000, 0x200000, 0, 0, 0x200000};
	const uint32_t low_fields[9] = {0x400, 0x400, 0x800, 0, 0x400};
	const uint32_t services[] = {MULTIBOOT2_HEADER_BOOT_SERVICES, 8};
	const uint32_t efi64[] = {MULTIBOOT2_HEADER_ENTRY_EFI64, 12, 0x100000, 0};
	const uint32_t unknown[] = {11, 8};
	const uint32_t request[] = {MULTIBOOT2_HEADER_REQUEST, 12, 18, 0};
	const uint32_t runs_out[] = {MULTIBOOT2_HEADER_REQUEST, 4096};
	const uint32_t odd[] = {MULTIBOOT2_HEADER_RELOCATABLE, 24, 0, 0xffffffff, 0x3000, 0};
	(void)state;
	elf32(0);
	put1(0x1000, 1u << 5, NULL);
	refuse(1, "requires Multiboot features 0x20");
	put1(0x1000, MULTIBOOT1_ADDRESSES, wrong_fields);
	refuse(1, "contradict each other");
	put1(0x1000, MULTIBOOT1_ADDRESSES, low_fields);
	refuse(1, "loads at physical address 0x400");
	put1(0x1000, 0, NULL);
	file[18] = EM_ARM;
	refuse(1, "neither an ELF file for i386 or x86-64");
	elf32(0);
	put1(0x1000, 0, NULL);
	file[24] = 0xff; /* e_entry */
	file[26] = 0x80;
	refuse(1, "outside of its image");
	elf32(0);
	put1(0x1000, 0, NULL);
	refuse_cut(1, 0x1900, "is truncated");
	elf32(0);
	file[52 + 32 + 12 + 1] = 0x06; /* the second one's p_paddr: into the first */
	file[52 + 32 + 12 + 2] = 0x10;
	file[52 + 32 + 13] = 0x04;
	put1(0x1000, 0, NULL);
	refuse(1, "overlap");
	elf32(0);
	put2(0x1000, services, sizeof(services));
	refuse(2, "UEFI's boot services");
	put2(0x1000, efi64, sizeof(efi64));
	refuse(2, "UEFI's boot services");
	put2(0x1000, unknown, sizeof(unknown));
	refuse(2, "header tag of type 11");
	put2(0x1000, request, sizeof(request));
	refuse(2, "information 18");
	put2(0x1000, runs_out, sizeof(runs_out));
	refuse(2, "run out of the header");
	put2(0x1000, odd, sizeof(odd));
	refuse(2, "no power of two");
	put2(0x1000, unknown, 0);
	file[0x1000 + 4] = 4; /* MIPS; the checksum follows */
	file[0x1000 + 12] = (uint8_t)(file[0x1000 + 12] - 4);
	refuse(2, "architecture 4");
}

static void symbols_travel_behind_their_headers(void **state)
{
	const char text[] = "\0main";
	Elf32_Shdr headers[3] = {
		{0},
		{.sh_type = SHT_STRTAB, .sh_offset = 0x5000, .sh_size = sizeof(text)},
		{.sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC, .sh_addr = 0x100000, .sh_size = 0x800}};
	Elf32_Shdr found[3];
	uint8_t *symbols;
	size_t size;
	const struct report report = {"kernel.elf", NULL};
	(void)state;
	elf32(0);
	put1(0x1000, 0, NULL);
	accept(1);
	assert_true(multiboot_symbols(&kernel, file, sizeof(file), &symbols, &size, &report));
	assert_null(symbols);
	Elf32_Ehdr ehdr;
	memcpy(&ehdr, file, sizeof(ehdr));
	ehdr.e_shoff = 0x4000;
	ehdr.e_shnum = 3;
	ehdr.e_shentsize = sizeof(Elf32_Shdr);
	ehdr.e_shstrndx = 1;
	put(0, &ehdr, sizeof(ehdr));
	put(0x4000, headers, sizeof(headers));
	put(0x5000, text, sizeof(text));
	assert_true(multiboot_symbols(&kernel, file, sizeof(file), &symbols, &size, &report));
	memcpy(found, symbols, sizeof(found));
	assert_memory_equal(symbols + found[1].sh_addr, text, sizeof(text));
	assert_int_equal(found[2].sh_addr, 0x100000);
	assert_true(kernel.data.section_count == 3 && kernel.data.section_names == 1);
	free(symbols);
	headers[1].sh_size = sizeof(file);
	put(0x4000, headers, sizeof(headers));
	assert_false(multiboot_symbols(&kernel, file, sizeof(file), &symbols, &size, &report));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_found),
		cmocka_unit_test(elf_by_physical_addresses),
		cmocka_unit_test(address_fields_overrule_elf),
		cmocka_unit_test(tags_of_a_header),
		cmocka_unit_test(what_cannot_boot),
		cmocka_unit_test(symbols_travel_behind_their_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
