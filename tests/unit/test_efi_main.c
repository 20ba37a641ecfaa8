/* SPDX-License-Identifier: BSD-2-Clause */
/* links: efi/clock.c efi/entropy.c efi/facts.c efi/linux_tables.c efi/medium.c efi/memory.c efi/network.c efi/tables.c efi/tpm.c efi/video.c common/date.c common/dhcp.c common/medium.c common/records.c common/entry_points.c common/log.c common/mode.c common/text.c */
/* The UEFI front door's story: what it clears, how it leaves the firmware, and how it gives the machine back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#undef fail /* log.h has one too */
#include "efi_host.h"

/* ---- What the door calls that is no firmware, instead of common/port.h ---- */

#define PORT_H
static char serial[MACHINE_ERROR_MAX + 100];
static int serial_is_there, interrupts_are_off;

static int serial_exists(void)
{
	return serial_is_there;
}

static int serial_start(void)
{
	return serial_is_there;
}

static void serial_write(const char *text)
{
	strcat(serial, text);
}

static void interrupts_off(void)
{
	interrupts_are_off = 1;
}

/* Kernel, modules and manifest as they lie in the image, between other pages of it. */
#define PAGES    16
#define KERNEL   (2 * PAGE_SIZE)
#define MODULES  (10 * PAGE_SIZE)
#define MANIFEST (13 * PAGE_SIZE)
#define END      (14 * PAGE_SIZE)
uint8_t loaded_image[PAGES * PAGE_SIZE] __attribute__((aligned(4096), used));
__asm__(".hidden ImageBase, loader_end, _kernel_start_addr, _kernel_end_addr\n"
	".set ImageBase, loaded_image\n"
	".set loader_end, loaded_image + 0x1234\n"
	".set _kernel_start_addr, loaded_image + 0x2000\n"
	".set _kernel_end_addr, loaded_image + 0xa000\n");

#include "efi/payload.c"
#include "efi/main.c"

/* ---- core ---- */

enum end { NO_END, BOOTED, HALTED };
static jmp_buf end;
static struct machine *booted;
static char halted[MACHINE_ERROR_MAX];
static int refuses;

int core_prepare(struct machine *machine)
{
	machine->arena_needed = 4 * PAGE_SIZE;
	return refuses ? fail(machine, "TB99: %s", "core says no") : 1;
}

void core_boot(struct machine *machine)
{
	booted = machine;
	longjmp(end, BOOTED);
}

void core_halt(const struct machine *machine, const char *text)
{
	(void)machine;
	strcpy(halted, text);
	longjmp(end, HALTED);
}

static int is_damaged;
int own_sums_agree(struct own_damage *damage)
{
	*damage = (struct own_damage){".rodata", 0x12, 0x34};
	return !is_damaged;
}

/* ---- The firmware ---- */

static EFI_HANDLE const image_handle = (EFI_HANDLE)0x1000;
static EFI_LOADED_IMAGE_PROTOCOL loaded;
static EFI_RUNTIME_SERVICES runtime_services;
static SIMPLE_TEXT_OUTPUT_INTERFACE console;
static SIMPLE_TEXT_OUTPUT_MODE console_mode;
static SIMPLE_INPUT_INTERFACE keyboard;
static char shown[2 * MACHINE_ERROR_MAX];
static UINTN refusals, exits, stalls, keys, watchdogs;
static EFI_TPL task_priority;

static EFI_STATUS EFIAPI after_the_end(void)
{
	abort();
}

/* From then on nothing of it may be called. */
static void the_firmware_is_gone(void)
{
	void **service = (void **)&fake.services.RaiseTPL, **last = (void **)(&fake.services + 1);
	while (service < last)
		*service++ = (void *)after_the_end;
}

