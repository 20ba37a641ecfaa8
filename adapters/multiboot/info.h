/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a Multiboot kernel is told, made of what the contract handed over. Both protocols ask for the same facts in
 * another shape: info.c finds them, info1.c and info2.c write them down. All of it lies below 4 GiB.
 */
#ifndef MULTIBOOT_INFO_H
#define MULTIBOOT_INFO_H

#include "formats/multiboot.h"
#include "include/twinboot.h"

#include <stddef.h>

/* Physical memory below 4 GiB that is being filled from its beginning. It has been zeroed. */
struct room {
	uint8_t *bytes; /* where it can be written now */
	uint32_t phys;
	uint32_t used, size; /* bytes; used > size: it was too small, and nothing beyond was written */
};

/* A module as the kernel sees it. */
struct shown_module {
	uint32_t phys, size; /* bytes */
	const char *arguments;
};
#define SHOWN_MODULES_MAX 64u

/* Everything that the writers read. */
struct scene {
	const struct twinboot_handoff *handoff;
	const struct multiboot_data *data;
	uint32_t base; /* physical address that the image's first byte will lie at */
	uint32_t module_count;
	struct shown_module modules[SHOWN_MODULES_MAX];
	const uint8_t *symbols; /* section headers first; NULL if there are none */
	uint32_t symbols_phys;
};

/* `size` bytes at a multiple of `alignment`, or NULL once the room is too small. `phys` may be NULL. */
void *room_take(struct room *room, uint32_t size, uint32_t alignment, uint32_t *phys);
/* Bytes of a string, its NUL included. */
uint32_t text_size(const char *text);

/* Copies `size` bytes there. Returns their physical address, 0 if there was no room. */
uint32_t room_copy(struct room *room, const void *from, uint32_t size, uint32_t alignment);
uint32_t room_copy_text(struct room *room, const char *text);

/* The memory map in E820h's types: on BIOS as the BIOS gave it, on UEFI from the firmware's own map. Call with
   `index` from 0 on; returns false behind the last row. */
struct scene_region {
	uint64_t base, length;
	uint32_t type;
};
int scene_region(const struct scene *scene, uint32_t index, struct scene_region *region);
/* KiB of memory from 0 up, at most 640, and from 1 MiB up, to the first hole. */
uint32_t scene_memory_lower(const struct scene *scene);
uint32_t scene_memory_upper(const struct scene *scene);

/* Drive and partitions as Multiboot has them: 3.3 of 0.6.96. Returns false if it was no BIOS drive. */
int scene_boot_device(const struct scene *scene, uint32_t *drive, uint32_t *partition);

/* The screen: a framebuffer or text. type 0: neither. */
struct scene_screen {
	uint32_t type; /* enum multiboot_framebuffer_type */
	uint64_t base;
	uint32_t pitch, width, height;
	uint8_t depth;
	uint8_t colours[6]; /* position and size of red, green, blue */
};
struct scene_screen scene_screen(const struct scene *scene);

/* Section headers with the addresses that hold now. NULL if the kernel has none, or there is no room. */
void *scene_sections(const struct scene *scene, struct room *room, uint32_t *phys);

/* An upper bound of the room that either writer takes. */
uint32_t scene_bound(const struct scene *scene);

/* info1.c, info2.c: physical address of the information structure; 0 if the room was too small. */
uint32_t info1_write(const struct scene *scene, struct room *room);
uint32_t info2_write(const struct scene *scene, struct room *room);

#endif
