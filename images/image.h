/* SPDX-License-Identifier: BSD-2-Clause */
/* What compose and inspect share: the image as a file, and what lies where in it. */
#ifndef IMAGE_H
#define IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "formats/manifest.h"
#include "formats/load_table.h"

#define SECTOR 512u /* of a boot sector, and of most disks */

/* One image at a time. Whatever cannot be done ends the program with a sentence that names the file. */
extern const char *program, *image_name;

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
void image_open(const char *name, const char *mode);
uint64_t image_bytes(void); /* also of a block device */
void image_close(void);
void read_at(uint64_t offset, void *to, size_t size);
void write_at(uint64_t offset, const void *from, size_t size);
uint32_t crc32c_at(uint64_t offset, uint64_t size);

/* Numbers as they lie on disk. */
uint16_t get16(const uint8_t *p);
uint32_t get32(const uint8_t *p);
uint64_t get64(const uint8_t *p);
void put16(uint8_t *p, uint32_t value);
void put32(uint8_t *p, uint32_t value);
void put64(uint8_t *p, uint64_t value);

/* All in bytes from the image's start. docs/images.md draws it. */
struct layout {
	uint32_t sector; /* 512 or 4096 */
	int gpt, iso;
	uint64_t size;
	uint64_t loader, loader_room; /* whole pieces */
	uint64_t copy; /* the payload's own place, if it is not read from BOOTX64.EFI; else 0 */
	uint64_t esp, esp_size;
	uint8_t id[16]; /* disk identifier and GUIDs come from this */
};

/* partitions.c */
void partitions_make(const struct layout *layout,
		     uint8_t sector0[SECTOR]); /* and writes a GPT, if there is one */
/* Finds the ESP; fills sector, gpt, esp, esp_size. Gives the end of all that the table needs. */
uint64_t partitions_find(struct layout *layout);
void gpt_check(const struct layout *layout, uint64_t size, void (*problem)(const char *format, ...));

/* fat.c: as much of FAT as finds a file. */
struct fat {
	uint64_t table, data, root; /* root: FAT12 and FAT16 only */
	uint64_t table_size;
	uint32_t tables, sector, root_entries, root_cluster, cluster_bytes, cluster_count;
	int bits; /* 12, 16 or 32 */
};

struct fat_file {
	const char *path;
	uint64_t entry; /* its directory entry's place in the image */
	uint64_t place; /* its own: it lies in one piece */
	uint32_t cluster, size;
};

int fat_is_one(uint64_t start, uint32_t sector);
struct fat fat_open(uint64_t start);
#define LOADER_X64  "EFI/BOOT/BOOTX64.EFI"
#define LOADER_IA32 "EFI/BOOT/BOOTIA32.EFI"
struct fat_file fat_find(const struct fat *fat, const char *path); /* 8.3 names, capital letters */

/* pe.c: where a section's raw data lie in the image, of the PE file that starts at `file` and has `size` bytes. */
struct pe_place {
	uint64_t at;
	uint32_t stored; /* bytes of raw data */
	uint32_t size;   /* in memory */
};
struct pe_place pe_section(uint64_t file, uint32_t size, const char *name);
int pe_checksum_agrees(uint64_t file, uint32_t size); /* or there is none */

/* iso.c: ISO 9660 with El Torito, from sector 0 of the CD's own (2048 bytes) on, the system area left out. */
#define ISO_BLOCK       2048u
#define ISO_START       (16u * ISO_BLOCK)
#define ISO_BOOT_SECTOR (25u * ISO_BLOCK)
#define ISO_END         (26u * ISO_BLOCK)
void iso_make(const struct layout *layout, const struct fat_file *x64, const struct fat_file *ia32,
	      uint8_t area[ISO_END - ISO_START]);

#endif
