/* SPDX-License-Identifier: BSD-2-Clause */
/* The interface between the reference kernel's files. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <twinboot.h>

#define PAGE UINT64_C(4096)
#define KIB  UINT64_C(1024)
#define MIB  (KIB << 10)
#define GIB  (MIB << 10)

/* Valid once check_handoff() has found its magic and size right. */
extern const struct twinboot_handoff *handoff;
extern const struct twinboot_needs *const needs; /* what this kernel's note states */

static inline void *direct_map(uint64_t physical)
{
	return (void *)(handoff->direct_map_base + physical);
}

/* entry.S: what the registers are, noted before any compiled code runs. */
_Noreturn void kernel_main(const struct twinboot_handoff *handoff);
_Noreturn void cpu_main(uint64_t argument);
_Noreturn void kernel_run(const struct twinboot_handoff *given, uint64_t rsp, uint64_t rflags,
			  uint64_t others);
_Noreturn void cpu_run(uint64_t argument, uint64_t rsp, uint64_t rflags, uint64_t others);

/* main.c: draws the screen, ends the transcript and QEMU. */
_Noreturn void kernel_end_run(void);

/* string.c */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int value, size_t size);
void *memmove(void *to, const void *from, size_t size);
int memcmp(const void *left, const void *right, size_t size);
size_t string_length(const char *string);
bool string_has_word(const char *string, const char *word);

/* sha256.c */
struct sha256 {
	uint32_t state[8];
	uint64_t size;
	uint8_t block[64];
};
void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *data, uint64_t size);
void sha256_end(struct sha256 *hash, uint8_t digest[32]);

/* image.c: linker/kernel.ld names these places. */
extern const uint8_t kernel_start[], kernel_end[], text_start[], text_end[], rodata_start[], rodata_end[];
extern const uint8_t guard_start[], guard_end[], data_start[], data_end[], bss_start[], bss_end[];

struct segment {
	uint32_t type;
	uint32_t flags; /* SEGMENT_ */
	uint64_t offset, virtual, physical, file_size, memory_size, alignment;
};
#define SEGMENT_LOAD       1
#define SEGMENT_EXECUTABLE 1
#define SEGMENT_WRITABLE   2
/* The program headers that lie in the image itself. */
const struct segment *image_segments(unsigned *count);
void check_image_untouched(void);
void check_image_place(void);

/* handoff.c */
bool check_handoff(const struct twinboot_handoff *given);
void check_handoff_contents(void);
void check_modules(void);

/* registers.c */
struct registers {
	uint64_t rsp, rflags, others; /* others: the general registers but RSP and RDI, ORed */
	uint64_t return_address;
	uint64_t cr0, cr3, cr4, efer, pat, apic_base, mtrrs, fs_base, gs_base, idt_base;
	uint32_t cs, ss, ds, es, fs, gs, ldt, tr, apic_id;
	uint32_t mxcsr;
	uint16_t gdt_limit, idt_limit, x87_control, x87_status, x87_tags;
};
/* The state at entry, but for the IDT where faults_install() came first. */
struct registers registers_read(uint64_t rsp, uint64_t rflags, uint64_t others);
void check_registers(const struct registers *registers);

/* net.c */
void check_exception_net(const struct registers *registers);

/* clock.c */
void check_clock(uint64_t tsc_now);
void format_time(char *buffer, size_t size, int64_t seconds);

/* memory.c */
const char *memory_type_name(uint32_t type);
/* The type of the one region in which the whole range lies, or 0. */
uint32_t memory_type(uint64_t physical, uint64_t length);
bool memory_is_ram(uint64_t physical);
uint64_t memory_total(uint32_t type);
void check_memory_map(void);
void check_bios_data(void);
void check_usable_memory(void);

/* paging.c */
struct mapping {
	uint64_t physical;
	uint64_t size; /* of the page or, if nothing is mapped, of the hole that one empty entry makes */
	uint64_t left; /* bytes from here to its end */
	bool present, writable, executable, user;
	uint8_t cache; /* memory type from PAT: CACHE_ */
};
#define CACHE_UNCACHED        0
#define CACHE_WRITE_COMBINING 1
#define CACHE_WRITE_BACK      6
#define CACHE_UNCACHED_MINUS  7 /* as PAT names it: an MTRR can make it write-combining */
struct mapping mapping_of(uint64_t virtual);
void check_paging(void);
void check_kernel_segments(void); /* a part of it */

/* catch.S and faults.c */
struct fault {
	uint64_t vector, error, rip, address;
};
extern struct fault fault_caught;
bool fault_catch(void (*action)(uint64_t), uint64_t argument);
void faults_install(uint64_t *base, uint16_t *limit); /* of the IDT that there was */
void check_faults(void);

/* tables.c */
void check_acpi(void);
void check_smbios(void);
/* Calls `visit` for each processor that the MADT lists as enabled. */
void madt_processors(void (*visit)(uint32_t apic_id, uint32_t processor_id));
/* Calls `visit` for the RSDP and every table that it leads to. */
void acpi_locations(void (*visit)(const char *name, uint64_t physical, uint64_t length));
/* Where the structures are that the 32-bit (0) or 64-bit (1) SMBIOS entry point names; false if there is none. */
bool smbios_structures(unsigned entry, uint64_t *physical, uint64_t *size);
/* Calls `visit` for each entry of the MADT, whatever it is. */
void madt_entries(void (*visit)(const uint8_t *entry));
/* The same for the DMAR and the IVRS. */
void iommu_entries(void (*visit_intel)(const uint8_t *entry), void (*visit_amd)(const uint8_t *entry));

/* records.c */
void check_records(void);

/* efi.c */
void check_efi(void);
/* All of it is runtime services that may be both: on UEFI, once check_efi() has run. */
bool efi_is_writable_code(uint64_t virtual, uint64_t size);

/* cpus.c */
/* NULL, or which of the registers differs that must be the same on each CPU. */
const char *registers_difference(const struct registers *a, const struct registers *b);
void check_cpus(const struct registers *boot_cpu);

/* framebuffer.c and screen.c */
void check_framebuffer(void);
bool framebuffer_is_sane(void);
void screen_place(void); /* says where the firmware's rectangle is */
void screen_draw(void);

#endif
