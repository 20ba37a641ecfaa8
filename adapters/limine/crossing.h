/* SPDX-License-Identifier: BSD-2-Clause */
/* What cross.S needs to know of struct crossing. */
#ifndef CROSSING_H
#define CROSSING_H

#define CROSSING_STACK   0
#define CROSSING_ENTRY   8
#define CROSSING_CPU     16
#define CROSSING_CR4     24
#define CROSSING_ARRIVED 28
#define CROSSING_GDTR    32
#define CROSSING_IDTR    42
#define CROSSING_GDT     56
#define CROSSING_SIZE    128

/* struct limine_cpu */
#define CPU_GOTO 16

/* The selectors that the protocol names, and the one for the task register. */
#define LIMINE_CS 0x28
#define LIMINE_DS 0x30
#define LIMINE_TR 0x38

/* Nothing more than the protocol lists: no SSE. */
#define LIMINE_CR0 (CR0_PE | CR0_ET | CR0_WP | CR0_PG)

#endif
