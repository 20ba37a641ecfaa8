/* SPDX-License-Identifier: BSD-2-Clause */
/* The four functions that GCC calls even in freestanding code. The string instructions are what processors
   make fast (ERMSB), and what an emulator counts as one instruction for each eight bytes. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static void copy_up(uint8_t *to, const uint8_t *from, size_t size)
{
	size_t words = size / 8, rest = size % 8;
	__asm__ volatile("rep movsq\n\tmov %3, %2\n\trep movsb"
			 : "+D"(to), "+S"(from), "+c"(words)
			 : "r"(rest)
			 : "memory");
}

static void copy_down(uint8_t *to, const uint8_t *from, size_t size)
{
	size_t words = size / 8, rest = size % 8;
	to += size - 1;
	from += size - 1;
	__asm__ volatile("std\n\trep movsb\n\tsub $7, %0\n\tsub $7, %1\n\tmov %3, %2\n\trep movsq\n\tcld"
			 : "+D"(to), "+S"(from), "+c"(rest)
			 : "r"(words)
			 : "memory", "cc");
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	copy_up(to, from, size);
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	if ((uintptr_t)to - (uintptr_t)from >= size)
		copy_up(to, from, size);
	else
		copy_down(to, from, size);
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	uint64_t word = (uint8_t)byte * UINT64_C(0x0101010101010101);
	size_t words = size / 8, rest = size % 8;
	void *at = to;
	__asm__ volatile("rep stosq\n\tmov %2, %1\n\trep stosb"
			 : "+D"(at), "+c"(words)
			 : "r"(rest), "a"(word)
			 : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const uint8_t *x = a, *y = b;
	for (; size > 0; size--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
