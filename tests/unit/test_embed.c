/* SPDX-License-Identifier: BSD-2-Clause */
/* links: embed/check.c embed/dynamic.c embed/elf_file.c embed/file.c embed/modules.c embed/needs.c embed/pad.c embed/payload.c embed/report.c embed/run.c embed/strip.c embed/sum.c formats/crc32c.c formats/sha256.c */
/* embed/: every promise of the padded layout, every sentence of refusal, on ELF files made here. */
#define _GNU_SOURCE

#include "embed/check.h"
#include "embed/file.h"
#include "embed/needs.h"
#include "embed/pad.h"
#include "embed/payload.h"
#include "embed/strip.h"
#include "formats/crc32c.h"
#include "formats/layout.h"
#include "formats/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

/* An ELF file in the making: program headers at 64, bytes that tell their offset, then what a test changes.
 */
struct kernel {
	uint8_t bytes[0x10000];
	size_t size;
	size_t sections; /* section headers added so far */
};

static Elf64_Ehdr *header(struct kernel *kernel)
{
	return (Elf64_Ehdr *)kernel->bytes;
}

static Elf64_Phdr *segment(struct kernel *kernel, unsigned int index)
{
	return (Elf64_Phdr *)(kernel->bytes + sizeof(Elf64_Ehdr)) + index;
}

static Elf64_Phdr *add_segment(struct kernel *kernel, uint32_t type, uint32_t flags, uint64_t address,
			       uint64_t offset, uint64_t stored, uint64_t size)
{
	Elf64_Phdr *added = segment(kernel, header(kernel)->e_phnum++);

	*added = (Elf64_Phdr){type, flags, offset, address, address, stored, size, 0x200000};
	return added;
}

static void start(struct kernel *kernel, uint16_t type, uint64_t entry)
{
	for (size_t i = 0; i < sizeof(kernel->bytes); i++)
		kernel->bytes[i] = (uint8_t)(i * 7 + i / 256 + 1);
	memset(kernel->bytes, 0, 0x1000);
	*header(kernel) = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = type,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = entry,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_shentsize = sizeof(Elf64_Shdr),
	};
	kernel->size = 0x4000;
	kernel->sections = 0;
}

/* Segments 0 to 2: headers, code, data with .bss; none share a page. */
static struct kernel *linked_at(uint16_t type, uint64_t base)
{
	static struct kernel kernel;

	start(&kernel, type, base + 0x1010);
	add_segment(&kernel, PT_LOAD, PF_R, base, 0, 0x800, 0x800);
	add_segment(&kernel, PT_LOAD, PF_R | PF_X, base + 0x1000, 0x1000, 0x900, 0x900);
	add_segment(&kernel, PT_LOAD, PF_R | PF_W, base + 0x3100, 0x2100, 0x1000, 0x5000);
	return &kernel;
}

static struct kernel *good(void)
{
	return linked_at(ET_EXEC, 0x200000);
}

static struct kernel *pie(void)
{
	return linked_at(ET_DYN, 0);
}

/* Without headers in a segment. */
static struct kernel *bare(void)
{
	static struct kernel kernel;

	start(&kernel, ET_EXEC, 0x100010);
	add_segment(&kernel, PT_LOAD, PF_R | PF_X, 0x100000, 0x1000, 0x100, 0x100);
	add_segment(&kernel, PT_LOAD, PF_R | PF_W, 0x101000, 0x2000, 0x10, 0x2345);
	return &kernel;
}

/* Section headers at the end, names before them. A name must be at most 15 bytes. */
static void add_section(struct kernel *kernel, const char *name, uint32_t type, uint64_t flags,
			uint64_t offset, uint64_t size)
{
	const size_t names = 0x8000, table = 0x9000;
	Elf64_Shdr *sections = (Elf64_Shdr *)(kernel->bytes + table);

	if (!kernel->sections) {
		memset(kernel->bytes + names, 0, 0x1000);
		sections[kernel->sections++] = (Elf64_Shdr){0};
		sections[kernel->sections++] =
			(Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = names, .sh_size = 0x400};
	}
	strcpy((char *)kernel->bytes + names + 16 * kernel->sections, name);
	sections[kernel->sections] = (Elf64_Shdr){.sh_name = (uint32_t)(16 * kernel->sections),
						  .sh_type = type,
						  .sh_flags = flags,
						  .sh_offset = offset,
						  .sh_size = size};
	kernel->sections++;
	header(kernel)->e_shoff = table;
	header(kernel)->e_shnum = (uint16_t)kernel->sections;
	header(kernel)->e_shstrndx = 1;
	kernel->size = table + kernel->sections * sizeof(Elf64_Shdr);
}

/* Runs the checks on a buffer of exactly the file's size, so that a sanitizer sees each byte too many. */
struct run {
	uint8_t *data;
	struct elf elf;
	char *text; /* what was said */
	bool done;
};

static struct run *run_limit(const struct kernel *kernel, uint32_t image_mib)
{
	struct run *run = calloc(1, sizeof(*run));
	size_t length;
	struct report report = {"kernel.elf", open_memstream(&run->text, &length)};

	run->data = malloc(kernel->size ? kernel->size : 1);
	memcpy(run->data, kernel->bytes, kernel->size);
	run->done = elf_open(&run->elf, run->data, kernel->size, &report) &&
		    check_kernel(&run->elf, image_mib, &report);
	if (run->done)
		check_warn(&run->elf, &report);
	fclose(report.stream);
	return run;
}

static struct run *run(const struct kernel *kernel)
{
	return run_limit(kernel, IMAGE_MIB_DEFAULT);
}

static void end(struct run *run)
{
	free(run->data);
	free(run->text);
	free(run);
}

/* One line that names the file, holds `fact` and offers a way out. */
static void assert_sentence(const char *text, const char *file, const char *fact)
{
	char start[200];

	snprintf(start, sizeof(start), "twinboot: %s: ", file);
	if (strncmp(text, start, strlen(start)) != 0 || !strstr(text, fact) || !strstr(text, "; ") ||
	    strchr(text, '\n') != text + strlen(text) - 1)
		fail_msg("\"%s\" is not a sentence about \"%s\"", text, fact);
}

static void refuse_limit(const struct kernel *kernel, uint32_t image_mib, const char *fact)
{
	struct run *refused = run_limit(kernel, image_mib);

	assert_false(refused->done);
	assert_sentence(refused->text, "kernel.elf", fact);
	end(refused);
}

static void refuse(const struct kernel *kernel, const char *fact)
{
	refuse_limit(kernel, IMAGE_MIB_DEFAULT, fact);
}

static void accept_silently(const struct kernel *kernel)
{
	struct run *accepted = run(kernel);

	assert_string_equal(accepted->text, "");
	assert_true(accepted->done);
	end(accepted);
}

static void accept_warned(const struct kernel *kernel, const char *fact)
{
	struct run *accepted = run(kernel);

	assert_true(accepted->done);
	assert_sentence(accepted->text, "kernel.elf: warning", fact);
	end(accepted);
}

/* A padded kernel, read back from its file. */
struct padded {
	struct layout layout;
	uint8_t *bytes;
};

static const Elf64_Phdr *padded_segment(const struct padded *padded, unsigned int index)
{
	return (const Elf64_Phdr *)(padded->bytes + padded->layout.header.e_phoff) + index;
}

/* Pads and checks what holds for every kernel: distances, sizes, contents, zeros, and that it is a kernel
 * again. */
static struct padded *pad(const struct kernel *kernel)
{
	struct padded *padded = calloc(1, sizeof(*padded));
	struct run *checked = run(kernel);
	const struct elf *elf = &checked->elf;
	struct output output = {{"padded", stderr}, NULL, memfd_create("padded", 0)};
	const Elf64_Ehdr *ehdr;
	struct elf again;
	struct stat status;
	uint64_t header_size;
	uint8_t *expected;

	assert_true(checked->done);
	layout_plan(&padded->layout, elf);
	assert_true(layout_write(&padded->layout, elf, &output));
	assert_int_equal(fstat(output.descriptor, &status), 0);
	assert_int_equal(status.st_size, padded->layout.size);
	assert_int_equal(status.st_size % 4096, 0);
	padded->bytes = mmap(NULL, padded->layout.size, PROT_READ, MAP_PRIVATE, output.descriptor, 0);
	close(output.descriptor);
	assert_ptr_not_equal(padded->bytes, MAP_FAILED);

	ehdr = (const Elf64_Ehdr *)padded->bytes;
	assert_int_equal(ehdr->e_shoff, 0);
	assert_int_equal(ehdr->e_shnum, 0);
	assert_int_equal(ehdr->e_shstrndx, 0);
	assert_int_equal(ehdr->e_entry, elf->header.e_entry);
	assert_int_equal(ehdr->e_phnum, elf->header.e_phnum);

	expected = calloc(1, padded->layout.size);
	for (uint32_t i = 0; i < elf->load_count; i++)
		memcpy(expected + padded->layout.header_size + (elf->loads[i].p_vaddr - elf->base),
		       elf->data + elf->loads[i].p_offset, elf->loads[i].p_filesz);
	memcpy(expected, &padded->layout.header, sizeof(Elf64_Ehdr));
	memcpy(expected + padded->layout.header.e_phoff, padded->layout.segments,
	       elf->segment_count * sizeof(Elf64_Phdr));
	assert_memory_equal(padded->bytes, expected, padded->layout.size);
	free(expected);

