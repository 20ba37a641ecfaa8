/* SPDX-License-Identifier: BSD-2-Clause */
/* Built three times: for core, for i686, for the UEFI application. */
#include "common/log.h"

#include "common/port.h"
#include "common/text.h"
#include "common/version.h"

#ifndef LOG
#define LOG 0
#endif

void log_line(struct machine *machine, const char *format, ...)
{
	char *line = machine->log + machine->log_size;
	uint32_t room = MACHINE_LOG_MAX - machine->log_size;
	if (room < 3) /* a character, the line's end and the NUL */
		return;
	uint32_t length = text_format(line, room - 1, "+%u ", __builtin_ia32_rdtsc() - machine->tsc_entry);
	va_list arguments;
	va_start(arguments, format);
	length += text_vformat(line + length, room - 1 - length, format, arguments);
	va_end(arguments);
	line[length++] = '\n';
	line[length] = 0;
	machine->log_size += length;
	if (LOG && machine->serial) {
		serial_write("twinboot: ");
		serial_write(line);
	}
}

int fail(struct machine *machine, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_vformat(machine->error, sizeof(machine->error), format, arguments);
	va_end(arguments);
	return 0;
}

void log_firmware(struct machine *machine)
{
	log_line(machine, "%s on %s (%s)", TWINBOOT_LOADER_NAME,
		 machine->firmware_type == TWINBOOT_FIRMWARE_BIOS ? "BIOS" : "UEFI", machine->firmware);
	log_line(machine, "tables: ACPI at %x, SMBIOS 2 at %x, SMBIOS 3 at %x", machine->rsdp,
		 machine->smbios2, machine->smbios3);
}

void log_memory(struct machine *machine)
{
	log_line(machine, "memory map: %u entries from the firmware", (uint64_t)machine->region_count);
}

void log_payload(struct machine *machine)
{
	log_line(machine, "payload: kernel at %x, %u parts, manifest at %x", machine->parts[0].base,
		 (uint64_t)machine->part_count, machine->manifest.base);
}

void log_framebuffer(struct machine *machine)
{
	const struct machine_framebuffer *f = &machine->framebuffer;
	if (f->base == 0)
		log_line(machine, "framebuffer: none");
	else
		log_line(machine, "framebuffer: %u x %u, %u bits, at %x, %u bytes a line", (uint64_t)f->width,
			 (uint64_t)f->height, (uint64_t)f->bits_per_pixel, f->base, (uint64_t)f->pitch);
}
