/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload in this image, where the firmware has put it: the manifest by its section's name, and each part
   by the name that the manifest gives. Only the kernel was linked. */
#include "front.h"
#include "formats/pe.h"

/* linker/efi.ld and the payload's archive. Hidden: found relative to RIP, without a relocation. */
#define HIDDEN __attribute__((visibility("hidden")))
HIDDEN extern const uint8_t ImageBase[], loader_end[]; /* without the payload */
HIDDEN extern uint8_t _kernel_start_addr[], _kernel_end_addr[];

static int is_named(const struct pe_section_header *section, const char *name)
{
	for (uint32_t i = 0; i < sizeof(section->name); i++) {
		if (section->name[i] != name[i])
			return 0;
		if (name[i] == 0)
			return 1;
	}
	return 1;
}

/* This image's headers lie in its first page; the firmware has found its way by the same. NULL: no such section. */
static const struct pe_section_header *find_section(const char *name)
{
	const struct pe_headers *headers =
		(const struct pe_headers *)(ImageBase + *(const uint32_t *)(ImageBase + PE_OFFSET));
	const struct pe_section_header *section =
		(const struct pe_section_header *)((const uint8_t *)&headers->optional +
						   headers->coff.optional_size);
	for (uint32_t i = 0; i < headers->coff.sections; i++, section++) {
		if ((const uint8_t *)(section + 1) > ImageBase + PE_PAGE)
			return NULL;
		if (is_named(section, name))
			return section;
	}
	return NULL;
}

/* Where the section of that name lies; a base of 0 if there is none. */
static struct machine_range find_range(const char *name)
{
	const struct pe_section_header *section = find_section(name);
	if (section == NULL || section->address % PE_PAGE != 0)
		return (struct machine_range){0};
	return (struct machine_range){(uintptr_t)ImageBase + section->address, section->virtual_size};
}

/* The firmware took the image's size from a header field that has no checksum: signing and added sections
   change it. */
static struct machine_range image_range(EFI_HANDLE image)
{
	EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	EFI_LOADED_IMAGE_PROTOCOL *loaded;
	if (EFI_ERROR(bs->HandleProtocol(image, &guid, (void **)&loaded)))
		return (struct machine_range){0};
	return (struct machine_range){(uintptr_t)loaded->ImageBase, loaded->ImageSize};
}

static int lies_within(const struct machine_range *range, const struct machine_range *image)
{
	return range->base >= image->base && range->size <= image->size &&
	       range->base - image->base <= image->size - range->size;
}

/* Of the manifest, which core has still to check, what could lead astray before that. */
static int manifest_is_usable(const struct machine *machine)
{
	const struct manifest *manifest = at(machine->manifest.base);
	return machine->manifest.size >= PAYLOAD_PAGE && manifest->part_count > 0 &&
	       manifest->part_count <= MANIFEST_PARTS_MAX && manifest->parts % sizeof(uint64_t) == 0 &&
	       manifest->parts <= PAYLOAD_PAGE - MANIFEST_PARTS_MAX * sizeof(struct manifest_part);
}

static int find_parts(struct machine *machine, const struct machine_range *image)
{
	const struct manifest *manifest = at(machine->manifest.base);
	machine->part_count = manifest->part_count;
	for (uint32_t i = 0; i < manifest->part_count; i++) {
		machine->parts[i] = find_range(manifest_parts(manifest)[i].section);
		if (machine->parts[i].base == 0)
			return fail(machine, ERROR_MANIFEST, "a section is missing");
		if (!lies_within(&machine->parts[i], image))
			return fail(machine, ERROR_EFI_IMAGE, image->size / 1024);
	}
	if (machine->parts[0].base != (uintptr_t)_kernel_start_addr ||
	    machine->parts[0].size != (uint64_t)(_kernel_end_addr - _kernel_start_addr))
		return fail(machine, ERROR_MANIFEST, "another kernel");
	return 1;
}

int payload_find(struct machine *machine, EFI_HANDLE image)
{
	struct machine_range loaded = image_range(image);
	machine->loader_base = (uintptr_t)ImageBase;
	machine->loader_size = (uint64_t)(loader_end - ImageBase);
	machine->manifest = find_range(MANIFEST_SECTION);
	if (machine->manifest.base == 0)
		return fail(machine, ERROR_MANIFEST, "no section " MANIFEST_SECTION);
	if (!lies_within(&machine->manifest, &loaded))
		return fail(machine, ERROR_EFI_IMAGE, loaded.size / 1024);
	if (!manifest_is_usable(machine))
		return fail(machine, ERROR_MANIFEST, "its head");
	return find_parts(machine, &loaded);
}

/* What is stored has its checksums; what is not must be zeros, whoever was to write them. */
void payload_clear_tails(const struct machine *machine)
{
	const struct manifest_part *parts = manifest_parts(at(machine->manifest.base));
	for (uint32_t i = 0; i < machine->part_count; i++)
		bs->SetMem(at(machine->parts[i].base + parts[i].stored), parts[i].size - parts[i].stored, 0);
}