	assert_true(elf_open(&again, padded->bytes, padded->layout.size, &(struct report){"padded", stderr}));
	assert_int_equal(again.load_count, elf->load_count);
	for (uint32_t i = 0; i < again.load_count; i++) {
		assert_int_equal(again.loads[i].p_offset - again.loads[0].p_offset,
				 again.loads[i].p_vaddr - again.loads[0].p_vaddr);
		assert_int_equal(again.loads[i].p_filesz, again.loads[i].p_memsz);
		assert_int_equal(again.loads[i].p_memsz, elf->loads[i].p_memsz);
		assert_int_equal(again.loads[i].p_flags, elf->loads[i].p_flags);
		assert_int_equal(again.loads[i].p_paddr, elf->loads[i].p_paddr);
		assert_int_equal(again.loads[i].p_align, 4096);
		assert_int_equal(again.loads[i].p_offset % 4096, again.loads[i].p_vaddr % 4096);
	}
	assert_true(is_padded(&again, &header_size));
	assert_int_equal(header_size, padded->layout.header_size);
	assert_int_equal(again.loads[0].p_offset - again.loads[0].p_vaddr % 4096, header_size);
	end(checked);
	return padded;
}

static void end_padded(struct padded *padded)
{
	munmap(padded->bytes, padded->layout.size);
	free(padded);
}

static void headers_in_the_first_segment_take_no_page(void **state)
{
	struct padded *padded = pad(good());

	(void)state;
	assert_int_equal(padded->layout.header_size, 0);
	assert_int_equal(padded->layout.size, 0x9000);
	assert_int_equal(padded->layout.header.e_phoff, 64);
	end_padded(padded);
}

static void headers_in_no_segment_get_a_page(void **state)
{
	struct kernel *kernel = bare();
	struct padded *padded = pad(kernel);

	(void)state;
	assert_int_equal(padded->layout.header_size, 4096);
	assert_int_equal(padded->layout.size, 4096 + 0x4000);
	end_padded(padded);

	/* Each of these hides the headers from the image. */
	kernel = good();
	segment(kernel, 0)->p_filesz = 64 + 2 * 56;
	padded = pad(kernel);
	assert_int_equal(padded->layout.header_size, 4096);
	end_padded(padded);

	kernel = good();
	segment(kernel, 0)->p_vaddr += 0x10;
	padded = pad(kernel);
	assert_int_equal(padded->layout.header_size, 4096);
	end_padded(padded);

	kernel = good();
	segment(kernel, 0)->p_offset = 8;
	padded = pad(kernel);
	assert_int_equal(padded->layout.header_size, 4096);
	end_padded(padded);

	kernel = good(); /* the table behind the image, as tools leave it that add a segment */
	memcpy(kernel->bytes + 0x3800, segment(kernel, 0), 3 * sizeof(Elf64_Phdr));
	header(kernel)->e_phoff = 0x3800;
	padded = pad(kernel);
	assert_int_equal(padded->layout.header_size, 4096);
	assert_int_equal(padded->layout.header.e_phoff, 64);
	end_padded(padded);

	/* The table within the ELF header, as in the smallest programs: e_phnum is p_type, too. */
	const Elf64_Phdr only = {PT_LOAD, PF_R | PF_X, 0, 0x200000, 0x200000, 0x2000, 0x2000, 1};

	kernel = bare();
	header(kernel)->e_entry = 0x201000;
	header(kernel)->e_phoff = 56;
	memcpy(kernel->bytes + 56, &only, sizeof(only));
	padded = pad(kernel);
	assert_int_equal(padded->layout.header_size, 4096);
	assert_int_equal(padded->layout.header.e_phoff, 64);
	end_padded(padded);
}

static void many_headers_get_two_pages(void **state)
{
	struct kernel *kernel = bare();
	struct padded *padded;

	(void)state;
	while (header(kernel)->e_phnum < ELF_SEGMENTS_MAX)
		add_segment(kernel, PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0);
	segment(kernel, 0)->p_offset = 0x2000;
	segment(kernel, 1)->p_offset = 0x3000;
	padded = pad(kernel);
	assert_int_equal(padded->layout.header_size, 8192);
	end_padded(padded);

	header(kernel)->e_phnum++;
	refuse(kernel, "too many program headers (129");
	header(kernel)->e_phnum = PN_XNUM;
	refuse(kernel, "too many program headers (PN_XNUM");
}

static void segments_are_sorted(void **state)
{
	struct kernel *kernel = good();
	Elf64_Phdr first = *segment(kernel, 0);
	struct padded *padded;

	(void)state;
	*segment(kernel, 0) = *segment(kernel, 2);
	*segment(kernel, 2) = first;
	padded = pad(kernel);
	assert_int_equal(padded->layout.header_size, 0);
	assert_int_equal(padded_segment(padded, 0)->p_vaddr, 0x200000);
	assert_int_equal(padded_segment(padded, 1)->p_vaddr, 0x201000);
	assert_int_equal(padded_segment(padded, 2)->p_vaddr, 0x203100);
	end_padded(padded);
}

static void empty_segments_are_dropped(void **state)
{
	struct kernel *kernel = good();
	struct padded *padded;

	(void)state;
	add_segment(kernel, PT_LOAD, PF_R | PF_W | PF_X, 0xdead0000, UINT64_MAX, 0, 0);
	padded = pad(kernel);
	assert_int_equal(padded_segment(padded, 3)->p_type, PT_NULL);
	assert_int_equal(padded->layout.size, 0x9000);
	end_padded(padded);
}

static void bss_needs_no_place_in_the_file(void **state)
{
	struct kernel *kernel = good();
	struct padded *padded;

	(void)state;
	add_segment(kernel, PT_LOAD, PF_R | PF_W, 0x20a000, UINT64_MAX - 5, 0, 64 * MIB);
	padded = pad(kernel);
	assert_int_equal(padded->layout.size, 0xa000 + 64 * MIB);
	end_padded(padded);
}

static void segments_may_share_a_page(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	segment(kernel, 2)->p_vaddr = 0x201900; /* the byte after the code */
	accept_warned(kernel,
		      "0x201000 (R-X) and 0x201900 (RW-) that share the page 0x201000, which becomes RWX");
	end_padded(pad(kernel));

	segment(kernel, 2)->p_flags = PF_R | PF_X; /* nothing widens */
	accept_silently(kernel);
	segment(kernel, 2)->p_vaddr = 0x2018ff;
	refuse(kernel, "overlapping segments");
}

static void writable_code_is_warned_of(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	segment(kernel, 1)->p_flags = PF_R | PF_W | PF_X;
	accept_warned(kernel, "0x201000 that is writable and executable");
}

static void views_follow_their_bytes(void **state)
{
	struct kernel *kernel = bare();
	struct padded *padded;
	const Elf64_Phdr *tls, *relro, *stack, *lost, *note, *bss_tls, *phdr;

	(void)state;
	add_segment(kernel, PT_TLS, PF_R, 0x101004, 0x2004, 8, 0x4000);          /* .tbss takes no memory */
	add_segment(kernel, PT_GNU_RELRO, PF_R, 0x101000, 0x2000, 0x10, 0xf000); /* rounded up beyond all */
	add_segment(kernel, PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0)->p_align = 16;
	add_segment(kernel, PT_NOTE, PF_R, 0, 0x3000, 0x20, 0x20); /* not in memory */
	add_segment(kernel, PT_NOTE, PF_R, 0x100080, 0x1084, 0x20,
		    0x20);                                       /* other bytes than those in memory */
	add_segment(kernel, PT_TLS, PF_R, 0x101010, 0, 0, 0x40); /* all .tbss */
	add_segment(kernel, PT_PHDR, PF_R, 0x100040, 0x1040, 0x40, 0x40);
	padded = pad(kernel);
	tls = padded_segment(padded, 2);
	relro = padded_segment(padded, 3);
	stack = padded_segment(padded, 4);
	lost = padded_segment(padded, 5);
	note = padded_segment(padded, 6);
	bss_tls = padded_segment(padded, 7);
	phdr = padded_segment(padded, 8);

	assert_int_equal(tls->p_type, PT_TLS);
	assert_int_equal(tls->p_offset, 0x2004);
	assert_int_equal(tls->p_vaddr, 0x101004);
	assert_int_equal(tls->p_filesz, 8);
	assert_int_equal(tls->p_memsz, 0x4000);
	assert_int_equal(relro->p_type, PT_GNU_RELRO);
	assert_int_equal(relro->p_offset, 0x2000);
	assert_int_equal(relro->p_memsz, 0xf000);
	assert_int_equal(stack->p_type, PT_GNU_STACK);
	assert_int_equal(stack->p_align, 16);
	assert_int_equal(lost->p_type, PT_NULL);
	assert_int_equal(note->p_type, PT_NULL);
	assert_int_equal(bss_tls->p_type, PT_TLS);
	assert_int_equal(bss_tls->p_offset, 0x2010);
	assert_int_equal(phdr->p_type, PT_NULL); /* the table is not where it says */
	end_padded(padded);

	kernel = good();
	add_segment(kernel, PT_PHDR, PF_R, 0x200040, 0x40, 4 * 56, 4 * 56);
	padded = pad(kernel);
	assert_int_equal(padded_segment(padded, 3)->p_type, PT_PHDR);
	assert_int_equal(padded_segment(padded, 3)->p_offset, 0x40);
	end_padded(padded);

	/* Padding a padded file must change nothing, so nothing that means nothing is kept. */
	kernel = good();
	add_segment(kernel, PT_PHDR, PF_R, 0x200040, 0x40, 0, 0);
	add_segment(kernel, PT_NULL, PF_R, 0x200040, 0x41, 1, 2);
	padded = pad(kernel);
	assert_int_equal(padded_segment(padded, 3)->p_type, PT_NULL);
	assert_int_equal(padded_segment(padded, 4)->p_memsz, 0);
	end_padded(padded);
}

