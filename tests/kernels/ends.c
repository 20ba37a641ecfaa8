/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel for the runner's tests: it dies in a function whose name and line can be told, or shows its command line. */
#include <twinboot.h>

#ifndef NEEDS
#define NEEDS 0
#endif
TWINBOOT_NEEDS(TWINBOOT_LEAVE_CPUS | NEEDS, 0, 0, 0, 0)

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void print(const char *text)
{
	while (*text)
		out8(0x3f8, (uint8_t)*text++);
}

__attribute__((noinline)) static void strike(void)
{
	*(volatile int *)0x123456789000 = 1; /* the line that the test looks for */
}

_Noreturn void kernel_main(const struct twinboot_handoff *handoff)
{
	print("command line: ");
	print(handoff->command_line);
	print("\n");
	if (handoff->command_line[0] == '\0')
		strike();
	out8(0xf4, 0x10);
	for (;;)
		__asm__ volatile("cli; hlt");
}
