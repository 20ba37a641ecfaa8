/* SPDX-License-Identifier: BSD-2-Clause */
/* links: embed/limine.c embed/limine_modules.c embed/blake2b.c embed/relocate.c embed/dynamic.c embed/check.c embed/needs.c embed/elf_file.c embed/file.c embed/report.c */
/* Kernels that speak Limine, made here: what the build finds in them, relocates, and refuses. */
#define _GNU_SOURCE

#include "embed/limine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TOP             LIMINE_TOP
#define CODE            0x1000u /* offsets in memory and, one page on, in the file */
#define DATA            0x2000u
#define BSS             0x4000u
#define SIZE            0x8000u
#define IN_FILE(offset) ((offset) + 0x1000u)

struct kernel {
	uint8_t bytes[0x9000];
	uint64_t base;
	uint32_t free; /* where the next thing goes */
};

static Elf64_Ehdr *header(struct kernel *kernel)
{
	return (Elf64_Ehdr *)kernel->bytes;
}

static Elf64_Phdr *segment(struct kernel *kernel, unsigned int index)
{
	return (Elf64_Phdr *)(kernel->bytes + sizeof(Elf64_Ehdr)) + index;
}

/* Code at CODE, data from DATA to BSS, zeros from there to SIZE. */
static struct kernel *linked_at(uint64_t base, uint16_t type)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));

	kernel->base = base;
	kernel->free = DATA;
	*header(kernel) = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = type,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = base + CODE,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	*segment(kernel, 0) = (Elf64_Phdr){PT_LOAD,     PF_R | PF_X, IN_FILE(CODE), base + CODE,
					   base + CODE, 0x1000,      0x1000,        4096};
	*segment(kernel, 1) = (Elf64_Phdr){PT_LOAD,     PF_R | PF_W, IN_FILE(DATA), base + DATA,
					   base + DATA, BSS - DATA,  SIZE - DATA,   4096};
	memset(kernel->bytes + IN_FILE(CODE), 0x90, 0x1000);
	return kernel;
}

static struct kernel *good(void)
{
	return linked_at(TOP, ET_EXEC);
}

/* Puts words at `free`, and says at which offset in memory. */
static uint32_t put(struct kernel *kernel, const uint64_t *words, size_t size)
{
	uint32_t offset = kernel->free;

	memcpy(kernel->bytes + IN_FILE(offset), words, size);
	kernel->free += (uint32_t)size;
	return offset;
}
#define PUT(kernel, ...) put(kernel, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}))

static uint32_t tag(struct kernel *kernel, uint64_t revision)
{
	return PUT(kernel, LIMINE_BASE_0, LIMINE_BASE_1, revision);
}

static uint32_t start_marker(struct kernel *kernel)
{
	return PUT(kernel, LIMINE_START_0, LIMINE_START_1, LIMINE_START_2, LIMINE_START_3);
}

static uint32_t end_marker(struct kernel *kernel)
{
	return PUT(kernel, LIMINE_END_0, LIMINE_END_1);
}

#define ID(name, text, id2, id3, size) [LIMINE_FEATURE_##name] = {UINT64_C(id2), UINT64_C(id3)},
static const uint64_t ids[][2] = {LIMINE_FEATURES(ID)};

static uint32_t ask3(struct kernel *kernel, enum limine_feature feature, uint64_t revision, uint64_t a,
		     uint64_t b, uint64_t c)
{
	return PUT(kernel, LIMINE_MAGIC_0, LIMINE_MAGIC_1, ids[feature][0], ids[feature][1], revision, 0, a,
		   b, c);
}

static uint32_t ask(struct kernel *kernel, enum limine_feature feature, uint64_t argument)
{
	return ask3(kernel, feature, 0, argument, 0, 0);
}

struct read {
	struct elf elf;
	struct limine limine;
	struct report report;
	uint8_t *data;
	char *text; /* what was said */
	bool done;
};

/* On a buffer of exactly the file's size, so that a sanitizer sees each byte too many. */
static struct read *read_file(struct kernel *kernel, size_t size)
{
	struct read *read = calloc(1, sizeof(*read));
	size_t length;

	read->report = (struct report){"kernel.elf", open_memstream(&read->text, &length)};
	read->data = malloc(size);
	memcpy(read->data, kernel->bytes, size);
	read->done = elf_open(&read->elf, read->data, size, &read->report) &&
		     limine_read(&read->limine, &read->elf, 1024, &read->report);
	fclose(read->report.stream);
	free(kernel);
	return read;
}

static struct read *read_kernel(struct kernel *kernel)
{
	return read_file(kernel, IN_FILE(BSS));
}

static void end(struct read *read)
{
	limine_free(&read->limine);
	free(read->data);
	free(read->text);
	free(read);
}

