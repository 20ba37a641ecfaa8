/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest kernel worth copying: says hello on COM1, paints the screen, ends QEMU. No linker script: a
 * static PIE linked at 0 runs at 0xffffffff80000000. From the top of the project:
 *
 *     gcc -std=gnu11 -O2 -ffreestanding -fpie -static-pie -nostdlib -mno-red-zone -mgeneral-regs-only \
 *         -fno-stack-protector -I include -Wl,-e,kernel_main -o hello.elf kernel/example/hello.c
 *     make run KERNEL=hello.elf
 */
#include <twinboot.h>

static void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void print(const char *text)
{
	while (*text)
		outb(0x3f8, (uint8_t)*text++);
}

/* Black to red from left to right, black to green from top to bottom, a blue rectangle in the middle. */
static void paint(const struct twinboot_framebuffer *fb)
{
	uint32_t bytes = (fb->bits_per_pixel + 7) / 8;

	for (uint32_t y = 0; y < fb->height; y++)
		for (uint32_t x = 0; x < fb->width; x++) {
			int is_middle = x / (fb->width / 4 + 1) % 3 && y / (fb->height / 4 + 1) % 3;
			uint32_t red = x * ((1u << fb->red_size) - 1) / fb->width;
			uint32_t green = y * ((1u << fb->green_size) - 1) / fb->height;
			uint32_t blue = is_middle ? (1u << fb->blue_size) - 1 : 0;
			uint32_t pixel =
				red << fb->red_shift | green << fb->green_shift | blue << fb->blue_shift;
			volatile uint8_t *at = (volatile uint8_t *)fb->base + y * fb->pitch + x * bytes;
			for (uint32_t i = 0; i < bytes; i++)
				at[i] = (uint8_t)(pixel >> 8 * i);
		}
}

_Noreturn void kernel_main(const struct twinboot_handoff *handoff)
{
	print("hello from ");
	print(handoff->firmware);
	print("\n");
	if (handoff->framebuffer)
		paint(handoff->framebuffer);
	outb(0xf4, 0x10); /* QEMU's isa-debug-exit: exit code 33 */
	for (;;)
		__asm__ volatile("cli; hlt");
}