static void relro_beyond_the_image_is_cut(void **state)
{
	struct kernel *kernel = bare();
	struct padded *padded;

	(void)state;
	add_segment(kernel, PT_GNU_RELRO, PF_R, 0x101000, 0x2000, UINT64_MAX, UINT64_MAX);
	add_segment(kernel, PT_GNU_RELRO, PF_R, 0x900000, 0x2000, 0x10, 0x10);
	padded = pad(kernel);
	assert_int_equal(padded_segment(padded, 2)->p_filesz, padded->layout.size - 0x2000);
	assert_int_equal(padded_segment(padded, 3)->p_type, PT_NULL);
	end_padded(padded);
}

static void every_alignment_and_abi_is_taken(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	header(kernel)->e_ident[EI_OSABI] = ELFOSABI_FREEBSD;
	segment(kernel, 1)->p_align = 1;
	segment(kernel, 1)->p_offset = 0x1234; /* not congruent with its address */
	segment(kernel, 2)->p_align = UINT64_MAX;
	accept_silently(kernel);
	end_padded(pad(kernel));
	accept_silently(linked_at(ET_EXEC, 0xffffffff80100000));
	accept_silently(linked_at(ET_DYN, 0xffffffff80100000));
	accept_silently(linked_at(ET_DYN, 0x1000));
	accept_silently(pie());
	end_padded(pad(pie()));
	end_padded(pad(linked_at(ET_EXEC, 0xffffffffffff6000))); /* up to, but not into, the last page */
}

static void what_is_no_kernel_is_refused(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	kernel->size = 0;
	refuse(kernel, "is empty");
	kernel->size = 3;
	refuse(kernel, "is not an ELF file");
	kernel->size = 5;
	refuse(kernel, "is truncated: its ELF header");
	kernel->size = 63;
	refuse(kernel, "is truncated: its ELF header");
	kernel->size = 64 + 3 * 56 - 1;
	refuse(kernel, "is truncated: its program header table");
	kernel->size = 0x30ff;
	refuse(kernel, "is truncated: its segment (4096 bytes at byte 8448)");
	kernel->size = 0x3100;
	accept_silently(kernel);

	kernel->bytes[0] = '#';
	refuse(kernel, "is not an ELF file");
	kernel = good();
	kernel->bytes[EI_CLASS] = ELFCLASS32;
	kernel->size = 52;
	refuse(kernel, "is a 32-bit ELF file");
	kernel = good();
	kernel->bytes[EI_DATA] = ELFDATA2MSB;
	refuse(kernel, "is a big-endian ELF file");
	kernel = good();
	header(kernel)->e_machine = EM_AARCH64;
	refuse(kernel, "is built for AArch64");
	header(kernel)->e_machine = 0xfedc;
	refuse(kernel, "is built for another machine (e_machine 65244)");
	kernel = good();
	header(kernel)->e_type = ET_REL;
	refuse(kernel, "link it first");
	header(kernel)->e_type = ET_CORE;
	refuse(kernel, "is no executable (e_type 4)");
	kernel = good();
	header(kernel)->e_phentsize = 32;
	refuse(kernel, "program headers of 32 bytes (e_phentsize)");
	header(kernel)->e_phnum = 0;
	refuse(kernel, "has no PT_LOAD");
	kernel = good();
	for (unsigned int i = 0; i < 3; i++)
		segment(kernel, i)->p_type = PT_NOTE;
	refuse(kernel, "has no PT_LOAD");
	kernel = good();
	header(kernel)->e_phoff = UINT64_MAX - 10;
	refuse(kernel, "is truncated: its program header table");
}

static void section_headers_must_be_whole(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	add_section(kernel, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000, 0x900);
	accept_silently(kernel);
	kernel->size--;
	refuse(kernel, "is truncated: its section header table");
	kernel->size++;
	header(kernel)->e_shentsize = 40;
	refuse(kernel, "section headers of 40 bytes");
	header(kernel)->e_shentsize = 64;
	header(kernel)->e_shoff = UINT64_MAX - 63;
	refuse(kernel, "is truncated: its section header table");

	kernel = good();
	add_section(kernel, ".debug", SHT_PROGBITS, 0, 0x7fff0000, 0x100);
	refuse(kernel, "is truncated: its section");
	kernel = good();
	add_section(kernel, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000, 0x900);
	add_section(kernel, ".bss", SHT_NOBITS, SHF_ALLOC, 0x7fff0000, 0x100);
	add_section(kernel, ".empty", SHT_PROGBITS, SHF_ALLOC, 0x7fff0000, 0);
	accept_silently(kernel);
	header(kernel)->e_shstrndx = 77; /* no names: all executable sections count */
	accept_silently(kernel);

	/* Numbers too large for the ELF header. */
	((Elf64_Shdr *)(kernel->bytes + 0x9000))->sh_size = header(kernel)->e_shnum;
	((Elf64_Shdr *)(kernel->bytes + 0x9000))->sh_link = 1;
	header(kernel)->e_shnum = 0;
	header(kernel)->e_shstrndx = SHN_XINDEX;
	accept_silently(kernel);
	((Elf64_Shdr *)(kernel->bytes + 0x9000))->sh_size = UINT64_MAX / 8;
	refuse(kernel, "is truncated: its section header table");
}

static void code_must_be_there(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	add_section(kernel, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000, 0);
	refuse(kernel, "has no code: .text is empty");
	kernel = good();
	add_section(kernel, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000, 15);
	accept_warned(kernel, "has only 15 bytes of code");
	kernel = good();
	add_section(kernel, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000, 16);
	accept_silently(kernel);
	kernel = good(); /* what objcopy --only-keep-debug leaves */
	add_section(kernel, ".text", SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000, 0x900);
	refuse(kernel, "has no code");
	kernel = good();
	add_section(kernel, ".data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 0x2100, 0x900);
	refuse(kernel, "has no code");
	kernel = good();
	add_section(kernel, ".boot", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000, 10);
	add_section(kernel, ".init", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0x100a, 10);
	accept_silently(kernel);
	kernel = good();
	segment(kernel, 1)->p_flags = PF_R;
	refuse(kernel, "has no code");
	kernel = good();
	segment(kernel, 1)->p_filesz = 15;
	header(kernel)->e_entry = 0x201000;
	accept_warned(kernel, "has only 15 bytes of code");
}

static void the_entry_must_be_code(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	header(kernel)->e_entry = 0;
	refuse(kernel, "entry point 0x0 outside every executable segment");
	header(kernel)->e_entry = 0x203100;
	refuse(kernel, "entry point 0x203100 outside");
	header(kernel)->e_entry = 0x201900;
	refuse(kernel, "entry point 0x201900 outside");
	header(kernel)->e_entry = 0x2018ff;
	accept_silently(kernel);
	segment(kernel, 1)->p_memsz = 0x1000; /* zeros behind the code */
	header(kernel)->e_entry = 0x201900;
	refuse(kernel, "entry point 0x201900 outside");
}

/* gcc -shared -nostdlib with headers in the text segment: the entry is 0. */
static void the_entry_must_be_no_header(void **state)
{
	static const uint64_t headers[] = {0, 63, 64, 64 + 3 * 56 - 1};
	struct kernel *kernel = good();

	(void)state;
	segment(kernel, 0)->p_flags |= PF_X;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		header(kernel)->e_entry = 0x200000 + headers[i];
		refuse(kernel, "inside its ELF headers, so its linker found no entry symbol");
	}
	header(kernel)->e_entry = 0x200000 + 64 + 3 * 56;
	accept_silently(kernel);
}

static void impossible_segments_are_refused(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	segment(kernel, 2)->p_memsz = 0xfff;
	refuse(kernel, "more bytes in the file (4096) than in memory (4095)");
	kernel = good();
	segment(kernel, 2)->p_vaddr = 0x200900;
	refuse(kernel, "has overlapping segments");
	kernel = good();
	segment(kernel, 1)->p_memsz = 0x2101; /* into the third */
	refuse(kernel, "0x2101 bytes at 0x201000 reach into the one at 0x203100");
	kernel = good();
	segment(kernel, 2)->p_offset = UINT64_MAX - 0xfff;
	refuse(kernel, "is truncated: its segment");
	kernel = good();
	segment(kernel, 2)->p_memsz = UINT64_MAX;
	refuse(kernel, "wraps around");
	segment(kernel, 2)->p_vaddr = UINT64_MAX - 0xffff;
	segment(kernel, 2)->p_memsz = 0xf001;
	refuse(kernel, "wraps around");
}

static void addresses_must_be_the_kernels(void **state)
{
	struct kernel *kernel = linked_at(ET_EXEC, 0);

	(void)state;
	refuse(kernel, "virtual page 0, which is never mapped");
	kernel = linked_at(ET_EXEC, 0);
	segment(kernel, 0)->p_vaddr = 0xfff;
	segment(kernel, 0)->p_filesz = segment(kernel, 0)->p_memsz = 1;
	refuse(kernel, "virtual page 0, which is never mapped");

	refuse(linked_at(ET_EXEC, LOWER_HALF_END), "not canonical");
	refuse(linked_at(ET_EXEC, LOWER_HALF_END - 0x8000), "not canonical");
	refuse(linked_at(ET_EXEC, HIGHER_HALF_BASE - 0x1000), "not canonical");
	accept_silently(linked_at(ET_EXEC, LOWER_HALF_END - 0x9000));
	refuse(linked_at(ET_EXEC, HIGHER_HALF_BASE), "where the loader maps physical memory");
	refuse(linked_at(ET_EXEC, DIRECT_MAP_BASE + DIRECT_MAP_SIZE_MAX - 0x1000), "maps physical memory");
	accept_silently(linked_at(ET_EXEC, DIRECT_MAP_BASE + DIRECT_MAP_SIZE_MAX));
	refuse(linked_at(ET_EXEC, LOADER_WINDOW_BASE - 0x8000), "where the loader maps its stacks");
	refuse(linked_at(ET_DYN, LOADER_WINDOW_BASE + LOADER_WINDOW_SIZE - 0x1000), "maps its stacks");
	accept_silently(linked_at(ET_EXEC, LOADER_WINDOW_BASE - 0x9000));
	accept_silently(linked_at(ET_EXEC, LOADER_WINDOW_BASE + LOADER_WINDOW_SIZE));

	kernel = linked_at(ET_EXEC, PIE_BASE);
	add_segment(kernel, PT_LOAD, PF_R | PF_X, 0x100000, 0x1000, 0x10, 0x10);
	refuse(kernel, "both halves of the address space, 0x100000 and 0xffffffff80003100");
}