static void refuse_read(struct read *read, const char *fact)
{
	if (read->done || strncmp(read->text, "twinboot: kernel.elf: ", 19) != 0 ||
	    !strstr(read->text, fact) || !strstr(read->text, "; "))
		fail_msg("\"%s\" is not a refusal for \"%s\"", read->text, fact);
	end(read);
}

static void refuse(struct kernel *kernel, const char *fact)
{
	refuse_read(read_kernel(kernel), fact);
}

static struct read *accept_warned(struct kernel *kernel, const char *fact)
{
	struct read *read = read_kernel(kernel);

	if (!read->done || !strstr(read->text, "warning: ") || !strstr(read->text, fact))
		fail_msg("\"%s\" is not a warning of \"%s\"", read->text, fact);
	return read;
}

static struct read *accept_silently(struct kernel *kernel)
{
	struct read *read = read_kernel(kernel);

	assert_string_equal(read->text, "");
	assert_true(read->done);
	return read;
}

static uint64_t image_word(const struct read *read, uint64_t offset)
{
	uint64_t value;

	memcpy(&value,
	       read->limine.image + offset - (read->elf.base - (read->elf.base & ~UINT64_C(0xfff))) - CODE,
	       sizeof(value));
	return value;
}

/* Offsets in the image count from CODE, the lowest page. */
static uint64_t at(uint64_t offset)
{
	return offset - CODE;
}

/* ---- Whether ---- */

static bool speaks(struct kernel *kernel)
{
	struct elf elf;
	const struct report report = {"kernel.elf", NULL};
	bool spoken;

	assert_true(elf_open(&elf, kernel->bytes, IN_FILE(BSS), &report));
	spoken = limine_is_spoken(&elf);
	free(kernel);
	return spoken;
}

static void each_of_three_marks_tells(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	assert_false(speaks(good()));
	tag(kernel, 3);
	assert_true(speaks(kernel));
	kernel = good();
	start_marker(kernel);
	assert_true(speaks(kernel));
	kernel = good();
	ask(kernel, LIMINE_FEATURE_HHDM, 0);
	assert_true(speaks(kernel));
	kernel = good();
	end_marker(kernel); /* alone it marks nothing */
	assert_false(speaks(kernel));
	kernel = good();
	kernel->free += 4;
	tag(kernel, 3);
	assert_false(speaks(kernel));
	kernel = good();
	kernel->free = BSS - 32;
	start_marker(kernel); /* the file's last bytes */
	assert_true(speaks(kernel));
}

/* ---- Base revision and markers ---- */

static void base_revision_is_the_tags(void **state)
{
	(void)state;
	for (uint64_t revision = 0; revision <= 6; revision++) {
		struct kernel *kernel = good();
		uint32_t offset = tag(kernel, revision);
		struct read *read = accept_silently(kernel);

		assert_int_equal(read->limine.plan->base_revision, revision);
		assert_int_equal(read->limine.plan->base_tag, at(offset));
		end(read);
	}
	struct kernel *kernel = good();

	ask(kernel, LIMINE_FEATURE_HHDM, 0);
	struct read *read = accept_silently(kernel);

	assert_int_equal(read->limine.plan->base_revision, 0);
	assert_true(read->limine.plan->base_tag == LIMINE_ABSENT);
	end(read);
}

static void base_revisions_that_nobody_knows_are_refused(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	tag(kernel, 7);
	refuse(kernel, "base revision 7");
	kernel = good();
	tag(kernel, UINT64_MAX);
	refuse(kernel, "base revision 18446744073709551615");
	kernel = good();
	tag(kernel, 3);
	tag(kernel, 3);
	refuse(kernel, "two Limine base revision tags");
}

static void only_what_is_between_the_markers_counts(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	ask(kernel, LIMINE_FEATURE_RSDP, 0);
	start_marker(kernel);
	ask(kernel, LIMINE_FEATURE_SMBIOS, 0);
	start_marker(kernel); /* the last one counts */
	uint32_t offset = tag(kernel, 6);
	uint32_t hhdm = ask(kernel, LIMINE_FEATURE_HHDM, 0);
	end_marker(kernel);
	ask(kernel, LIMINE_FEATURE_MEMORY_MAP, 0);
	end_marker(kernel); /* the first one counts */
	struct read *read = accept_warned(kernel, "3 Limine request(s) outside");
	const struct limine_plan *plan = read->limine.plan;

	assert_int_equal(plan->base_tag, at(offset));
	for (unsigned int i = 0; i < LIMINE_FEATURE_COUNT; i++)
		assert_true(plan->requests[i].offset ==
			    (i == LIMINE_FEATURE_HHDM ? at(hhdm) : LIMINE_ABSENT));
	end(read);
}

