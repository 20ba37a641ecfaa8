/* SPDX-License-Identifier: BSD-2-Clause */
/* links: adapters/records.c adapters/multiboot/info.c adapters/multiboot/info1.c adapters/multiboot/info2.c */
/* What the Multiboot adapter tells its kernel, from handoffs of both firmwares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>

#include "adapters/multiboot/info.h"

#define PHYS  0x200000u
#define DRIVE 0x80u

static struct {
	struct twinboot_e820 e820;
	struct twinboot_e820_row rows[4];
	struct twinboot_boot_medium medium;
	struct twinboot_text_mode text;
	struct twinboot_record packet;
	uint8_t packet_bytes[16];
	struct twinboot_record end;
} bios_records;

static struct twinboot_record nothing;
static struct twinboot_handoff handoff;
static struct multiboot_data data;
static struct scene scene;
static uint8_t memory[65536];
static struct room room;

/* UEFI's rows, 48 bytes apart as OVMF has them. */
static struct {
	uint32_t type, pad;
	uint64_t physical, virtual, pages, attribute, more;
} efi_map[] = {
	{7, 0, 0, 0, 0x9f, 0, 0},         {4, 0, 0x9f000, 0, 1, 0, 0},   {3, 0, 0x100000, 0, 0x100, 0, 0},
	{7, 0, 0x200000, 0, 0x100, 0, 0}, {10, 0, 0x300000, 0, 1, 0, 0}, {6, 0, 0x301000, 0, 1, 0, 0},
	{14, 0, 0x400000, 0, 1, 0, 0},
};

static uint8_t rsdp[36] = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ', 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 36};

static void set_up_common(void)
{
	memset(memory, 0, sizeof(memory));
	room = (struct room){memory, PHYS, 0, sizeof(memory)};
	data = (struct multiboot_data){.protocol = 2, .base = 0x100000, .entry = 0x100010};
	handoff = (struct twinboot_handoff){
		.command_line = "root=here", .loader = "twinboot test", .records = &nothing};
	scene = (struct scene){.handoff = &handoff, .data = &data, .base = 0x100000};
	scene.module_count = 2;
	scene.modules[0] = (struct shown_module){0x300000, 5, "first one"};
	scene.modules[1] = (struct shown_module){0x301000, 0, ""};
}

static int a_bios_machine(void **state)
{
	(void)state;
	set_up_common();
	bios_records.e820 = (struct twinboot_e820){
		{TWINBOOT_RECORD_E820, sizeof(bios_records.e820) + sizeof(bios_records.rows)},
		4,
		sizeof(bios_records.rows[0])};
	bios_records.rows[0] = (struct twinboot_e820_row){0, 0x9fc00, 1, 0};
	bios_records.rows[1] = (struct twinboot_e820_row){0x9fc00, 0x400, 2, 0};
	bios_records.rows[2] = (struct twinboot_e820_row){0x100000, 0x7f00000, 1, 0};
	bios_records.rows[3] = (struct twinboot_e820_row){0xfffc0000, 0x40000, 77, 0};
	bios_records.medium = (struct twinboot_boot_medium){
		.record = {TWINBOOT_RECORD_BOOT_MEDIUM, sizeof(bios_records.medium)}, .partition = 2};
	bios_records.text =
		(struct twinboot_text_mode){.record = {TWINBOOT_RECORD_TEXT_MODE, sizeof(bios_records.text)},
					    .base_phys = 0xb8000,
					    .columns = 80,
					    .rows = 25};
	bios_records.packet = (struct twinboot_record){TWINBOOT_RECORD_DHCP_ACK, 24};
	memset(bios_records.packet_bytes, 0xab, sizeof(bios_records.packet_bytes));
	handoff.records = &bios_records.e820.record;
	handoff.firmware_type = TWINBOOT_FIRMWARE_BIOS;
	handoff.boot_device_type = TWINBOOT_BOOT_DEVICE_BIOS_DRIVE;
	handoff.boot_drive = DRIVE;
	return 0;
}

static int a_uefi_machine(void **state)
{
	static struct twinboot_framebuffer framebuffer = {.base_phys = 0xc0000000,
							  .width = 1024,
							  .height = 768,
							  .pitch = 4096,
							  .bits_per_pixel = 32,
							  .red_size = 8,
							  .red_shift = 16,
							  .green_size = 8,
							  .green_shift = 8,
							  .blue_size = 8};
	(void)state;
	set_up_common();
	handoff.firmware_type = TWINBOOT_FIRMWARE_UEFI;
	handoff.efi_memory_map = efi_map;
	handoff.efi_memory_map_size = sizeof(efi_map);
	handoff.efi_descriptor_size = sizeof(efi_map[0]);
	handoff.efi_descriptor_version = 1;
	handoff.efi_system_table_phys = UINT64_C(0x123456789a);
	handoff.framebuffer = &framebuffer;
	handoff.direct_map_base = (uintptr_t)rsdp - 0x1000; /* so that physical 1000h is the table */
	handoff.rsdp_phys = 0x1000;
	return 0;
}

