/* SPDX-License-Identifier: BSD-2-Clause */
/* Address line A20 may be on already, come on late, or obey any of three switches: the BIOS, the keyboard controller,
   port 92h. Each loop is bounded, since a machine without a keyboard controller answers FFh for ever. */
#include "legacy.h"

#include "common/port.h"

#define BIOS_SYSTEM       0x15
#define SYSTEM_ENABLE_A20 0x2401

#define KEYBOARD_DATA       0x60
#define KEYBOARD_COMMAND    0x64
#define KEYBOARD_BUSY       0x02 /* in the status that reading KEYBOARD_COMMAND gives */
#define KEYBOARD_WRITE_OUT  0xd1
#define OUTPUT_PORT_A20     0xdf
#define KEYBOARD_PULSE_NONE 0xff

#define FAST_GATE       0x92
#define FAST_GATE_A20   0x02
#define FAST_GATE_RESET 0x01 /* resets the machine: never to be written as 1 */

#define IO_DELAY_PORT 0x80

/* These two addresses lie 1 MiB apart, so with A20 off they are one. The lower one is a word of the interrupt vector
   table that no device uses: INT 80h, which Linux takes, too. */
#define PROBE_LOW  (0x80 * 4)
#define PROBE_HIGH (PROBE_LOW + 0x100000)

static int a20_is_on(uint32_t tries)
{
	volatile uint32_t *low = fixed(PROBE_LOW), *high = fixed(PROBE_HIGH);
	uint32_t saved = *low;
	int on = 0;
	for (uint32_t i = 1; i <= tries && !on; i++) {
		*low = saved + i;
		in8(IO_DELAY_PORT);
		on = *high != saved + i;
	}
	*low = saved;
	return on;
}

static int keyboard_ready(void)
{
	for (uint32_t i = 0; i < 100000; i++)
		if (!(in8(KEYBOARD_COMMAND) & KEYBOARD_BUSY))
			return 1;
	return 0;
}

static void by_keyboard_controller(void)
{
	static const struct {
		uint16_t port;
		uint8_t value;
	} steps[] = {
		{KEYBOARD_COMMAND, KEYBOARD_WRITE_OUT},
		{KEYBOARD_DATA, OUTPUT_PORT_A20},
		{KEYBOARD_COMMAND, KEYBOARD_PULSE_NONE}, /* some controllers act only on the next command */
	};
	for (uint32_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && keyboard_ready(); i++)
		out8(steps[i].port, steps[i].value);
	keyboard_ready();
}

static int enable(void)
{
	const uint32_t at_once = 32, late = 200000;
	if (a20_is_on(at_once))
		return 1;
	struct bios_registers r = {.eax = SYSTEM_ENABLE_A20};
	bios_call(BIOS_SYSTEM, &r);
	if (a20_is_on(at_once))
		return 1;
	by_keyboard_controller();
	if (a20_is_on(late))
		return 1;
	out8(FAST_GATE, (uint8_t)((in8(FAST_GATE) | FAST_GATE_A20) & ~FAST_GATE_RESET));
	return a20_is_on(late);
}

void a20_require(void)
{
	if (!enable())
		die(ERROR_A20);
}
