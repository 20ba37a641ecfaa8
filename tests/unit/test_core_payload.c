/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/payload.c core/kernel_image.c core/memory.c formats/crc32c.c common/log.c common/text.c */
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

#define KERNEL_SIZE   (6 * PAGE_SIZE)
#define MODULES_SIZE  (3 * PAGE_SIZE)
#define MANIFEST_SIZE PAGE_SIZE
#define LINKED        UINT64_C(0xffffffff80000000)

struct fixture {
	struct machine machine;
	uint8_t *kernel, *modules, *bytes; /* each ends where memory ends; bytes: the manifest's */
	struct manifest *manifest;
	struct manifest_part *parts; /* kernel and modules */
	struct manifest_module *module;
	struct manifest_place *place;
};

static void sign(struct fixture *f)
{
	f->parts[0].crc32c = crc32c(0, f->kernel, f->parts[0].stored);
	f->parts[1].crc32c = crc32c(0, f->modules, f->parts[1].stored);
	f->manifest->crc32c = 0;
	f->manifest->crc32c = crc32c(0, f->bytes, f->manifest->size);
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
		f->bytes = low_memory(MANIFEST_SIZE);
	}
	memset(f->kernel, 0, KERNEL_SIZE);
	memset(f->modules, 0, MODULES_SIZE);
	memset(f->bytes, 0, MANIFEST_SIZE);
	f->machine.parts[0] = (struct machine_range){physical(f->kernel), KERNEL_SIZE};
	f->machine.parts[1] = (struct machine_range){physical(f->modules), MODULES_SIZE};
	f->machine.part_count = 2;
	f->machine.manifest = (struct machine_range){physical(f->bytes), MANIFEST_SIZE};

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

	f->manifest = (struct manifest *)f->bytes;
	*f->manifest = (struct manifest){
		.magic = MANIFEST_MAGIC,
		.version = MANIFEST_VERSION,
		.size = MANIFEST_SIZE,
		.needs = {.contract = 1, .stack_size = 65536},
		.part_count = 2,
		.module_count = 1,
		.place_count = 1,
		.parts = 128,
		.modules = 256,
		.places = 328,
		.adapter_data = 376,
		.adapter_data_size = 100,
		.command_line = 476,
	};
	f->parts = (struct manifest_part *)(f->bytes + 128);
	f->parts[0] = (struct manifest_part){".kernel", KERNEL_SIZE, KERNEL_SIZE - PAGE_SIZE, 0, 0, {0}};
	f->parts[1] = (struct manifest_part){".modules", MODULES_SIZE, 2 * PAGE_SIZE, 0, 0, {0}};
	f->module = (struct manifest_module *)(f->bytes + 256);
	*f->module = (struct manifest_module){1, 0, PAGE_SIZE, 5000, 2 * PAGE_SIZE, 480, 490, {0}};
	f->place = (struct manifest_place *)(f->bytes + 328);
	*f->place = (struct manifest_place){
		TWINBOOT_PLACEMENT_TARGET, 0, 0x1000000, 2 * PAGE_SIZE, PAGE_SIZE, 0, 0};
	memset(f->modules, 0x5a, f->parts[1].stored);
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
	f->parts[0].stored = KERNEL_SIZE;
	f->parts[1].stored = MODULES_SIZE;
	sign(f);
	assert_int_equal(payload_check(&f->machine), 1);
	f->parts[1].stored = 0;
	sign(f);
	assert_int_equal(payload_check(&f->machine), 1);
	f->manifest->part_count = f->machine.part_count = 1; /* no module */
	f->manifest->module_count = f->manifest->place_count = 0;
	sign(f);
	assert_int_equal(payload_check(&f->machine), 1);
}

