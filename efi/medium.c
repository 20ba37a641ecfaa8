/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot medium: by the device path, and by what stands on the disk. No other device is looked at. */
#include "front.h"

#include "common/dhcp.h"
#include "common/medium.h"
#include "common/records.h"

/* UEFI 2.10, 10.3.4 and 10.3.5. Nodes need not be aligned. */
#define TYPE_MESSAGING 3
#define MESSAGING_MAC  11
#define TYPE_MEDIA     4
#define MEDIA_HD       1
#define MEDIA_CD       2
struct __attribute__((packed)) hard_drive_node {
	uint8_t type, subtype;
	uint16_t length;
	uint32_t partition;
	uint64_t first, sectors;
	uint8_t signature[16];
	uint8_t table, signature_type;
};
_Static_assert(sizeof(struct hard_drive_node) == 42, "UEFI 2.10, table 10.48");
struct __attribute__((packed)) cd_node {
	uint8_t type, subtype;
	uint16_t length;
	uint32_t entry;
	uint64_t first, sectors; /* of 2048 bytes: El Torito's, whatever the medium has */
};
_Static_assert(sizeof(struct cd_node) == 24, "UEFI 2.10, table 10.49");
#define CD_SECTOR      2048u
#define TABLE_GPT      2
#define SIGNATURE_MBR  1
#define SIGNATURE_GUID 2

#define SECTOR_MAX 4096u

static EFI_BLOCK_IO *disk;
static uint8_t *buffer; /* MEDIUM_READ_MAX bytes, at a page */

static const uint8_t *read(uint64_t lba, uint32_t bytes)
{
	uint32_t sector = disk->Media->BlockSize;
	UINTN whole = (bytes + sector - 1) / sector * sector;
	return EFI_ERROR(disk->ReadBlocks(disk, disk->Media->MediaId, lba, whole, buffer)) ? NULL : buffer;
}

/* The first node of that kind in machine->device_path, NULL if there is none. */
static uint8_t *find_node(struct machine *machine, uint8_t type, uint8_t subtype)
{
	for (uint32_t offset = 0; offset + 4 <= machine->device_path_size;) {
		uint8_t *node = machine->device_path + offset;
		if (node[0] == type && node[1] == subtype)
			return node;
		offset += node[2] | (uint32_t)node[3] << 8;
	}
	return NULL;
}

/* The whole disk, whose path ends before the partition's node. */
static EFI_BLOCK_IO *find_disk(struct machine *machine, const uint8_t *partition)
{
	static uint8_t path[MACHINE_DEVICE_PATH_MAX + 4];
	static const uint8_t end[4] = {0x7f, 0xff, 4, 0};
	EFI_GUID guid = EFI_BLOCK_IO_PROTOCOL_GUID;
	EFI_DEVICE_PATH *rest = (EFI_DEVICE_PATH *)path;
	EFI_HANDLE handle;
	EFI_BLOCK_IO *found;
	UINTN size = partition != NULL ? (UINTN)(partition - machine->device_path)
				       : machine->device_path_size - 4u;
	bs->CopyMem(path, machine->device_path, size);
	bs->CopyMem(path + size, (void *)end, sizeof(end));
	if (EFI_ERROR(bs->LocateDevicePath(&guid, &rest, &handle)) || (uint8_t *)rest != path + size ||
	    EFI_ERROR(bs->HandleProtocol(handle, &guid, (void **)&found)) || found->Media == NULL ||
	    !found->Media->MediaPresent)
		return NULL;
	uint32_t sector = found->Media->BlockSize;
	return sector >= 512 && sector <= SECTOR_MAX && (sector & (sector - 1)) == 0 &&
			       found->Media->IoAlign <= PAGE_SIZE
		       ? found
		       : NULL;
}

/* What the firmware says of its partition; the disk itself may then say it again. */
static void describe_partition(struct twinboot_boot_medium *medium, const struct hard_drive_node *node)
{
	medium->partition = node->partition;
	medium->partition_first = node->first;
	medium->partition_sectors = node->sectors;
	medium->has_gpt = node->table == TABLE_GPT;
	if (node->signature_type == SIGNATURE_GUID)
		bs->CopyMem(medium->partition_guid, (void *)node->signature, sizeof(medium->partition_guid));
	else if (node->signature_type == SIGNATURE_MBR)
		bs->CopyMem(&medium->mbr_signature, (void *)node->signature, sizeof(medium->mbr_signature));
}

/* A disk that also is a CD, as ours is, can come with a CD's path (EDK2). A CD is what has a CD's sectors, as the BIOS
   loader sees it. */