static void padding_has_a_limit(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	segment(kernel, 2)->p_vaddr = 0x200000 + 1024 * MIB - 0x5000;
	accept_silently(kernel); /* ends at 1 GiB to the byte */
	segment(kernel, 2)->p_vaddr += 1;
	refuse(kernel, "padded to 1025 MiB, the limit is 1024 MiB; link them closer together, or raise "
		       "the limit to 1025 MiB (--max-image)");
	end(run_limit(kernel, 1025));
	segment(kernel, 2)->p_vaddr = 0x200000 + 4096 * MIB;
	refuse_limit(kernel, 3072, "--max-image raises it to at most 3072");

	kernel = good();
	segment(kernel, 2)->p_memsz = 1024 * MIB;
	refuse(kernel,
	       "takes 1025 MiB of memory and the limit is 1024 MiB; make it smaller, or raise the limit "
	       "to 1025 MiB (--max-image)");
	segment(kernel, 2)->p_memsz = 3072 * MIB;
	refuse(kernel, "takes 3073 MiB of memory and no limit allows more than 3072");
	kernel = good();
	segment(kernel, 2)->p_vaddr = LOWER_HALF_END - 0x5000;
	refuse(kernel, "so far apart");

	kernel = pie();
	segment(kernel, 2)->p_memsz = 2048 * MIB - 0x4000;
	refuse_limit(kernel, 3072, "where only 2 GiB are left");
	segment(kernel, 2)->p_memsz -= 0x1000;
	struct run *accepted = run_limit(kernel, 3072);

	assert_true(accepted->done);
	end(accepted);
}

/* PT_DYNAMIC at data offset 0x100, RELA at 0x400, RELR at 0x800. */
#define DATA_OFFSET    0x2100
#define DATA_ADDRESS   0x3100
#define DYNAMIC_OFFSET 0x100
#define RELA_OFFSET    0x400
#define RELR_OFFSET    0x800

static struct kernel *dynamic_pie(const Elf64_Dyn *tags, size_t count)
{
	struct kernel *kernel = pie();

	memcpy(kernel->bytes + DATA_OFFSET + DYNAMIC_OFFSET, tags, count * sizeof(*tags));
	add_segment(kernel, PT_DYNAMIC, PF_R | PF_W, DATA_ADDRESS + DYNAMIC_OFFSET,
		    DATA_OFFSET + DYNAMIC_OFFSET, count * sizeof(*tags), count * sizeof(*tags));
	return kernel;
}

static struct kernel *rela_pie(const Elf64_Rela *relocations, size_t count)
{
	const Elf64_Dyn tags[] = {{DT_RELA, {DATA_ADDRESS + RELA_OFFSET}},
				  {DT_RELASZ, {count * sizeof(*relocations)}},
				  {DT_RELAENT, {sizeof(*relocations)}},
				  {DT_NULL, {0}},
				  {DT_NEEDED, {1}}}; /* behind the end, so it does not count */
	struct kernel *kernel = dynamic_pie(tags, 5);

	memcpy(kernel->bytes + DATA_OFFSET + RELA_OFFSET, relocations, count * sizeof(*relocations));
	return kernel;
}

static struct kernel *relr_pie(const uint64_t *words, size_t count)
{
	const Elf64_Dyn tags[] = {{DT_RELR, {DATA_ADDRESS + RELR_OFFSET}},
				  {DT_RELRSZ, {count * sizeof(*words)}},
				  {DT_RELRENT, {sizeof(*words)}}};
	struct kernel *kernel = dynamic_pie(tags, 3); /* no DT_NULL: the segment's end is the table's */

	memcpy(kernel->bytes + DATA_OFFSET + RELR_OFFSET, words, count * sizeof(*words));
	return kernel;
}

static void relative_relocations_are_taken(void **state)
{
	const uint64_t last = DATA_ADDRESS + 0x5000 - 8;
	const Elf64_Rela relocations[] = {{DATA_ADDRESS + 0x10, R_X86_64_RELATIVE, 0x1000},
					  {UINT64_MAX, R_X86_64_NONE, 0},
					  {last, R_X86_64_RELATIVE, 0}};
	const uint64_t words[] = {DATA_ADDRESS, 0x8000000000000001, last - 8, 3};

	(void)state;
	accept_silently(rela_pie(relocations, 3));
	end_padded(pad(rela_pie(relocations, 3)));
	accept_silently(rela_pie(relocations, 0));
	accept_silently(relr_pie(words, 4));
	end_padded(pad(relr_pie(words, 4)));
	accept_silently(dynamic_pie((const Elf64_Dyn[]){{DT_DEBUG, {0}}, {DT_TEXTREL, {0}}}, 2));

	struct kernel *kernel = pie(); /* an empty PT_DYNAMIC would be nothing for core to read */
	add_segment(kernel, PT_DYNAMIC, PF_R, DATA_ADDRESS, DATA_OFFSET, 0, 0x10);
	struct padded *padded = pad(kernel);
	assert_int_equal(padded_segment(padded, 3)->p_type, PT_NULL);
	end_padded(padded);
	kernel = dynamic_pie((const Elf64_Dyn[]){{DT_NULL, {0}}}, 1); /* core wants whole ones */
	segment(kernel, 3)->p_memsz += 16;
	padded = pad(kernel);
	assert_int_equal(padded_segment(padded, 3)->p_filesz, 16);
	assert_int_equal(padded_segment(padded, 3)->p_memsz, 16);
	end_padded(padded);
}

static void other_relocations_are_refused(void **state)
{
	const Elf64_Rela symbols[] = {{DATA_ADDRESS, R_X86_64_RELATIVE, 0},
				      {DATA_ADDRESS + 8, ELF64_R_INFO(3, R_X86_64_GLOB_DAT), 0},
				      {DATA_ADDRESS + 16, ELF64_R_INFO(4, R_X86_64_GLOB_DAT), 0}};
	const Elf64_Rela ifunc = {DATA_ADDRESS, R_X86_64_IRELATIVE, 0x1000};
	const uint64_t bitmap = 3, beyond = DATA_ADDRESS + 0x5000;
	const uint64_t past[] = {DATA_ADDRESS + 0x5000 - 8, 3};
	struct kernel *kernel;

	(void)state;
	refuse(rela_pie(symbols, 3),
	       "has 2 relocation(s) of type 6 (R_X86_64_GLOB_DAT), the first for 0x3108");
	refuse(rela_pie(symbols, 3), "-static-pie");
	refuse(rela_pie(&ifunc, 1), "type 37 (R_X86_64_IRELATIVE)");
	refuse(rela_pie(&ifunc, 1), "without ifunc");
	kernel = rela_pie(symbols, 3);
	header(kernel)->e_type = ET_EXEC;
	refuse(kernel, "link it with -static,");

	refuse(rela_pie(&(Elf64_Rela){DATA_ADDRESS + 0x5000 - 7, R_X86_64_RELATIVE, 0}, 1),
	       "has a relocation at 0x80f9, outside");
	refuse(rela_pie(&(Elf64_Rela){UINT64_MAX - 3, R_X86_64_RELATIVE, 0}, 1), "outside its segments");
	refuse(relr_pie(&beyond, 1), "has a relocation at 0x8100, outside");
	refuse(relr_pie(past, 2), "has a relocation at 0x8100, outside");
	refuse(relr_pie(&bitmap, 1), "starts with a bitmap");
}

static void relocation_tables_must_be_whole(void **state)
{
	(void)state;
#define REFUSE_TAGS(fact, ...) \
	refuse(dynamic_pie((const Elf64_Dyn[]){__VA_ARGS__}, \
			   sizeof((const Elf64_Dyn[]){__VA_ARGS__}) / sizeof(Elf64_Dyn)), \
	       fact)
	REFUSE_TAGS("needs shared libraries", {DT_NEEDED, {1}});
	REFUSE_TAGS("48 bytes of relocations for a PLT", {DT_JMPREL, {DATA_ADDRESS}}, {DT_PLTRELSZ, {48}});
	REFUSE_TAGS("DT_REL)", {DT_REL, {DATA_ADDRESS}}, {DT_RELSZ, {16}});
	REFUSE_TAGS("Android's packed tables", {0x60000011, {DATA_ADDRESS}});
	REFUSE_TAGS("DT_RELA table of 24 bytes in entries of 0,", {DT_RELA, {DATA_ADDRESS}},
		    {DT_RELASZ, {24}});
	REFUSE_TAGS("DT_RELA table of 25 bytes", {DT_RELA, {DATA_ADDRESS}}, {DT_RELASZ, {25}},
		    {DT_RELAENT, {24}});
	REFUSE_TAGS("DT_RELR table of 12 bytes", {36, {DATA_ADDRESS}}, {35, {12}}, {37, {8}});
	REFUSE_TAGS("outside its segments", {DT_RELA, {0x900000}}, {DT_RELASZ, {24}}, {DT_RELAENT, {24}});
	REFUSE_TAGS("outside its segments", {DT_RELA, {DATA_ADDRESS}}, {DT_RELASZ, {UINT64_MAX - 15}},
		    {DT_RELAENT, {24}});
	/* In .bss there is no table. */
	REFUSE_TAGS("outside its segments", {DT_RELA, {DATA_ADDRESS + 0x1000 - 16}}, {DT_RELASZ, {24}},
		    {DT_RELAENT, {24}});
#undef REFUSE_TAGS

	struct kernel *kernel = dynamic_pie((const Elf64_Dyn[]){{DT_NULL, {0}}}, 1);
	Elf64_Phdr dynamic = *segment(kernel, 3);

	segment(kernel, 3)->p_vaddr = 0x900000;
	refuse(kernel, "PT_DYNAMIC at 0x900000 outside its PT_LOAD");
	*segment(kernel, 3) = dynamic;
	segment(kernel, 3)->p_vaddr = DATA_ADDRESS + 0x1000 - 8; /* half of it in .bss */
	refuse(kernel, "outside its PT_LOAD");
	*segment(kernel, 3) = dynamic;
	segment(kernel, 3)->p_offset = UINT64_MAX; /* the address counts */
	end_padded(pad(kernel));
	*segment(kernel, 3) = dynamic;
	add_segment(kernel, PT_DYNAMIC, PF_R, DATA_ADDRESS, DATA_OFFSET, 16, 16);
	refuse(kernel, "two PT_DYNAMIC");
	kernel = good();
	add_segment(kernel, PT_INTERP, PF_R, 0x200200, 0x200, 16, 16);
	refuse(kernel, "PT_INTERP");
}

