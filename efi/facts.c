/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw facts of a UEFI machine, apart from those that a file of their own gathers: video.c, medium.c, tpm.c. */
#include "front.h"

#include "common/records.h"

/* At first: the list of video modes at its longest, and some blocks of less than 2 KiB. */
#define RECORDS_SIZE 0x8000u
/* Load options are a command line. More than this is no fact but a mistake. */
#define LOAD_OPTIONS_MAX 0x4000u

#define SHIM_GUID \
	{ \
		0x605dab50, 0xe046, 0x4300, \
		{ \
			0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23 \
		} \
	}

int facts_make_room(struct machine *machine, uint32_t bytes)
{
	uint32_t capacity = machine->records_size + bytes + sizeof(uint64_t); /* the next one's alignment */
	if (capacity <= machine->records_capacity)
		return 1;
	uint64_t room = memory_take_pages(capacity);
	if (room == 0)
		return 0;
	if (machine->records_size != 0)
		bs->CopyMem(at(room), at(machine->records), machine->records_size);
	machine->records = room;
	machine->records_capacity = capacity;
	return 1;
}

/* One byte that says yes or no; `volatile_only`: one that outlives a reset does not count. -1: there is none. */
static int read_flag(CHAR16 *name, EFI_GUID guid, int volatile_only)
{
	uint8_t value;
	UINTN size = sizeof(value);
	UINT32 attributes = 0;
	if (EFI_ERROR(st->RuntimeServices->GetVariable(name, &guid, &attributes, &size, &value)) ||
	    size != sizeof(value) || (volatile_only && attributes & EFI_VARIABLE_NON_VOLATILE))
		return -1;
	return value;
}

/* UEFI 2.10, 3.3 and 32.3. Whoever sits at the machine can tell shim not to check; it mirrors that for others in a
   volatile variable, which nobody but shim can have made. */
static uint32_t secure_boot_state(void)
{
	EFI_GUID global = EFI_GLOBAL_VARIABLE, shim = SHIM_GUID;
	int secure = read_flag((CHAR16 *)L"SecureBoot", global, 0);
	int setup = read_flag((CHAR16 *)L"SetupMode", global, 0);
	if (secure < 0)
		return TWINBOOT_SECURE_BOOT_UNKNOWN;
	if (setup == 1)
		return TWINBOOT_SECURE_BOOT_SETUP;
	if (secure != 1 || read_flag((CHAR16 *)L"MokSBStateRT", shim, 1) == 1)
		return TWINBOOT_SECURE_BOOT_OFF;
	return TWINBOOT_SECURE_BOOT_ON;
}

static void note_load_options(struct machine *machine, EFI_HANDLE image)
{
	EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	EFI_LOADED_IMAGE_PROTOCOL *loaded;
	if (EFI_ERROR(bs->HandleProtocol(image, &guid, (void **)&loaded)) || loaded->LoadOptions == NULL ||
	    loaded->LoadOptionsSize == 0 || loaded->LoadOptionsSize > LOAD_OPTIONS_MAX ||
	    !facts_make_room(machine, sizeof(struct twinboot_record) + loaded->LoadOptionsSize))
		return;
	struct twinboot_record *record =
		record_add(machine, TWINBOOT_RECORD_LOAD_OPTIONS, sizeof(*record) + loaded->LoadOptionsSize);
	bs->CopyMem(record + 1, loaded->LoadOptions, loaded->LoadOptionsSize);
}

void facts_gather(struct machine *machine, EFI_HANDLE image)
{
	facts_make_room(machine, RECORDS_SIZE);
	machine->secure_boot = secure_boot_state();
	note_load_options(machine, image);
	facts_medium(machine, image);
}