static void a_tag_outside_the_markers_is_void(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	tag(kernel, 6);
	start_marker(kernel);
	ask(kernel, LIMINE_FEATURE_HHDM, 0);
	end_marker(kernel);
	struct read *read = accept_warned(kernel, "base revision tag outside");

	assert_int_equal(read->limine.plan->base_revision, 0);
	end(read);

	/* Beside one that counts nobody cares. */
	kernel = good();
	tag(kernel, 6);
	start_marker(kernel);
	tag(kernel, 5);
	read = accept_silently(kernel);
	assert_int_equal(read->limine.plan->base_revision, 5);
	end(read);
}

/* ---- Requests ---- */

static void every_feature_is_found_with_its_argument(void **state)
{
	(void)state;
	for (unsigned int feature = 0; feature < LIMINE_FEATURE_COUNT; feature++) {
		struct kernel *kernel = good();
		uint32_t offset;
		uint64_t argument = feature == LIMINE_FEATURE_ENTRY_POINT ? TOP + CODE + 8 : 1;

		tag(kernel, 6);
		kernel->free += 24;
		offset = ask(kernel, feature, argument);
		struct read *read = accept_silently(kernel);
		const struct limine_plan *plan = read->limine.plan;

		for (unsigned int i = 0; i < LIMINE_FEATURE_COUNT; i++)
			assert_true(plan->requests[i].offset == (i == feature ? at(offset) : LIMINE_ABSENT));
		switch (feature) {
		case LIMINE_FEATURE_STACK_SIZE:
		case LIMINE_FEATURE_PAGING_MODE:
		case LIMINE_FEATURE_MP:
		case LIMINE_FEATURE_ENTRY_POINT:
		case LIMINE_FEATURE_ENTROPY:
		case LIMINE_FEATURE_TERMINAL:
			assert_int_equal(plan->requests[feature].argument, argument);
			break;
		default:
			assert_int_equal(plan->requests[feature].argument, 0);
		}
		end(read);
	}
}

static void the_same_request_twice_is_refused(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	ask(kernel, LIMINE_FEATURE_HHDM, 0);
	ask(kernel, LIMINE_FEATURE_MP, 0);
	ask(kernel, LIMINE_FEATURE_HHDM, 0);
	refuse(kernel, "the same Limine request twice");
	/* Also one that is not known. */
	kernel = good();
	PUT(kernel, LIMINE_MAGIC_0, LIMINE_MAGIC_1, 1, 2, 0, 0);
	PUT(kernel, LIMINE_MAGIC_0, LIMINE_MAGIC_1, 1, 2, 0, 0);
	refuse(kernel, "the same Limine request twice");
}

static void unknown_requests_are_named(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	PUT(kernel, LIMINE_MAGIC_0, LIMINE_MAGIC_1, 0xabcd, 0x1234, 0, 0);
	end(accept_warned(kernel, "000000000000abcd 0000000000001234"));
}

static void misaligned_requests_are_refused(void **state)
{
	(void)state;
	for (uint32_t shift = 1; shift < 8; shift++) {
		struct kernel *kernel = good();

		tag(kernel, 6);
		kernel->free += shift;
		ask(kernel, LIMINE_FEATURE_HHDM, 0);
		refuse(kernel, "no multiple of 8");
	}
}

static void requests_cut_off_are_refused(void **state)
{
	(void)state;
	/* The segment ends behind the magic, the identity, the response; a paging mode of revision 1 needs 72 bytes. */
	for (uint32_t size = 16; size < 72; size += 8) {
		struct kernel *kernel = good();

		segment(kernel, 1)->p_memsz = BSS - DATA;
		kernel->free = BSS - size;
		uint64_t words[9] = {LIMINE_MAGIC_0, LIMINE_MAGIC_1, ids[LIMINE_FEATURE_PAGING_MODE][0],
				     ids[LIMINE_FEATURE_PAGING_MODE][1], 1};
		memcpy(kernel->bytes + IN_FILE(kernel->free), words, size);
		refuse(kernel, "cut off at the end of its segment");
	}
	struct kernel *kernel = good();

	segment(kernel, 1)->p_memsz = BSS - DATA;
	kernel->free = BSS - 72;
	ask3(kernel, LIMINE_FEATURE_PAGING_MODE, 1, 0, 0, 0);
	end(accept_silently(kernel));
}

static void more_requests_than_any_loader_takes_are_refused(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	kernel->free = DATA;
	for (uint64_t i = 0; i <= LIMINE_REQUESTS_MAX; i++)
		PUT(kernel, LIMINE_MAGIC_0, LIMINE_MAGIC_1, i, i, 0, 0);
	struct read *read = read_kernel(kernel);

	assert_false(read->done);
	assert_non_null(strstr(read->text, "more than 128 Limine requests"));
	end(read);
}

/* ---- .limine_reqs ---- */