/* Notes at offset 0x400 of the file, in the first segment. */
static size_t put_note(uint8_t *at, const char *name, uint32_t type, const void *description, uint32_t size,
		       uint32_t align)
{
	const Elf64_Nhdr note = {(uint32_t)strlen(name) + 1, size, type};
	size_t description_at = (sizeof(note) + note.n_namesz + align - 1) / align * align;

	memcpy(at, &note, sizeof(note));
	memcpy(at + sizeof(note), name, note.n_namesz);
	memcpy(at + description_at, description, size);
	return (description_at + size + align - 1) / align * align;
}

static struct kernel *noted(struct kernel *kernel, const struct twinboot_needs *needs)
{
	size_t size =
		put_note(kernel->bytes + 0x400, "twinboot", TWINBOOT_NOTE_TYPE, needs, sizeof(*needs), 4);

	add_segment(kernel, PT_NOTE, PF_R, segment(kernel, 0)->p_vaddr + 0x400, 0x400, size, size);
	return kernel;
}

static struct twinboot_needs needs_of(const struct kernel *kernel)
{
	struct run *accepted = run(kernel);
	struct twinboot_needs needs;

	assert_true(accepted->done);
	assert_true(needs_read(&accepted->elf, &needs, &(struct report){"kernel.elf", stderr}));
	end(accepted);
	return needs;
}

static void needs_have_defaults(void **state)
{
	struct twinboot_needs needs = needs_of(good());

	(void)state;
	assert_int_equal(needs.contract, TWINBOOT_CONTRACT_VERSION);
	assert_int_equal(needs.stack_size, TWINBOOT_STACK_DEFAULT);
	assert_int_equal(needs.flags, 0);
	assert_int_equal(needs.framebuffer_width, 0);

	needs = (struct twinboot_needs){1,   TWINBOOT_NEED_FRAMEBUFFER | TWINBOOT_NEED_IN_PLACE, 800, 600, 24,
					5000};
	needs = needs_of(noted(good(), &needs));
	assert_int_equal(needs.flags, TWINBOOT_NEED_FRAMEBUFFER | TWINBOOT_NEED_IN_PLACE);
	assert_int_equal(needs.framebuffer_width, 800);
	assert_int_equal(needs.framebuffer_height, 600);
	assert_int_equal(needs.framebuffer_bits_per_pixel, 24);
	assert_int_equal(needs.stack_size, 8192);
}

/* The macro that kernels use makes what is read here. */
static void the_headers_macro_makes_a_note(void **state)
{
	TWINBOOT_NEEDS(TWINBOOT_LEAVE_CPUS, 1024, 768, 32, 0);
	struct kernel *kernel = good();

	(void)state;
	memcpy(kernel->bytes + 0x400, &twinboot_note, sizeof(twinboot_note));
	add_segment(kernel, PT_NOTE, PF_R, 0x200400, 0x400, sizeof(twinboot_note), sizeof(twinboot_note));
	assert_int_equal(needs_of(kernel).flags, TWINBOOT_LEAVE_CPUS);
	assert_int_equal(needs_of(kernel).framebuffer_width, 1024);
}

static void needs_are_found_among_other_notes(void **state)
{
	const struct twinboot_needs wanted = {1, TWINBOOT_LEAVE_CPUS, 0, 0, 0, 0};
	const uint8_t build_id[20] = {1, 2, 3};
	const uint8_t property[16] = {2, 0, 0, 0xc0, 4, 0, 0, 0};

	(void)state;
	/* As linker scripts merge them: build id padded to 4, property aligned to 8, and the other way round.
	 */
	for (unsigned int order = 0; order < 2; order++) {
		struct kernel *kernel = good();
		uint8_t *notes = kernel->bytes + 0x400;
		size_t size = 0;

		if (order)
			size += put_note(notes, "GNU", 5, property, sizeof(property), 8);
		size += put_note(notes + size, "GNU", 3, build_id, sizeof(build_id), 4);
		size = (size + 7) & ~(size_t)7;
		if (!order)
			size += put_note(notes + size, "GNU", 5, property, sizeof(property), 8);
		size += put_note(notes + size, "twinboot", TWINBOOT_NOTE_TYPE, &wanted, sizeof(wanted), 4);
		add_segment(kernel, PT_NOTE, PF_R, 0x200400, 0x400, size, size)->p_align = 8;
		assert_int_equal(needs_of(kernel).flags, TWINBOOT_LEAVE_CPUS);
		/* A second segment over the same section is the same note. */
		add_segment(kernel, PT_NOTE, PF_R, 0x200400, 0x400, size, size)->p_align = 4;
		assert_int_equal(needs_of(kernel).flags, TWINBOOT_LEAVE_CPUS);
	}

	/* Names that only start alike, and a last note without its padding. */
	struct kernel *kernel = good();
	size_t size = put_note(kernel->bytes + 0x400, "twinboots", 1, build_id, 18, 4);

	add_segment(kernel, PT_NOTE, PF_R, 0x200400, 0x400, size - 2, size - 2);
	assert_int_equal(needs_of(kernel).flags, 0);
}

static void broken_notes_are_refused(void **state)
{
	const struct twinboot_needs needs = {.contract = 1};
	struct kernel *kernel = noted(good(), &needs);

	(void)state;
	segment(kernel, 3)->p_filesz -= 4;
	refuse(kernel, "malformed ELF note");
	kernel = noted(good(), &needs);
	((Elf64_Nhdr *)(kernel->bytes + 0x400))->n_namesz = UINT32_MAX;
	refuse(kernel, "malformed ELF note");
	kernel = noted(good(), &needs);
	((Elf64_Nhdr *)(kernel->bytes + 0x400))->n_descsz = UINT32_MAX;
	refuse(kernel, "malformed ELF note");
	kernel = noted(good(), &needs);
	((Elf64_Nhdr *)(kernel->bytes + 0x400))->n_descsz = 20;
	refuse(kernel, "twinboot note of 20 bytes, it takes 24");
	kernel = noted(good(), &needs);
	((Elf64_Nhdr *)(kernel->bytes + 0x400))->n_type = 2;
	refuse(kernel, "unknown type 2");

	kernel = noted(good(), &needs);
	put_note(kernel->bytes + 0x430, "twinboot", TWINBOOT_NOTE_TYPE, &needs, sizeof(needs), 4);
	segment(kernel, 3)->p_filesz *= 2;
	refuse(kernel, "two twinboot notes");

	/* A linker script that forgets PT_NOTE, or does not load it, must not lose the needs in silence. */
	kernel = noted(good(), &needs);
	add_section(kernel, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000, 0x900);
	add_section(kernel, ".notes", SHT_NOTE, SHF_ALLOC, 0x400, 48);
	accept_silently(kernel);
	segment(kernel, 3)->p_type = PT_NULL;
	refuse(kernel, "twinboot note in no loaded PT_NOTE segment");
	segment(kernel, 3)->p_type = PT_NOTE;
	segment(kernel, 3)->p_vaddr = 0x900000;
	refuse(kernel, "twinboot note in no loaded PT_NOTE segment");
}

static void needs_that_cannot_be_met_are_refused(void **state)
{
	const struct twinboot_needs in_place = {1, TWINBOOT_NEED_IN_PLACE, 0, 0, 0, 0};

	(void)state;
	refuse(noted(good(), &(struct twinboot_needs){.contract = TWINBOOT_CONTRACT_VERSION + 1}),
	       "needs contract version 3, this twinboot has version 2");
	refuse(noted(good(), &(struct twinboot_needs){.contract = 1, .flags = 1u << 31}),
	       "unknown flags 0x80000000");
	refuse(noted(good(), &(struct twinboot_needs){.contract = 1, .flags = TWINBOOT_NO_EXCEPTION_NET}),
	       "says contract 1 and has flags of contract 2 (0x400)");
	accept_silently(
		noted(good(), &(struct twinboot_needs){.contract = 2, .flags = TWINBOOT_NO_EXCEPTION_NET}));
	refuse(noted(good(),
		     &(struct twinboot_needs){.flags = TWINBOOT_NEED_FRAMEBUFFER | TWINBOOT_KEEP_TEXT_MODE}),
	       "needs a framebuffer and asks to keep the text mode");
	refuse(noted(good(), &(struct twinboot_needs){.flags = TWINBOOT_WANT_X2APIC | TWINBOOT_WANT_XAPIC}),
	       "in x2APIC and in xAPIC mode");
	refuse(noted(good(), &(struct twinboot_needs){.contract = 1, .stack_size = TWINBOOT_STACK_MAX + 1}),
	       "a stack of 16777217 bytes, at most 16777216");
	accept_silently(
		noted(good(), &(struct twinboot_needs){.contract = 1, .stack_size = TWINBOOT_STACK_MAX}));
	refuse(noted(pie(), &in_place), "static PIE");
	refuse(noted(linked_at(ET_EXEC, PIE_BASE), &in_place), "where no physical memory is");
	accept_silently(noted(linked_at(ET_DYN, 0x200000), &in_place));
}

