/* SPDX-License-Identifier: BSD-2-Clause */
/* links: common/text.c */
/*
 * The last words, on a screen of the test's and a COM1 that the test plays: each port access faults here, and so
 * does the halt at the end. The code is included, since it remembers that it has been called.
 */
#define _GNU_SOURCE
#include "core/console.c"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

/* Every glyph is a full block but the blank. */
const uint8_t core_font8x16[GLYPH_LAST - GLYPH_FIRST + 1][GLYPH_HEIGHT] = {
	[1 ... GLYPH_LAST - GLYPH_FIRST] = {[0 ... GLYPH_HEIGHT - 1] = 0xff}};

#define WIDTH  160u
#define HEIGHT 48u
#define PIXELS (WIDTH * HEIGHT)

static struct machine machine;
static uint32_t *screen, *no_screen; /* no_screen cannot be written to */
static sigjmp_buf back;
static char said[4096];
static uint32_t said_size, status_reads, pixels_at_first_access, halts;
static uint8_t line_status, scratch_register;
static volatile int drawing_has_faulted;

static uint32_t lit_pixels(void)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < PIXELS; i++)
		count += screen[i] == 0xffffff;
	return count;
}

static void write_port(uint16_t port, uint8_t value)
{
	if (port == COM_SCRATCH)
		scratch_register = value;
	if (port == COM_DATA && value != 1) /* 1: the divisor */
		said[said_size++] = (char)value;
	assert_true(said_size < sizeof(said));
}

static uint8_t read_port(uint16_t port)
{
	status_reads += port == COM_LINE_STATUS;
	return port == COM_SCRATCH ? scratch_register : line_status;
}

/* IN and OUT with the port in DX, CLI, and stores to a framebuffer that is not there. */
static void on_fault(int signal, siginfo_t *info, void *context_pointer)
{
	greg_t *r = ((ucontext_t *)context_pointer)->uc_mcontext.gregs;
	const uint8_t *at = (const uint8_t *)(uintptr_t)r[REG_RIP];
	(void)signal;
	if ((uint8_t *)info->si_addr - (uint8_t *)no_screen < (ptrdiff_t)(4 * PIXELS) &&
	    (uint8_t *)info->si_addr >= (uint8_t *)no_screen) {
		assert_false(drawing_has_faulted);
		drawing_has_faulted = 1;
		core_halt(&machine, "TB30: exception"); /* as trap.c does */
	}
	if (*at == 0xfa) {
		halts++;
		siglongjmp(back, 1);
	}
	assert_true(*at == 0xec || *at == 0xee);
	if (pixels_at_first_access == UINT32_MAX)
		pixels_at_first_access = lit_pixels();
	if (*at == 0xee)
		write_port((uint16_t)r[REG_RDX], (uint8_t)r[REG_RAX]);
	else
		r[REG_RAX] = (r[REG_RAX] & ~(greg_t)0xff) | read_port((uint16_t)r[REG_RDX]);
	r[REG_RIP]++;
}

static void halt_with(const char *text)
{
	const struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGSEGV, &action, NULL); /* cmocka has its own in each test */
	memset(screen, 0, 4 * PIXELS);
	memset(said, 0, sizeof(said));
	said_size = status_reads = halts = 0;
	pixels_at_first_access = UINT32_MAX;
	if (sigsetjmp(back, 1) == 0)
		core_halt(&machine, text);
	assert_int_equal(halts, 1);
}

static void set_up(void)
{
	line_status = COM_TRANSMITTER_EMPTY;
	drawing_has_faulted = 0;
	on_screen = NULL;
	machine = (struct machine){.serial = 1,
				   .framebuffer = {.base = (uintptr_t)screen,
						   .size = 4 * PIXELS,
						   .width = WIDTH,
						   .height = HEIGHT,
						   .pitch = 4 * WIDTH,
						   .bits_per_pixel = 32,
						   .red_size = 8,
						   .red_shift = 16,
						   .green_size = 8,
						   .green_shift = 8,
						   .blue_size = 8}};
}

static void the_screen_comes_first(void **state)
{
	(void)state;
	set_up();
	halt_with("TB99: it is so");
	assert_string_equal(said, "\r\ntwinboot: TB99: it is so\r\n");
	/* All characters but the blanks. */
	assert_int_equal(lit_pixels(), (9 + 5 + 2 + 2 + 2) * GLYPH_WIDTH * GLYPH_HEIGHT);
	assert_int_equal(pixels_at_first_access, lit_pixels());
}

static void a_fault_while_drawing_is_told_with_the_sentence(void **state)
{
	(void)state;
	set_up();
	machine.framebuffer.base = (uintptr_t)no_screen;
	halt_with("TB99: it is so");
	assert_true(drawing_has_faulted);
	assert_string_equal(said, "\r\ntwinboot: TB99: it is so\r\n\r\ntwinboot: TB30: exception\r\n");
}

static void a_port_that_never_gets_ready_is_given_up(void **state)
{
	(void)state;
	set_up();
	line_status = 0;
	halt_with("TB99: it is so");
	assert_int_equal(said_size, 0);
	assert_in_range(status_reads, 1, SERIAL_PATIENCE);
}

static void without_a_port_none_is_written_to(void **state)
{
	(void)state;
	set_up();
	machine.serial = 0;
	halt_with("TB99: it is so");
	assert_int_equal(pixels_at_first_access, UINT32_MAX);
	assert_true(lit_pixels() > 0);
}

/* Words are not broken, and what is too long for the screen is cut off. */
static void lines_break_between_words(void **state)
{
	(void)state;
	set_up();
	halt_with("TB99: one two three four five six seven eight nine ten eleven twelve");
	/* 20 columns and three rows: "twinboot: TB99: one", "two three four five", "six seven eight nine" */
	const uint32_t words[3] = {8 + 1 + 5 + 3, 3 + 5 + 4 + 4, 3 + 5 + 5 + 4};
	for (uint32_t row = 0; row < 3; row++) {
		uint32_t lit = 0;
		for (uint32_t i = 0; i < WIDTH * GLYPH_HEIGHT; i++)
			lit += screen[row * WIDTH * GLYPH_HEIGHT + i] == 0xffffff;
		assert_int_equal(lit, words[row] * GLYPH_WIDTH * GLYPH_HEIGHT);
	}
}

static void in_text_mode_the_cells_are_written(void **state)
{
	(void)state;
	uint16_t *cells = at(VGA_TEXT);
	set_up();
	machine.framebuffer = (struct machine_framebuffer){.text_mode = 1};
	halt_with("TB99: it is so");
	assert_int_equal(cells[0], 0x4f00 | 't');
	assert_int_equal(cells[10], 0x4f00 | 'T');
	assert_int_equal(cells[24], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_screen_comes_first),
		cmocka_unit_test(a_fault_while_drawing_is_told_with_the_sentence),
		cmocka_unit_test(a_port_that_never_gets_ready_is_given_up),
		cmocka_unit_test(without_a_port_none_is_written_to),
		cmocka_unit_test(lines_break_between_words),
		cmocka_unit_test(in_text_mode_the_cells_are_written),
	};
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	screen = mmap(NULL, 4 * PIXELS, PROT_READ | PROT_WRITE, flags, -1, 0);
	no_screen = mmap(NULL, 4 * PIXELS, PROT_NONE, flags, -1, 0);
	void *text =
		mmap(at(VGA_TEXT), PAGE_SIZE, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, -1, 0);
	if (screen == MAP_FAILED || no_screen == MAP_FAILED || text != at(VGA_TEXT))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
