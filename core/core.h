/* SPDX-License-Identifier: BSD-2-Clause */
/* The interface between core's own files. Outside of core/, only machine.h is known. */
#ifndef CORE_H
#define CORE_H

#include <elf.h>
#include <stddef.h>

#include "common/errors.h"
#include "formats/layout.h"
#include "common/log.h"
#include "common/machine.h"
#include "common/paging.h"
#include "common/text.h"

/* A hidden symbol is found relative to RIP, without a global offset table. */
#define HIDDEN __attribute__((visibility("hidden")))

#define ONE_MIB (UINT64_C(1) << 20)

/* core runs where physical memory is mapped one to one. */
static inline void *at(uint64_t physical)
{
	return (void *)(uintptr_t)physical; /* NOLINT(performance-no-int-to-ptr) */
}

/* fail() for when the firmware is gone: shows the error and halts. */
_Noreturn void fail_halt(struct machine *machine, const char *format, ...);

/* console.c: the last words, for whoever has no machine and can reach no variable (net.c). On the screen that
   `framebuffer` describes, physical memory being mapped at `memory`; on COM1, if it is there; the end. */
void console_show(const struct machine_framebuffer *framebuffer, uint64_t memory, const char *text);
void console_say(const char *text);
_Noreturn void console_halt(void);

/* payload.c: checksums of the manifest, then of each part, before any of it is believed or written to. */
int payload_check(struct machine *machine);

/* kernel_image.c: the padded kernel, seen as the ELF file that it is. */
struct kernel {
	const struct manifest *manifest;
	const Elf64_Phdr *program_headers; /* in the kernel, wherever its linker put them; later a copy */
	uint32_t program_header_count;
	uint64_t header_size;   /* bytes in front of the image: page of the ELF headers, or 0 */
	uint64_t linked;        /* virtual address that the image's first page was linked at */
	uint64_t virt;          /* the same, where it will run */
	uint64_t phys;          /* where the image's first page lies */
	uint64_t size;          /* bytes of the image, whole pages */
	uint64_t entry;         /* virtual, where it will run */
	uint64_t dynamic;       /* PT_DYNAMIC's linked address */
	uint32_t dynamic_count; /* its entries, 0 if there is none */
};

/* Reads headers only. Returns 0 with machine->error set if they are not what embed/ makes. */
int kernel_view(struct machine *machine, struct kernel *kernel);

/* Applies the RELATIVE and RELR relocations of a kernel that runs at kernel->virt, at kernel->phys. */
void kernel_relocate(const struct kernel *kernel);

/* The `index`th PT_LOAD. Returns 0 after the last one. */
struct kernel_segment {
	uint64_t offset; /* of its first byte from the image's first page */
	uint64_t size;   /* bytes */
	uint32_t flags;  /* PF_R, PF_W, PF_X */
};
int kernel_segment(const struct kernel *kernel, uint32_t *index, struct kernel_segment *segment);

/* The program headers move to the arena, out of the way of what happens to the kernel's memory. */
struct memory;
void kernel_keep_headers(struct kernel *kernel, struct memory *memory);
uint64_t kernel_headers_bytes(const struct kernel *kernel); /* bytes of the arena for that */

/* The kernel moves to where it is linked, if the plan says so, and is marked where it then lies. */
struct boot;
void kernel_settle(struct boot *boot);

/* memory.c */

/* Sorts, splits and merges `count` rows of any kind into rows that keep the contract's promises; where rows
   overlap, the higher type wins. `out` has room for 2 * count + 1 rows, `boundaries` for 2 * count. Returns
   the number of rows in `out`. */
uint32_t memory_normalise(const struct twinboot_region *in, uint32_t count, uint64_t *boundaries,
			  struct twinboot_region *out);

/* This is all that core knows of memory, and the arena that it takes its own memory from: the top of the largest free
   range that lies below 4 GiB, growing down. */
struct memory {
	struct machine *machine;
	struct twinboot_region *map; /* normalised, in machine->scratch */
	uint32_t count;
	uint64_t arena_low, arena_next, arena_top;
};

/* Adds the loader's and the payload's own rows to machine->regions and normalises. */
void memory_init(struct memory *memory, struct machine *machine);