/* Whether padding from `changed` instead of `kernel` gives the same file. */
static bool same_padded(const struct kernel *kernel, const struct kernel *changed)
{
	struct run *a = run(kernel), *b = run(changed);
	static struct layout a_layout, b_layout;
	bool same;

	assert_true(a->done && b->done);
	layout_plan(&a_layout, &a->elf);
	layout_plan(&b_layout, &b->elf);
	same = layout_same(&a_layout, &a->elf, &b_layout, &b->elf);
	assert_int_equal(same, layout_same(&b_layout, &b->elf, &a_layout, &a->elf));
	end(a);
	end(b);
	return same;
}

static void lost_bytes_are_noticed(void **state)
{
	const struct kernel kernel = *good();
	struct kernel changed = kernel;

	(void)state;
	assert_true(same_padded(&kernel, &changed));
	header(&changed)->e_shentsize = 64;
	changed.bytes[0x3fff] ^= 1; /* in no segment */
	assert_true(same_padded(&kernel, &changed));

	/* objcopy moves segments in the file and drops zeros at their end. */
	memmove(changed.bytes + 0x2800, changed.bytes + 0x2100, 0x1000);
	segment(&changed, 2)->p_offset = 0x2800;
	assert_true(same_padded(&kernel, &changed));
	memset(changed.bytes + 0x2800 + 0xff0, 0, 0x10);
	assert_false(same_padded(&kernel, &changed));

	struct kernel zeros = kernel;
	memset(zeros.bytes + 0x2100 + 0xff0, 0, 0x10);
	segment(&changed, 2)->p_filesz = 0xff0;
	assert_true(same_padded(&zeros, &changed));
	zeros.bytes[0x2100 + 0xfff] = 1;
	assert_false(same_padded(&zeros, &changed));

	changed = kernel;
	changed.bytes[0x700] ^= 1; /* behind the headers, in their segment */
	assert_false(same_padded(&kernel, &changed));
	changed = kernel;
	segment(&changed, 0)->p_filesz = 0x7ff;
	assert_true(same_padded(&kernel, &changed) == !kernel.bytes[0x7ff]);
	changed = kernel;
	segment(&changed, 2)->p_memsz++;
	assert_false(same_padded(&kernel, &changed));
	changed = kernel;
	header(&changed)->e_entry++;
	assert_false(same_padded(&kernel, &changed));
}

/* A directory of its own for each test that writes files. */
static int enter_directory(void **state)
{
	char name[] = "/tmp/test_embed.XXXXXX";

	if (!mkdtemp(name) || chdir(name))
		return -1;
	*state = strdup(name);
	return 0;
}

static int leave_directory(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", (char *)*state);
	free(*state);
	return chdir("/") || system(command);
}

static void put_file(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
}

static char *get_file(const char *path, size_t *size)
{
	struct input input;
	char *copy;

	assert_true(input_open(&input, &(struct report){path, stderr}));
	copy = calloc(1, input.size + 1);
	memcpy(copy, input.data, input.size);
	*size = input.size;
	input_close(&input);
	return copy;
}

static void assert_no_file(const char *path)
{
	assert_int_equal(access(path, F_OK), -1);
}

/* Maps a kernel of some pieces, as embed pad does. */
static struct input open_large(struct elf *elf, const char *path)
{
	const struct report report = {path, stderr};
	struct input input;

	assert_true(input_open(&input, &report) && elf_open(elf, input.data, input.size, &report));
	elf->mapped = true;
	return input;
}

static void lost_bytes_are_noticed_in_each_piece(void **state)
{
	static const uint64_t places[] = {0, (4 * MIB) - 1, 4 * MIB, 9 * MIB - 1};
	static struct elf a_elf, b_elf;
	static struct layout a, b;
	struct kernel *kernel = good();

	(void)state;
	segment(kernel, 2)->p_filesz = 9 * MIB;
	segment(kernel, 2)->p_memsz = 11 * MIB;
	put_file("a", kernel->bytes, kernel->size);
	assert_int_equal(truncate("a", (off_t)(0x2100 + 9 * MIB)), 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		put_file("b", kernel->bytes, kernel->size);
		assert_int_equal(truncate("b", (off_t)(0x2100 + 9 * MIB)), 0);
		struct input a_input = open_large(&a_elf, "a"), b_input = open_large(&b_elf, "b");

		layout_plan(&a, &a_elf);
		layout_plan(&b, &b_elf);
		assert_true(layout_same(&a, &a_elf, &b, &b_elf));
		FILE *file = fopen("b", "r+");

		assert_true(fseek(file, (long)(0x2100 + places[i]), SEEK_SET) == 0 &&
			    fputc(0xa5, file) != EOF);
		fclose(file);
		assert_false(layout_same(&a, &a_elf, &b, &b_elf));
		input_close(&a_input);
		input_close(&b_input);
	}
}

/* What a test gives to payload_write(), and what that said. */
struct description {
	struct payload_options options;
	struct modules modules;
	char *text;
};

static struct description with_modules(const char *command_line)
{
	return (struct description){.options = {.kernel = "kernel.padded",
						.command_line = command_line,
						.directory = ".",
						.depfile = "manifest.d",
						.target = "os.img"}};
}

static void describe(struct description *run, const char *modules, bool expected)
{
	size_t length;
	FILE *messages = open_memstream(&run->text, &length);
	static const struct module_kind kind = {"MODULES", MODULES_SECTION, TWINBOOT_ROLE_MODULE};
	bool done = modules_parse(&run->modules, &kind, modules, messages) &&
		    modules_open(&run->modules, messages);

	run->options.modules = &run->modules;
	done = done && payload_write(&run->options, messages);
	fclose(messages);
	modules_close(&run->modules);
	if (done != expected)
		fail_msg("payload: %s", run->text);
	assert_no_file("manifest.bin.tmp");
	assert_no_file("modules.bin.tmp");
	assert_no_file("manifest.d.tmp");
}

static struct manifest *described(const char *command_line, const char *modules)
{
	struct description run = with_modules(command_line);
	size_t size;

	describe(&run, modules, true);
	free(run.text);
	struct manifest *manifest = (struct manifest *)get_file("manifest.bin", &size);
	uint32_t crc = manifest->crc32c;

	assert_int_equal(manifest->magic, MANIFEST_MAGIC);
	assert_memory_equal(manifest, "TWMANFST", 8);
	assert_int_equal(manifest->version, MANIFEST_VERSION);
	assert_int_equal(manifest->size, size);
	assert_int_equal(size % 4096, 0);
	assert_int_equal(((char *)manifest)[size - 1], 0);
	manifest->crc32c = 0;
	assert_int_equal(crc, crc32c(0, manifest, size));
	manifest->crc32c = crc;
	return manifest;
}

static const char *string_at(const struct manifest *manifest, uint32_t offset)
{
	assert_true(offset < manifest->size);
	return (const char *)manifest + offset;
}

static void assert_sha256(const uint8_t expected[32], const void *data, size_t size)
{
	struct sha256 sha256;
	uint8_t digest[32];

	sha256_begin(&sha256);
	sha256_add(&sha256, data, size);
	sha256_end(&sha256, digest);
	assert_memory_equal(digest, expected, 32);
}

static void put_padded(const struct kernel *kernel)
{
	struct padded *padded = pad(kernel);

	put_file("kernel.padded", padded->bytes, padded->layout.size);
	end_padded(padded);
}

static void the_kernel_is_described(void **state)
{
	const struct twinboot_needs needs = {1, TWINBOOT_LEAVE_CPUS, 1, 2, 3, 0};
	size_t size;

	(void)state;
	put_padded(noted(good(), &needs));
	char *kernel = get_file("kernel.padded", &size);
	struct manifest *manifest = described("quiet  x=\"1\"", "");
	const struct manifest_part *part = manifest_parts(manifest);

	assert_int_equal(manifest->part_count, 1);
	assert_int_equal(manifest->module_count, 0);
	assert_no_file("modules.bin");
	assert_string_equal(part->section, ".kernel");
	assert_int_equal(part->size, size);
	/* .bss is not stored; before it lies data that does not end in zero, in the page that is the last. */
	assert_int_equal(part->stored, 0x5000);
	assert_int_not_equal(kernel[0x40ff], 0);
	assert_int_equal(part->crc32c, crc32c(0, kernel, 0x5000));
	assert_sha256(part->sha256, kernel, 0x5000);
	assert_sha256(manifest->kernel_sha256, kernel, size);
	assert_int_equal(manifest->kernel_header_size, 0);
	assert_int_equal(manifest->needs.flags, TWINBOOT_LEAVE_CPUS);
	assert_int_equal(manifest->needs.stack_size, TWINBOOT_STACK_DEFAULT);
	assert_string_equal(string_at(manifest, manifest->command_line), "quiet  x=\"1\"");
	free(manifest);
	free(kernel);

	put_padded(bare());
	manifest = described("", " ");
	assert_int_equal(manifest->kernel_header_size, 4096);
	assert_string_equal(string_at(manifest, manifest->command_line), "");
	free(manifest);
}