static const void *at(uint32_t phys)
{
	assert_in_range(phys, PHYS, PHYS + sizeof(memory) - 1);
	return memory + (phys - PHYS);
}

static void info1_on_bios(void **state)
{
	(void)state;
	const struct multiboot1_info *info = at(info1_write(&scene, &room));
	assert_int_equal(info->memory_lower, 0x9fc00 / 1024);
	assert_int_equal(info->memory_upper, 0x7f00000 / 1024);
	assert_int_equal(info->boot_device, 0x8001ffff);
	assert_string_equal(at(info->command_line), "root=here");
	assert_string_equal(at(info->loader_name), "twinboot test");
	assert_int_equal(info->module_count, 2);
	const struct multiboot1_module *modules = at(info->modules);
	assert_int_equal(modules[0].start, 0x300000);
	assert_int_equal(modules[0].end, 0x300005);
	assert_string_equal(at(modules[0].arguments), "first one");
	assert_int_equal(modules[1].end, modules[1].start);
	assert_int_equal(info->memory_map_size, 4 * 24);
	const struct multiboot1_region *rows = at(info->memory_map);
	assert_int_equal(rows[2].size, 20);
	assert_true(rows[2].base == 0x100000 && rows[2].length == 0x7f00000 && rows[2].type == 1);
	assert_int_equal(rows[3].type, 77); /* raw, whatever it means */
	assert_int_equal(info->framebuffer_type, MULTIBOOT_FRAMEBUFFER_TEXT);
	assert_true(info->framebuffer == 0xb8000 && info->framebuffer_pitch == 160);
	assert_int_equal(info->flags, MULTIBOOT1_INFO_MEMORY | MULTIBOOT1_INFO_BOOT_DEVICE |
					      MULTIBOOT1_INFO_COMMAND_LINE | MULTIBOOT1_INFO_MODULES |
					      MULTIBOOT1_INFO_MEMORY_MAP | MULTIBOOT1_INFO_LOADER_NAME |
					      MULTIBOOT1_INFO_FRAMEBUFFER);
}

/* The `index`th tag of a type; its bytes behind type and size. */
static const uint8_t *find_tag(const uint8_t *info, uint32_t type, uint32_t index, uint32_t *size)
{
	uint32_t total, head[2];
	memcpy(&total, info, 4);
	for (uint32_t offset = 8; offset + 8 <= total; offset += (head[1] + 7) & ~7u) {
		memcpy(head, info + offset, sizeof(head));
		assert_true(head[1] >= 8);
		if (head[0] == type && index-- == 0) {
			*size = head[1] - 8;
			return info + offset + 8;
		}
	}
	return NULL;
}

static void info2_on_bios(void **state)
{
	uint32_t size, words[3];
	(void)state;
	const uint8_t *info = at(info2_write(&scene, &room));
	memcpy(words, info, 4);
	assert_int_equal(words[0], room.used);
	assert_string_equal(find_tag(info, MULTIBOOT2_TAG_COMMAND_LINE, 0, &size), "root=here");
	memcpy(words, find_tag(info, MULTIBOOT2_TAG_MODULE, 0, &size), 8);
	assert_true(words[0] == 0x300000 && words[1] == 0x300005);
	assert_string_equal(find_tag(info, MULTIBOOT2_TAG_MODULE, 0, &size) + 8, "first one");
	assert_non_null(find_tag(info, MULTIBOOT2_TAG_MODULE, 1, &size));
	assert_null(find_tag(info, MULTIBOOT2_TAG_MODULE, 2, &size));
	memcpy(words, find_tag(info, MULTIBOOT2_TAG_BOOT_DEVICE, 0, &size), 12);
	assert_true(words[0] == DRIVE && words[1] == 1 && words[2] == UINT32_MAX);
	const uint8_t *map = find_tag(info, MULTIBOOT2_TAG_MEMORY_MAP, 0, &size);
	assert_int_equal(size, 8 + 4 * 24);
	struct multiboot2_region row;
	memcpy(&row, map + 8 + 3 * 24, sizeof(row));
	assert_true(row.base == 0xfffc0000 && row.type == 77);
	assert_memory_equal(find_tag(info, MULTIBOOT2_TAG_NETWORK, 0, &size), bios_records.packet_bytes, 16);
	find_tag(info, MULTIBOOT2_TAG_FRAMEBUFFER, 0, &size);
	assert_int_equal(size, 24); /* text has no colours */
	assert_null(find_tag(info, MULTIBOOT2_TAG_EFI_MEMORY_MAP, 0, &size));
	assert_null(find_tag(info, MULTIBOOT2_TAG_LOAD_BASE, 0, &size));
	assert_non_null(find_tag(info, MULTIBOOT2_TAG_END, 0, &size));
}

