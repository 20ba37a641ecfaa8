/* SPDX-License-Identifier: BSD-2-Clause */
/* The interface between the BIOS loader's own files. All of them are i686 code in flat protected mode. */
#ifndef LEGACY_H
#define LEGACY_H

#include <stddef.h>
#include <stdint.h>

#include "common/errors.h"
#include "common/machine.h"
#include "common/text.h"

/* bios_call.S copies this to the stack and pops it, so the order is that of the pops. */
struct bios_registers {
	uint32_t edi, esi, ebp, ebx, edx, ecx, eax;
	uint16_t es, ds;
	uint16_t flags; /* out only */
	uint16_t reserved;
};
_Static_assert(sizeof(struct bios_registers) == 36, "bios_call.S copies 36 bytes");

#define FLAG_CARRY (1u << 0)
#define FLAG_ZERO  (1u << 6)

/* What assembly calls, or is called by, takes its arguments on the stack; all else in registers, which is shorter. */
#ifdef __i386__
#define ON_STACK __attribute__((regparm(0)))
#else /* unit tests */
#define ON_STACK
#endif

/* bios_call.S: calls a real-mode interrupt. Everything in `registers` goes in and comes out. Interrupts are on inside the
   service and for an instant after it. */
ON_STACK void bios_call(uint32_t vector, struct bios_registers *registers);

/* The same for a handler that no vector points to; `handler` has its segment in the upper half, its offset in the lower. */
ON_STACK void handler_call(uint32_t handler, struct bios_registers *registers);

/* bios_call.S: calls `function` in long mode on `page_tables` (the physical address of a page map level 4) and returns
   its result. Only core_call() uses it. */
ON_STACK uint32_t long_mode_call(uint32_t page_tables, const void *function, struct machine *machine);

static inline int carry(const struct bios_registers *registers)
{
	return (registers->flags & FLAG_CARRY) != 0;
}

/* Memory that the PC's architecture, not the linker, has put at `address`. */
static inline void *fixed(uint32_t address)
{
	__asm__("" : "+r"(address)); /* the compiler takes small constants for null pointers */
	return (void *)(uintptr_t)address;
}

/* Real-mode pointers. */
static inline uint16_t segment_of(const void *p)
{
	return (uint16_t)((uintptr_t)p >> 4);
}

static inline uint16_t offset_of(const void *p)
{
	return (uint16_t)((uintptr_t)p & 15);
}

static inline void *far_pointer(uint16_t segment, uint16_t offset)
{
	return fixed(((uint32_t)segment << 4) + offset);
}

/* console.c: shows an error, one of errors.h, on COM1 and on the screen, gives a person ten seconds to read it, and
   hands the machine back. (A required digest or signature that is wrong must not end here: whoever boots something
   else next would have got around the check.) */
_Noreturn void give_up(const char *error);
_Noreturn void die(const char *format, ...); /* the same, with `format` as text_format() takes it */

/* a20.c: turns address line A20 on, or ends in die(). Any BIOS service may have turned it off (Syslinux asks each time,
   too), so this comes between a service and an access above 1 MiB. */
void a20_require(void);

/* long_mode.c */
int long_mode_exists(void);
void long_mode_start(void); /* once, before the first core_call() */
/* Calls core_prepare() or core_boot() and returns the result. */
uint32_t core_call(const void *function, struct machine *machine);

/* memory.c */
void base_memory_check(void); /* ends in die() if the loader does not fit */
uint32_t ebda_address(void);  /* of the extended BIOS data area, or 0 */
void memory_map_read(struct machine *machine);
/* Bytes from `base` on that are usable, in one piece, below 4 GiB, and not yet a part's. */
uint64_t memory_free_from(const struct machine *machine, uint64_t base);
/* The lowest place from 2 MiB on with `size` free bytes that is `offset` modulo `step`, a power of two. 0 if
   there is none; `largest` is then the size of the largest free piece. */
uint64_t memory_find(const struct machine *machine, uint64_t size, uint64_t step, uint64_t offset,
		     uint64_t *largest);

/* payload.c */
struct load_table;
/* Returns 1 if the table is what the build wrote. */
int load_table_is_whole(struct load_table *table);
/* Chooses the place in memory of every part of the table; ends in die() if there is none. */
void payload_place(struct machine *machine, const struct load_table *table);
/* Returns the memory of the table's part `index`; the manifest is the last part. */
struct machine_range *payload_range(struct machine *machine, const struct load_table *table, uint32_t index);

/* Raw facts for machine->records. facts.c: */
void facts_start(struct machine *machine);
void facts_memory(struct machine *machine, const struct twinboot_e820_row *row);
void facts_text_mode(struct machine *machine);
/* disk_facts.c: of the boot disk, whose sectors have 1 << `sector_shift` bytes; the payload begins at byte `payload` */
void facts_disk(struct machine *machine, uint32_t sector_shift, uint64_t payload);
/* disk.c: whole sectors to `to` in the bounce buffer, from a multiple of 16 on. Returns 0 if they cannot be read. */
int disk_read(uint32_t drive, uint64_t lba, uint32_t sectors, void *to);

/* disk.c or, in twinboot.0, pxe.c */
void payload_load(struct machine *machine);
void network_stop(void);         /* afterwards no network card writes to memory */
_Noreturn void door_leave(void); /* gives the machine back to BIOS or ROM, which try the next boot device */

void tables_find(struct machine *machine); /* tables.c */
int64_t clock_read(void);                  /* clock.c: as twinboot_handoff.wall_clock */

/* video.c */
void video_set(struct machine *machine, const struct twinboot_needs *needs);
void video_text(void); /* undoes video_set(): BIOS services write text again */

/* checksum.c: the same sum as core's crc32c(). It works bit by bit, since one load table does not deserve a table. */
uint32_t crc32c_small(const uint8_t *data, uint32_t size);

/* linker/legacy.ld */
extern uint8_t boot_sector[], load_table[], loader_end[], legacy_end[], bounce_buffer[], bounce_buffer_end[];
extern uint8_t _kernel_start_addr[], _kernel_end_addr[]; /* not in twinboot.0 */

#endif
