/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a boot that cannot go on, as long as there is a BIOS to go back to. TB03 comes this way before .bss is
   cleared, so nothing here keeps anything there. */
#include "legacy.h"

#include "common/port.h"

#define BIOS_VIDEO     0x10
#define VIDEO_TELETYPE 0x0e

#define BIOS_KEYBOARD     0x16
#define KEYBOARD_READ     0x00
#define KEYBOARD_LOOK     0x01  /* ZF: no key waits */
#define KEYBOARD_KEYS_MAX 16    /* the BIOS keeps fewer */
#define TICKS             0x46c /* in the BIOS data area: the timer interrupts since midnight */
#define TICKS_A_SECOND    18
#define SECONDS_TO_READ   10
#define LOOKS_MAX         2000000 /* ends the wait where the timer stands still: some seconds, minutes in QEMU */

static void show(const char *text)
{
	for (; *text != 0; text++) {
		struct bios_registers r = {.eax = VIDEO_TELETYPE << 8 | (uint8_t)*text, .ebx = 7};
		bios_call(BIOS_VIDEO, &r);
	}
}

static int key_take(void)
{
	struct bios_registers look = {.eax = KEYBOARD_LOOK << 8};
	bios_call(BIOS_KEYBOARD, &look);
	if (look.flags & FLAG_ZERO)
		return 0;
	struct bios_registers read = {.eax = KEYBOARD_READ << 8};
	bios_call(BIOS_KEYBOARD, &read);
	return 1;
}

/* The next boot device may clear the screen, so a person gets ten seconds, or until a key is pressed. Keys from before
   do not count. Each call of the BIOS lets the timer's interrupt in. */
static void wait_for_reader(void)
{
	const volatile uint32_t *tick = fixed(TICKS);
	for (int i = 0; i < KEYBOARD_KEYS_MAX && key_take(); i++)
		;
	uint32_t last = *tick, ticks = 0;
	for (int i = 0; i < LOOKS_MAX && ticks < SECONDS_TO_READ * TICKS_A_SECOND && !key_take(); i++) {
		/* Changes are counted, since the BIOS begins at 0 again at midnight. */
		ticks += *tick != last;
		last = *tick;
	}
}

void give_up(const char *error)
{
	video_text();
	if (serial_start()) { /* anew: BIOS services change the UART's settings */
		serial_write("\r\ntwinboot: ");
		serial_write(error);
		serial_write("\r\n");
	}
	show("\r\ntwinboot: ");
	show(error);
	show("\r\n");
	wait_for_reader();
	door_leave();
}

void die(const char *format, ...)
{
	char error[MACHINE_ERROR_MAX];
	va_list arguments;
	va_start(arguments, format);
	text_vformat(error, sizeof(error), format, arguments);
	va_end(arguments);
	give_up(error);
}
