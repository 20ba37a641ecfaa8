/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/payload.c formats/crc32c.c common/log.c common/text.c */
/* The payload: each damage has a name, no header leads outside the kernel, relocations do what their oracle
 * does. */
#include "core_host.h"
#include "formats/crc32c.h"

#include <elf.h>
#include <stddef.h>

#include <cmocka.h>

#ifndef DT_RELR
#define DT_RELRSZ 35
#define DT_RELR   36
#endif

#define KERNEL_SIZE  (6 * PAGE_SIZE)
#define MODULES_SIZE (3 * PAGE_SIZE)
#define LINKED       UINT64_C(0xffffffff80000000)

struct fixture {
	struct machine machine;
	uint8_t *kernel, *modules; /* end where memory ends */
	struct payload_info *info;
};

static void sign(struct fixture *f)
{
	f->info->kernel_crc32c = crc32c(0, f->kernel, f->info->kernel_stored);
	f->info->modules_crc32c =
		crc32c(0, f->modules + f->info->info_size, f->info->modules_stored - f->info->info_size);
	f->info->info_crc32c = 0;
	f->info->info_crc32c = crc32c(0, f->modules, f->info->info_size);
}

static Elf64_Ehdr *header(const struct fixture *f)
{
	return (Elf64_Ehdr *)f->kernel;
}

static Elf64_Phdr *segment(const struct fixture *f, uint32_t index)
{
	return (Elf64_Phdr *)(f->kernel + header(f)->e_phoff) + index;
}

/* Headers in a page of their own, text, read-only data and dynamic section in one segment, data in another.
 */
static void set_up(struct fixture *f)
{
	memset(&f->machine, 0, sizeof(f->machine));
	if (f->kernel == NULL) {
		f->kernel = low_memory(KERNEL_SIZE);
		f->modules = low_memory(MODULES_SIZE);
	}
	memset(f->kernel, 0, KERNEL_SIZE);
	memset(f->modules, 0, MODULES_SIZE);
	f->machine.kernel = physical(f->kernel);
	f->machine.kernel_size = KERNEL_SIZE;
	f->machine.modules = physical(f->modules);
	f->machine.modules_size = MODULES_SIZE;

	*header(f) = (Elf64_Ehdr){
		.e_ident = ELFMAG,
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_entry = LINKED + 0x20,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	*segment(f, 0) = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0x1000, LINKED, LINKED, 0x1800, 0x1800, 0x1000};
	*segment(f, 1) = (Elf64_Phdr){PT_LOAD,         PF_R | PF_W, 0x3000, LINKED + 0x2000,
				      LINKED + 0x2000, 0x2f00,      0x2f00, 0x1000};
	*segment(f, 2) = (Elf64_Phdr){PT_NOTE, PF_R, 0x1100, LINKED + 0x100, LINKED + 0x100, 0x30, 0x30, 4};
	for (uint32_t i = PAGE_SIZE; i < KERNEL_SIZE - 512; i++)
		f->kernel[i] = (uint8_t)(i * 7);

	f->info = (struct payload_info *)f->modules;
	*f->info = (struct payload_info){
		.magic = PAYLOAD_MAGIC,
		.info_size = sizeof(*f->info) + sizeof(struct payload_module) + 16,
		.kernel_size = KERNEL_SIZE,
		.kernel_stored = KERNEL_SIZE - 512,
		.modules_size = MODULES_SIZE,
		.modules_stored = MODULES_SIZE - 100,
		.needs = {.contract = 1, .stack_size = 65536},
		.module_count = 1,
	};
	memset(f->modules + f->info->info_size, 0x5a, f->info->modules_stored - f->info->info_size);
	sign(f);
}

static void is_refused(struct fixture *f, const char *code)
{
	assert_int_equal(payload_check(&f->machine), 0);
	assert_memory_equal(f->machine.error, code, 4);
}

