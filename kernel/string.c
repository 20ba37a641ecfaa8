/* SPDX-License-Identifier: BSD-2-Clause */
/* The four functions that compilers call by themselves, also in freestanding code. And two for strings. */
#include "kernel.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
	return start;
}

void *memset(void *to, int value, size_t size)
{
	void *start = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
	return start;
}

void *memmove(void *to, const void *from, size_t size)
{
	unsigned char *target = to;
	const unsigned char *source = from;

	if (target <= source)
		return memcpy(to, from, size);
	while (size--) {
		target[size] = source[size];
		__asm__ volatile("" : : : "memory"); /* or the compiler makes this a call to memmove */
	}
	return to;
}

int memcmp(const void *left, const void *right, size_t size)
{
	const unsigned char *a = left, *b = right;

	for (; size; size--, a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}

size_t string_length(const char *string)
{
	size_t length = 0;

	while (string[length])
		length++;
	return length;
}

bool string_has_word(const char *string, const char *word)
{
	size_t length = string_length(word);

	while (*string) {
		while (*string == ' ')
			string++;
		const char *end = string;
		while (*end && *end != ' ')
			end++;
		if ((size_t)(end - string) == length && !memcmp(string, word, length))
			return true;
		string = end;
	}
	return false;
}
