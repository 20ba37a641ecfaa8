/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the kernel's Limine side know of each other. */
#ifndef LIMINE_SIDE_H
#define LIMINE_SIDE_H

#include "kernel.h"
#include "report.h"
#include "limine/protocol.h"

/* entry.S */
_Noreturn void limine_main(void);
_Noreturn void limine_cpu_main(void);
_Noreturn void limine_run(uint64_t rdi, uint64_t rsp, uint64_t rflags, uint64_t others);
_Noreturn void limine_cpu_run(struct limine_cpu *cpu, uint64_t rsp, uint64_t rflags, uint64_t others);

/* The base revision that the loader speaks. */
uint32_t base_revision(void);
/* Whether the state is as strict as base revision 5 has it: twinboot says so of every one. */
bool is_strict(void);

/* translate.c: the answers as a handoff of twinboot's contract, so that checks of what both promise serve both. Only the
   fields are filled that such checks read. */
void translate(void);

/* map.c */
/* The type of the rows in which the whole range lies, or -1 where that is not one. */
int row_type(uint64_t physical, uint64_t length);
/* Whether something that was handed over lies in the HHDM, in memory that is the kernel's to reclaim. */
bool is_handed_over(const void *pointer, uint64_t size);
bool string_is_handed_over(const char *string);
void check_rows(void);

/* answers.c: presence, contents and place of every response. */
void check_answers(void);

/* firmware.c: what UEFI and the TPM leave. */
void check_firmware(void);

/* state.c: registers, descriptors and interrupt controllers, as strict as base revision 5 has them. */
struct state {
	struct registers registers;
	uint64_t rdi;
	uint64_t gdt, gdt_entries[7], task_base;
	uint32_t task_limit, task_selector;
	bool has_apic;
	uint32_t spurious, priority, lint[2],
		unmasked; /* unmasked: LVT entries that could interrupt, one bit each */
};
struct state state_read(uint64_t rdi, uint64_t rsp, uint64_t rflags, uint64_t others);
void state_read_apic(struct state *state); /* after space_complete() */
void check_state(const struct state *state);
/* NULL, or what differs between two CPUs and must not. */
const char *state_difference(const struct state *a, const struct state *b);
bool stack_is_whole(uint64_t rsp);
bool flags_are_agreed(uint64_t rflags);

/* iommu.c: off, or left alone if asked for. */
void check_iommus(void);

/* space.c: the page tables. */
void check_space(void);
/* The kernel's own work: from here on everything below 4 GiB can be reached through direct_map(). */
void space_complete(void);
void space_reload(void); /* on each CPU */

/* processors.c */
void check_processors(const struct state *boot_cpu);

#endif