static EFI_STATUS EFIAPI exit_services(EFI_HANDLE image, UINTN key)
{
	exits++;
	assert_ptr_equal(image, image_handle);
	assert_int_equal(key, fake.map_calls); /* of the last call; nothing has come in between */
	if (refusals > 0) {
		refusals--;
		return EFI_INVALID_PARAMETER;
	}
	the_firmware_is_gone();
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI set_watchdog(UINTN timeout, UINT64 code, UINTN size, CHAR16 *data)
{
	(void)code, (void)size, (void)data;
	assert_int_equal(timeout, 0);
	watchdogs++;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI stall(UINTN microseconds)
{
	(void)microseconds;
	stalls++;
	return EFI_SUCCESS;
}

static EFI_TPL EFIAPI raise_tpl(EFI_TPL level)
{
	EFI_TPL before = task_priority;
	task_priority = level;
	return before;
}

static void EFIAPI restore_tpl(EFI_TPL level)
{
	task_priority = level;
}

static EFI_STATUS EFIAPI get_time(EFI_TIME *time, EFI_TIME_CAPABILITIES *capabilities)
{
	(void)capabilities;
	*time = (EFI_TIME){.Year = 2026, .Month = 1, .Day = 1, .TimeZone = EFI_UNSPECIFIED_TIMEZONE};
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI get_variable(CHAR16 *name, EFI_GUID *vendor, UINT32 *attributes, UINTN *size,
				      void *data)
{
	(void)name, (void)vendor, (void)attributes, (void)size, (void)data;
	return EFI_NOT_FOUND;
}

static EFI_STATUS EFIAPI console_reset(SIMPLE_TEXT_OUTPUT_INTERFACE *this, BOOLEAN extended)
{
	(void)this, (void)extended;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI console_set_mode(SIMPLE_TEXT_OUTPUT_INTERFACE *this, UINTN mode)
{
	(void)this;
	console_mode.Mode = (INT32)mode;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI console_output(SIMPLE_TEXT_OUTPUT_INTERFACE *this, CHAR16 *text)
{
	(void)this;
	if (console_mode.Mode < 0 || console_mode.Mode >= console_mode.MaxMode)
		return EFI_DEVICE_ERROR;
	for (size_t at = strlen(shown); *text != 0; at++)
		shown[at] = (char)*text++;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI keyboard_reset(SIMPLE_INPUT_INTERFACE *this, BOOLEAN extended)
{
	(void)this, (void)extended;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI keyboard_read(SIMPLE_INPUT_INTERFACE *this, EFI_INPUT_KEY *key)
{
	(void)this, (void)key;
	return keys-- == 1 ? EFI_SUCCESS : EFI_NOT_READY;
}

static struct manifest *manifest(void)
{
	return (struct manifest *)(loaded_image + MANIFEST);
}

static struct manifest_part *part(uint32_t index)
{
	return (struct manifest_part *)(manifest() + 1) + index;
}

#define HEADERS 0x80
static struct pe_headers *headers(void)
{
	return (struct pe_headers *)(loaded_image + HEADERS);
}

static struct pe_section_header *section(uint32_t index)
{
	return (struct pe_section_header *)(headers() + 1) + index;
}

static void put_image(void)
{
	static const struct pe_section_header sections[] = {
		{.name = ".kernel", .address = KERNEL, .virtual_size = MODULES - KERNEL},
		{.name = ".modules", .address = MODULES, .virtual_size = MANIFEST - MODULES},
		{.name = MANIFEST_SECTION, .address = MANIFEST, .virtual_size = END - MANIFEST},
	};
	memset(loaded_image, 0xa5, sizeof(loaded_image));
	*(uint32_t *)(loaded_image + PE_OFFSET) = HEADERS;
	headers()->coff.optional_size = sizeof(struct pe_optional_header);
	headers()->coff.sections = 3;
	memcpy(section(0), sections, sizeof(sections));
	*manifest() = (struct manifest){.part_count = 2, .parts = sizeof(struct manifest)};
	*part(0) = (struct manifest_part){".kernel", MODULES - KERNEL, 3 * PAGE_SIZE, 0, 0, {0}};
	*part(1) = (struct manifest_part){".modules", MANIFEST - MODULES, 2 * PAGE_SIZE, 0, 0, {0}};
}

static int set_up(void **state)
{
	(void)state;
	fake_start();
	fake.services.ExitBootServices = exit_services;
	fake.services.SetWatchdogTimer = set_watchdog;
	fake.services.Stall = stall;
	fake.services.RaiseTPL = raise_tpl;
	fake.services.RestoreTPL = restore_tpl;
	runtime_services = (EFI_RUNTIME_SERVICES){.GetTime = get_time, .GetVariable = get_variable};
	fake.table.RuntimeServices = &runtime_services;
	console = (SIMPLE_TEXT_OUTPUT_INTERFACE){.Reset = console_reset,
						 .OutputString = console_output,
						 .SetMode = console_set_mode,
						 .Mode = &console_mode};
	console_mode = (SIMPLE_TEXT_OUTPUT_MODE){.MaxMode = 3};
	fake.table.ConOut = &console;
	keyboard = (SIMPLE_INPUT_INTERFACE){.Reset = keyboard_reset, .ReadKeyStroke = keyboard_read};
	fake.table.ConIn = &keyboard;
	keys = 1;
	loaded = (EFI_LOADED_IMAGE_PROTOCOL){.ImageBase = loaded_image, .ImageSize = sizeof(loaded_image)};
	fake_protocol(image_handle, (EFI_GUID)EFI_LOADED_IMAGE_PROTOCOL_GUID, &loaded);
	fake_row(EfiConventionalMemory, 0x100000, 0x1000, EFI_MEMORY_WB);

	put_image();
	shown[0] = serial[0] = halted[0] = 0;
	memset(shown, 0, sizeof(shown));
	refusals = exits = stalls = watchdogs = 0;
	serial_is_there = interrupts_are_off = refuses = is_damaged = 0;
	task_priority = TPL_APPLICATION;
	booted = NULL;
	return 0;
}

/* How it ends; NO_END: it came back, with `status`. */
static EFI_STATUS status;
static enum end start(void)
{
	int how = setjmp(end);
	if (how == 0)
		status = efi_main(image_handle, &fake.table);
	return (enum end)how;
}

static void assert_given_back(const char *sentence)
{
	assert_int_equal(start(), NO_END);
	assert_int_equal(status, EFI_ABORTED);
	assert_int_equal(exits, 0);
	assert_int_equal(fake_pages_taken(), 0);
	assert_non_null(strstr(shown, sentence));
	assert_memory_equal(shown, "\r\ntwinboot: ", 12);
}

/* A boot has kept its memory. */
static int tear_down(void **state)
{
	(void)state;
	fake.services.FreePages = fake_free_pages;
	memory_give_back();
	return fake_pages_taken() == 0 ? 0 : -1;
}

/* ---- Tests ---- */

static void a_boot(void **state)
{
	(void)state;
	assert_int_equal(start(), BOOTED);
	assert_int_equal(exits, 1);
	assert_true(interrupts_are_off);
	assert_int_equal(watchdogs, 2);
	assert_int_equal(booted->part_count, 2);
	assert_int_equal(booted->parts[0].base, (uintptr_t)loaded_image + KERNEL);
	assert_int_equal(booted->parts[0].size, MODULES - KERNEL);
	assert_int_equal(booted->parts[1].base, (uintptr_t)loaded_image + MODULES);
	assert_int_equal(booted->parts[1].size, MANIFEST - MODULES);
	assert_int_equal(booted->manifest.base, (uintptr_t)loaded_image + MANIFEST);
	assert_int_equal(booted->manifest.size, END - MANIFEST);
	assert_int_equal(booted->loader_base, (uintptr_t)loaded_image);
	assert_int_equal(booted->loader_size, 0x1234);
	assert_int_equal(booted->region_count, 1);
	assert_string_equal(shown, "");
	assert_null(strstr(booted->log, "priority"));
}

static int is_filled(size_t from, size_t to, uint8_t with)
{
	while (from < to && loaded_image[from] == with)
		from++;
	return from == to;
}

/* Behind the bytes that are stored; no byte before, none after. */
static void tails_are_cleared(void **state)
{
	(void)state;
	assert_int_equal(start(), BOOTED);
	assert_true(is_filled(PAGE_SIZE, KERNEL + 3 * PAGE_SIZE, 0xa5));
	assert_true(is_filled(KERNEL + 3 * PAGE_SIZE, MODULES, 0));
	assert_true(is_filled(MODULES, MODULES + 2 * PAGE_SIZE, 0xa5));
	assert_true(is_filled(MODULES + 2 * PAGE_SIZE, MANIFEST, 0));
	assert_true(is_filled(END, sizeof(loaded_image), 0xa5));
}

static void nothing_is_cleared_that_core_does_not_believe(void **state)
{
	(void)state;
	part(0)->stored = UINT64_MAX - 100;
	refuses = 1;
	assert_given_back("TB99: core says no");
	assert_true(is_filled(KERNEL, MANIFEST, 0xa5));
}

static void a_payload_beyond_the_image_is_refused(void **state)
{
	static const struct {
		uint64_t base, size;
	} places[] = {
		{0, END - 1}, {0, KERNEL}, {0, 0}, {KERNEL + 1, PAGES * PAGE_SIZE}, {MODULES, END - MODULES}};
	for (uint32_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		set_up(state);
		loaded.ImageBase = loaded_image + places[i].base;
		loaded.ImageSize = places[i].size;
		assert_given_back("TB45");
	}
	set_up(state);
	loaded.ImageSize = END;
	assert_int_equal(start(), BOOTED);
}

static void a_section_that_is_not_there_is_missed(void **state)
{
	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t letter = 0; letter < 8; letter++) {
			set_up(state);
			section(i)->name[letter] ^= 1;
			assert_given_back("TB20");
		}
	set_up(state);
	headers()->coff.sections = 2;
	assert_given_back(
		"TB20: the payload's manifest is damaged, or of another build than the loader (no section .manifst)");
	/* As many as will never be in the first page: nothing behind it is looked at. */
	set_up(state);
	headers()->coff.sections = UINT16_MAX;
	section(2)->name[1] = 'x';
	assert_given_back("TB20");
}

static void a_manifest_that_leads_astray_is_refused(void **state)
{
	static const struct {
		uint32_t part_count, parts;
	} heads[] = {{0, 128},          {MANIFEST_PARTS_MAX + 1, 128},
		     {UINT32_MAX, 128}, {2, 129},
		     {2, PAGE_SIZE},    {2, UINT32_MAX - 7}};
	for (uint32_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		set_up(state);
		manifest()->part_count = heads[i].part_count;
		manifest()->parts = heads[i].parts;
		assert_given_back("TB20");
	}
	set_up(state);
	section(2)->virtual_size = PAGE_SIZE - 1;
	assert_given_back("TB20");
}

/* What the archive's symbols say is what the section says. */
static void another_kernel_is_refused(void **state)
{
	set_up(state);
	section(0)->virtual_size += PAGE_SIZE;
	assert_given_back(
		"TB20: the payload's manifest is damaged, or of another build than the loader (another kernel)");
	set_up(state);
	section(0)->address -= PAGE_SIZE;
	assert_given_back("TB20");
}

static void without_the_images_protocol_nothing_is_believed(void **state)
{
	(void)state;
	fake.protocol_count = 0;
	assert_given_back("TB45");
}

static void an_exit_that_is_refused_is_tried_again(void **state)
{
	(void)state;
	refusals = 7;
	fake.grow = 7; /* a driver frees memory in its exit handler */
	assert_int_equal(start(), BOOTED);
	assert_int_equal(exits, 8);
	assert_int_equal(booted->region_count, 1 + 9 * 7);
}

static void an_exit_that_never_comes_halts(void **state)
{
	(void)state;
	refusals = 1000;
	assert_int_equal(start(), HALTED);
	assert_memory_equal(halted, "TB42", 4);
	assert_int_equal(exits, 8);
}

static void a_map_that_outgrows_its_buffer_halts(void **state)
{
	(void)state;
	refusals = 3;
	fake.grow = 30;
	assert_int_equal(start(), HALTED);
	assert_memory_equal(halted, "TB41", 4);
}

static void damage_is_said_on_screen_and_serial(void **state)
{
	(void)state;
	is_damaged = serial_is_there = 1;
	assert_given_back("TB43: the loader itself is damaged in .rodata (checksum 0x12, should be 0x34)");
	assert_memory_equal(serial, "\r\ntwinboot: TB43: ", 18);
	assert_int_equal(fake.allocation_count, 0);
}

static void too_little_memory_goes_back(void **state)
{
	/* The first is the room for raw facts, without which a boot goes on. */
	for (UINTN i = 2; i <= 5; i++) {
		set_up(state);
		fake.fail_allocation = i;
		assert_given_back("TB40");
	}
	set_up(state);
	fake.fail_max_address = FOUR_GIB;
	assert_given_back("TB24");
}

static void a_key_ends_the_wait(void **state)
{
	(void)state;
	is_damaged = 1;
	keys = 5;
	assert_given_back("TB43");
	assert_int_equal(stalls, 4);
}

static void without_a_key_the_wait_ends(void **state)
{
	(void)state;
	is_damaged = 1;
	keys = 0;
	assert_given_back("TB43");
	assert_int_equal(stalls, 100);
}

static void without_console_and_keyboard(void **state)
{
	(void)state;
	is_damaged = 1;
	fake.table.ConOut = NULL;
	fake.table.ConIn = NULL;
	assert_int_equal(start(), NO_END);
	assert_int_equal(status, EFI_ABORTED);
}

static void a_console_in_no_mode_is_given_one(void **state)
{
	static const INT32 modes[] = {-1, 3, 77};
	for (uint32_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		set_up(state);
		is_damaged = 1;
		console_mode.Mode = modes[i];
		assert_given_back("TB43");
	}
}

static void a_raised_priority_is_told(void **state)
{
	(void)state;
	task_priority = TPL_CALLBACK;
	assert_int_equal(start(), BOOTED);
	assert_non_null(strstr(booted->log, "started at task priority 8\n"));
	assert_int_equal(task_priority, TPL_CALLBACK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_boot),
		TEST(tails_are_cleared),
		TEST(nothing_is_cleared_that_core_does_not_believe),
		TEST(a_payload_beyond_the_image_is_refused),
		TEST(a_section_that_is_not_there_is_missed),
		TEST(a_manifest_that_leads_astray_is_refused),
		TEST(another_kernel_is_refused),
		TEST(without_the_images_protocol_nothing_is_believed),
		TEST(an_exit_that_is_refused_is_tried_again),
		TEST(an_exit_that_never_comes_halts),
		TEST(a_map_that_outgrows_its_buffer_halts),
		TEST(damage_is_said_on_screen_and_serial),
		TEST(too_little_memory_goes_back),
		TEST(a_key_ends_the_wait),
		TEST(without_a_key_the_wait_ends),
		TEST(without_console_and_keyboard),
		TEST(a_console_in_no_mode_is_given_one),
		TEST(a_raised_priority_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