/* The map follows what memory_add() has noted. */
void memory_update(struct memory *memory);

/* The two ways in which memory can be too little, each sentence once: they are long. */
HIDDEN extern const char error_memory_rows[], error_out_of_memory[];

/* Notes that [base, base + size) is now of `type`; the map follows at the next memory_normalise(). */
void memory_add(struct machine *machine, uint64_t base, uint64_t size, uint32_t type);

/* A page below 1 MiB for other CPUs to start at; 0 if there is none. */
uint64_t memory_low_page(const struct memory *memory, uint64_t avoid, uint64_t avoid_size);

/* Marks that page as the loader's for good, since a CPU that comes late must still find it, in boot->low_page. */
void memory_take_low_page(struct boot *boot);

/* True if each byte of [base, base + size) is usable, or of type `also`. */
int memory_is_free(const struct memory *memory, uint64_t base, uint64_t size, uint32_t also);

/* Takes the front door's arena, or chooses its range, apart from [avoid, avoid + avoid_size). Returns its
 * bytes, 0 if there is none. */
uint64_t memory_arena_open(struct memory *memory, uint64_t avoid, uint64_t avoid_size);

/* `size` bytes from the arena, page aligned and zeroed. Never returns without them. */
void *memory_take(struct memory *memory, uint64_t size);

/* One page of it, for struct paging's tables. */
HIDDEN void *memory_take_page(void *memory);

/* cpu.c: what the processor can do, asked once. */
struct cpu {
	uint32_t nx, pat, mtrr, apic, sse, huge_pages, level5;
};
void cpu_identify(struct cpu *cpu);
const char *cpu_confidential(void); /* "AMD SEV" or "Intel TDX" in a guest of that kind, else NULL */
int cpu_tsc_hz(const struct machine *machine, uint64_t *hz); /* returns enum twinboot_tsc_source */
uint32_t cpu_entropy(uint8_t bytes[32], uint32_t sources);   /* mixes in; returns the sources, ORed */
void cpu_quiet_interrupts(void);
int cpu_has_apic(void); /* a local APIC, turned on */

/* acpi.c */
/* The first table of that name with a good checksum, or NULL. */
const void *acpi_find(const struct machine *machine, const char signature[4], uint32_t *length);
void acpi_pm_timer_sample(struct machine *machine); /* the start of the measurement */
int acpi_pm_timer_tsc_hz(const struct machine *machine,
			 uint64_t *hz); /* 0 if there is no timer that counts */

/* The state of one boot, on which all of core_boot()'s steps work. */
struct boot {
	struct machine *machine;
	struct kernel kernel;
	struct cpu cpu;
	struct memory memory;
	struct paging paging;
	uint64_t direct_map_base, direct_map_size;
	uint32_t stack_size, flags; /* flags: enum twinboot_handoff_flags */
	uint32_t cpu_count;         /* rows of `cpus`; 0: the kernel is told of none */
	struct twinboot_cpu *cpus;
	struct start *start;
	uint64_t low_page;              /* physical; where other CPUs start */
	uint64_t bridge_cr3, bridge_to; /* the boot CPU's first step on its way to the window */
};

/* plan.c: decides all that core_boot() does. Returns 0 with machine->error set if this kernel cannot run here. Adds rows to
   machine->regions, and takes nothing. */
int plan_boot(struct boot *boot, struct machine *machine);

/* address_space.c: the page tables that the kernel is entered on, but for the window. */
void address_space_build(struct boot *boot);
uint64_t address_space_tables(const struct boot *boot); /* an upper bound of the pages for them */

/* places.c: memory for what the manifest asks, in machine->places; an error if there is none. */
int places_plan(struct boot *boot);

/* handoff.c: all that the kernel is handed, in the arena; the last thing to be taken from it. Returns the
   handoff, where it lies; fills boot->start->gdt. */
struct twinboot_handoff *handoff_make(struct boot *boot);
/* Copies the log, after its last line. */
void handoff_take_log(struct boot *boot, struct twinboot_handoff *handoff);

/* The direct map's address of something in memory. */
static inline uint64_t direct(const struct boot *boot, const void *here)
{
	return boot->direct_map_base + (uintptr_t)here;
}

