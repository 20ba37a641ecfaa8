/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw facts of the boot disk. Nothing here ends a boot: what cannot be read is missing. */
#include "legacy.h"

#include "common/medium.h"
#include "common/records.h"

#define BIOS_DISK      0x13
#define DISK_GET_DRIVE 0x4800

/* EDD-3, table 10; EDD-4 appends. Drives that are not there answer too (HP dv6-3152er): only the boot drive is asked. */
#define EDD_SIZE_MAX 74u
#define EDD_SIZE_MIN 26u

#define CD_SECTOR_SHIFT 11

static uint32_t drive, sector_shift;

static const uint8_t *read(uint64_t lba, uint32_t bytes)
{
	uint32_t sectors = (bytes + (1u << sector_shift) - 1) >> sector_shift;
	return disk_read(drive, lba, sectors, bounce_buffer) ? bounce_buffer : 0;
}

static void describe_drive(struct machine *machine)
{
	/* Zeros: some BIOSes fill in less than they say. */
	static uint8_t answer[EDD_SIZE_MAX] __attribute__((aligned(2)));
	uint16_t *size = (uint16_t *)answer;
	*size = EDD_SIZE_MAX;
	struct bios_registers r = {
		.eax = DISK_GET_DRIVE,
		.edx = drive,
		.ds = segment_of(answer),
		.esi = offset_of(answer),
	};
	bios_call(BIOS_DISK, &r);
	if (carry(&r) || *size < EDD_SIZE_MIN || *size > EDD_SIZE_MAX)
		return;
	struct twinboot_record *edd = record_add(machine, TWINBOOT_RECORD_EDD, sizeof(*edd) + *size);
	for (uint32_t i = 0; i < *size; i++)
		((uint8_t *)(edd + 1))[i] = answer[i];
}

void facts_disk(struct machine *machine, uint32_t shift, uint64_t payload)
{
	drive = machine->boot_drive;
	sector_shift = shift;
	struct twinboot_boot_medium *medium =
		record_add(machine, TWINBOOT_RECORD_BOOT_MEDIUM, sizeof(*medium));
	medium->type = shift == CD_SECTOR_SHIFT ? TWINBOOT_MEDIUM_CD : TWINBOOT_MEDIUM_DISK;
	medium->sector_size = 1u << shift;
	medium->bios_drive = drive;
	medium_describe(medium, read, payload >> shift);
	describe_drive(machine);
}
