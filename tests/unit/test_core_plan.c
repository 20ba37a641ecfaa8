/* SPDX-License-Identifier: BSD-2-Clause */
/* links: core/plan.c core/address_space.c core/kernel_image.c core/places.c core/memory.c core/records.c common/paging.c common/log.c common/text.c */
/*
 * core_boot()'s plan on hostile machines: whatever firmware says, the boot is refused in a sentence, or
 * nothing is touched that is not free, memory for it suffices, and the page tables map what the contract
 * says. Physical memory from 64 KiB to 1 GiB is the host's own at the same addresses; rows above it are only
 * names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#undef fail /* core has one too */
#define REQUIRE assert_true
#include "core_walk.h"

#include <elf.h>
#include <string.h>

#define REAL_LOW  UINT64_C(0x10000)
#define REAL_HIGH UINT64_C(0x40000000)
#define LINKED    UINT64_C(0xffffffff80000000)
#define ROWS_MAX  40u

/* ---- What is not under test here ---- */

static struct cpu processor;
static uint32_t processors;
static const char *confidential;

const char *cpu_confidential(void)
{
	return confidential;
}

void cpu_identify(struct cpu *cpu)
{
	*cpu = processor;
}

uint32_t cpus_list(const struct machine *machine, struct twinboot_cpu *cpus)
{
	(void)machine, (void)cpus;
	return processors;
}

void acpi_pm_timer_sample(struct machine *machine)
{
	(void)machine;
}

uint64_t net_size(const struct boot *boot)
{
	return boot->cpu_count * UINT64_C(256) + 3 * PAGE_SIZE;
}

/* ---- A machine ---- */

struct fixture {
	struct machine machine;
	struct twinboot_region rows[ROWS_MAX + MACHINE_EXTRA_REGIONS];
	struct twinboot_region before[ROWS_MAX + MACHINE_EXTRA_REGIONS];
	uint32_t before_count;
	uint8_t scratch[MACHINE_SCRATCH_SIZE(ROWS_MAX)] __attribute__((aligned(8)));
	struct boot boot;
	uint64_t text, data; /* offsets in the kernel's image: where its text ends, where its data begins */
};

static struct fixture f;
static int exact; /* the arena has what plan_boot() asks for, as UEFI gives it, and not a page more */

