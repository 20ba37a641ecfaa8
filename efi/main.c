/* SPDX-License-Identifier: BSD-2-Clause */
/* The UEFI front door, from the firmware's call to core. The firmware has put the payload into memory with
   the rest of this image: nothing is read from any file. */
#include "front.h"

#include "common/port.h"

/* One PC wanted more than one try; eight have been enough for everyone. */
#define EXIT_TRIES 8

/* Nothing may come between the two calls: printing or allocating makes the key stale. */
static int exit_boot_services(struct machine *machine, EFI_HANDLE image)
{
	EFI_STATUS status = EFI_SUCCESS;
	for (int i = 0; i < EXIT_TRIES; i++) {
		UINTN key;
		if (!memory_map_read(machine, &key))
			return 0;
		status = bs->ExitBootServices(image, key);
		if (!EFI_ERROR(status))
			return 1;
	}
	return fail(machine, ERROR_EFI_EXIT, (uint64_t)EXIT_TRIES, (uint64_t)status);
}

/* Ten seconds, or until a key: the next boot entry clears the screen. */
static void wait_for_reader(void)
{
	SIMPLE_INPUT_INTERFACE *keyboard = st->ConIn;
	if (keyboard != NULL)
		keyboard->Reset(keyboard, FALSE);
	for (int i = 0; i < 100; i++) {
		EFI_INPUT_KEY key;
		if (keyboard != NULL && !EFI_ERROR(keyboard->ReadKeyStroke(keyboard, &key)))
			return;
		bs->Stall(100000);
	}
}

/* The console goes on drawing for the video mode that it knows: back to that. Apple's can be in no text mode
   (Limine 10.1.0). */
static void show(CHAR16 *text)
{
	SIMPLE_TEXT_OUTPUT_INTERFACE *console = st->ConOut;
	if (console == NULL)
		return;
	console->Reset(console, FALSE);
	if (console->Mode != NULL &&
	    (console->Mode->Mode < 0 || console->Mode->Mode >= console->Mode->MaxMode))
		console->SetMode(console, 0);
	console->OutputString(console, (CHAR16 *)L"\r\ntwinboot: ");
	console->OutputString(console, text);
	console->OutputString(console, (CHAR16 *)L"\r\n");
}

/* Shown on the firmware's console and, since that may be a screen only, on COM1. Then back to the firmware.
 */
static EFI_STATUS give_up(const struct machine *machine)
{
	CHAR16 wide[MACHINE_ERROR_MAX];
	UINTN length = 0;
	for (; machine->error[length] != 0; length++)
		wide[length] = (CHAR16)machine->error[length];
	wide[length] = 0;
	if (machine->serial && serial_start()) {
		serial_write("\r\ntwinboot: ");
		serial_write(machine->error);
		serial_write("\r\n");
	}
	show(wide);
	memory_give_back();
	wait_for_reader();
	return EFI_ABORTED;
}

/* iPXE of 2020 started images with it raised (iPXE #113): one more fact where something does not answer. */
static void log_task_priority(struct machine *machine)
{
	EFI_TPL level = bs->RaiseTPL(TPL_HIGH_LEVEL);
	bs->RestoreTPL(level);
	if (level != TPL_APPLICATION)
		log_line(machine, "started at task priority %u", (uint64_t)level);
}

/* What the firmware tells. */
static void gather(struct machine *machine, EFI_HANDLE image)
{
	identity_find(machine, image);
	tables_find(machine);
	log_firmware(machine);
	log_task_priority(machine);
	log_payload(machine);
	machine->wall_clock = clock_read();
	entropy_read(machine);
	const struct manifest *manifest = at(machine->manifest.base);
	facts_gather(machine, image);
	video_set(machine, &manifest->needs);
	log_framebuffer(machine);
	facts_tpm(machine);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system_table)
{
	static struct machine machine;
	uint64_t tsc_entry = __builtin_ia32_rdtsc();
	struct own_damage damage;
	int is_whole = own_sums_agree(&damage); /* before the first byte of .data changes */
	machine = (struct machine){.tsc_entry = tsc_entry};
	machine.tsc_payload_ready = machine.tsc_entry; /* the firmware has loaded it with us */
	st = system_table;
	bs = st->BootServices;
	bs->SetWatchdogTimer(0, 0, 0, NULL);

	machine.firmware_type = TWINBOOT_FIRMWARE_UEFI;
	machine.serial = (uint32_t)serial_exists();
	if (!is_whole) {
		fail(&machine, ERROR_EFI_SELF, damage.part, (uint64_t)damage.found,
		     (uint64_t)damage.expected);
		return give_up(&machine);
	}
	if (!payload_find(&machine, image))
		return give_up(&machine);
	gather(&machine, image);

	UINTN key;
	if (!memory_buffers_allocate(&machine) || !memory_map_read(&machine, &key) ||
	    !core_prepare(&machine) || !memory_for_core(&machine))
		return give_up(&machine);
	payload_clear_tails(&machine);
	linux_tables_install(&machine);
	bs->SetWatchdogTimer(0, 0, 0, NULL); /* a Lenovo's fired nine seconds later */
	network_stop();
	if (!exit_boot_services(&machine, image))
		core_halt(&machine,
			  machine.error); /* the firmware is half gone: nothing else may be called */
	interrupts_off();
	if (machine.serial)
		serial_start();
	log_memory(&machine);
	core_boot(&machine);
}