static void modules_are_described(void **state)
{
	static const struct {
		uint64_t offset, size, memory;
		const char *name, *arguments;
	} expected[] = {
		{0, 5000, 8192, "initrd.img", "quiet"},
		{8192, 0, 0, "empty", ""},
		{8192, 10, 4096, "b.bin", ""},
		{12288, 0, 0, "last", "a  \"b\" \\c:d"},
	};
	uint8_t a[5000], b[10] = "abc"; /* b ends in zeros, which are stored with its page */
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = (uint8_t)(i + 1);
	put_padded(good());
	put_file("a.bin", a, sizeof(a));
	put_file("b.bin", b, sizeof(b));
	put_file("empty", "", 0);
	struct manifest *manifest =
		described("", " a.bin:initrd.img:quiet\tempty  b.bin empty:last:\"a  \\\"b\\\" \\\\c\":d ");
	char *bytes = get_file("modules.bin", &size);
	const struct manifest_part *part = manifest_parts(manifest) + 1;

	assert_int_equal(manifest->part_count, 2);
	assert_memory_equal(part->section, ".modules", 8);
	assert_int_equal(part->size, 3 * 4096);
	assert_int_equal(part->stored, 3 * 4096);
	assert_int_equal(size, part->size);
	assert_int_equal(part->crc32c, crc32c(0, bytes, size));
	assert_sha256(part->sha256, bytes, size);
	assert_memory_equal(bytes, a, sizeof(a));
	assert_memory_equal(bytes + 8192, b, sizeof(b));
	assert_int_equal(manifest->module_count, 4);
	for (unsigned int i = 0; i < 4; i++) {
		const struct manifest_module *module = &manifest_modules(manifest)[i];

		assert_int_equal(module->part, 1);
		assert_int_equal(module->role, TWINBOOT_ROLE_MODULE);
		assert_int_equal(module->offset, expected[i].offset);
		assert_int_equal(module->size, expected[i].size);
		assert_int_equal(module->memory, expected[i].memory);
		assert_string_equal(string_at(manifest, module->name), expected[i].name);
		assert_string_equal(string_at(manifest, module->arguments), expected[i].arguments);
		assert_sha256(module->sha256, bytes + module->offset, module->size);
	}
	free(bytes);
	free(manifest);

	char *text = get_file("manifest.d", &size);
	assert_string_equal(text, "os.img: a.bin empty b.bin empty\na.bin:\nempty:\nb.bin:\nempty:\n");
	free(text);
}

/* Pages of zeros at the end of the last module are not stored; those between two modules are. */
static void zeros_at_the_end_are_not_stored(void **state)
{
	static uint8_t zeros[3 * 4096] = "x";
	size_t size;

	(void)state;
	put_padded(good());
	put_file("z", zeros, sizeof(zeros));
	put_file("empty", "", 0);
	struct manifest *manifest = described("", "z z empty");
	char *bytes = get_file("modules.bin", &size);
	const struct manifest_part *part = manifest_parts(manifest) + 1;

	assert_int_equal(part->size, 6 * 4096);
	assert_int_equal(part->stored, 4 * 4096);
	assert_int_equal(part->crc32c, crc32c(0, bytes, 4 * 4096));
	assert_sha256(part->sha256, bytes, 4 * 4096);
	free(bytes);
	free(manifest);

	/* A section has a size, even where all its modules are empty. */
	manifest = described("", "empty");
	part = manifest_parts(manifest) + 1;
	assert_int_equal(part->size, 4096);
	assert_int_equal(part->stored, 0);
	assert_int_equal(part->crc32c, 0);
	free(manifest);
}

static void what_an_adapter_wants_is_carried(void **state)
{
	static const struct manifest_place places[] = {
		{TWINBOOT_PLACEMENT_TARGET, 0, 0x100000, 8192, 4096, 0, 0},
		{TWINBOOT_PLACEMENT_KEEP_CLEAR, TWINBOOT_NO_MODULE, 0x7000, 4096, 4096, 0, 0},
	};
	struct description run = with_modules("");
	size_t size;
	FILE *messages = open_memstream(&run.text, &size);

	(void)state;
	put_padded(good());
	put_file("foreign", "a foreign kernel", 16);
	put_file("initrd", "an initrd", 9);
	run.options.places = places;
	run.options.place_count = 2;
	run.options.adapter_data = "only the adapter knows";
	run.options.adapter_data_size = 22;
	run.options.flags = MANIFEST_MEASURE;
	run.options.modules = &run.modules;
	assert_true(modules_add(
		&run.modules,
		(struct module){"foreign", "kernel", "", FOREIGN_SECTION, TWINBOOT_ROLE_FOREIGN_KERNEL, {0}},
		"KERNEL", messages));
	assert_true(modules_add(
		&run.modules,
		(struct module){"initrd", "initrd", "", MODULES_SECTION, TWINBOOT_ROLE_INITRD, {0}}, "INITRD",
		messages));
	assert_true(modules_open(&run.modules, messages) && payload_write(&run.options, messages));
	modules_close(&run.modules);
	fclose(messages);
	free(run.text);

	struct manifest *manifest = (struct manifest *)get_file("manifest.bin", &size);
	const struct manifest_part *parts = manifest_parts(manifest);
	const struct manifest_module *modules = manifest_modules(manifest);

	assert_int_equal(manifest->flags, MANIFEST_MEASURE);
	assert_int_equal(manifest->part_count, 3);
	assert_memory_equal(parts[1].section, ".foreign", 8);
	assert_memory_equal(parts[2].section, ".modules", 8);
	assert_int_equal(modules[0].part, 1);
	assert_int_equal(modules[0].role, TWINBOOT_ROLE_FOREIGN_KERNEL);
	assert_int_equal(modules[1].part, 2);
	assert_int_equal(modules[1].role, TWINBOOT_ROLE_INITRD);
	assert_int_equal(modules[1].offset, 0);
	assert_int_equal(manifest->place_count, 2);
	assert_memory_equal(manifest_places(manifest), places, sizeof(places));
	assert_int_equal(manifest->adapter_data % 8, 0);
	assert_memory_equal(string_at(manifest, manifest->adapter_data), "only the adapter knows", 22);
	free(manifest);
	char *bytes = get_file("foreign.bin", &size);
	assert_int_equal(size, 4096);
	assert_memory_equal(bytes, "a foreign kernel", 16);
	free(bytes);
}

static void builds_are_told_apart(void **state)
{
	uint32_t ids[4];

	(void)state;
	put_padded(good());
	put_file("a", "abc", 3);
	for (size_t i = 0; i < 4; i++) {
		if (i == 3)
			put_file("a", "abd", 3);
		struct manifest *manifest = described(i == 2 ? "other" : "", "a");

		ids[i] = manifest->build_id;
		free(manifest);
	}
	assert_int_equal(ids[0], ids[1]);
	assert_int_not_equal(ids[0], ids[2]);
	assert_int_not_equal(ids[0], ids[3]);
}

static void a_payload_is_the_same_every_time(void **state)
{
	struct manifest *first, *second;

	(void)state;
	put_padded(good());
	put_file("a.bin", "abc", 3);
	first = described("", "a.bin");
	second = described("", "a.bin");
	assert_int_equal(first->size, second->size);
	assert_memory_equal(first, second, first->size);
	free(first);
	free(second);
}

static void quotes_hold_a_module_together(void **state)
{
	/* The path, name and arguments of each: as a shell would read them. */
	static const char *const expected[][2] = {{"a b:c", ""}, {"n m", ""}, {"n", ":x=\\y=1"}, {"n", ""}};

	(void)state;
	put_padded(good());
	put_file("a b:c", "1", 1);
	put_file("xa b:c", "2", 1);
	put_file("a", "3", 1);
	struct manifest *manifest =
		described("", "\"a b:c\" x\"a b:\"c:\"n m\" \"a\"\" b:c\":n::x=\\y=\"1\"\t\"\"a\"\":n:\"\"");

	assert_int_equal(manifest->module_count, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct manifest_module *module = &manifest_modules(manifest)[i];

		assert_string_equal(string_at(manifest, module->name), expected[i][0]);
		assert_string_equal(string_at(manifest, module->arguments), expected[i][1]);
	}
	free(manifest);
}

static void depfile_names_no_file_that_make_would_misread(void **state)
{
	size_t size;

	(void)state;
	put_padded(good());
	put_file("a#$", "abc", 3);
	put_file("b", "abc", 3);
	free(described("", "a#$:name b"));
	char *text = get_file("manifest.d", &size);

	assert_string_equal(text, "os.img: EVERY_TIME b\nEVERY_TIME:\nb:\n");
	free(text);
}

static void refuse_payload(struct description *run, const char *modules, const char *file, const char *fact)
{
	describe(run, modules, false);
	assert_sentence(run->text, file, fact);
	free(run->text);
	assert_no_file("manifest.bin");
	assert_no_file("modules.bin");
	assert_no_file("manifest.d");
}

static void bad_modules_leave_nothing_behind(void **state)
{
	struct description run = with_modules("");
	char many[MANIFEST_MODULES_MAX * 2 + 3], longest[MANIFEST_STRING_MAX + 10];

	(void)state;
	put_padded(good());
	refuse_payload(&run, "missing", "missing", "does not exist");
	refuse_payload(&run, "/tmp", "/tmp", "is a directory");
	refuse_payload(&run, "/dev/null", "/dev/null", "is not a regular file");
	refuse_payload(&run, "kernel.padded:", "MODULES", "without a path or name");
	refuse_payload(&run, ":name", "MODULES", "without a path or name");
	refuse_payload(&run, "\"\":name", "MODULES", "without a path or name");
	refuse_payload(&run, "kernel.padded:name:\"quiet root=/dev/sda", "MODULES",
		       "double quote without a second one");
	refuse_payload(&run, "\"kernel.padded other", "MODULES", "double quote without a second one");

	put_file("m", "", 0);
	for (unsigned int i = 0; i <= MANIFEST_MODULES_MAX; i++)
		memcpy(many + 2 * i, "m ", 3);
	refuse_payload(&run, many, "MODULES", "has more than 64 modules");
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "m:", 2);
	longest[2 + MANIFEST_STRING_MAX] = 0;
	refuse_payload(&run, longest, "MODULES", "module name of 4096 bytes, at most 4095");
	memcpy(longest, "m:n:", 4);
	longest[2 + MANIFEST_STRING_MAX] = 'x';
	longest[4 + MANIFEST_STRING_MAX] = 0;
	refuse_payload(&run, longest, "MODULES", "module's arguments of 4096 bytes, at most 4095");

	many[2 * MANIFEST_MODULES_MAX] = 0;
	free(described("", many));
}

