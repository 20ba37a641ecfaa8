/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload comes from the boot disk, by the extensions of INT 13h (EDD-3) and in the largest calls that BIOSes take. */
#include "legacy.h"

#include "formats/load_table.h"

#define BIOS_DISK          0x13
#define BIOS_BOOT_RECOVERY 0x18
#define DISK_RESET         0x00
#define DISK_READ_PACKET   0x42

#define TRIES 3

/* Phoenix BIOSes fail above 127 sectors a call, SeaBIOS above what fits 64 KiB. */
#define SECTORS_A_CALL 127
#define BYTES_A_CALL   0x10000u

/* After an error calls get this many times smaller: 127 sectors, 16, 2, 1. More steps would make a person wait, since a
   disk can take seconds to fail. */
#define SMALLER 8

#define SECTOR_MAX 4096u

struct disk_packet {
	uint8_t size, reserved;
	uint16_t sectors;
	uint16_t offset, segment;
	uint64_t lba;
};
_Static_assert(sizeof(struct disk_packet) == 16, "EDD-3, table 7");

/* The load table came with the loader itself. It is believed only if it adds up, and if its kernel is the one that this
   loader was linked with. */
static const struct load_table *checked_table(void)
{
	struct load_table *table = (struct load_table *)load_table;
	const struct load_part *kernel = &table->parts[0];
	if (!load_table_is_whole(table) || kernel->address != (uintptr_t)_kernel_start_addr ||
	    kernel->size != (uintptr_t)_kernel_end_addr - (uintptr_t)_kernel_start_addr)
		die(ERROR_LOAD_TABLE);
	return table;
}

static uint32_t status; /* of the last read that failed: INT 13h's AH */

/* A read that fails once can succeed after a reset. */
int disk_read(uint32_t drive, uint64_t lba, uint32_t sectors, void *to)
{
	static struct disk_packet packet;
	for (int i = 0; i < TRIES; i++) {
		packet = (struct disk_packet){
			.size = sizeof(packet),
			.sectors = (uint16_t)sectors,
			.segment = segment_of(to), /* from a multiple of 64 KiB: no read crosses one */
			.lba = lba,
		};
		struct bios_registers r = {
			.eax = DISK_READ_PACKET << 8,
			.edx = drive,
			.ds = segment_of(&packet),
			.esi = offset_of(&packet),
		};
		bios_call(BIOS_DISK, &r);
		if (!carry(&r))
			return 1;
		status = r.eax >> 8 & 0xff;
		struct bios_registers reset = {.eax = DISK_RESET << 8, .edx = drive};
		bios_call(BIOS_DISK, &reset);
	}
	return 0;
}

/* One that fails always can succeed in smaller pieces: 0 asks for those. A sector that cannot be read even alone
   ends the boot. */
static int read_sectors(uint32_t drive, uint64_t lba, uint32_t sectors, void *to)
{
	if (disk_read(drive, lba, sectors, to))
		return 1;
	if (sectors == 1)
		die(ERROR_DISK_READ, (uint64_t)drive, lba, (uint64_t)status);
	return 0;
}

static void fill(uint8_t *to, uint8_t value, uint32_t bytes)
{
	while (bytes-- > 0)
		*to++ = value;
}

/* log2 of the drive's sector size. AH=48h says 0 or nonsense on some machines (Dell Latitude E6400, Hyper-V),
   so it is measured: a sector is as long as two buffers, filled differently, agree after it was read into
   both. */
static uint32_t measure_sector(uint32_t drive)
{
	uint8_t *a = bounce_buffer, *b = bounce_buffer + 2 * SECTOR_MAX;
	fill(a, 0x00, 2 * SECTOR_MAX);
	fill(b, 0xff, 2 * SECTOR_MAX);
	read_sectors(drive, 0, 1, a);
	read_sectors(drive, 0, 1, b);
	uint32_t size = 0;
	while (size < 2 * SECTOR_MAX && a[size] == b[size])
		size++;
	for (uint32_t shift = 9; shift <= 12; shift++)
		if (size == 1u << shift)
			return shift;
	die(ERROR_SECTOR_SIZE, (uint64_t)drive, (uint64_t)size);
}