/* Section headers behind the segments: the list, and the names. */
static struct read *with_list(struct kernel *kernel, uint64_t list, uint64_t size)
{
	const uint32_t names = IN_FILE(BSS), table = names + 0x100;
	static const char text[] = "\0.limine_reqs";
	Elf64_Shdr *sections = (Elf64_Shdr *)(kernel->bytes + table);

	memcpy(kernel->bytes + names, text, sizeof(text));
	sections[1] = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = names, .sh_size = sizeof(text)};
	sections[2] = (Elf64_Shdr){.sh_name = 1,
				   .sh_type = SHT_PROGBITS,
				   .sh_addr = kernel->base + list,
				   .sh_offset = IN_FILE(list < BSS ? list : DATA),
				   .sh_size = size};
	/* The code must be found. */
	sections[3] = (Elf64_Shdr){.sh_type = SHT_PROGBITS,
				   .sh_flags = SHF_EXECINSTR,
				   .sh_offset = IN_FILE(CODE),
				   .sh_size = 0x1000};
	header(kernel)->e_shoff = table;
	header(kernel)->e_shnum = 4;
	header(kernel)->e_shstrndx = 1;
	header(kernel)->e_shentsize = sizeof(Elf64_Shdr);
	return read_file(kernel, table + 4 * sizeof(Elf64_Shdr));
}

static void a_list_replaces_the_search_in_base_revision_0(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	ask(kernel, LIMINE_FEATURE_MP, 0);
	uint32_t hhdm = ask(kernel, LIMINE_FEATURE_HHDM, 0);
	uint32_t list = PUT(kernel, TOP + hhdm, 0, TOP + 1);
	struct read *read = with_list(kernel, list, 24);
	const struct limine_plan *plan = read->limine.plan;

	assert_true(read->done);
	assert_true(plan->requests[LIMINE_FEATURE_HHDM].offset == at(hhdm));
	assert_true(plan->requests[LIMINE_FEATURE_MP].offset == LIMINE_ABSENT);
	end(read);

	/* From 1 on it is a section like any other. */
	kernel = good();
	tag(kernel, 1);
	uint32_t mp = ask(kernel, LIMINE_FEATURE_MP, 0);
	list = PUT(kernel, 0x123);
	read = with_list(kernel, list, 8);
	assert_true(read->done);
	assert_true(read->limine.plan->requests[LIMINE_FEATURE_MP].offset == at(mp));
	end(read);
}

static void a_list_that_leads_nowhere_is_refused(void **state)
{
	static const uint64_t wrong[] = {1, TOP, TOP + CODE, TOP + SIZE - 8, TOP + SIZE, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct kernel *kernel = good();
		uint32_t list = PUT(kernel, wrong[i]);

		refuse_read(with_list(kernel, list, 8), "in .limine_reqs, and there is none");
	}
	struct kernel *kernel = good();

	refuse_read(with_list(kernel, SIZE - 8, 16), ".limine_reqs outside its segments");
	kernel = good();
	uint32_t hhdm = ask(kernel, LIMINE_FEATURE_HHDM, 0);
	uint32_t list = PUT(kernel, TOP + hhdm, TOP + hhdm);
	refuse_read(with_list(kernel, list, 16), "the same Limine request twice");
}

/* ---- What follows ---- */

static uint32_t needs_of(struct kernel *kernel)
{
	struct read *read = accept_silently(kernel);
	uint32_t flags = read->limine.needs.flags;

	end(read);
	return flags;
}

static void cpus_are_started_only_if_asked_for(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	assert_int_equal(needs_of(kernel), TWINBOOT_LEAVE_CPUS | TWINBOOT_WANT_XAPIC);
	kernel = good();
	ask(kernel, LIMINE_FEATURE_MP, 0);
	assert_int_equal(needs_of(kernel), TWINBOOT_WANT_XAPIC);
	kernel = good();
	ask(kernel, LIMINE_FEATURE_MP, LIMINE_MP_X2APIC);
	assert_int_equal(needs_of(kernel), TWINBOOT_WANT_X2APIC);
}

static void stack_is_at_least_64_kib_and_whole_pages(void **state)
{
	static const struct {
		uint64_t asked, given;
	} rows[] = {{0, 65536}, {1, 65536}, {65536, 65536}, {65537, 69632}, {1 << 30, 1 << 30}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kernel *kernel = good();

		ask(kernel, LIMINE_FEATURE_STACK_SIZE, rows[i].asked);
		struct read *read = accept_silently(kernel);

		assert_int_equal(read->limine.plan->stack_size, rows[i].given);
		end(read);
	}
	struct kernel *kernel = good();

	ask(kernel, LIMINE_FEATURE_STACK_SIZE, (1 << 30) + 1);
	refuse(kernel, "a stack of 1073741825 bytes");
	end(accept_silently(good()));
}