static void bad_payloads_leave_nothing_behind(void **state)
{
	struct description run = with_modules("");
	char longest[MANIFEST_STRING_MAX + 1];

	(void)state;
	refuse_payload(&run, "", "kernel.padded", "does not exist");
	put_file("kernel.padded", good()->bytes, good()->size);
	refuse_payload(&run, "", "kernel.padded", "is not a padded kernel");
	put_padded(good());
	memset(longest, 'x', sizeof(longest));
	longest[MANIFEST_STRING_MAX] = 0;
	run.options.command_line = longest;
	refuse_payload(&run, "", "CMDLINE", "command line of 4096 bytes, at most 4095");
	run.options.command_line = "";
	run.options.directory = "nowhere";
	refuse_payload(&run, "", "nowhere/manifest.bin", "cannot be written");
	run.options.directory = ".";
	run.options.adapter_data = "";
	run.options.adapter_data_size = MANIFEST_SIZE_MAX;
	refuse_payload(&run, "", "adapter data", "has 1048576 bytes, at most");
}

static void payload_must_fit_below_4_gib(void **state)
{
	struct description run = with_modules("");

	(void)state;
	put_padded(good());
	put_file("huge", "x", 1);
	assert_int_equal(truncate("huge", (off_t)(3072 * MIB)), 0);
	refuse_payload(&run, "huge", "kernel.padded", "its modules take 3072 MiB together");
}

static void assert_place(struct kernel *kernel, const char *address)
{
	size_t size;

	put_padded(kernel);
	assert_true(payload_write_place("kernel.padded", "payload.ld", stderr));
	char *text = get_file("payload.ld", &size);

	if (!strstr(text, address))
		fail_msg("%s instead of %s", text, address);
	free(text);
}

/* On BIOS a kernel that is linked to memory goes there at once, with the page of its headers below. */
static void the_kernels_place_is_where_it_is_linked(void **state)
{
	char *text;
	size_t length;
	FILE *messages = open_memstream(&text, &length);

	(void)state;
	assert_place(good(), "payload_kernel_address = 0x200000;\n");
	assert_place(bare(), "payload_kernel_address = 0x1ff000;\n");
	assert_place(linked_at(ET_EXEC, 64 * MIB), "payload_kernel_address = 0x4000000;\n");
	assert_place(linked_at(ET_DYN, 64 * MIB), "payload_kernel_address = 0x4000000;\n");
	assert_place(linked_at(ET_EXEC, 2 * MIB), "payload_kernel_address = 0x200000;\n");
	assert_place(linked_at(ET_EXEC, 2 * MIB - 4096), "payload_kernel_address = 0x200000;\n");
	assert_place(linked_at(ET_DYN, 0), "payload_kernel_address = 0x200000;\n");
	assert_place(linked_at(ET_EXEC, 4096 * MIB), "payload_kernel_address = 0x200000;\n");

	put_file("kernel.padded", good()->bytes, good()->size);
	unlink("payload.ld");
	assert_false(payload_write_place("kernel.padded", "payload.ld", messages));
	fclose(messages);
	assert_sentence(text, "kernel.padded", "is not a padded kernel");
	assert_no_file("payload.ld");
	free(text);
}

static void inputs_must_be_files(void **state)
{
	static const struct {
		const char *path, *fact;
	} cases[] = {{"missing", "does not exist"},
		     {"/tmp", "is a directory"},
		     {"/dev/null", "is not a regular file"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct input input;
		char *text;
		size_t length;
		FILE *messages = open_memstream(&text, &length);

		assert_false(input_open(&input, &(struct report){cases[i].path, messages}));
		fclose(messages);
		assert_sentence(text, cases[i].path, cases[i].fact);
		free(text);
	}
}

static void outputs_appear_whole_or_not_at_all(void **state)
{
	struct output output;
	size_t size;

	(void)state;
	put_file("out", "old", 3);
	assert_true(output_open(&output, "out", stderr));
	assert_true(output_write(&output, "new", 3, 1));
	output_discard(&output);
	assert_no_file("out.tmp");
	char *text = get_file("out", &size);
	assert_string_equal(text, "old");
	free(text);

	assert_true(output_open(&output, "out", stderr));
	assert_true(output_resize(&output, 6));
	assert_true(output_write(&output, "new", 3, 1));
	assert_true(output_commit(&output));
	output_discard(&output);
	assert_no_file("out.tmp");
	text = get_file("out", &size);
	assert_int_equal(size, 6);
	assert_memory_equal(text, "\0new\0\0", 6);
	free(text);
}

static void strip_copies_what_objcopy_cannot_take(void **state)
{
	char *text, *copy;
	size_t length, size;
	FILE *messages = open_memstream(&text, &length);
	struct kernel *kernel = good();

	(void)state;
	put_file("kernel.elf", kernel->bytes, kernel->size);
	setenv("OBJCOPY", "/nowhere/objcopy", 1);
	assert_true(strip_debug("kernel.elf", "stripped", messages)); /* no sections: objcopy is not asked */
	fflush(messages);
	assert_string_equal(text, "");

	add_section(kernel, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000, 0x900);
	put_file("kernel.elf", kernel->bytes, kernel->size);
	assert_true(strip_debug("kernel.elf", "stripped", messages));
	setenv("OBJCOPY", "false", 1);
	unlink("stripped");
	assert_true(strip_debug("kernel.elf", "stripped", messages));
	unsetenv("OBJCOPY");
	fclose(messages);
	assert_non_null(strstr(text, "twinboot: /nowhere/objcopy: cannot be run: No such file"));
	assert_non_null(strstr(text, "twinboot: kernel.elf: warning: /nowhere/objcopy --strip-debug failed"));
	assert_non_null(strstr(text, "twinboot: kernel.elf: warning: false --strip-debug failed"));
	free(text);
	assert_no_file("stripped.tmp");
	copy = get_file("stripped", &size);
	assert_int_equal(size, kernel->size);
	assert_memory_equal(copy, kernel->bytes, size);
	free(copy);

	messages = open_memstream(&text, &length);
	assert_false(strip_debug("missing", "other", messages));
	fclose(messages);
	assert_sentence(text, "missing", "does not exist");
	assert_no_file("other");
	free(text);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_in_the_first_segment_take_no_page),
		cmocka_unit_test(headers_in_no_segment_get_a_page),
		cmocka_unit_test(many_headers_get_two_pages),
		cmocka_unit_test(segments_are_sorted),
		cmocka_unit_test(empty_segments_are_dropped),
		cmocka_unit_test(bss_needs_no_place_in_the_file),
		cmocka_unit_test(segments_may_share_a_page),
		cmocka_unit_test(writable_code_is_warned_of),
		cmocka_unit_test(views_follow_their_bytes),
		cmocka_unit_test(relro_beyond_the_image_is_cut),
		cmocka_unit_test(every_alignment_and_abi_is_taken),
		cmocka_unit_test(what_is_no_kernel_is_refused),
		cmocka_unit_test(section_headers_must_be_whole),
		cmocka_unit_test(code_must_be_there),
		cmocka_unit_test(the_entry_must_be_code),
		cmocka_unit_test(the_entry_must_be_no_header),
		cmocka_unit_test(impossible_segments_are_refused),
		cmocka_unit_test(addresses_must_be_the_kernels),
		cmocka_unit_test(padding_has_a_limit),
		cmocka_unit_test(relative_relocations_are_taken),
		cmocka_unit_test(other_relocations_are_refused),
		cmocka_unit_test(relocation_tables_must_be_whole),
		cmocka_unit_test(needs_have_defaults),
		cmocka_unit_test(the_headers_macro_makes_a_note),
		cmocka_unit_test(needs_are_found_among_other_notes),
		cmocka_unit_test(broken_notes_are_refused),
		cmocka_unit_test(needs_that_cannot_be_met_are_refused),
		cmocka_unit_test(lost_bytes_are_noticed),
		WITH_FILES(the_kernel_is_described),
		WITH_FILES(modules_are_described),
		WITH_FILES(zeros_at_the_end_are_not_stored),
		WITH_FILES(what_an_adapter_wants_is_carried),
		WITH_FILES(builds_are_told_apart),
		WITH_FILES(a_payload_is_the_same_every_time),
		WITH_FILES(lost_bytes_are_noticed_in_each_piece),
		WITH_FILES(quotes_hold_a_module_together),
		WITH_FILES(depfile_names_no_file_that_make_would_misread),
		WITH_FILES(bad_modules_leave_nothing_behind),
		WITH_FILES(bad_payloads_leave_nothing_behind),
		WITH_FILES(the_kernels_place_is_where_it_is_linked),
		WITH_FILES(payload_must_fit_below_4_gib),
		WITH_FILES(inputs_must_be_files),
		WITH_FILES(outputs_appear_whole_or_not_at_all),
		WITH_FILES(strip_copies_what_objcopy_cannot_take),
	};

	return cmocka_run_group_tests_name("embed", tests, NULL, NULL);
}
