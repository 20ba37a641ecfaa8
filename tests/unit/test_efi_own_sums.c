/* SPDX-License-Identifier: BSD-2-Clause */
/* links: images/pe.c images/image.c embed/file.c embed/report.c embed/sum.c formats/crc32c.c formats/sha256.c */
/* The UEFI loader's checksums of itself, from where images/finish.c writes them to where efi/own_sums.c compares
   them: a small image is finished, loaded into dirty memory as firmware would, and looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* log.h has one too */

#include "efi/own_sums.c"
#undef PAGE_SIZE

#include "images/finish.c"

#define PAGE PE_PAGE

const uint8_t ImageBase[1];

#define PE_AT     0x80
#define FILE_MAX  (16 * PAGE)
#define IMAGE_MAX (64 * PAGE)
#define ADDED     2 /* sections that a tool adds later */

/* .text .rodata .reloc .data .modules .kernel: the pages that each has in memory, and of them in the file */
static const struct {
	const char *name;
	uint32_t size, held, characteristics;
} plan[] = {
	{".text", 2 * PAGE - 100, 2 * PAGE - 100, 0x60000020},
	{".rodata", PAGE, PAGE, 0x40000040},
	{".reloc", 12, 12, 0x42000040},
	{".data", 3 * PAGE, PAGE, 0xc0000040},
	{".modules", PAGE, PAGE, 0xc0000040},
	{".kernel", 5 * PAGE, 2 * PAGE, 0xc0000040},
};
#define SECTIONS (sizeof(plan) / sizeof(plan[0]))

#define SUMS_IN_RODATA 0x123c /* anywhere at a multiple of four */

static char in_name[] = "/tmp/twinboot-finish-in-XXXXXX", out_name[] = "/tmp/twinboot-finish-out-XXXXXX";
static uint8_t in[FILE_MAX], file[FILE_MAX];
static size_t file_size;
static uint8_t memory[IMAGE_MAX] __attribute__((aligned(4096))), whole[IMAGE_MAX];

static struct pe_headers *headers(uint8_t *bytes)
{
	return (struct pe_headers *)(bytes + PE_AT);
}

static struct pe_section_header *section(uint8_t *bytes, uint32_t i)
{
	return (struct pe_section_header *)(headers(bytes) + 1) + i;
}

/* What objcopy makes of efi.so. */
static void make_input(void)
{
	memset(in, 0, sizeof(in));
	memcpy(in, "MZ", 2);
	in[PE_OFFSET] = PE_AT;
	*headers(in) = (struct pe_headers){
		.coff = {PE_SIGNATURE, PE_MACHINE_AMD64, SECTIONS, 0, 0x6a000, 207, 240, 0x206},
		.optional = {.magic = PE32_PLUS,
			     .code_size = 2 * PAGE,
			     .entry = PAGE,
			     .section_alignment = PAGE,
			     .file_alignment = PAGE,
			     .checksum = 0x1234,
			     .subsystem = 10,
			     .directory_count = 16},
	};
	uint32_t address = PAGE, offset = PAGE;
	for (uint32_t i = 0; i < SECTIONS; i++) {
		struct pe_section_header *s = section(in, i);
		*s = (struct pe_section_header){.virtual_size = plan[i].size,
						.address = address,
						.raw_size = round_up(plan[i].size),
						.raw_offset = offset,
						.characteristics = plan[i].characteristics};
		strncpy(s->name, plan[i].name, sizeof(s->name));
		for (uint32_t j = 0; j < plan[i].held; j++)
			in[offset + j] = (uint8_t)(1 + (i * 37 + j) % 255);
		address += round_up(plan[i].size);
		offset += round_up(plan[i].size);
	}
	memcpy(in + section(in, OWN_RODATA)->raw_offset + SUMS_IN_RODATA % PAGE, OWN_SUMS_MAGIC,
	       sizeof(OWN_SUMS_MAGIC));
}

static void write_input(void)
{
	FILE *out = fopen(in_name, "wb");
	assert_int_equal(fwrite(in, 1, sizeof(in), out), sizeof(in));
	fclose(out);
}

/* 0 if it went well. */
static int run_finish(void)
{
	return !efi_finish(in_name, out_name, NULL);
}

static void read_output(void)
{
	FILE *out = fopen(out_name, "rb");
	assert_non_null(out);
	file_size = fread(file, 1, sizeof(file), out);
	fclose(out);
}