static void paging_modes_become_needs(void **state)
{
	enum { FOUR = 0, WANT = TWINBOOT_WANT_LEVEL5_PAGING, NEED = TWINBOOT_NEED_LEVEL5_PAGING };
	/* revision, mode, max_mode, min_mode */
	static const struct {
		uint64_t asked[4];
		uint32_t flags;
	} rows[] = {
		{{0, 0, 9, 9}, FOUR}, {{0, 1, 9, 9}, WANT}, {{1, 0, 0, 0}, FOUR}, {{1, 0, 1, 0}, FOUR},
		{{1, 1, 1, 0}, WANT}, {{1, 1, 1, 1}, NEED}, {{1, 0, 1, 1}, NEED}, {{1, 1, 0, 0}, FOUR},
		{{2, 5, 7, 0}, WANT}, {{0, 3, 0, 0}, WANT},
	};
	static const uint64_t impossible[][4] = {{1, 0, 0, 1}, {1, 1, 5, 2}, {1, 0, 1, UINT64_MAX}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kernel *kernel = good();

		ask3(kernel, LIMINE_FEATURE_PAGING_MODE, rows[i].asked[0], rows[i].asked[1], rows[i].asked[2],
		     rows[i].asked[3]);
		assert_int_equal(needs_of(kernel) & (WANT | NEED), rows[i].flags);
	}
	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
		struct kernel *kernel = good();

		ask3(kernel, LIMINE_FEATURE_PAGING_MODE, impossible[i][0], impossible[i][1], impossible[i][2],
		     impossible[i][3]);
		refuse(kernel, "paging modes from");
	}
	struct kernel *kernel = good();

	ask(kernel, LIMINE_FEATURE_LEVEL5_PAGING, 0);
	assert_int_equal(needs_of(kernel) & (WANT | NEED), WANT);
	kernel = good();
	ask(kernel, LIMINE_FEATURE_LEVEL5_PAGING, 0);
	ask(kernel, LIMINE_FEATURE_PAGING_MODE, 0); /* the newer one counts */
	assert_int_equal(needs_of(kernel) & (WANT | NEED), FOUR);
}

static void entry_point_request_overrules_the_elf_header(void **state)
{
	struct kernel *kernel = good();

	(void)state;
	header(kernel)->e_entry = 0x160; /* nonsense that nobody needs */
	ask(kernel, LIMINE_FEATURE_ENTRY_POINT, TOP + CODE + 0x20);
	struct read *read = accept_silently(kernel);

	assert_true(read->limine.plan->entry == TOP + CODE + 0x20);
	end(read);
	kernel = good();
	ask(kernel, LIMINE_FEATURE_ENTRY_POINT, TOP + DATA);
	refuse(kernel, "entry point 0xffffffff80002000");
	kernel = good();
	header(kernel)->e_entry = 0x160;
	refuse(kernel, "entry point 0x160");
}

/* ---- Addresses ---- */

static void a_low_kernel_is_moved_up_if_it_can_be(void **state)
{
	static const uint64_t bases[] = {0, 0x200000, 0x100000, UINT64_C(0xffff800000000000)};

	(void)state;
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		struct kernel *kernel = linked_at(bases[i], ET_DYN);
		uint32_t offset = tag(kernel, 6);
		struct read *read = accept_silently(kernel);

		assert_true(read->limine.plan->virtual == TOP);
		assert_true(read->limine.plan->entry == TOP);
		assert_int_equal(read->limine.plan->base_tag, at(offset));
		end(read);
		refuse(linked_at(bases[i] ? bases[i] : 0x1000, ET_EXEC),
		       "no kernels below 0xffffffff80000000");
	}
	struct read *read = accept_silently(linked_at(TOP + 0x100000, ET_DYN));

	assert_true(read->limine.plan->virtual == TOP + 0x100000 + CODE && read->limine.slide == 0);
	end(read);
}

static void a_kernel_that_does_not_fit_is_refused(void **state)
{
	struct kernel *kernel = linked_at(0, ET_DYN);

	(void)state;
	segment(kernel, 1)->p_memsz = UINT64_C(0x80000000);
	refuse(kernel, "there are 2 GiB");
}

/* ---- Relocations ---- */

/* A dynamic section with these tags, then PT_DYNAMIC. */
static void dynamic(struct kernel *kernel, const uint64_t *tags, size_t size)
{
	uint32_t offset = put(kernel, tags, size);

	*segment(kernel, 2) = (Elf64_Phdr){
		PT_DYNAMIC, PF_R, IN_FILE(offset), kernel->base + offset, kernel->base + offset, size,
		size,       8};
	header(kernel)->e_phnum = 3;
}
#define DYNAMIC(kernel, ...) \
	dynamic(kernel, (const uint64_t[]){__VA_ARGS__, DT_NULL, 0}, \
		sizeof((const uint64_t[]){__VA_ARGS__, DT_NULL, 0}))

