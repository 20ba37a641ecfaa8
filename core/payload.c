/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload: first its checksums, then its ELF headers. embed/ has refused every file that could not work;
   what is checked again here is what a wrong address or a damaged image could have changed. */
#include "core.h"
#include "formats/crc32c.h"

#include <elf.h>
#include <string.h>

#ifndef DT_RELR /* glibc before 2.36 */
#define DT_RELRSZ 35
#define DT_RELR   36
#endif

int payload_check(struct machine *machine)
{
	const struct payload_info *info = at(machine->modules);
	const uint8_t *modules = at(machine->modules);
	struct payload_info head;
	memcpy(&head, info, sizeof(head));
	head.info_crc32c = 0;
	uint32_t crc = 0;
	int is_whole = info->magic == PAYLOAD_MAGIC && info->info_size >= sizeof(head) &&
		       info->info_size <= machine->modules_size;
	if (is_whole) {
		crc = crc32c(0, &head, sizeof(head));
		crc = crc32c(crc, modules + sizeof(head), info->info_size - sizeof(head));
	}
	if (!is_whole || crc != info->info_crc32c || info->module_count > PAYLOAD_MODULES_MAX ||
	    info->kernel_size != machine->kernel_size || info->kernel_stored > info->kernel_size ||
	    info->modules_size > machine->modules_size || info->modules_stored > info->modules_size ||
	    info->modules_stored < info->info_size)
		return fail(machine, ERROR_PAYLOAD_INFO, (uint64_t)crc, (uint64_t)info->info_crc32c);

	crc = crc32c(0, at(machine->kernel), info->kernel_stored);
	if (crc != info->kernel_crc32c)
		return fail(machine, ERROR_KERNEL_CHECKSUM, (uint64_t)crc, (uint64_t)info->kernel_crc32c,
			    info->kernel_stored);
	uint64_t module_bytes = info->modules_stored - info->info_size;
	crc = crc32c(0, modules + info->info_size, module_bytes);
	if (crc != info->modules_crc32c)
		return fail(machine, ERROR_MODULES_CHECKSUM, (uint64_t)crc, (uint64_t)info->modules_crc32c,
			    module_bytes);
	return 1;
}

int kernel_segment(const struct kernel *kernel, uint32_t *index, struct kernel_segment *segment)
{
	while (*index < kernel->program_header_count) {
		const Elf64_Phdr *phdr = &kernel->program_headers[(*index)++];
		if (phdr->p_type != PT_LOAD)
			continue;
		*segment =
			(struct kernel_segment){phdr->p_vaddr - kernel->linked, phdr->p_memsz, phdr->p_flags};
		return 1;
	}
	return 0;
}

int kernel_view(struct machine *machine, struct kernel *kernel)
{
	const uint8_t *file = at(machine->kernel);
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)file;
	*kernel = (struct kernel){.info = at(machine->modules)};
	if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0 || ehdr->e_phentsize != sizeof(Elf64_Phdr) ||
	    ehdr->e_phoff > machine->kernel_size || ehdr->e_phoff % _Alignof(Elf64_Phdr) != 0 ||
	    ehdr->e_phnum * sizeof(Elf64_Phdr) > machine->kernel_size - ehdr->e_phoff)
		return fail(machine, ERROR_KERNEL_FORMAT, "headers");

	uint32_t count = kernel->program_header_count = ehdr->e_phnum;
	const Elf64_Phdr *phdrs = kernel->program_headers = (const Elf64_Phdr *)(file + ehdr->e_phoff);
	const Elf64_Phdr *first = NULL;
	for (uint32_t i = 0; i < count; i++) {
		const Elf64_Phdr *phdr = &phdrs[i];
		if (phdr->p_type != PT_LOAD && phdr->p_type != PT_DYNAMIC)
			continue;
		if (phdr->p_filesz != phdr->p_memsz || phdr->p_offset > machine->kernel_size ||
		    phdr->p_filesz > machine->kernel_size - phdr->p_offset)
			return fail(machine, ERROR_KERNEL_FORMAT, "segments");
		if (phdr->p_type == PT_LOAD && (first == NULL || phdr->p_vaddr < first->p_vaddr))
			first = phdr;
		if (phdr->p_type == PT_DYNAMIC) {
			kernel->dynamic = phdr->p_vaddr;
			kernel->dynamic_count = (uint32_t)(phdr->p_filesz / sizeof(Elf64_Dyn));
		}
	}
	if (first == NULL)
		return fail(machine, ERROR_KERNEL_FORMAT, "no PT_LOAD");

	kernel->header_size = page_down(first->p_offset);
	kernel->linked = page_down(first->p_vaddr);
	kernel->virt = ehdr->e_type == ET_DYN && kernel->linked == 0 ? PIE_BASE : kernel->linked;
	kernel->phys = machine->kernel + kernel->header_size;
	kernel->size = machine->kernel_size - kernel->header_size;
	kernel->entry = ehdr->e_entry - kernel->linked + kernel->virt;
	for (uint32_t i = 0; i < count; i++)
		if (phdrs[i].p_type == PT_LOAD &&
		    (phdrs[i].p_offset < kernel->header_size ||
		     phdrs[i].p_offset - kernel->header_size != phdrs[i].p_vaddr - kernel->linked))
			return fail(machine, ERROR_KERNEL_FORMAT, "distances");
	return 1;
}

