/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the build found out about a Limine kernel, so that the machine need not search: the adapter data of
 * adapters/limine. The kernel itself travels as its memory image (role TWINBOOT_ROLE_FOREIGN_KERNEL),
 * relocated to where it will run: byte i of it lies at `virtual` + i, and offsets below count from its first
 * byte.
 */
#ifndef LIMINE_PLAN_H
#define LIMINE_PLAN_H

#include "formats/limine.h"

#define LIMINE_ABSENT UINT64_MAX

/* Whole pages of the image, in ascending order, that are mapped alike. */
struct limine_range {
	uint64_t offset, size; /* bytes, multiples of 4096 */
	uint32_t flags;        /* PF_W, PF_X of every segment that touches these pages, ORed */
	uint32_t reserved;
};

struct limine_plan {
	uint64_t virtual;       /* address of the image's first page, at least LIMINE_TOP */
	uint64_t entry;         /* virtual */
	uint64_t stack_size;    /* bytes of each CPU's stack, a multiple of 4096 */
	uint64_t base_tag;      /* offset of the base revision tag, or LIMINE_ABSENT */
	uint32_t base_revision; /* the one that the kernel gets */
	uint32_t range_count;
	uint32_t reserved[2];
	struct {
		uint64_t offset;   /* of the request, or LIMINE_ABSENT */
		uint64_t argument; /* the word behind the response pointer, 0 where the request has none */
	} requests[LIMINE_FEATURE_COUNT];
	struct limine_range ranges[];
};

_Static_assert(sizeof(struct limine_range) == 24, "packed by itself");
_Static_assert(sizeof(struct limine_plan) == 48 + 16 * LIMINE_FEATURE_COUNT, "packed by itself");

#endif