static void map_real_memory(void)
{
	void *want = at(REAL_LOW);
	if (mmap(want, REAL_HIGH - REAL_LOW, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != want)
		abort();
}

static void drop_real_memory(void)
{
	madvise(at(REAL_LOW), REAL_HIGH - REAL_LOW, MADV_DONTNEED);
}

static void add_row(uint64_t base, uint64_t length, uint32_t type)
{
	assert_true(f.machine.region_count < ROWS_MAX);
	f.rows[f.machine.region_count++] = (struct twinboot_region){base, length, type, 0};
}

/* Where the kernel's two segments, text and data, meet. */
static enum {
	NEIGHBOURS, /* at a page boundary */
	APART,      /* a quarter of the image, where it is large enough, is in neither */
	TOGETHER,   /* in the middle of a page */
} segments_are;

static uint64_t program_headers_at = sizeof(Elf64_Ehdr); /* bytes from the file's start */

static void add_segment(Elf64_Ehdr *ehdr, uint32_t flags, uint64_t start, uint64_t end)
{
	Elf64_Phdr *phdr = (Elf64_Phdr *)((uint8_t *)ehdr + ehdr->e_phoff) + ehdr->e_phnum++;
	uint64_t address = ehdr->e_entry + start;
	*phdr = (Elf64_Phdr){PT_LOAD, flags,       PAGE_SIZE + start, address,
			     address, end - start, end - start,       PAGE_SIZE};
}

/* A kernel of `pages` pages at `phys`, behind a page of headers that no segment touches. */
static void put_kernel(uint64_t phys, uint64_t linked, uint16_t type, uint32_t pages)
{
	uint64_t size = (uint64_t)pages * PAGE_SIZE, text = page_down(size / 2), data = text;
	Elf64_Ehdr *ehdr = at(phys);
	*ehdr = (Elf64_Ehdr){.e_ident = ELFMAG,
			     .e_type = type,
			     .e_entry = linked,
			     .e_phoff = program_headers_at,
			     .e_phentsize = sizeof(Elf64_Phdr)};
	if (segments_are == APART)
		data += page_down(size / 4);
	if (segments_are == TOGETHER)
		data += 0x340, text += 0x123;
	add_segment(ehdr, PF_R | PF_X, 0, text);
	add_segment(ehdr, PF_R | PF_W, data, size);
	for (uint64_t page = 0; page < size; page += PAGE_SIZE)
		*(uint64_t *)at(phys + PAGE_SIZE + page) = ~page;
	f.machine.parts[0] = (struct machine_range){phys, PAGE_SIZE + size};
	f.machine.part_count = 1;
	f.text = text;
	f.data = data;
}

/* The payload where legacy.ld has it, but for the page of headers. */
#define PAYLOAD UINT64_C(0x200000)

static void set_up(uint64_t linked, uint16_t type, uint32_t pages)
{
	memset(&f, 0, sizeof(f));
	drop_real_memory();
	processor = (struct cpu){.sse = 1, .nx = 1, .pat = 1, .mtrr = 1, .apic = 1, .huge_pages = 1};
	processors = 1;
	put_kernel(PAYLOAD - PAGE_SIZE, linked, type, pages);
	f.machine.manifest =
		(struct machine_range){f.machine.parts[0].base + f.machine.parts[0].size, PAGE_SIZE};
	((struct manifest *)at(f.machine.manifest.base))->needs =
		(struct twinboot_needs){.contract = 1, .stack_size = 65536};
	f.machine.regions = physical(f.rows);
	f.machine.region_capacity = ROWS_MAX + MACHINE_EXTRA_REGIONS;
	f.machine.scratch = physical(f.scratch);
	f.machine.scratch_size = sizeof(f.scratch);
	f.machine.mapped_limit = REAL_HIGH;
	f.machine.loader_base = 0x1000;
	f.machine.loader_size = 0x3f000;
}

static struct twinboot_needs *needs(void)
{
	return &((struct manifest *)at(f.machine.manifest.base))->needs;
}

/* What of the plan needs no processor. 0: refused. Whatever comes after the plan must not fail any more. */
static int run(void)
{
	f.machine.error[0] = 0;
	if (!plan_boot(&f.boot, &f.machine)) {
		assert_memory_equal(f.machine.error, "TB", 2);
		return 0;
	}
	if (exact) {
		f.machine.arena = f.boot.memory.arena_top - f.machine.arena_needed;
		assert_true(plan_boot(&f.boot, &f.machine));
	}
	f.before_count = f.boot.memory.count;
	assert_true(f.before_count <= ROWS_MAX + MACHINE_EXTRA_REGIONS);
	memcpy(f.before, f.boot.memory.map, f.before_count * sizeof(f.before[0]));
	int halted = HALTS({
		kernel_keep_headers(&f.boot.kernel, &f.boot.memory);
		memory_take_low_page(&f.boot);
		kernel_settle(&f.boot);
		kernel_relocate(&f.boot.kernel);
		address_space_build(&f.boot);
		/* What window.c and handoff.c take: bridge, stacks with their tables, processors, handoff,
		 * rows. */
		memory_take(&f.boot.memory, 24 * PAGE_SIZE);
		memory_take(&f.boot.memory,
			    (uint64_t)(processors ? processors : 1) * sizeof(struct twinboot_cpu));
		for (uint32_t i = 0; i < (processors ? processors : 1); i++) {
			uint64_t stack = physical(memory_take(&f.boot.memory, f.boot.stack_size));
			paging_map(&f.boot.paging, stack_top(&f.boot, i) - f.boot.stack_size, stack,
				   f.boot.stack_size, MAP_WRITE);
		}
		memory_take(&f.boot.memory, 4 * PAGE_SIZE);
		memory_take(&f.boot.memory,
			    (2 * (uint64_t)(f.machine.region_count + 1) + 1) * sizeof(f.rows[0]));
	});
	if (halted)
		print_error("after the plan: %s\n", f.machine.error);
	assert_false(halted);
	return 1;
}

/* By the map as it was before anything was taken. */
static uint32_t type_before(uint64_t address)
{
	for (uint32_t i = 0; i < f.before_count; i++)
		if (address - f.before[i].base_phys < f.before[i].length)
			return f.before[i].type;
	return 0;
}

static int within(uint64_t address, uint64_t base, uint64_t size)
{
	return address - base < size;
}

static int framebuffer_has(uint64_t address)
{
	const struct machine_framebuffer *fb = &f.machine.framebuffer;
	return fb->base != 0 &&
	       within(address, page_down(fb->base), page_up(fb->base + fb->size) - page_down(fb->base));
}

static void check_taken(void)
{
	const struct kernel *kernel = &f.boot.kernel;
	for (uint64_t page = f.boot.memory.arena_next; page < f.boot.memory.arena_top; page += PAGE_SIZE) {
		assert_int_equal(type_before(page), TWINBOOT_MEMORY_USABLE);
		assert_false(within(page, kernel->phys, kernel->size));
		assert_false(page == f.boot.low_page);
	}
	if (f.boot.low_page != 0) {
		assert_int_equal(type_before(f.boot.low_page), TWINBOOT_MEMORY_USABLE);
		assert_true(f.boot.low_page < ONE_MIB);
		assert_false(within(f.boot.low_page, kernel->phys, kernel->size));
	}
	if (f.boot.flags & TWINBOOT_KERNEL_IN_PLACE)
		assert_int_equal(kernel->phys, kernel->virt);
	for (uint64_t page = 0; page < kernel->size; page += PAGE_SIZE)
		assert_int_equal(*(uint64_t *)at(kernel->phys + page), ~page);
	/* Where it lies already, the front door has seen to it that there is memory. */
	if (kernel->phys == f.machine.parts[0].base + PAGE_SIZE)
		return;
	for (uint64_t page = kernel->phys; page < kernel->phys + kernel->size; page += PAGE_SIZE)
		if (type_before(page) != TWINBOOT_MEMORY_KERNEL)
			assert_int_equal(type_before(page), TWINBOOT_MEMORY_USABLE);
}

/* The direct map's, and the identity map's, view of one address. */
static void check_physical(uint64_t base, uint64_t address)
{
	uint32_t type = type_before(address);
	int is_ram = type >= TWINBOOT_MEMORY_USABLE && type <= TWINBOOT_MEMORY_RUNTIME_DATA;
	struct found found = walk(&f.boot.paging, base + address);
	if (!framebuffer_has(address) &&
	    (address >= f.boot.direct_map_size || (!is_ram && address >= FOUR_GIB))) {
		assert_int_equal(found.phys, NOT_MAPPED);
		return;
	}
	assert_int_equal(found.phys, address);
	assert_true(found.write);
	assert_int_equal(found.execute, !processor.nx);
	uint8_t expected = framebuffer_has(address) ? (processor.pat ? WC : UC_MINUS)
			   : is_ram                 ? WB
						    : UC_MINUS;
	assert_int_equal(found.cache, expected);
}

static void check_address(uint64_t address)
{
	const struct kernel *kernel = &f.boot.kernel;
	if (address < UINT64_C(1) << 46 || (framebuffer_has(address) && address < UINT64_C(1) << 46))
		check_physical(f.boot.direct_map_base, address);
	if (f.boot.flags & TWINBOOT_IDENTITY_MAPPED && address >= PAGE_SIZE && address < UINT64_C(1) << 46 &&
	    !within(address, kernel->virt, kernel->size))
		check_physical(0, address);
}

static void check_page_tables(void)
{
	const struct kernel *kernel = &f.boot.kernel;
	assert_int_equal(walk(&f.boot.paging, 0).phys, NOT_MAPPED);
	assert_int_equal(walk(&f.boot.paging, PAGE_SIZE - 1).phys, NOT_MAPPED);
	for (uint32_t i = 0; i < f.before_count; i++) {
		uint64_t low = f.before[i].base_phys, end = low + f.before[i].length;
		const uint64_t addresses[] = {low,     low - 1, low + PAGE_SIZE,
					      end - 1, end,     low + below(end - low)};
		for (uint32_t j = 0; j < sizeof(addresses) / sizeof(addresses[0]); j++)
			check_address(addresses[j]);
	}
	for (int i = 0; i < 20; i++)
		check_address(below(FOUR_GIB));
	for (uint64_t page = 0; page < kernel->size; page += PAGE_SIZE) {
		struct found found = walk(&f.boot.paging, kernel->virt + page);
		int is_text = page<f.text, is_data = page + PAGE_SIZE> f.data;
		if (!is_text && !is_data) {
			assert_int_equal(found.phys, NOT_MAPPED);
			continue;
		}
		assert_int_equal(found.phys, kernel->phys + page);
		assert_int_equal(found.write, is_data);
		assert_int_equal(found.execute, is_text || !processor.nx);
		assert_int_equal(found.cache, WB);
	}
	/* The stacks: data, each above a page that is not there. */
	for (uint32_t i = 0; i < (processors ? processors : 1); i++) {
		uint64_t bottom = stack_top(&f.boot, i) - f.boot.stack_size;
		assert_int_equal(walk(&f.boot.paging, bottom - 1).phys, NOT_MAPPED);
		assert_true(walk(&f.boot.paging, bottom).write &&
			    walk(&f.boot.paging, bottom).execute == !processor.nx);
		assert_true(within(walk(&f.boot.paging, stack_top(&f.boot, i) - 1).phys,
				   f.boot.memory.arena_next,
				   f.boot.memory.arena_top - f.boot.memory.arena_next));
	}
}

static void check_boot(void)
{
	check_taken();
	check_page_tables();
}

static void a_plain_pc(uint64_t memory)
{
	add_row(0, 0x9fc00, TWINBOOT_MEMORY_USABLE);
	add_row(0x9fc00, 0x400, TWINBOOT_MEMORY_RESERVED);
	add_row(0xf0000, 0x10000, TWINBOOT_MEMORY_RESERVED);
	add_row(ONE_MIB, memory - ONE_MIB, TWINBOOT_MEMORY_USABLE);
	add_row(0xb0000000, 0x10000000, TWINBOOT_MEMORY_RESERVED);
}

static void kernels_of_every_place(void **state)
{
	(void)state;
	const struct {
		uint64_t linked;
		uint16_t type;
		int in_place;
	} kernels[] = {
		{LINKED, ET_EXEC, 0},
		{0, ET_DYN, 0},
		{0x200000, ET_EXEC, 1},
		{0x1fc000, ET_EXEC, 1}, /* where it lies itself, nearly */
		{0x208000, ET_EXEC, 0}, /* and where its modules lie, too */
		{0x100000, ET_EXEC, 1},
		{0x1000000, ET_EXEC, 1},
		{UINT64_C(0x4000000000), ET_EXEC, 0},
		{0x30000, ET_EXEC, 0}, /* where the loader lies */
		{0xffffc00000000000, ET_EXEC, 0},
	};
	for (uint32_t i = 0; i < 3 * sizeof(kernels) / sizeof(kernels[0]); i++) {
		segments_are = i % 3;
		set_up(kernels[i / 3].linked, kernels[i / 3].type, 16);
		a_plain_pc(128 * ONE_MIB);
		assert_true(run());
		assert_int_equal(f.boot.flags & TWINBOOT_KERNEL_IN_PLACE ? 1 : 0, kernels[i / 3].in_place);
		assert_int_equal(f.boot.flags & TWINBOOT_IDENTITY_MAPPED ? 1 : 0, kernels[i / 3].in_place);
		check_boot();
	}
	segments_are = NEIGHBOURS;
}

static void needs_that_cannot_be_met(void **state)
{
	(void)state;
	set_up(0x30000, ET_EXEC, 16);
	a_plain_pc(128 * ONE_MIB);
	needs()->flags = TWINBOOT_NEED_IN_PLACE;
	assert_false(run());
	assert_memory_equal(f.machine.error, "TB25", 4);
	set_up(LINKED, ET_EXEC, 16);
	a_plain_pc(128 * ONE_MIB);
	needs()->flags = TWINBOOT_NEED_FRAMEBUFFER;
	assert_false(run());
	assert_memory_equal(f.machine.error, "TB26", 4);
	needs()->flags = TWINBOOT_NEED_LEVEL5_PAGING;
	assert_false(run());
	assert_memory_equal(f.machine.error, "TB27", 4);
	needs()->flags = 0;
	needs()->contract = TWINBOOT_CONTRACT_VERSION + 1;
	assert_false(run());
	assert_memory_equal(f.machine.error, "TB28", 4);
	needs()->contract = 1;
	confidential = "AMD SEV";
	assert_false(run());
	assert_memory_equal(f.machine.error, "TB32", 4);
	assert_non_null(strstr(f.machine.error, "(AMD SEV)"));
	confidential = NULL;
	f.machine.region_capacity = f.machine.region_count + MACHINE_EXTRA_REGIONS - 1;
	assert_false(run());
	assert_memory_equal(f.machine.error, "TB29", 4);
}

static void nothing_usable_below_4_gib(void **state)
{
	(void)state;
	set_up(LINKED, ET_EXEC, 16);
	add_row(FOUR_GIB, 4 * FOUR_GIB, TWINBOOT_MEMORY_USABLE);
	assert_false(run());
	assert_memory_equal(f.machine.error, "TB24", 4);
	/* Not one row at all. */
	set_up(LINKED, ET_EXEC, 16);
	assert_false(run());
	assert_memory_equal(f.machine.error, "TB24", 4);
}

/* From next to nothing upwards: too little is a sentence, and what is enough is enough. */
static void memory_from_little_to_much(void **state)
{
	(void)state;
	uint32_t booted = 0;
	for (uint64_t kib = 1024; kib < 2044; kib += 4) {
		set_up(kib % 8 ? LINKED : 0x800000, ET_EXEC, 16);
		a_plain_pc(kib * 1024);
		f.machine.loader_size = 0x9d000; /* one page is left below 1 MiB */
		processors = 1 + (uint32_t)below(3);
		if (run()) {
			check_boot();
			booted++;
		} else {
			assert_memory_equal(f.machine.error, "TB24", 4);
		}
	}
	assert_in_range(booted, 50, 200);
}

/* What the plan asks for suffices wherever a linker puts the program headers, and however many there are. */
static void program_headers_far_inside_the_image(void **state)
{
	(void)state;
	for (exact = 0; exact < 2; exact++)
		for (uint32_t i = 0; i < 2; i++) {
			program_headers_at = 8 * ONE_MIB + 8;
			set_up(i ? 0x400000 : LINKED, ET_EXEC, 4096);
			a_plain_pc(128 * ONE_MIB);
			((Elf64_Ehdr *)at(f.machine.parts[0].base))->e_phnum =
				20000; /* all but two are PT_NULL */
			assert_true(run());
			check_boot();
		}
	program_headers_at = sizeof(Elf64_Ehdr);
	exact = 0;
}

static void huge_machines(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 24; i++) {
		set_up(i & 1 ? 0x200000 : LINKED, ET_EXEC, 16);
		a_plain_pc(1024 * ONE_MIB);
		processor.huge_pages = i & 2;
		/* 1 TiB in one row; 64 TiB; what no direct map can hold */
		add_row(FOUR_GIB,
			(UINT64_C(1) << (i < 8    ? 40
					 : i < 16 ? 46
						  : 52)) -
				FOUR_GIB,
			TWINBOOT_MEMORY_USABLE);
		f.machine.framebuffer.base = i & 4 ? 0xfd000000 : (UINT64_C(1) << 45) + 0x1234000;
		f.machine.framebuffer.size = 0x300000;
		if (run())
			check_boot();
		else
			assert_memory_equal(f.machine.error, "TB24", 4);
	}
}

