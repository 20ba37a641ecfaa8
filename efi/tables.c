/* SPDX-License-Identifier: BSD-2-Clause */
#include "front.h"

#include "common/entry_points.h"

EFI_SYSTEM_TABLE *st;
EFI_BOOT_SERVICES *bs;

static int same_guid(const EFI_GUID *a, const EFI_GUID *b)
{
	const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;
	return x[0] == y[0] && x[1] == y[1];
}

const void *configuration_table(EFI_GUID guid)
{
	for (UINTN i = 0; i < st->NumberOfTableEntries; i++)
		if (same_guid(&st->ConfigurationTable[i].VendorGuid, &guid))
			return st->ConfigurationTable[i].VendorTable;
	return NULL;
}

/* A configuration table's physical address, if it is what it should be; 0 otherwise. */
static uint64_t find(EFI_GUID guid, int (*is_it)(const uint8_t *))
{
	const uint8_t *table = configuration_table(guid);
	return table != NULL && is_it(table) ? (uintptr_t)table : 0;
}

void tables_find(struct machine *machine)
{
	/* The ACPI 1.0 entry can precede the 2.0 one: one search for each. */
	machine->rsdp = find((EFI_GUID)ACPI_20_TABLE_GUID, is_rsdp);
	if (machine->rsdp == 0)
		machine->rsdp = find((EFI_GUID)ACPI_TABLE_GUID, is_rsdp);
	machine->smbios2 = find((EFI_GUID)SMBIOS_TABLE_GUID, is_smbios2);
	machine->smbios3 = find((EFI_GUID)SMBIOS3_TABLE_GUID, is_smbios3);
	machine->efi_system_table = (uintptr_t)st;
}

/* Bytes of a device path with its end node (UEFI 2.10, 10.3.1), 0 if it is longer than `max` or broken. */
static uint32_t device_path_size(const uint8_t *path, uint32_t max)
{
	const uint8_t end_type = 0x7f, end_entire = 0xff;
	for (uint32_t size = 0; size + 4 <= max;) {
		const uint8_t *node = path + size;
		uint32_t length = node[2] | (uint32_t)node[3] << 8;
		if (length < 4)
			return 0;
		size += length;
		if ((node[0] & end_type) == end_type && node[1] == end_entire)
			return size <= max ? size : 0;
	}
	return 0;
}

void identity_find(struct machine *machine, EFI_HANDLE image)
{
	for (uint32_t i = 0; st->FirmwareVendor != NULL && st->FirmwareVendor[i] != 0; i++) {
		if (i == MACHINE_FIRMWARE_NAME_MAX - 1)
			break;
		CHAR16 c = st->FirmwareVendor[i];
		machine->firmware[i] = c >= ' ' && c <= '~' ? (char)c : '?';
	}
	machine->firmware_revision = st->FirmwareRevision;
	machine->uefi_revision = st->Hdr.Revision;

	EFI_GUID image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID, path_guid = EFI_DEVICE_PATH_PROTOCOL_GUID;
	EFI_LOADED_IMAGE_PROTOCOL *loaded;
	uint8_t *path;
	if (EFI_ERROR(bs->HandleProtocol(image, &image_guid, (void **)&loaded)))
		return;
	if (loaded->DeviceHandle == NULL ||
	    EFI_ERROR(bs->HandleProtocol(loaded->DeviceHandle, &path_guid, (void **)&path)))
		return;
	machine->device_path_size = device_path_size(path, MACHINE_DEVICE_PATH_MAX);
	if (machine->device_path_size != 0) {
		bs->CopyMem(machine->device_path, path, machine->device_path_size);
		machine->boot_device_type = TWINBOOT_BOOT_DEVICE_EFI_PATH;
	}
}