static void note_disk(struct machine *machine, struct twinboot_boot_medium *medium)
{
	const struct cd_node *cd = (const struct cd_node *)find_node(machine, TYPE_MEDIA, MEDIA_CD);
	const struct hard_drive_node *partition =
		(const struct hard_drive_node *)find_node(machine, TYPE_MEDIA, MEDIA_HD);
	if (partition != NULL && partition->length >= sizeof(*partition))
		describe_partition(medium, partition);
	disk = find_disk(machine, cd != NULL ? (const uint8_t *)cd : (const uint8_t *)partition);
	if (disk == NULL)
		return;
	medium->sector_size = disk->Media->BlockSize;
	medium->type = medium->sector_size == CD_SECTOR ? TWINBOOT_MEDIUM_CD : TWINBOOT_MEDIUM_DISK;
	uint64_t payload = medium->partition_first;
	if (cd != NULL && cd->length >= sizeof(*cd))
		payload = cd->first * CD_SECTOR / medium->sector_size;
	EFI_PHYSICAL_ADDRESS pages;
	if (EFI_ERROR(
		    bs->AllocatePages(AllocateAnyPages, EfiLoaderData, MEDIUM_READ_MAX / PAGE_SIZE, &pages)))
		return;
	buffer = at(pages);
	medium_describe(medium, read, payload);
	bs->FreePages(pages, MEDIUM_READ_MAX / PAGE_SIZE);
}

/* The packet without what the firmware's buffer has behind it. */
static uint32_t packet_size(const EFI_PXE_BASE_CODE_PACKET *packet)
{
	uint32_t size = sizeof(struct dhcp);
	while (size < sizeof(packet->Raw) && packet->Raw[size] != DHCP_END)
		size += packet->Raw[size] == 0
				? 1u
				: 2u + packet->Raw[size + 1 < sizeof(packet->Raw) ? size + 1 : size];
	return size < sizeof(packet->Raw) ? size + 1 : sizeof(packet->Raw);
}

static void note_answer(struct twinboot_network_server *from, const EFI_PXE_BASE_CODE_PACKET *packet)
{
	const struct dhcp *answer = (const struct dhcp *)packet;
	const uint8_t *server = dhcp_server(answer, sizeof(packet->Raw));
	uint32_t max;
	const char *file = dhcp_boot_file(answer, sizeof(packet->Raw), &max);
	if (server != NULL)
		bs->CopyMem(from->address, (void *)server, 4);
	for (uint32_t i = 0; file != NULL && i < max && i < sizeof(from->path) - 1 && file[i] != 0; i++)
		from->path[i] = file[i];
}

static void note_network(struct machine *machine, EFI_HANDLE device)
{
	EFI_GUID guid = EFI_PXE_BASE_CODE_PROTOCOL_GUID;
	EFI_PXE_BASE_CODE *pxe;
	if (EFI_ERROR(bs->HandleProtocol(device, &guid, (void **)&pxe)) || pxe->Mode == NULL ||
	    !pxe->Mode->DhcpAckReceived)
		return;
	const EFI_PXE_BASE_CODE_MODE *mode = pxe->Mode;
	struct twinboot_network_server *from =
		record_add(machine, TWINBOOT_RECORD_NETWORK_SERVER, sizeof(*from));
	if (from == NULL)
		return;
	from->is_ipv6 = mode->UsingIpv6 != 0;
	bs->CopyMem(from->client_address, (void *)&mode->StationIp, from->is_ipv6 ? 16 : 4);
	if (from->is_ipv6)
		return;
	/* With proxy DHCP the acknowledgement names the address server. */
	note_answer(from, mode->PxeReplyReceived     ? &mode->PxeReply
			  : mode->ProxyOfferReceived ? &mode->ProxyOffer
						     : &mode->DhcpAck);
	uint32_t size = packet_size(&mode->DhcpAck);
	struct twinboot_record *ack = record_add(machine, TWINBOOT_RECORD_DHCP_ACK, sizeof(*ack) + size);
	if (ack != NULL)
		bs->CopyMem(ack + 1, (void *)&mode->DhcpAck, size);
}

void facts_medium(struct machine *machine, EFI_HANDLE image)
{
	EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	EFI_LOADED_IMAGE_PROTOCOL *loaded;
	struct twinboot_boot_medium *medium =
		record_add(machine, TWINBOOT_RECORD_BOOT_MEDIUM, sizeof(*medium));
	if (medium == NULL || EFI_ERROR(bs->HandleProtocol(image, &guid, (void **)&loaded)))
		return;
	medium->bios_drive = UINT32_MAX;
	if (machine->device_path_size == 0)
		return;
	if (find_node(machine, TYPE_MESSAGING, MESSAGING_MAC) == NULL) {
		note_disk(machine, medium);
		return;
	}
	medium->type = TWINBOOT_MEDIUM_NETWORK;
	note_network(machine, loaded->DeviceHandle);
}