static void flip(uint8_t *bytes, uint64_t bit)
{
	bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static void each_flipped_bit_is_named(void **state)
{
	struct fixture *f = *state;
	set_up(f);
	for (uint64_t bit = 0; bit < MANIFEST_SIZE * 8; bit++) {
		flip(f->bytes, bit);
		is_refused(f, "TB20");
		flip(f->bytes, bit);
	}
	for (uint64_t bit = 0; bit < f->parts[0].stored * 8; bit += 37) {
		flip(f->kernel, bit);
		is_refused(f, "TB21");
		flip(f->kernel, bit);
	}
	for (uint64_t bit = 0; bit < f->parts[1].stored * 8; bit += 19) {
		flip(f->modules, bit);
		is_refused(f, "TB22");
		flip(f->modules, bit);
	}
	assert_int_equal(payload_check(&f->machine), 1);
}

/* Numbers that contradict each other, or what was loaded, are refused even where the checksum agrees. */
static void numbers_must_agree(void **state)
{
	struct fixture *f = *state;
	struct damage {
		uint32_t offset, size;
		uint64_t value;
	};
#define AT(base, type, name) (base) + offsetof(struct type, name), sizeof(((struct type *)0)->name)
#define HEAD(name)           AT(0, manifest, name)
#define KERNEL(name)         AT(128, manifest_part, name)
#define PART(name)           AT(192, manifest_part, name)
#define MODULE(name)         AT(256, manifest_module, name)
#define PLACE(name)          AT(328, manifest_place, name)
	const struct damage damages[] = {
		{HEAD(magic), MANIFEST_MAGIC + 1},
		{HEAD(version), MANIFEST_VERSION + 1},
		{HEAD(part_count), 0},
		{HEAD(part_count), 1},
		{HEAD(part_count), 3},
		{HEAD(module_count), MANIFEST_MODULES_MAX + 1},
		{HEAD(module_count), 60}, /* reach beyond its end */
		{HEAD(place_count), MANIFEST_PLACES_MAX + 1},
		{HEAD(parts), MANIFEST_SIZE - 127},
		{HEAD(parts), 129},
		{HEAD(parts), UINT32_MAX},
		{HEAD(modules), MANIFEST_SIZE - 64},
		{HEAD(places), MANIFEST_SIZE - 40},
		{HEAD(adapter_data), MANIFEST_SIZE - 96},
		{HEAD(adapter_data), 377},
		{HEAD(adapter_data_size), UINT32_MAX},
		{HEAD(command_line), MANIFEST_SIZE},
		{KERNEL(size), KERNEL_SIZE + PAGE_SIZE},
		{KERNEL(size), KERNEL_SIZE - PAGE_SIZE},
		{KERNEL(stored), KERNEL_SIZE + PAGE_SIZE},
		{KERNEL(stored), UINT64_MAX},
		{PART(size), MODULES_SIZE + PAGE_SIZE},
		{PART(size), UINT64_MAX},
		{PART(stored), MODULES_SIZE + PAGE_SIZE},
		{MODULE(part), 2},
		{MODULE(offset), PAGE_SIZE + 8},
		{MODULE(offset), 2 * PAGE_SIZE},
		{MODULE(offset), -(uint64_t)PAGE_SIZE},
		{MODULE(size), 2 * PAGE_SIZE + 1},
		{MODULE(memory), 3 * PAGE_SIZE},
		{MODULE(memory), UINT64_MAX},
		{MODULE(name), MANIFEST_SIZE},
		{MODULE(arguments), UINT32_MAX},
		{PLACE(module), 1},
		{PLACE(address), 0x1000001},
		{PLACE(size), UINT64_MAX},
		{PLACE(alignment), 0},
		{PLACE(alignment), 3 * PAGE_SIZE},
		{MANIFEST_SIZE - 1, 1, 'x'}, /* strings must end */
	};
	for (uint32_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		set_up(f);
		memcpy(f->bytes + damages[i].offset, &damages[i].value, damages[i].size);
		f->manifest->crc32c = 0;
		f->manifest->crc32c = crc32c(0, f->bytes, MANIFEST_SIZE);
		is_refused(f, "TB20");
	}
	set_up(f);
	f->place->module = TWINBOOT_NO_MODULE;
	sign(f);
	assert_int_equal(payload_check(&f->machine), 1);
}

/* One too small or too large to be summed up is not one with a sum of 0. */
static void an_impossible_size_of_the_manifest_is_refused(void **state)
{
	struct fixture *f = *state;
	const uint32_t sizes[] = {
		0, 1, sizeof(struct manifest) - 1, MANIFEST_SIZE - 8, MANIFEST_SIZE + 1, UINT32_MAX};
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		set_up(f);
		f->manifest->size = sizes[i];
		f->manifest->crc32c = 0;
		if (sizes[i] <= MANIFEST_SIZE)
			f->manifest->crc32c = crc32c(0, f->bytes, sizes[i]);
		is_refused(f, "TB20");
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
		cmocka_unit_test_prestate(numbers_must_agree, &fixture),
		cmocka_unit_test_prestate(an_impossible_size_of_the_manifest_is_refused, &fixture),
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