static void copy_words(void *to, const void *from, uint32_t bytes)
{
	uint32_t words = bytes / 4;
	__asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

static void clear_words(void *to, uint32_t bytes)
{
	uint32_t words = bytes / 4;
	__asm__ volatile("rep stosl" : "+D"(to), "+c"(words) : "a"(0) : "memory");
}

/* Fills a part's memory: the stored bytes come first, then zeros. */
static void load_part(const struct load_part *part, uint32_t drive, uint32_t sector_shift,
		      const struct machine_range *memory)
{
	uint32_t call_max = BYTES_A_CALL >> sector_shift;
	if (call_max > SECTORS_A_CALL)
		call_max = SECTORS_A_CALL;
	uint8_t *to = fixed((uint32_t)memory->base), *end = to + memory->size;
	uint64_t lba = part->offset >> sector_shift;
	for (uint32_t left = (uint32_t)part->stored >> sector_shift; left > 0;) {
		uint32_t sectors = left < call_max ? left : call_max;
		if (!read_sectors(drive, lba, sectors, bounce_buffer)) {
			call_max = (sectors + SMALLER - 1) / SMALLER; /* from here on */
			continue;
		}
		a20_require();
		copy_words(to, bounce_buffer, sectors << sector_shift);
		lba += sectors;
		to += sectors << sector_shift;
		left -= sectors;
	}
	clear_words(to, (uint32_t)(end - to));
}

/* A FAT directory's entry for a file (FAT32 File System Specification 1.03, section 6). */
struct directory_entry {
	uint8_t name[11];
	uint8_t attributes, reserved[8];
	uint16_t cluster_high;
	uint8_t written[4];
	uint16_t cluster_low;
	uint32_t size;
};
_Static_assert(sizeof(struct directory_entry) == 32, "FAT32 File System Specification 1.03, section 6");

/* Ends the boot if the file that holds the payload is no longer the one that the table was written for. */
static void check_file(const struct load_table *table, uint32_t drive, uint32_t sector_shift)
{
	if (table->file.offset == 0)
		return;
	read_sectors(drive, table->file.offset >> sector_shift, 1, bounce_buffer);
	const struct directory_entry *entry =
		(const void *)(bounce_buffer + ((uint32_t)table->file.offset & ((1u << sector_shift) - 1)));
	uint32_t cluster = (uint32_t)entry->cluster_high << 16 | entry->cluster_low;
	if (entry->name[0] != 'B' || cluster != table->file.cluster || entry->size != table->file.size)
		die(ERROR_FILE_REPLACED, (uint64_t)cluster, (uint64_t)entry->size,
		    (uint64_t)table->file.cluster, (uint64_t)table->file.size);
}

void payload_load(struct machine *machine)
{
	const struct load_table *table = checked_table();
	payload_place(machine, table);
	uint32_t drive = machine->boot_drive;
	uint32_t sector_shift = measure_sector(drive);
	check_file(table, drive, sector_shift);
	facts_disk(machine, sector_shift, table->parts[0].offset);
	for (uint32_t i = 0; i < table->part_count; i++)
		load_part(&table->parts[i], drive, sector_shift, payload_range(machine, table, i));
}

void network_stop(void)
{
	/* A disk needs no goodbye: it writes nothing to memory that was not asked for. */
}

/* The BIOS tries its next boot device (Plug and Play BIOS Specification 1.0A, 3.6). */
void door_leave(void)
{
	struct bios_registers none = {0};
	bios_call(BIOS_BOOT_RECOVERY, &none);
	for (;;)
		__asm__ volatile("cli; hlt");
}