/* With pages of 2 MiB it takes as many tables as the direct map. */
static void the_identity_map_is_counted(void **state)
{
	(void)state;
	exact = 1;
	set_up(0x200000, ET_EXEC, 16);
	processor.huge_pages = 0;
	a_plain_pc(512 * ONE_MIB);
	add_row(FOUR_GIB, UINT64_C(1) << 40, TWINBOOT_MEMORY_USABLE);
	assert_true(run());
	check_boot();
	exact = 0;
}

/* A framebuffer that begins in page 0: no machine has one, but firmware says much. */
static void page_0_is_not_mapped_for_a_framebuffer(void **state)
{
	(void)state;
	for (uint64_t size = 0x100; size <= 0x10000; size *= 16) {
		set_up(0x200000, ET_EXEC, 16);
		a_plain_pc(128 * ONE_MIB);
		f.machine.framebuffer.base = 0x800;
		f.machine.framebuffer.size = size;
		assert_true(run());
		assert_true(f.boot.flags & TWINBOOT_IDENTITY_MAPPED);
		check_boot();
	}
}

static void a_framebuffer_beyond_the_direct_map_is_none(void **state)
{
	(void)state;
	const uint64_t limit = UINT64_C(64) << 40, size = 0x300000;
	const struct {
		uint64_t base, size;
		int stays;
	} framebuffers[] = {
		{limit - size, size, 1},      {limit - size + 0x1000, size, 0}, {limit, 1, 0},
		{UINT64_C(1) << 47, size, 0}, {UINT64_MAX - 0xfff, size, 0},    {0xe0000000, limit, 0},
		{0xe0000000, UINT64_MAX, 0},
	};
	for (uint32_t i = 0; i < sizeof(framebuffers) / sizeof(framebuffers[0]); i++) {
		set_up(i % 2 ? 0xffffc00000000000 : LINKED, ET_EXEC, 16);
		a_plain_pc(128 * ONE_MIB);
		f.machine.framebuffer.base = framebuffers[i].base;
		f.machine.framebuffer.size = framebuffers[i].size;
		assert_true(run());
		check_boot();
		assert_int_equal(f.machine.framebuffer.base,
				 framebuffers[i].stays ? framebuffers[i].base : 0);
		f.machine.framebuffer.base = framebuffers[i].base;
		f.machine.framebuffer.size = framebuffers[i].size;
		needs()->flags = TWINBOOT_NEED_FRAMEBUFFER;
		assert_int_equal(plan_boot(&f.boot, &f.machine), framebuffers[i].stays);
	}
}