static void a_whole_payload_is_accepted(void **state)
{
	struct fixture *f = *state;
	set_up(f);
	assert_int_equal(payload_check(&f->machine), 1);
	f->info->kernel_stored = f->info->kernel_size;
	f->info->modules_stored = f->info->modules_size;
	sign(f);
	assert_int_equal(payload_check(&f->machine), 1);
	f->info->modules_stored = f->info->info_size; /* no module */
	sign(f);
	assert_int_equal(payload_check(&f->machine), 1);
}

static void each_flipped_bit_is_named(void **state)
{
	struct fixture *f = *state;
	set_up(f);
	for (uint32_t bit = 0; bit < f->info->info_size * 8; bit++) {
		f->modules[bit / 8] ^= (uint8_t)(1 << bit % 8);
		is_refused(f, "TB20");
		f->modules[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (uint32_t bit = 0; bit < f->info->kernel_stored * 8; bit += 37) {
		f->kernel[bit / 8] ^= (uint8_t)(1 << bit % 8);
		is_refused(f, "TB21");
		f->kernel[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (uint64_t bit = f->info->info_size * 8; bit < f->info->modules_stored * 8; bit += 19) {
		f->modules[bit / 8] ^= (uint8_t)(1 << bit % 8);
		is_refused(f, "TB22");
		f->modules[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(payload_check(&f->machine), 1);
}

/* Sizes that contradict each other are refused even where the checksum agrees with them. */
static void sizes_must_agree(void **state)
{
	struct fixture *f = *state;
	struct damage {
		uint32_t offset, size;
		uint64_t value;
	};
#define FIELD(name) offsetof(struct payload_info, name), sizeof(((struct payload_info *)0)->name)
	const struct damage damages[] = {
		{FIELD(magic), PAYLOAD_MAGIC + 1},
		{FIELD(kernel_size), KERNEL_SIZE + PAGE_SIZE},
		{FIELD(kernel_size), KERNEL_SIZE - PAGE_SIZE},
		{FIELD(kernel_size), UINT64_MAX},
		{FIELD(kernel_stored), KERNEL_SIZE + 1},
		{FIELD(kernel_stored), UINT64_MAX},
		{FIELD(modules_size), MODULES_SIZE + 1},
		{FIELD(modules_size), UINT64_MAX},
		{FIELD(modules_stored), MODULES_SIZE + 1},
		{FIELD(modules_stored), UINT64_MAX},
		{FIELD(modules_stored), sizeof(struct payload_info)},
		{FIELD(modules_stored), 0},
		{FIELD(module_count), PAYLOAD_MODULES_MAX + 1},
		{FIELD(module_count), UINT32_MAX},
	};
	for (uint32_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		set_up(f);
		memcpy(f->modules + damages[i].offset, &damages[i].value, damages[i].size);
		f->info->info_crc32c = 0;
		f->info->info_crc32c = crc32c(0, f->modules, f->info->info_size);
		is_refused(f, "TB20");
	}
}

/* A description too small or too large to be summed up is not one with a sum of 0. */
static void an_impossible_size_of_the_description_is_refused(void **state)
{
	struct fixture *f = *state;
	const uint32_t sizes[] = {0, 1, sizeof(struct payload_info) - 1, MODULES_SIZE + 1, UINT32_MAX};
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		set_up(f);
		f->info->info_size = sizes[i];
		f->info->info_crc32c = 0;
		if (sizes[i] < f->info->modules_stored)
			f->info->modules_crc32c =
				crc32c(0, f->modules + sizes[i], f->info->modules_stored - sizes[i]);
		/* The last may name the modules instead: what counts is that it is refused. */
		assert_int_equal(payload_check(&f->machine), 0);
	}
}

/* ---- The kernel's headers ---- */

static void a_kernel_is_seen_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct kernel kernel;
	struct kernel_segment s;
	uint32_t index = 0;
	set_up(f);
	assert_int_equal(kernel_view(&f->machine, &kernel), 1);
	assert_int_equal(kernel.header_size, 0x1000);
	assert_ptr_equal(kernel.program_headers, f->kernel + sizeof(Elf64_Ehdr));
	assert_int_equal(kernel.program_header_count, 3);
	assert_int_equal(kernel.linked, LINKED);
	assert_int_equal(kernel.virt, LINKED);
	assert_int_equal(kernel.phys, physical(f->kernel) + 0x1000);
	assert_int_equal(kernel.size, KERNEL_SIZE - 0x1000);
	assert_int_equal(kernel.entry, LINKED + 0x20);
	assert_int_equal(kernel.dynamic_count, 0);
	assert_true(kernel_segment(&kernel, &index, &s));
	assert_true(s.offset == 0 && s.size == 0x1800 && s.flags == (PF_R | PF_X));
	assert_true(kernel_segment(&kernel, &index, &s));
	assert_true(s.offset == 0x2000 && s.size == 0x2f00 && s.flags == (PF_R | PF_W));
	assert_false(kernel_segment(&kernel, &index, &s));
}

static void a_pie_linked_at_0_goes_to_the_top(void **state)
{
	struct fixture *f = *state;
	struct kernel kernel;
	set_up(f);
	header(f)->e_type = ET_DYN;
	assert_int_equal(kernel_view(&f->machine, &kernel), 1);
	assert_int_equal(kernel.virt, LINKED); /* linked elsewhere: stays */
	header(f)->e_entry = 0x20;
	for (uint32_t i = 0; i < 3; i++)
		segment(f, i)->p_vaddr -= LINKED;
	assert_int_equal(kernel_view(&f->machine, &kernel), 1);
	assert_int_equal(kernel.linked, 0);
	assert_int_equal(kernel.virt, PIE_BASE);
	assert_int_equal(kernel.entry, PIE_BASE + 0x20);
}

static void is_no_kernel(struct fixture *f, const char *what)
{
	struct kernel kernel;
	assert_int_equal(kernel_view(&f->machine, &kernel), 0);
	assert_memory_equal(f->machine.error, "TB23", 4);
	assert_non_null(strstr(f->machine.error, what));
}

static void each_wrong_header_is_named(void **state)
{
	struct fixture *f = *state;
	set_up(f), f->kernel[1] = 'e', is_no_kernel(f, "headers");
	set_up(f), header(f)->e_phentsize = 32, is_no_kernel(f, "headers");
	set_up(f), header(f)->e_phoff = KERNEL_SIZE + 1, is_no_kernel(f, "headers");
	set_up(f), header(f)->e_phoff = KERNEL_SIZE - 56, is_no_kernel(f, "headers");
	set_up(f), header(f)->e_phoff = UINT64_MAX, is_no_kernel(f, "headers");
	set_up(f), header(f)->e_phnum = UINT16_MAX, is_no_kernel(f, "headers");
	set_up(f), header(f)->e_phnum = 0, is_no_kernel(f, "no PT_LOAD");
	set_up(f), segment(f, 1)->p_filesz--, is_no_kernel(f, "segments");
	set_up(f), segment(f, 1)->p_offset = KERNEL_SIZE + 1, is_no_kernel(f, "segments");
	set_up(f), segment(f, 1)->p_offset = KERNEL_SIZE - 1, is_no_kernel(f, "segments");
	set_up(f), segment(f, 1)->p_filesz = segment(f, 1)->p_memsz = UINT64_MAX, is_no_kernel(f, "segments");
	set_up(f), segment(f, 1)->p_vaddr += PAGE_SIZE, is_no_kernel(f, "distances");
	/* Right distance, but in front of the image, the difference wrapping around. */
	set_up(f), segment(f, 1)->p_offset = 0, segment(f, 1)->p_vaddr = LINKED - PAGE_SIZE;
	segment(f, 0)->p_vaddr = UINT64_C(0x200000), segment(f, 1)->p_vaddr = -UINT64_C(0x200000);
	is_no_kernel(f, "distances");
	set_up(f), segment(f, 0)->p_vaddr = 0, segment(f, 1)->p_offset = 0;
	segment(f, 1)->p_vaddr = -(uint64_t)PAGE_SIZE;
	is_no_kernel(f, "distances");
}

/* Whatever stands in the headers: refused, or everything that is looked at lies in the kernel. */
static void damaged_headers_never_lead_outside(void **state)
{
	struct fixture *f = *state;
	static const uint64_t nasty[] = {
		0,     1, 7, PAGE_SIZE, KERNEL_SIZE, UINT64_MAX, INT64_MAX, UINT32_MAX, -(uint64_t)PAGE_SIZE,
		LINKED};
	uint32_t accepted = 0;
	for (int round = 0; round < 100000; round++) {
		struct kernel kernel;
		struct kernel_segment s;
		if (round % 64 == 0) {
			set_up(f);
			segment(f, 2)->p_type = PT_DYNAMIC;
			memset(f->kernel + 0x1100, 0, 0x30);
		}
		/* One to four changes in the headers and the dynamic section, most of them small. */
		for (uint64_t i = below(4) + 1; i > 0; i--) {
			uint64_t place = below(4) ? below(64 + 3 * 56) : 0x1100 + below(0x30);
			switch (below(3)) {
			case 0:
				f->kernel[place] ^= (uint8_t)(1u << below(8));
				break;
			case 1:
				f->kernel[place] = (uint8_t)chance();
				break;
			default:
				memcpy(f->kernel + (place & ~UINT64_C(7)), &nasty[below(10)], 8);
			}
		}
		if (!kernel_view(&f->machine, &kernel)) {
			assert_memory_equal(f->machine.error, "TB23", 4);
			if (round % 4)
				set_up(f);
			continue;
		}
		accepted++;
		uint64_t headers = physical(kernel.program_headers) - physical(f->kernel);
		assert_true(headers <= KERNEL_SIZE &&
			    kernel.program_header_count * sizeof(Elf64_Phdr) <= KERNEL_SIZE - headers);
		assert_true(kernel.header_size <= KERNEL_SIZE &&
			    kernel.size == KERNEL_SIZE - kernel.header_size);
		for (uint32_t index = 0; kernel_segment(&kernel, &index, &s);)
			assert_true(s.offset <= kernel.size && s.size <= kernel.size - s.offset);
		kernel_relocate(&kernel);
	}
	assert_true(accepted > 1000);
}

/* ---- Relocations ---- */

#define SLIDE_WORDS ((KERNEL_SIZE - 2 * PAGE_SIZE) / 8) /* words from 0x1000 of the image on */

/* A PIE linked at 0 whose dynamic section lies at 0x100 of the image, with tables at 0x200. */
static void set_up_pie(struct fixture *f, uint64_t tag, uint64_t size_tag, uint64_t bytes)
{
	set_up(f);
	header(f)->e_type = ET_DYN;
	header(f)->e_entry = 0x20;
	for (uint32_t i = 0; i < 3; i++)
		segment(f, i)->p_vaddr -= LINKED;
	segment(f, 2)->p_type = PT_DYNAMIC;
	segment(f, 2)->p_filesz = segment(f, 2)->p_memsz = 0x40;
	const Elf64_Dyn dynamic[4] = {{DT_DEBUG, {0}},
				      {(Elf64_Sxword)size_tag, {bytes}},
				      {(Elf64_Sxword)tag, {0x200}},
				      {DT_NULL, {0}}};
	memcpy(f->kernel + 0x1100, dynamic, sizeof(dynamic));
}

static void rela_as_its_oracle(void **state)
{
	struct fixture *f = *state;
	static uint8_t expected[KERNEL_SIZE];
	for (int round = 0; round < 200; round++) {
		Elf64_Rela table[100];
		uint32_t count = (uint32_t)below(100);
		struct kernel kernel;
		set_up_pie(f, DT_RELA, DT_RELASZ, count * sizeof(table[0]));
		for (uint32_t i = 0; i < count; i++)
			table[i] = (Elf64_Rela){
				0x1000 + below(SLIDE_WORDS) * 8,
				ELF64_R_INFO(0, below(8) ? R_X86_64_RELATIVE : R_X86_64_NONE),
				(Elf64_Sxword)chance(),
			};
		/* Outside the image, by one byte and by much. */
		if (count > 2) {
			table[0].r_offset = KERNEL_SIZE - PAGE_SIZE - 7;
			table[1].r_offset = below(2) ? UINT64_MAX - 3 : LINKED;
		}
		memcpy(f->kernel + 0x1200, table, count * sizeof(table[0]));
		memcpy(expected, f->kernel, KERNEL_SIZE);
		for (uint32_t i = 0; i < count; i++)
			if (ELF64_R_TYPE(table[i].r_info) == R_X86_64_RELATIVE &&
			    table[i].r_offset <= KERNEL_SIZE - PAGE_SIZE - 8) {
				uint64_t value = (uint64_t)table[i].r_addend + PIE_BASE;
				memcpy(expected + PAGE_SIZE + table[i].r_offset, &value, 8);
			}
		assert_int_equal(kernel_view(&f->machine, &kernel), 1);
		kernel_relocate(&kernel);
		assert_memory_equal(f->kernel, expected, KERNEL_SIZE);
	}
}

/* Linkers leave room behind it, and what lies there are no tags. */
static void dt_null_ends_the_dynamic_section(void **state)
{
	struct fixture *f = *state;
	static uint8_t before[KERNEL_SIZE];
	const Elf64_Rela rela = {0x1000, ELF64_R_INFO(0, R_X86_64_RELATIVE), 0x20};
	struct kernel kernel;
	set_up_pie(f, DT_RELA, DT_RELASZ, sizeof(rela));
	Elf64_Dyn *dynamic = (Elf64_Dyn *)(f->kernel + 0x1100);
	memcpy(f->kernel + 0x1200, &rela, sizeof(rela));
	for (uint32_t null = 0; null < 3; null++) {
		const Elf64_Dyn kept = dynamic[null];
		dynamic[null] = (Elf64_Dyn){DT_NULL, {0}};
		memcpy(before, f->kernel, KERNEL_SIZE);
		assert_int_equal(kernel_view(&f->machine, &kernel), 1);
		kernel_relocate(&kernel);
		assert_memory_equal(f->kernel, before, KERNEL_SIZE);
		dynamic[null] = kept;
	}
	kernel_relocate(&kernel);
	assert_memory_not_equal(f->kernel, before, KERNEL_SIZE);
}

/* RELR as linkers write it: addresses, each followed by bitmaps of 63 words, while any of them is in the
 * list. */
static uint32_t encode_relr(const uint64_t *addresses, uint32_t count, uint64_t *table)
{
	uint32_t used = 0;
	for (uint32_t i = 0; i < count;) {
		uint64_t base = addresses[i] + 8;
		table[used++] = addresses[i++];
		for (;;) {
			uint64_t bits = 0;
			for (; i < count && addresses[i] - base < 63 * 8; i++)
				bits |= UINT64_C(1) << (addresses[i] - base) / 8;
			if (bits == 0)
				break;
			table[used++] = bits << 1 | 1;
			base += 63 * 8;
		}
	}
	return used;
}

static void relr_as_its_oracle(void **state)
{
	struct fixture *f = *state;
	static uint8_t expected[KERNEL_SIZE];
	for (int round = 0; round < 300; round++) {
		uint64_t addresses[SLIDE_WORDS], table[SLIDE_WORDS];
		uint32_t count = 0, sparse = 1 + (uint32_t)below(round % 3 ? 4 : 200);
		struct kernel kernel;
		for (uint32_t word = 0; word < SLIDE_WORDS && count < 300; word++)
			if (below(sparse) == 0)
				addresses[count++] = 0x1000 + word * 8;
		uint32_t entries = encode_relr(addresses, count, table);
		set_up_pie(f, DT_RELR, DT_RELRSZ, entries * 8);
		memcpy(f->kernel + 0x1200, table, entries * 8);
		memcpy(expected, f->kernel, KERNEL_SIZE);
		for (uint32_t i = 0; i < count; i++) {
			uint64_t value;
			memcpy(&value, expected + PAGE_SIZE + addresses[i], 8);
			value += PIE_BASE;
			memcpy(expected + PAGE_SIZE + addresses[i], &value, 8);
		}
		assert_int_equal(kernel_view(&f->machine, &kernel), 1);
		kernel_relocate(&kernel);
		assert_memory_equal(f->kernel, expected, KERNEL_SIZE);
	}
}

/* A bitmap that reaches beyond the image: what is inside is relocated, the rest left alone. */
static void relr_ends_with_the_image(void **state)
{
	struct fixture *f = *state;
	struct kernel kernel;
	uint64_t last = KERNEL_SIZE - PAGE_SIZE - 8, before, after;
	const uint64_t table[] = {last, UINT64_MAX, UINT64_MAX};
	set_up_pie(f, DT_RELR, DT_RELRSZ, UINT64_MAX - 7);
	memcpy(f->kernel + 0x1200, table, sizeof(table));
	memset(f->kernel + 0x1218, 0, 0x3000);
	memcpy(&before, f->kernel + PAGE_SIZE + last, 8);
	assert_int_equal(kernel_view(&f->machine, &kernel), 1);
	kernel_relocate(&kernel);
	memcpy(&after, f->kernel + PAGE_SIZE + last, 8);
	assert_int_equal(after, before + PIE_BASE);
}

static void a_kernel_that_stays_keeps_its_words(void **state)
{
	struct fixture *f = *state;
	static uint8_t before[KERNEL_SIZE];
	struct kernel kernel;
	const uint64_t table[] = {0x1000, UINT64_MAX};
	set_up_pie(f, DT_RELR, DT_RELRSZ, sizeof(table));
	memcpy(f->kernel + 0x1200, table, sizeof(table));
	header(f)->e_type = ET_EXEC;
	memcpy(before, f->kernel, KERNEL_SIZE);
	assert_int_equal(kernel_view(&f->machine, &kernel), 1);
	kernel_relocate(&kernel);
	assert_memory_equal(f->kernel, before, KERNEL_SIZE);
}

int main(void)
{
	static struct fixture fixture;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(a_whole_payload_is_accepted, &fixture),
		cmocka_unit_test_prestate(each_flipped_bit_is_named, &fixture),
		cmocka_unit_test_prestate(sizes_must_agree, &fixture),
		cmocka_unit_test_prestate(an_impossible_size_of_the_description_is_refused, &fixture),
		cmocka_unit_test_prestate(a_kernel_is_seen_as_it_is, &fixture),
		cmocka_unit_test_prestate(a_pie_linked_at_0_goes_to_the_top, &fixture),
		cmocka_unit_test_prestate(each_wrong_header_is_named, &fixture),
		cmocka_unit_test_prestate(damaged_headers_never_lead_outside, &fixture),
		cmocka_unit_test_prestate(rela_as_its_oracle, &fixture),
		cmocka_unit_test_prestate(dt_null_ends_the_dynamic_section, &fixture),
		cmocka_unit_test_prestate(relr_as_its_oracle, &fixture),
		cmocka_unit_test_prestate(relr_ends_with_the_image, &fixture),
		cmocka_unit_test_prestate(a_kernel_that_stays_keeps_its_words, &fixture),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
