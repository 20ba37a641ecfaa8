/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts, port I/O and the serial port, alike in 32-bit and 64-bit code. */
#ifndef PORT_H
#define PORT_H

#include <stdint.h>

static inline void interrupts_off(void)
{
	__asm__ volatile("cli");
}

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/* COM1, a 16550 (National Semiconductor PC16550D). */
#define COM1                  0x3f8
#define COM_DATA              (COM1 + 0)
#define COM_DIVISOR_LOW       (COM1 + 0)
#define COM_INTERRUPT_ENABLE  (COM1 + 1)
#define COM_DIVISOR_HIGH      (COM1 + 1)
#define COM_FIFO_CONTROL      (COM1 + 2)
#define COM_LINE_CONTROL      (COM1 + 3)
#define COM_MODEM_CONTROL     (COM1 + 4)
#define COM_LINE_STATUS       (COM1 + 5)
#define COM_SCRATCH           (COM1 + 7)
#define COM_8N1               0x03
#define COM_DIVISOR_LATCH     0x80
#define COM_FIFO_ON_AND_CLEAR 0x07
#define COM_DTR_RTS           0x03
#define COM_TRANSMITTER_EMPTY 0x20

/* The scratch register keeps what is written to it; where there is no port, nothing does. */
static inline int serial_exists(void)
{
	out8(COM_SCRATCH, 0x5a);
	return in8(COM_SCRATCH) == 0x5a;
}

/* 115200 baud, 8N1. Returns 0 if there is no port. */
static inline int serial_start(void)
{
	if (!serial_exists())
		return 0;
	out8(COM_INTERRUPT_ENABLE, 0);
	out8(COM_LINE_CONTROL, COM_DIVISOR_LATCH);
	out8(COM_DIVISOR_LOW, 1);
	out8(COM_DIVISOR_HIGH, 0);
	out8(COM_LINE_CONTROL, COM_8N1);
	out8(COM_FIFO_CONTROL, COM_FIFO_ON_AND_CLEAR);
	out8(COM_MODEM_CONTROL, COM_DTR_RTS);
	return 1;
}

/* A port that never gets ready must not hang a boot: so many reads of its status, each of about a microsecond, are
   waited for in all. The longest sentence takes 45 milliseconds. */
#define SERIAL_PATIENCE 250000

static inline void serial_write(const char *text)
{
	for (int patience = SERIAL_PATIENCE; *text != 0; text++) {
		while (!(in8(COM_LINE_STATUS) & COM_TRANSMITTER_EMPTY))
			if (--patience <= 0)
				return;
		out8(COM_DATA, (uint8_t)*text);
	}
}

#endif