/* As firmware does it: whatever the file does not hold is zeros up to VirtualSize, and dirt behind. Returns 0 if no
   firmware would load it. */
static int load(uint8_t *bytes)
{
	struct pe_headers *h = headers(bytes);
	memset(memory, 0xa5, sizeof(memory));
	if (memcmp(bytes, "MZ", 2) != 0 || bytes[PE_OFFSET] != PE_AT ||
	    memcmp(h->coff.signature, PE_SIGNATURE, 4) != 0 || h->coff.machine != PE_MACHINE_AMD64 ||
	    h->optional.magic != PE32_PLUS || h->coff.optional_size != 240 ||
	    h->coff.sections > SECTIONS + ADDED || h->optional.headers_size != PAGE ||
	    h->optional.image_size > IMAGE_MAX)
		return 0;
	memcpy(memory, bytes, PAGE);
	headers(memory)->optional.image_base = (uintptr_t)memory;
	for (uint32_t i = 0; i < h->coff.sections; i++) {
		const struct pe_section_header *s = section(bytes, i);
		uint32_t held = s->raw_size < s->virtual_size ? s->raw_size : s->virtual_size;
		if (s->address > h->optional.image_size ||
		    s->virtual_size > h->optional.image_size - s->address || s->raw_offset > file_size ||
		    s->raw_size > file_size - s->raw_offset)
			return 0;
		memset(memory + s->address, 0, s->virtual_size);
		memcpy(memory + s->address, bytes + s->raw_offset, held);
	}
	return 1;
}

/* Where the code has its own structure, whatever the headers say. */
static struct own_sums *sums(void)
{
	return (struct own_sums *)(memory + 3 * PAGE + SUMS_IN_RODATA % PAGE);
}

static const char *damage_in_memory(void)
{
	struct own_damage damage;
	return agree(sums(), memory, &damage) ? NULL : damage.part;
}

static int set_up(void **state)
{
	(void)state;
	make_input();
	write_input();
	if (run_finish() != 0)
		return -1;
	read_output();
	return load(file) ? 0 : -1;
}

static void a_finished_image_agrees(void **state)
{
	(void)state;
	assert_null(damage_in_memory());
	assert_int_equal(sums()->pe, PE_AT);
	assert_int_equal(sums()->headers_size, PE_AT + 264 + SECTIONS * 40);
	for (uint32_t i = 0; i < SECTIONS; i++) {
		assert_memory_equal(memory + section(file, i)->address, in + section(in, i)->raw_offset, 12);
		assert_int_equal(section(file, i)->raw_size, round_up(plan[i].held));
		assert_int_equal(section(file, i)->characteristics & PE_DISCARDABLE, 0);
	}
	assert_int_equal(headers(file)->coff.symbols, 0);
	assert_int_equal(headers(file)->coff.symbol_count, 0);
	assert_int_equal(headers(file)->optional.directories[PE_DIRECTORY_RELOC].size, 12);
	assert_int_equal(headers(file)->optional.image_size, PAGE * (1 + 2 + 1 + 1 + 3 + 1 + 5));
}

static void without_the_instruction_it_is_the_same_sum(void **state)
{
	(void)state;
	for (uint32_t size = 0; size < 64; size++)
		assert_int_equal(~by_nibbles(UINT32_MAX, memory + size, size),
				 crc32c(0, memory + size, size));
	assert_int_equal(sum(0, memory, PAGE), crc32c(0, memory, PAGE));
}

/* The payload has sums of its own. */
static int payload_is_damaged(void)
{
	for (uint32_t i = OWN_SECTIONS; i < SECTIONS; i++) {
		uint32_t address = section(whole, i)->address;
		if (memcmp(memory + address, whole + address, plan[i].held) != 0)
			return 1;
	}
	return 0;
}

/* One bit of the headers: no firmware loads that, or the sums see it, or the same bytes lie at the same places with
   the same permissions, and the same entry is called. */
