/* SPDX-License-Identifier: BSD-2-Clause */
/* The structures of the exception net, for net.c and its host tests. */
#ifndef NET_H
#define NET_H

#include "trap.h"
#include "common/registers.h"
#include "start.h"

/* Intel SDM 3A 8.7. The stacks by privilege are never used: nothing runs in ring 3 yet. */
struct __attribute__((packed)) tss {
	uint32_t reserved;
	uint64_t by_privilege[3], reserved2;
	uint64_t stacks[7]; /* "interrupt stack table", numbered from 1 */
	uint64_t reserved3;
	uint16_t reserved4, io_map;
};
_Static_assert(sizeof(struct tss) == 104, "Intel SDM 3A, figure 8-11");

/* One for each CPU. The stack has room for struct frame alone. */
struct net_cpu {
	uint64_t gdt[5]; /* null, code, data, TSS (two) */
	struct tss tss;
	uint8_t stack[112];
};
_Static_assert(sizeof(struct net_cpu) == 256 &&
		       sizeof(struct frame) + 8 <= sizeof(((struct net_cpu *)0)->stack),
	       "no TSS crosses a page, and the CPU aligns the stack to 16");

/* Everything that the report of an exception needs, and the stack that it runs on. */
struct net {
	struct gate idt[TRAP_VECTORS];
	struct machine_framebuffer framebuffer;
	uint64_t kernel_virt, kernel_size;
	uint64_t direct_map;
	uint64_t cpus;   /* virtual; struct net_cpu[cpu_count] */
	uint64_t stacks; /* virtual: the guard page below the first CPU's */
	uint32_t cpu_count, stack_size;
	uint32_t serial;
	uint8_t stack[4096];
};

/* Writes the sentence about an exception to `text`, `size` bytes. `frame` lies in one of net->cpus. */
void net_sentence(char *text, uint32_t size, const struct net *net, const struct frame *frame, uint64_t cr2);

#endif
