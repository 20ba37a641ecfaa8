/* SPDX-License-Identifier: BSD-2-Clause */
/* A command line in the making. */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>

#define WORDS_MAX 512

struct words {
	const char *list[WORDS_MAX + 1]; /* ends with NULL */
	int count;
};

/* Adds words, which must outlive `words`. Ends the program if there is no room. */
#define words_add(words, ...) words_append(words, (const char *const[]){__VA_ARGS__, NULL})
/* The same for a list that ends with NULL. */
void words_append(struct words *words, const char *const list[]);

/* "a%sb" in new memory that is never given back: a command line is short, and so is this program's life. */
__attribute__((format(printf, 1, 2))) char *word(const char *format, ...);

#endif