static void a_flip_in_the_headers_is_seen_or_harmless(void **state)
{
	(void)state;
	uint32_t refused = 0, seen = 0, harmless = 0;
	memcpy(whole, memory, sizeof(whole));
	uint32_t end = headers(file)->optional.image_size;
	for (uint32_t bit = 0; bit < 8 * (PE_AT + 264 + (SECTIONS + ADDED) * 40); bit++) {
		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (!load(file)) {
			refused++;
		} else if (damage_in_memory() != NULL || payload_is_damaged()) {
			seen++;
		} else {
			harmless++;
			assert_memory_equal(memory + PAGE, whole + PAGE, end - PAGE);
			assert_int_equal(headers(memory)->optional.entry, PAGE);
			for (uint32_t i = 0; i < SECTIONS; i++)
				assert_int_equal(section(memory, i)->characteristics,
						 section(whole, i)->characteristics);
		}
		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	print_message("%u refused, %u seen, %u harmless\n", refused, seen, harmless);
	assert_true(refused > 100 && seen > 1000 && harmless < 1000);
}

/* .bss would begin with dirt. */
static void a_smaller_kernel_is_seen(void **state)
{
	(void)state;
	section(file, SECTIONS - 1)->virtual_size ^= 4 * PAGE;
	assert_true(load(file));
	assert_string_equal(damage_in_memory(), "its headers");
}

static void a_flip_in_a_section_is_named(void **state)
{
	(void)state;
	static const char *const names[] = OWN_SUMS_NAMES;
	for (uint32_t i = 0; i < OWN_SECTIONS; i++)
		for (uint32_t at = 0; at < plan[i].size; at += at < 16 ? 1 : 509) {
			uint8_t *byte = memory + section(file, i)->address + at;
			*byte ^= 0x10;
			int is_in_sums = byte >= (uint8_t *)sums() && byte < (uint8_t *)(sums() + 1);
			assert_string_equal(damage_in_memory(), is_in_sums ? "its checksums" : names[i]);
			*byte ^= 0x10;
		}
	for (uint32_t at = 0; at < sizeof(struct own_sums); at++) {
		((uint8_t *)sums())[at] ^= 1;
		assert_string_equal(damage_in_memory(), "its checksums");
		((uint8_t *)sums())[at] ^= 1;
	}
	assert_null(damage_in_memory());
}

/* Signing sets checksum and security directory; a tool that adds sections, count and sizes; EDK2, the base. */
static void what_others_change_is_not_summed(void **state)
{
	(void)state;
	struct pe_headers *h = headers(file);
	h->coff.sections += ADDED;
	for (uint32_t i = SECTIONS; i < SECTIONS + ADDED; i++)
		*section(file, i) = (struct pe_section_header){.name = ".osrel",
							       .virtual_size = PAGE,
							       .address = (16 + i) * PAGE,
							       .characteristics = 0x40000040};
	h->optional.image_size = IMAGE_MAX;
	h->optional.data_size += ADDED * PAGE;
	h->optional.checksum = 0xdeadbeef;
	h->optional.directories[PE_DIRECTORY_SECURITY].address = 0x100000;
	h->optional.directories[PE_DIRECTORY_SECURITY].size = 1500;
	assert_true(load(file));
	assert_null(damage_in_memory());
}

static void assert_refused(void)
{
	write_input();
	remove(out_name);
	assert_int_equal(run_finish(), 1);
	assert_int_not_equal(access(out_name, F_OK), 0);
	make_input();
}

static void what_is_no_such_image_is_refused(void **state)
{
	(void)state;
	section(in, OWN_DATA)->address += PAGE; /* a gap */
	assert_refused();
	section(in, OWN_TEXT)->characteristics |= PE_WRITE;
	assert_refused();
	section(in, OWN_DATA)->raw_offset = FILE_MAX + 1;
	assert_refused();
	section(in, OWN_DATA)->raw_size = UINT32_MAX;
	assert_refused();
	section(in, OWN_DATA)->name[1] = 'x'; /* one that is summed is missing */
	assert_refused();
	memset(in + section(in, OWN_RODATA)->raw_offset, 0, PAGE); /* no place for the sums */
	assert_refused();
	headers(in)->coff.sections = SECTIONS_MAX + 1;
	assert_refused();
	headers(in)->optional.file_alignment = 512;
	assert_refused();
	in[PE_AT] = 'X';
	assert_refused();
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_finished_image_agrees),
		TEST(without_the_instruction_it_is_the_same_sum),
		TEST(a_flip_in_the_headers_is_seen_or_harmless),
		TEST(a_smaller_kernel_is_seen),
		TEST(a_flip_in_a_section_is_named),
		TEST(what_others_change_is_not_summed),
		TEST(what_is_no_such_image_is_refused),
	};
	close(mkstemp(in_name));
	close(mkstemp(out_name));
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	remove(in_name);
	remove(out_name);
	return failed;
}