#define RELA(type, symbol) ((uint64_t)(symbol) << 32 | (type))

static void relative_relocations_are_applied(void **state)
{
	const uint64_t low = 0x200000, slide = TOP - low - CODE;
	struct kernel *kernel = linked_at(low, ET_DYN);

	(void)state;
	uint32_t words = PUT(kernel, 11, 22, low + CODE, low + DATA, 33);
	uint32_t rela = PUT(kernel, low + words, R_X86_64_RELATIVE, low + CODE + 8, low + words + 8,
			    R_X86_64_NONE, 5);
	uint32_t relr = PUT(kernel, low + words + 16, 3);
	DYNAMIC(kernel, DT_RELA, low + rela, DT_RELASZ, 48, DT_RELAENT, 24, DT_RELR, low + relr, DT_RELRSZ,
		16, DT_RELRENT, 8);
	struct read *read = accept_silently(kernel);

	assert_true(read->limine.slide == slide);
	assert_true(image_word(read, words) == TOP + 8);
	assert_true(image_word(read, words + 8) == 22);
	assert_true(image_word(read, words + 16) == TOP);
	assert_true(image_word(read, words + 24) == TOP + DATA - CODE);
	assert_true(image_word(read, words + 32) == 33);
	end(read);
}

static const uint64_t symbol_types[] = {R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT};

/* A symbol table of four: none, one of its own, a weak one that is missing, an absolute one. */
static uint32_t put_symbols(struct kernel *kernel)
{
	Elf64_Sym symbols[4] = {
		{0},
		{1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, kernel->base + CODE + 0x40, 0},
		{1, ELF64_ST_INFO(STB_WEAK, STT_NOTYPE), 0, SHN_UNDEF, 0, 0},
		{1, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), 0, SHN_ABS, 0x777, 0},
	};

	return put(kernel, (const uint64_t *)symbols, sizeof(symbols));
}

static void symbols_of_its_own_are_resolved(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct kernel *kernel = linked_at(0, ET_DYN);
		uint64_t type = symbol_types[i], addend = type == R_X86_64_64 ? 3 : 0;
		uint32_t words = PUT(kernel, 1, 1, 1), symbols = put_symbols(kernel);
		uint32_t table = PUT(kernel, words, RELA(type, 1), addend, words + 8, RELA(type, 2), addend,
				     words + 16, RELA(type, 3), addend);

		if (type == R_X86_64_JUMP_SLOT)
			DYNAMIC(kernel, DT_JMPREL, table, DT_PLTRELSZ, 72, DT_PLTREL, DT_RELA, DT_SYMTAB,
				symbols);
		else
			DYNAMIC(kernel, DT_RELA, table, DT_RELASZ, 72, DT_RELAENT, 24, DT_SYMTAB, symbols);
		struct read *read = accept_silently(kernel);

		assert_true(image_word(read, words) == TOP + 0x40 + addend);
		assert_true(image_word(read, words + 8) == addend);
		assert_true(image_word(read, words + 16) == 0x777 + addend);
		end(read);
	}
}

static void symbols_of_others_are_refused_by_name(void **state)
{
	struct kernel *kernel = linked_at(0, ET_DYN);

	(void)state;
	uint32_t words = PUT(kernel, 1), names = PUT(kernel, UINT64_C(0x00656d7473627500)); /* "\0ubstme" */
	Elf64_Sym symbols[2] = {{0}, {1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, SHN_UNDEF, 0, 0}};
	uint32_t table = put(kernel, (const uint64_t *)symbols, sizeof(symbols));
	uint32_t rela = PUT(kernel, words, RELA(R_X86_64_GLOB_DAT, 1), 0);
	DYNAMIC(kernel, DT_RELA, rela, DT_RELASZ, 24, DT_RELAENT, 24, DT_SYMTAB, table, DT_STRTAB, names);
	refuse(kernel, "the symbol ubstme");

	/* No symbol table; one that ends before the symbol. */
	kernel = linked_at(0, ET_DYN);
	words = PUT(kernel, 1);
	rela = PUT(kernel, words, RELA(R_X86_64_64, 1), 0);
	DYNAMIC(kernel, DT_RELA, rela, DT_RELASZ, 24, DT_RELAENT, 24);
	refuse(kernel, "against symbol 1");
	kernel = linked_at(0, ET_DYN);
	words = PUT(kernel, 1);
	rela = PUT(kernel, words, RELA(R_X86_64_64, 1000), 0);
	DYNAMIC(kernel, DT_RELA, rela, DT_RELASZ, 24, DT_RELAENT, 24, DT_SYMTAB, DATA);
	refuse(kernel, "against symbol 1000");
}

