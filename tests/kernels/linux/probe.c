/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a kernel of Linux' 64-bit boot protocol (boot.rst, zero-page.rst) finds at its entry: believes nothing, and says
 * what it saw. Memory is one to one, or this kernel would not be where it is.
 */
#include "adapters/linux/boot_params.h"
#include "kernel/cpu.h"
#include "kernel/kernel.h"
#include "kernel/report.h"

#define BOOT_CS 0x10u
#define BOOT_DS 0x18u

#define EXIT_PORT 0xf4
#define EXIT_OK   0x10
#define EXIT_FAIL 0x11

extern const uint8_t load_address[];
_Noreturn void probe(uint64_t tsc, const struct linux_boot_params *params, uint64_t rflags);

static const struct linux_boot_params *given;

static void *pointer(uint64_t physical)
{
	__asm__("" : "+r"(physical)); /* or the compiler takes low addresses for NULL's neighbours */
	return (void *)physical;
}

static uint64_t joined(uint32_t low, uint32_t high)
{
	return low | (uint64_t)high << 32;
}

static uint32_t selector(char name)
{
	uint32_t value = 0;

	switch (name) {
	case 'c':
		__asm__("mov %%cs, %0" : "=r"(value));
		break;
	case 'd':
		__asm__("mov %%ds, %0" : "=r"(value));
		break;
	case 'e':
		__asm__("mov %%es, %0" : "=r"(value));
		break;
	default:
		__asm__("mov %%ss, %0" : "=r"(value));
	}
	return value;
}

/* Both selectors can be loaded anew: the GDT is there, and has what they stand for. */
static void reload_selectors(void)
{
	__asm__ volatile(
		"push %0\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tlretq\n1:\tmov %1, %%ss\n\tmov %1, %%ds"
		:
		: "r"((uint64_t)BOOT_CS), "r"(BOOT_DS)
		: "rax", "memory");
}

static void check_cpu(uint64_t rflags)
{
	uint64_t cr0, cr4;

	__asm__("mov %%cr0, %0\n\tmov %%cr4, %1" : "=r"(cr0), "=r"(cr4));
	check("code_selector", selector('c') == BOOT_CS, "%x", selector('c'));
	check("data_selectors",
	      selector('d') == BOOT_DS && selector('e') == BOOT_DS && selector('s') == BOOT_DS, "%x %x %x",
	      selector('d'), selector('e'), selector('s'));
	check("interrupts_are_off", !(rflags & (RFLAGS_IF | RFLAGS_DF)), "RFLAGS %lx", rflags);
	check("paging_is_on", (cr0 & (CR0_PG | CR0_PE)) == (CR0_PG | CR0_PE) && (cr4 & CR4_PAE),
	      "CR0 %lx, CR4 %lx", cr0, cr4);
	fact("levels", "%u", cr4 & CR4_LA57 ? 5 : 4);
	reload_selectors();
	check("gdt_can_be_used", true, "-");
}

/* The least that a check of memory can ask: what is written stays, in each page up to init_size. */
static void check_window(void)
{
	uint64_t base = (uint64_t)load_address, size = given->hdr.init_size, bad = 0;
	uint64_t own = given->hdr.syssize * UINT64_C(16);

	check("load_address", base % given->hdr.kernel_alignment == 0 && base >= given->hdr.pref_address,
	      "%lx", base);
	if (!given->hdr.relocatable_kernel)
		check("preferred_address", base == given->hdr.pref_address, "%lx", base);
	for (uint64_t at = base + ((own + PAGE - 1) & ~(PAGE - 1)); at < base + size; at += PAGE)
		*(volatile uint64_t *)at = ~at;
	for (uint64_t at = base + ((own + PAGE - 1) & ~(PAGE - 1)); at < base + size; at += PAGE)
		if (*(volatile uint64_t *)at != ~at)
			bad = at;
	check("window_is_memory", !bad, "not %lx", bad);
}