static void info2_on_uefi(void **state)
{
	uint32_t size;
	(void)state;
	data.flags = MULTIBOOT_RELOCATABLE;
	scene.base = 0x800000;
	const uint8_t *info = at(info2_write(&scene, &room));
	const uint8_t *map = find_tag(info, MULTIBOOT2_TAG_MEMORY_MAP, 0, &size);
	const struct multiboot2_region expected[] = {
		{0, 0xa0000, 1, 0}, /* conventional and boot services, merged */
		{0x100000, 0x200000, 1, 0}, {0x300000, 0x1000, 4, 0},
		{0x301000, 0x1000, 2, 0},   {0x400000, 0x1000, 7, 0},
	};
	assert_int_equal(size, 8 + sizeof(expected));
	assert_memory_equal(map + 8, expected, sizeof(expected));
	assert_memory_equal(find_tag(info, MULTIBOOT2_TAG_EFI64_SYSTEM_TABLE, 0, &size),
			    "\x9a\x78\x56\x34\x12\0\0\0", 8);
	const uint8_t *efi = find_tag(info, MULTIBOOT2_TAG_EFI_MEMORY_MAP, 0, &size);
	assert_int_equal(size, 8 + sizeof(efi_map));
	assert_memory_equal(efi + 8, efi_map, sizeof(efi_map));
	assert_memory_equal(find_tag(info, MULTIBOOT2_TAG_ACPI_OLD, 0, &size), rsdp, 20);
	assert_int_equal(size, 20);
	assert_memory_equal(find_tag(info, MULTIBOOT2_TAG_ACPI_NEW, 0, &size), rsdp, 36);
	assert_int_equal(size, 36);
	uint32_t base;
	memcpy(&base, find_tag(info, MULTIBOOT2_TAG_LOAD_BASE, 0, &size), 4);
	assert_int_equal(base, 0x800000);
	const uint8_t *screen = find_tag(info, MULTIBOOT2_TAG_FRAMEBUFFER, 0, &size);
	assert_int_equal(size, 30);
	assert_memory_equal(screen + 24, "\x10\x08\x08\x08\x00\x08", 6);
	assert_null(find_tag(info, MULTIBOOT2_TAG_BOOT_DEVICE, 0, &size));
}

/* A symbol table at 64 in the symbols' module, and .text, which a segment holds. */
static void sections_are_found_again(void **state)
{
	static Elf64_Shdr headers[3] = {
		{0},
		{.sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC, .sh_addr = 0x100000, .sh_size = 4},
		{.sh_type = SHT_SYMTAB, .sh_addr = 192, .sh_size = 24}};
	uint32_t size;
	(void)state;
	data.flags = MULTIBOOT_HAS_SECTIONS;
	data.section_count = 3;
	data.section_size = sizeof(Elf64_Shdr);
	data.section_names = 2;
	scene.symbols = (const uint8_t *)headers;
	scene.symbols_phys = 0x500000;
	const uint8_t *tag = find_tag(at(info2_write(&scene, &room)), MULTIBOOT2_TAG_ELF_SECTIONS, 0, &size);
	Elf64_Shdr found[3];
	assert_int_equal(size, 12 + sizeof(found));
	memcpy(found, tag + 12, sizeof(found));
	assert_int_equal(found[1].sh_addr, 0x100000);
	assert_int_equal(found[2].sh_addr, 0x500000 + 192);
}

/* Whatever does not fit is an answer of 0, and no byte is written behind the room. */
static void too_little_room(void **state)
{
	uint32_t (*const writers[])(const struct scene *, struct room *) = {info1_write, info2_write};
	(void)state;
	for (int i = 0; i < 2; i++) {
		room = (struct room){memory, PHYS, 0, sizeof(memory)};
		assert_int_not_equal(writers[i](&scene, &room), 0);
		uint32_t whole = room.used;
		assert_true(scene_bound(&scene) >= whole);
		for (uint32_t size = 0; size < whole; size += 7) {
			memset(memory, 0x5a, sizeof(memory));
			room = (struct room){memory, PHYS, 0, size};
			assert_int_equal(writers[i](&scene, &room), 0);
			assert_int_equal(memory[size], 0x5a);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(info1_on_bios, a_bios_machine),
		cmocka_unit_test_setup(info2_on_bios, a_bios_machine),
		cmocka_unit_test_setup(info2_on_uefi, a_uefi_machine),
		cmocka_unit_test_setup(sections_are_found_again, a_bios_machine),
		cmocka_unit_test_setup(too_little_room, a_bios_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