/* cpus.c */
#define CPUS_MAX 1024u
/* The boot CPU first, then each that the MADT lists as enabled; at most CPUS_MAX. `cpus` may be NULL: only
 * count. */
uint32_t cpus_list(const struct machine *machine, struct twinboot_cpu *cpus);
/* Starts all but the first, together, and waits, with a limit, until each waits in the kernel's address
 * space. */
void cpus_start(struct boot *boot, uint64_t tsc_hz);
uint64_t cpus_parked(const struct boot *boot);

/* apic.c: the boot CPU's local APIC goes into the mode that the kernel's note wants, if it can; the others follow
   when they are started. After window_build(), before anything is done with the APIC. */
void apic_choose_mode(struct boot *boot);
#define XAPIC_ID_MAX 0xfeu

/* window.c: the loader's window, and the boot CPU's way through it into the kernel. */
void window_build(struct boot *boot);
_Noreturn void enter_kernel(struct boot *boot);

/* The virtual address one past the `index`th CPU's stack; the boot CPU's index is 0. The window begins with a page of code and
   one of data; then the stacks, each above a guard page that is not mapped. */
static inline uint64_t stack_top(const struct boot *boot, uint32_t index)
{
	uint64_t stride = PAGE_SIZE + boot->stack_size;
	return LOADER_WINDOW_BASE + 2 * PAGE_SIZE + (index + 1) * stride;
}

/* Bytes of the arena for the stacks, the list of CPUs, and the tables that map the stacks page by page. */
static inline uint64_t window_bytes(const struct boot *boot)
{
	uint64_t stacks = boot->cpu_count > 0 ? boot->cpu_count : 1;
	uint64_t tables = stacks * (boot->stack_size + PAGE_SIZE) / LARGE_PAGE;
	return tables * PAGE_SIZE + stacks * (boot->stack_size + sizeof(struct twinboot_cpu));
}

/* The second page of the window: what CPUs read on their way in. enter.S knows the offsets (start.h). */
#define START_MSRS_MAX 96
struct start {
	uint64_t final_cr3;
	uint64_t gdt;                    /* virtual; the boot CPU's */
	uint64_t stack, entry, argument; /* the boot CPU's RSP, RIP and RDI */
	uint64_t cpus;                   /* virtual; struct twinboot_cpu[cpu_count] */
	uint64_t cpu_count;
	uint64_t apic_base; /* IA32_APIC_BASE without the boot CPU's flag */
	uint64_t pat;       /* 0 if there is none */
	uint64_t direct_map;
	uint64_t msr_count; /* MTRRs, IA32_MTRR_DEF_TYPE last */
	/* net.c: descriptor tables, and where an exception is reported. */
	uint64_t net_stack;  /* virtual, one past its last byte */
	uint32_t gdt_stride; /* bytes from one CPU's GDT to the next one's */
	uint32_t net_taken;  /* 1: somebody is on that stack already */
	uint16_t gdt_limit;
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} idtr;
	uint32_t tss; /* selector, 0: the task register stays as it is */
	struct {
		uint64_t msr, value;
	} msrs[START_MSRS_MAX];
};
_Static_assert(sizeof(struct start) <= PAGE_SIZE, "one page of the window");

/* records.c: machine->records in the arena, with their end. */
uint64_t records_bytes(const struct machine *machine); /* bytes of the arena for that */
void records_make(struct boot *boot, struct twinboot_handoff *handoff);

/* net.c: the descriptor tables that every CPU enters the kernel with and, unless the kernel's note says
   otherwise, an IDT that catches its exceptions until it loads its own. */
void net_build(struct boot *boot);
uint64_t net_size(const struct boot *boot); /* bytes of the arena for that, page tables not counted */

HIDDEN extern const uint8_t window_code[], window_boot[], window_ap[], window_end[];
HIDDEN extern const uint8_t low_code[], low_boot[], low_boot32[], low_ap32[], low_64[], low_fields[],
	low_end[];
HIDDEN extern const uint8_t cross_bridge_end[];
HIDDEN _Noreturn void cross_bridge(uint64_t cr3, uint64_t efer, uint64_t where, uint64_t cr4);

#endif