static void many_processors(void **state)
{
	(void)state;
	for (uint32_t count = 1; count < 1024; count = count * 2 + 1)
		for (exact = 0; exact < 2; exact++) {
			set_up(LINKED, ET_EXEC, 16);
			processors = count;
			a_plain_pc(1024 * ONE_MIB);
			needs()->stack_size = 256 << 10;
			assert_true(run());
			check_boot();
		}
	processors = 1;
	exact = 0;
}

static uint64_t hostile_address(void)
{
	switch (below(8)) {
	case 0:
		return below(ONE_MIB);
	case 1:
		return FOUR_GIB - 4 * ONE_MIB + below(8 * ONE_MIB);
	case 2:
		return below(UINT64_C(1) << below(53));
	case 3:
		return PAYLOAD - 64 * PAGE_SIZE + below(256) * PAGE_SIZE; /* around the payload */
	default:
		return below(REAL_HIGH);
	}
}

/* Firmware's rows at random around a machine that could boot. */
static void hostile_machines(void **state)
{
	(void)state;
	uint32_t booted = 0;
	for (uint32_t round = 0; round < 700; round++) {
		static const uint64_t places[] = {LINKED, 0x200000, 0x100000, 0x400000, 0x10000000};
		segments_are = below(3);
		set_up(places[below(5)], ET_EXEC, 2 + (uint32_t)below(600));
		processor = (struct cpu){.sse = 1,
					 .nx = below(2),
					 .pat = below(2),
					 .huge_pages = below(2),
					 .level5 = below(2)};
		processors = (uint32_t)below(6);
		needs()->stack_size = 4096 << below(6);
		needs()->flags = (uint32_t)below(64) & ~(uint32_t)TWINBOOT_NEED_FRAMEBUFFER;
		a_plain_pc((64 + below(900)) * ONE_MIB);
		for (uint64_t i = below(20); i > 0; i--) {
			uint32_t type = (uint32_t)below(13);
			uint64_t base = hostile_address(), length = below(UINT64_C(1) << below(30));
			/* Memory that is only a name must not be taken for memory. */
			if (type == TWINBOOT_MEMORY_USABLE && base < REAL_LOW)
				base += REAL_LOW;
			add_row(below(2) ? page_down(base) : base, length, type);
		}
		if (below(2)) {
			f.machine.framebuffer.base = below(2) ? 0xe0000000 : PAGE_SIZE + hostile_address();
			f.machine.framebuffer.size = 1 + below(32 * ONE_MIB);
		}
		if (run()) {
			check_boot();
			booted++;
		}
	}
	print_message("%u of 700 hostile machines booted\n", booted);
	assert_in_range(booted, 200, 699);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernels_of_every_place),
		cmocka_unit_test(needs_that_cannot_be_met),
		cmocka_unit_test(nothing_usable_below_4_gib),
		cmocka_unit_test(memory_from_little_to_much),
		cmocka_unit_test(program_headers_far_inside_the_image),
		cmocka_unit_test(huge_machines),
		cmocka_unit_test(the_identity_map_is_counted),
		cmocka_unit_test(page_0_is_not_mapped_for_a_framebuffer),
		cmocka_unit_test(a_framebuffer_beyond_the_direct_map_is_none),
		cmocka_unit_test(many_processors),
		cmocka_unit_test(hostile_machines),
	};
	map_real_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