/* On a BIOS the way to five levels looks for the EBDA here. */
static void check_low_memory(void)
{
	(void)*(volatile uint16_t *)pointer(0x40e);
	check("page_0_is_mapped", true, "-");
	for (unsigned i = 0; i < given->e820_entries; i++) {
		const struct linux_e820_entry *row = &given->e820_table[i];
		volatile uint8_t *code = pointer(row->addr + row->size - 16);
		if (row->type != LINUX_E820_RAM || row->addr + row->size > 0xa0000)
			continue;
		*code = 0xc3; /* RET */
		((void (*)(void))(uint64_t)code)();
		check("low_memory_is_executable", true, "-");
		return;
	}
	check("low_memory_is_executable", false, "there is no row");
}

static void check_header(void)
{
	const struct linux_setup_header *header = &given->hdr;
	const uint8_t *behind = (const uint8_t *)(header + 1);
	unsigned untidy = 0;

	check("header_is_copied",
	      header->version == 0x20f && header->init_size == INIT_SIZE && header->xloadflags == 3,
	      "version %x, init_size %x", header->version, header->init_size);
	for (const uint8_t *at = behind; at < (const uint8_t *)given->e820_table; at++)
		untidy += *at != 0;
	for (const uint8_t *at = &given->secure_boot + 1; at < (const uint8_t *)header; at++)
		untidy += *at != 0;
	check("nothing_else_is_copied", !untidy, "%u bytes, the sentinel among them?", untidy);
	check("loader_is_said", header->type_of_loader == 0xff, "%x", header->type_of_loader);
	check("code32_start", header->code32_start == (uint32_t)(uint64_t)load_address, "%x",
	      header->code32_start);
}

/* Type of the one row in which the whole range lies, or 0. */
static uint32_t e820_type(uint64_t base, uint64_t size)
{
	for (unsigned i = 0; i < given->e820_entries; i++) {
		const struct linux_e820_entry *row = &given->e820_table[i];
		if (base >= row->addr && base - row->addr < row->size &&
		    size <= row->size - (base - row->addr))
			return row->type;
	}
	return 0;
}

/* RAM, and not in the kernel's way. */
static void check_place(const char *key, uint64_t base, uint64_t size)
{
	uint64_t window = (uint64_t)load_address;
	bool is_apart = base + size <= window || base >= window + given->hdr.init_size;

	check(key, is_apart && e820_type(base, size) == LINUX_E820_RAM, "%lx, %lu bytes, type %u", base, size,
	      e820_type(base, size));
}

static void check_command_line(void)
{
	uint64_t at = joined(given->hdr.cmd_line_ptr, given->ext_cmd_line_ptr);

	fact("command_line", "%s", (const char *)pointer(at));
	check_place("command_line_place", at, string_length(pointer(at)) + 1);
}

static void check_initrd(void)
{
	uint64_t at = joined(given->hdr.ramdisk_image, given->ext_ramdisk_image);
	uint64_t size = joined(given->hdr.ramdisk_size, given->ext_ramdisk_size);
	struct sha256 hash;
	uint8_t digest[32];

	fact("initrd_size", "%lu", size);
	if (size == 0)
		return;
	sha256_begin(&hash);
	sha256_add(&hash, pointer(at), size);
	sha256_end(&hash, digest);
	fact_bytes("initrd_sha256", digest, sizeof(digest));
	check_place("initrd_place", at, size);
}

static void check_setup_data(void)
{
	uint64_t at = given->hdr.setup_data;
	uint8_t seed = 0;

	for (unsigned i = 0; at != 0 && i < 8; i++) {
		const struct linux_setup_data *data = pointer(at);
		check_place("setup_data_place", at, sizeof(*data) + data->len);
		fact("setup_data", "%u, %u bytes", data->type, data->len);
		for (unsigned b = 0; data->type == LINUX_SETUP_RNG_SEED && b < data->len; b++)
			seed |= ((const uint8_t *)(data + 1))[b];
		at = data->next;
	}
	check("setup_data_ends", at == 0, "%lx follows", at);
	fact("rng_seed", "%s", seed ? "something" : "nothing");
}