/* What is relocated may lie at any address (packed structures). */
typedef uint64_t __attribute__((aligned(1))) word;

/* The eight bytes of the image that were linked at `linked`; NULL if they lie outside. */
static word *word_at(const struct kernel *kernel, uint64_t linked)
{
	uint64_t offset = linked - kernel->linked;
	if (kernel->size < sizeof(uint64_t) || offset > kernel->size - sizeof(uint64_t))
		return NULL;
	return at(kernel->phys + offset);
}

static uint64_t dynamic_value(const struct kernel *kernel, uint64_t tag)
{
	for (uint32_t i = 0; i < kernel->dynamic_count; i++) {
		const word *key = word_at(kernel, kernel->dynamic + i * sizeof(Elf64_Dyn));
		const word *value = word_at(kernel, kernel->dynamic + i * sizeof(Elf64_Dyn) + 8);
		if (key == NULL || value == NULL || *key == DT_NULL)
			break;
		if (*key == tag)
			return *value;
	}
	return 0;
}

static void apply_rela(const struct kernel *kernel, uint64_t slide)
{
	uint64_t table = dynamic_value(kernel, DT_RELA);
	uint64_t count = dynamic_value(kernel, DT_RELASZ) / sizeof(Elf64_Rela);
	for (uint64_t i = 0; i < count; i++) {
		/* r_offset, r_info, r_addend */
		const word *rela = word_at(kernel, table + i * sizeof(Elf64_Rela));
		if (rela == NULL || word_at(kernel, table + i * sizeof(Elf64_Rela) + 16) == NULL)
			return;
		word *target = word_at(kernel, rela[0]);
		if (ELF64_R_TYPE(rela[1]) == R_X86_64_RELATIVE && target != NULL)
			*target = rela[2] + slide;
	}
}

/* System V gABI, "Relative Relocation Table": an even entry is an address to relocate, an odd one a bitmap of
   the 63 words that follow. */
static void apply_relr(const struct kernel *kernel, uint64_t slide)
{
	uint64_t table = dynamic_value(kernel, DT_RELR);
	uint64_t count = dynamic_value(kernel, DT_RELRSZ) / sizeof(uint64_t);
	uint64_t next = 0;
	for (uint64_t i = 0; i < count; i++) {
		const word *entry = word_at(kernel, table + i * sizeof(*entry));
		if (entry == NULL)
			return;
		uint64_t bits = *entry & 1 ? *entry >> 1 : 1;
		if (!(*entry & 1))
			next = *entry;
		for (uint64_t address = next; bits != 0; bits >>= 1, address += sizeof(uint64_t)) {
			word *target = word_at(kernel, address);
			if ((bits & 1) && target != NULL)
				*target += slide;
		}
		next += (*entry & 1 ? 63 : 1) * sizeof(uint64_t);
	}
}

void kernel_relocate(const struct kernel *kernel)
{
	uint64_t slide = kernel->virt - kernel->linked;
	/* RELATIVE entries carry the whole value, so they are applied even at slide 0: linkers may leave the
	   word itself empty. */
	apply_rela(kernel, slide);
	if (slide != 0)
		apply_relr(kernel, slide);
}
