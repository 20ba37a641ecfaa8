/* SPDX-License-Identifier: BSD-2-Clause */
/* The padded kernel as the ELF file that it is. embed/ has refused every file that could not work; what is checked
   again here is what a wrong address or a damaged image could have changed. */
#include "core.h"

#include <elf.h>
#include <string.h>

#ifndef DT_RELR /* glibc before 2.36 */
#define DT_RELRSZ 35
#define DT_RELR   36
#endif

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
	uint64_t size = machine->parts[0].size;
	const uint8_t *file = at(machine->parts[0].base);
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)file;
	*kernel = (struct kernel){.manifest = at(machine->manifest.base)};
	if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0 || ehdr->e_phentsize != sizeof(Elf64_Phdr) ||
	    ehdr->e_phoff > size || ehdr->e_phoff % _Alignof(Elf64_Phdr) != 0 ||
	    ehdr->e_phnum * sizeof(Elf64_Phdr) > size - ehdr->e_phoff)
		return fail(machine, ERROR_KERNEL_FORMAT, "headers");

	uint32_t count = kernel->program_header_count = ehdr->e_phnum;
	const Elf64_Phdr *phdrs = kernel->program_headers = (const Elf64_Phdr *)(file + ehdr->e_phoff);
	const Elf64_Phdr *first = NULL;
	for (uint32_t i = 0; i < count; i++) {
		const Elf64_Phdr *phdr = &phdrs[i];
		if (phdr->p_type != PT_LOAD && phdr->p_type != PT_DYNAMIC)
			continue;
		if (phdr->p_filesz != phdr->p_memsz || phdr->p_offset > size ||
		    phdr->p_filesz > size - phdr->p_offset)
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
	kernel->phys = machine->parts[0].base + kernel->header_size;
	kernel->size = size - kernel->header_size;
	kernel->entry = ehdr->e_entry - kernel->linked + kernel->virt;
	for (uint32_t i = 0; i < count; i++)
		if (phdrs[i].p_type == PT_LOAD &&
		    (phdrs[i].p_offset < kernel->header_size ||
		     phdrs[i].p_offset - kernel->header_size != phdrs[i].p_vaddr - kernel->linked))
			return fail(machine, ERROR_KERNEL_FORMAT, "distances");
	return 1;
}

/* A word that is relocated may lie at any address: structures can be packed. */
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

uint64_t kernel_headers_bytes(const struct kernel *kernel)
{
	return kernel->program_header_count * sizeof(*kernel->program_headers);
}

void kernel_keep_headers(struct kernel *kernel, struct memory *memory)
{
	uint64_t size = kernel_headers_bytes(kernel);
	kernel->program_headers = memcpy(memory_take(memory, size), kernel->program_headers, size);
}

void kernel_settle(struct boot *boot)
{
	struct machine *machine = boot->machine;
	struct kernel *kernel = &boot->kernel;
	struct twinboot_region *rows = at(machine->regions);
	for (uint32_t i = 0; i < machine->region_count; i++)
		if (rows[i].type == TWINBOOT_MEMORY_KERNEL)
			rows[i].type = TWINBOOT_MEMORY_LOADER; /* where it lay so far */
	if (boot->flags & TWINBOOT_KERNEL_IN_PLACE && kernel->phys != kernel->virt) {
		memmove(at(kernel->virt), at(kernel->phys), kernel->size);
		kernel->phys = kernel->virt;
	}
	memory_add(machine, kernel->phys, kernel->size, TWINBOOT_MEMORY_KERNEL);
}