static void other_relocations_are_refused(void **state)
{
	static const uint64_t types[] = {R_X86_64_IRELATIVE, R_X86_64_TPOFF64, R_X86_64_COPY, R_X86_64_PC32,
					 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct kernel *kernel = linked_at(0, ET_DYN);
		uint32_t rela = PUT(kernel, DATA, types[i], 0);

		DYNAMIC(kernel, DT_RELA, rela, DT_RELASZ, 24, DT_RELAENT, 24);
		refuse(kernel, "relocation of type");
	}
	struct kernel *kernel = linked_at(0, ET_DYN);
	uint32_t rela = PUT(kernel, SIZE - 4, R_X86_64_RELATIVE, 0);

	DYNAMIC(kernel, DT_RELA, rela, DT_RELASZ, 24, DT_RELAENT, 24);
	refuse(kernel, "outside its segments");
	kernel = linked_at(0, ET_DYN);
	DYNAMIC(kernel, DT_NEEDED, 1);
	refuse(kernel, "shared libraries");
	kernel = linked_at(0, ET_DYN);
	rela = PUT(kernel, DATA, R_X86_64_RELATIVE, 0);
	DYNAMIC(kernel, DT_JMPREL, rela, DT_PLTRELSZ, 16, DT_PLTREL, DT_REL);
	refuse(kernel, "DT_JMPREL table");
}

/* ---- Pages ---- */

static void ranges_cover_what_segments_touch(void **state)
{
	struct kernel *kernel = good();
	struct read *read;

	(void)state;
	/* Code of one page, data that begins in its middle, an empty segment, and another piece of data. */
	segment(kernel, 0)->p_memsz = segment(kernel, 0)->p_filesz = 0x800;
	*segment(kernel, 1) = (Elf64_Phdr){
		PT_LOAD, PF_R | PF_W, IN_FILE(CODE) + 0x800, TOP + CODE + 0x800, 0, 0x800, 0x980, 4096};
	*segment(kernel, 2) = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0, 0, 0, 0, 0, 4096};
	*segment(kernel, 3) =
		(Elf64_Phdr){PT_LOAD, PF_R, IN_FILE(DATA) + 0x200, TOP + DATA + 0x200, 0, 0x100, 0x100, 1};
	*segment(kernel, 4) =
		(Elf64_Phdr){PT_LOAD, PF_R | PF_X, IN_FILE(CODE), TOP + 0x5000, 0, 0x100, 0x1100, 4096};
	header(kernel)->e_phnum = 5;
	read = accept_silently(kernel);
	const struct limine_plan *plan = read->limine.plan;
	static const struct limine_range expected[] = {
		{0, 0x1000, PF_W | PF_X, 0}, {0x1000, 0x1000, PF_W, 0}, {0x4000, 0x2000, PF_X, 0}};

	assert_int_equal(plan->range_count, 3);
	assert_memory_equal(plan->ranges, expected, sizeof(expected));
	assert_int_equal(limine_plan_size(plan), sizeof(*plan) + sizeof(expected));
	assert_int_equal(read->limine.size, 0x6000);
	end(read);
}

static void neighbours_alike_are_one_range(void **state)
{
	struct kernel *kernel = good();
	struct read *read;

	(void)state;
	segment(kernel, 0)->p_flags = PF_R | PF_W;
	header(kernel)->e_entry = TOP + 0x5000;
	*segment(kernel, 2) =
		(Elf64_Phdr){PT_LOAD, PF_R | PF_W | PF_X, IN_FILE(CODE), TOP + SIZE, 0, 0x100, 0x100, 1};
	header(kernel)->e_entry = TOP + SIZE;
	header(kernel)->e_phnum = 3;
	read = accept_silently(kernel);
	assert_int_equal(read->limine.plan->range_count, 2);
	assert_int_equal(read->limine.plan->ranges[0].size, SIZE - CODE);
	end(read);
}

static void the_description_names_what_is_asked_for(void **state)
{
	struct kernel *kernel = good();
	char *text;
	size_t length;
	FILE *stream = open_memstream(&text, &length);

	(void)state;
	tag(kernel, 4);
	ask(kernel, LIMINE_FEATURE_MP, 0);
	ask(kernel, LIMINE_FEATURE_HHDM, 0);
	struct read *read = accept_silently(kernel);

	limine_describe(&read->limine, stream);
	fclose(stream);
	assert_string_equal(text, "Limine, base revision 4: HHDM, MP\n");
	free(text);
	end(read);
}

/* ---- Internal modules ---- */

