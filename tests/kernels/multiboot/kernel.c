/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 32-bit Multiboot kernel that says what it finds, one fact a line, for tests/test_multiboot.py. PROTOCOL is 1 or 2, EXTRA a
 * header tag or none. It uses nothing of twinboot's but the two specifications' structures.
 */
#include "formats/multiboot.h"

#define COM1      0x3f8
#define QEMU_EXIT 0xf4
#define EXIT_GOOD 0x10
#define CR0_PE    (1u << 0)
#define CR0_PG    (1u << 31)
#define EFLAGS_IF (1u << 9)
#define EFLAGS_VM (1u << 17)
#define ONE_MIB   0x100000u
#define USABLE    1u

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void text(const char *s)
{
	for (; *s != 0; s++)
		out8(COM1, (uint8_t)*s);
}

static void number(uint64_t value)
{
	char digits[17];
	int at = 16;
	digits[16] = 0;
	do {
		digits[--at] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value != 0);
	text(digits + at);
}

static void fact(const char *key, uint64_t value)
{
	text(key);
	text("=0x");
	number(value);
	text("\n");
}

static void words(const char *key, const char *value)
{
	text(key);
	text("=");
	text(value);
	text("\n");
}

static void verdict(const char *key, int good)
{
	words(key, good ? "ok" : "FAIL");
}

extern const uint32_t entry_state[]; /* start.S: EFLAGS, CR0, CR4, EFER, CS, DS, SS */
extern uint8_t bss_start[], bss_end[];
static uint8_t filled[] = "initialised";
static volatile uint32_t zeros[3000];

static void check_state(uint32_t magic)
{
	verdict("magic", magic == (PROTOCOL == 2 ? MULTIBOOT2_MAGIC : MULTIBOOT1_MAGIC));
	verdict("interrupts_are_off", (entry_state[0] & (EFLAGS_IF | EFLAGS_VM)) == 0);
	verdict("protected_mode_without_paging", (entry_state[1] & (CR0_PE | CR0_PG)) == CR0_PE);
	verdict("long_mode_is_off", entry_state[2] == 0 && entry_state[3] == 0);
	volatile uint32_t *low = (volatile uint32_t *)0x500, *high = (volatile uint32_t *)(0x500 + ONE_MIB);
	uint32_t saved = *low;
	*low = ~*high;
	verdict("a20_is_on", *low != *high);
	*low = saved;
	uint32_t sum = 0;
	for (unsigned int i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
		sum |= zeros[i];
	verdict("bss_is_zero", sum == 0);
	verdict("data_is_there", filled[0] == 'i' && filled[10] == 'd');
}

static void module(uint32_t start, uint32_t end, const char *arguments)
{
	uint32_t sum = 0;
	for (uint32_t at = start; at < end; at++)
		sum = sum * 31 + *(const uint8_t *)at;
	fact("module_size", end - start);
	fact("module_sum", sum);
	words("module_arguments", arguments);
	verdict("module_at_page", start % 4096 == 0);
}

static void region(uint64_t base, uint64_t length, uint32_t type, uint64_t *usable)
{
	text("region=");
	number(base);
	text(" ");
	number(length);
	text(" ");
	number(type);
	text("\n");
	if (type == USABLE)
		*usable += length;
}

#if PROTOCOL == 1
static void report(const uint8_t *information)
{
	const struct multiboot1_info *info = (const void *)information;
	uint64_t usable = 0;
	fact("flags", info->flags);
	fact("memory_lower", info->memory_lower);
	fact("memory_upper", info->memory_upper);
	if (info->flags & MULTIBOOT1_INFO_BOOT_DEVICE)
		fact("boot_drive", info->boot_device >> 24);
	words("command_line", (const char *)info->command_line);
	words("loader", (const char *)info->loader_name);
	const struct multiboot1_module *modules = (const void *)info->modules;
	for (uint32_t i = 0; i < info->module_count; i++)
		module(modules[i].start, modules[i].end, (const char *)modules[i].arguments);
	for (uint32_t at = info->memory_map; at < info->memory_map + info->memory_map_size;) {
		const struct multiboot1_region *row = (const void *)at;
		region(row->base, row->length, row->type, &usable);
		at += row->size + (uint32_t)sizeof(row->size);
	}
	fact("usable_mib", usable >> 20);
	fact("screen_type", info->flags & MULTIBOOT1_INFO_FRAMEBUFFER ? info->framebuffer_type : 0);
	if (info->flags & MULTIBOOT1_INFO_ELF_SECTIONS)
		fact("sections", info->section_count);
}
#else
static void memory_map(const uint8_t *tag, uint32_t size)
{
	uint32_t row_size = *(const uint32_t *)(tag + 8);
	uint64_t usable = 0;
	for (uint32_t at = 16; at < size; at += row_size) {
		const struct multiboot2_region *row = (const void *)(tag + at);
		region(row->base, row->length, row->type, &usable);
	}
	fact("usable_mib", usable >> 20);
}

static void report(const uint8_t *information)
{
	uint32_t total = *(const uint32_t *)information;
	verdict("information_at_8", (uint32_t)information % 8 == 0);
	for (uint32_t at = 8; at < total;) {
		const uint8_t *tag = information + at;
		const uint32_t *fields = (const uint32_t *)tag;
		switch (fields[0]) {
		case MULTIBOOT2_TAG_COMMAND_LINE:
			words("command_line", (const char *)(tag + 8));
			break;
		case MULTIBOOT2_TAG_LOADER_NAME:
			words("loader", (const char *)(tag + 8));
			break;
		case MULTIBOOT2_TAG_MODULE:
			module(fields[2], fields[3], (const char *)(tag + 16));
			break;
		case MULTIBOOT2_TAG_MEMORY:
			fact("memory_lower", fields[2]);
			fact("memory_upper", fields[3]);
			break;
		case MULTIBOOT2_TAG_MEMORY_MAP:
			memory_map(tag, fields[1]);
			break;
		case MULTIBOOT2_TAG_LOAD_BASE:
			fact("load_base", fields[2]);
			break;
		case MULTIBOOT2_TAG_FRAMEBUFFER:
			fact("screen_type", tag[29]);
			break;
		default:
			break;
		}
		if (fields[0] == MULTIBOOT2_TAG_END)
			break;
		fact("tag", fields[0]);
		at += (fields[1] + 7) & ~7u;
	}
}
#endif

void kernel_main(uint32_t magic, const uint8_t *information);

void kernel_main(uint32_t magic, const uint8_t *information)
{
	check_state(magic);
	report(information);
	text("multiboot-kernel=end\n");
	out8(QEMU_EXIT, EXIT_GOOD);
	for (;;)
		__asm__ volatile("cli; hlt");
}
