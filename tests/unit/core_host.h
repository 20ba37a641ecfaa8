/* SPDX-License-Identifier: BSD-2-Clause */
/* What core's pure files find on the host: its way of failing, memory that a physical address can name, and
   chance that is the same every time. */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Where fail_halt() goes; without a place set, it is a bug. */
static jmp_buf *host_halt __attribute__((unused));

/* Runs `action` and is true if it ended in fail_halt(). */
#define HALTS(action) \
	__extension__({ \
		jmp_buf here_; \
		volatile int halted_ = 1; \
		host_halt = &here_; \
		if (setjmp(here_) == 0) { \
			action; \
			halted_ = 0; \
		} \
		host_halt = NULL; \
		halted_; \
	})

_Noreturn void fail_halt(struct machine *machine, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_vformat(machine->error, sizeof(machine->error), format, arguments);
	va_end(arguments);
	if (host_halt == NULL)
		abort();
	longjmp(*host_halt, 1);
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t host_seed __attribute__((unused)) = 1;
__attribute__((unused)) static uint64_t chance(void)
{
	uint64_t x = host_seed += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

__attribute__((unused)) static uint64_t below(uint64_t bound)
{
	return chance() % bound;
}

/* `size` zeroed bytes below 4 GiB, the last of them just before a page that cannot be touched. */
__attribute__((unused)) static void *low_memory(size_t size)
{
	size_t pages = (size + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
	uint8_t *base = mmap(NULL, pages + PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (base == MAP_FAILED || mprotect(base + pages, PAGE_SIZE, PROT_NONE) != 0)
		abort();
	return base + (pages - size);
}

__attribute__((unused)) static uint64_t physical(const void *pointer)
{
	return (uintptr_t)pointer;
}

#endif