/* A kernel that names two, in a directory that has "there"; at most one sentence is expected. */
static char *internal(const char *path, const char *second, uint64_t flags, bool expected, uint32_t *count)
{
	char directory[] = "/tmp/limine-XXXXXX", file[64], kernel_path[64];
	struct limine_internal modules[LIMINE_INTERNAL_MAX];
	struct kernel *kernel = good();
	char *text;
	size_t length;

	assert_non_null(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/there", directory);
	snprintf(kernel_path, sizeof(kernel_path), "%s/kernel.elf", directory);
	FILE *stream = fopen(file, "w");
	fputs("abc", stream);
	fclose(stream);

	char strings[2][256] = {{0}};
	strcpy(strings[0], path);
	strcpy(strings[1], second);
	uint32_t texts = put(kernel, (const uint64_t *)strings, sizeof(strings));
	uint32_t first = PUT(kernel, TOP + texts, TOP + texts, flags, TOP + texts + 256, TOP + texts, 0);
	uint32_t list = PUT(kernel, TOP + first, TOP + first + 24);
	ask3(kernel, LIMINE_FEATURE_MODULES, 1, 2, TOP + list, 0);
	struct read *read = accept_silently(kernel);

	read->report.stream = open_memstream(&text, &length);
	bool done = limine_internal_modules(&read->limine, kernel_path, modules, count);
	fclose(read->report.stream);
	if (done != expected)
		fail_msg("%s: %s", path, text);
	for (uint32_t i = 0; i < *count && expected; i++)
		assert_string_equal(modules[i].name, "/there");
	for (uint32_t i = 0; i < LIMINE_INTERNAL_MAX; i++)
		free(modules[i].path);
	end(read);
	unlink(file);
	rmdir(directory);
	return text;
}

#define HASH_ABC \
	"#BA80A53F981C4D0D6A2797B69F12F6E94C212F14685AC4B74B12BB6FDBFFA2D17D87C5392AAB792DC252D5DE4533CC9518D38AA8DBF1925AB92386EDD4009923"

static void internal_modules_are_found_beside_the_kernel(void **state)
{
	static const struct {
		const char *path;
		uint64_t flags;
		bool done;
		const char *said;
	} rows[] = {
		{"there", 0, true, "missing, which cannot be read"},
		{"/there", LIMINE_MODULE_REQUIRED, true, "missing"},
		{"there" HASH_ABC, LIMINE_MODULE_REQUIRED, true, "missing"}, /* RFC 7693, appendix A */
		{"gone", LIMINE_MODULE_REQUIRED, false, "/gone, which cannot be read"},
		{"there", LIMINE_MODULE_COMPRESSED, false, "unpack the file"},
	};
	uint32_t count;
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text = internal(rows[i].path, "missing", rows[i].flags, rows[i].done, &count);
		if (!strstr(text, rows[i].said))
			fail_msg("%s: %s", rows[i].path, text);
		if (rows[i].done)
			assert_int_equal(count, 1);
		free(text);
	}
	char wrong[] = "there" HASH_ABC;

	wrong[sizeof(wrong) - 2] ^= 1;
	text = internal(wrong, "missing", 0, false, &count);
	assert_non_null(strstr(text, "has the BLAKE2b hash"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_three_marks_tells),
		cmocka_unit_test(base_revision_is_the_tags),
		cmocka_unit_test(base_revisions_that_nobody_knows_are_refused),
		cmocka_unit_test(only_what_is_between_the_markers_counts),
		cmocka_unit_test(a_tag_outside_the_markers_is_void),
		cmocka_unit_test(every_feature_is_found_with_its_argument),
		cmocka_unit_test(the_same_request_twice_is_refused),
		cmocka_unit_test(unknown_requests_are_named),
		cmocka_unit_test(misaligned_requests_are_refused),
		cmocka_unit_test(requests_cut_off_are_refused),
		cmocka_unit_test(more_requests_than_any_loader_takes_are_refused),
		cmocka_unit_test(a_list_replaces_the_search_in_base_revision_0),
		cmocka_unit_test(a_list_that_leads_nowhere_is_refused),
		cmocka_unit_test(cpus_are_started_only_if_asked_for),
		cmocka_unit_test(stack_is_at_least_64_kib_and_whole_pages),
		cmocka_unit_test(paging_modes_become_needs),
		cmocka_unit_test(entry_point_request_overrules_the_elf_header),
		cmocka_unit_test(a_low_kernel_is_moved_up_if_it_can_be),
		cmocka_unit_test(a_kernel_that_does_not_fit_is_refused),
		cmocka_unit_test(relative_relocations_are_applied),
		cmocka_unit_test(symbols_of_its_own_are_resolved),
		cmocka_unit_test(symbols_of_others_are_refused_by_name),
		cmocka_unit_test(other_relocations_are_refused),
		cmocka_unit_test(ranges_cover_what_segments_touch),
		cmocka_unit_test(neighbours_alike_are_one_range),
		cmocka_unit_test(internal_modules_are_found_beside_the_kernel),
		cmocka_unit_test(the_description_names_what_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