static void report_memory(void)
{
	uint64_t ram = 0;
	unsigned disordered = 0;

	fact_start("e820");
	for (unsigned i = 0; i < given->e820_entries; i++) {
		const struct linux_e820_entry *row = &given->e820_table[i];
		fact_add("%s%lx-%lx %u", i ? ", " : "", row->addr, row->addr + row->size, row->type);
		ram += row->type == LINUX_E820_RAM ? row->size : 0;
		if (i > 0)
			disordered += row->addr < row[-1].addr + row[-1].size;
	}
	fact_finish();
	fact("ram_mib", "%lu", ram / MIB);
	check("e820_is_sorted", !disordered, "%u rows", disordered);
}

static void check_screen(void)
{
	const struct linux_screen_info *screen = &given->screen_info;
	volatile uint32_t *pixels = pointer(joined(screen->lfb_base, screen->ext_lfb_base));

	fact("screen_type", "%x", screen->orig_video_isVGA);
	fact("screen", "%ux%ux%u, %u bytes a line", screen->lfb_width, screen->lfb_height, screen->lfb_depth,
	     screen->lfb_linelength);
	fact("screen_components", "%u:%u %u:%u %u:%u %u:%u", screen->red_size, screen->red_pos,
	     screen->green_size, screen->green_pos, screen->blue_size, screen->blue_pos, screen->rsvd_size,
	     screen->rsvd_pos);
	fact("text", "%ux%u, mode %u", screen->orig_video_cols, screen->orig_video_lines,
	     screen->orig_video_mode);
	if (screen->orig_video_isVGA != LINUX_VIDEO_EFI)
		return;
	uint32_t last = screen->lfb_size / 4 - 1;
	pixels[0] = 0x00123456;
	pixels[last] = 0x00654321;
	check("framebuffer_is_there", pixels[0] == 0x00123456 && pixels[last] == 0x00654321, "%x, %x",
	      pixels[0], pixels[last]);
}

static void check_edid(void)
{
	uint8_t sum = 0, any = 0;

	for (unsigned i = 0; i < sizeof(given->edid_info); i++) {
		sum += given->edid_info[i];
		any |= given->edid_info[i];
	}
	fact("edid", "%s", any ? "there" : "none");
	check("edid_is_one_block", sum == 0 && given->edid_info[126] == 0, "sum %u, %u extensions", sum,
	      given->edid_info[126]);
}

static void check_firmware(void)
{
	const struct linux_efi_info *efi = &given->efi_info;
	uint64_t table = joined(efi->systab, efi->systab_hi), map = joined(efi->memmap, efi->memmap_hi);

	check("acpi", memcmp(pointer(given->acpi_rsdp_addr), "RSD PTR ", 8) == 0, "%lx",
	      given->acpi_rsdp_addr);
	fact("secure_boot", "%u", given->secure_boot);
	fact("efi", "%s", memcmp(efi->loader_signature, "EL64", 4) == 0 ? "EL64" : "none");
	if (table == 0) {
		fact("efi_system_table", "none");
		fact("efi_memory_map", "none");
		fact("efi_memory_map_place", "none");
		return;
	}
	check("efi_system_table", memcmp(pointer(table), "IBI SYST", 8) == 0, "%lx", table);
	check("efi_memory_map",
	      map != 0 && efi->memmap_size >= efi->memdesc_size && efi->memdesc_size >= 40 &&
		      efi->memmap_size % efi->memdesc_size == 0 && efi->memdesc_version == 1,
	      "%lx, %u bytes in rows of %u", map, efi->memmap_size, efi->memdesc_size);
	check_place("efi_memory_map_place", map, efi->memmap_size);
}

_Noreturn void probe(uint64_t tsc, const struct linux_boot_params *params, uint64_t rflags)
{
	given = params;
	report_begin();
	fact("tsc_at_entry", "%lu", tsc);
	check_cpu(rflags);
	check_place("boot_params_place", (uint64_t)params, sizeof(*params));
	check_header();
	check_window();
	check_low_memory();
	check_command_line();
	check_initrd();
	check_setup_data();
	report_memory();
	check_screen();
	check_edid();
	check_firmware();
	report_end();
	outl(EXIT_PORT, checks_failed() ? EXIT_FAIL : EXIT_OK);
	for (;;)
		__asm__ volatile("cli; hlt");
}
