/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes of pages (Intel SDM 3A 4.5), and addresses rounded to the smallest. */
#ifndef PAGE_H
#define PAGE_H

#include <stdint.h>

#define PAGE_SIZE  4096u
#define LARGE_PAGE (UINT64_C(1) << 21)
#define HUGE_PAGE  (UINT64_C(1) << 30)

static inline uint64_t page_down(uint64_t address)
{
	return address & ~(uint64_t)(PAGE_SIZE - 1);
}

static inline uint64_t page_up(uint64_t address)
{
	return page_down(address + PAGE_SIZE - 1);
}

#endif
