/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE

#include "words.h"

#include "tool.h"

#include <stdarg.h>
#include <stdlib.h>

void words_append(struct words *words, const char *const list[])
{
	for (int i = 0; list[i]; i++) {
		if (words->count == WORDS_MAX) {
			fputs("twinboot: too many arguments; give fewer modules\n", stderr);
			exit(EXIT_INPUT);
		}
		words->list[words->count++] = list[i];
	}
}

char *word(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0) {
		fputs("twinboot: not enough memory\n", stderr);
		exit(EXIT_INPUT);
	}
	return text;
}
