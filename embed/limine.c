/* SPDX-License-Identifier: BSD-2-Clause */
#include "limine.h"

#include "check.h"
#include "relocate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* No kernel has one, and the adapter takes its stacks from below 4 GiB. */
#define STACK_SIZE_MAX (UINT64_C(1) << 30)

static const struct {
	const char *name;
	uint64_t id[2];
	uint32_t size; /* bytes of the request */
} features[] = {
#define ENTRY(name, text, id2, id3, size) {text, {UINT64_C(id2), UINT64_C(id3)}, size},
	LIMINE_FEATURES(ENTRY)
#undef ENTRY
};

static const uint64_t magic[] = {LIMINE_MAGIC_0, LIMINE_MAGIC_1};
static const uint64_t base_tag[] = {LIMINE_BASE_0, LIMINE_BASE_1};
static const uint64_t start_marker[] = {LIMINE_START_0, LIMINE_START_1, LIMINE_START_2, LIMINE_START_3};
static const uint64_t end_marker[] = {LIMINE_END_0, LIMINE_END_1};

bool limine_is_spoken(const struct elf *elf)
{
	for (uint32_t i = 0; i < elf->load_count; i++) {
		const Elf64_Phdr *load = &elf->loads[i];
		const uint8_t *bytes = elf->data + load->p_offset;

		for (uint64_t at = -load->p_vaddr % 8; at + sizeof(start_marker) <= load->p_filesz; at += 8)
			if (memcmp(bytes + at, magic, sizeof(magic)) == 0 ||
			    memcmp(bytes + at, base_tag, sizeof(base_tag)) == 0 ||
			    memcmp(bytes + at, start_marker, sizeof(start_marker)) == 0)
				return true;
	}
	return false;
}

static bool make_image(struct limine *limine)
{
	const struct elf *elf = limine->elf;

	limine->size = elf->end - elf->base;
	limine->image = calloc(1, limine->size);
	if (!limine->image)
		return report_error(limine->report,
				    "cannot be laid out (%" PRIu64 " MiB): %s; free some memory",
				    limine->size >> 20, strerror(errno));
	for (uint32_t i = 0; i < elf->load_count; i++)
		memcpy(limine->image + (elf->loads[i].p_vaddr - elf->base),
		       elf->data + elf->loads[i].p_offset, elf->loads[i].p_filesz);
	return relocate(elf, limine->image, limine->slide, limine->report);
}

/* A kernel that can be moved goes up to where the protocol has kernels, as far as it must. */
static bool choose_address(struct limine *limine)
{
	const struct elf *elf = limine->elf;

	if (elf->base >= LIMINE_TOP)
		return true;
	if (elf->header.e_type != ET_DYN)
		return report_error(limine->report,
				    "is linked at 0x%" PRIx64
				    ", and the Limine protocol has no kernels below 0x%" PRIx64
				    "; link it there, or as a static PIE",
				    elf->base, LIMINE_TOP);
	if (elf->end - elf->base > page_down(UINT64_MAX) - LIMINE_TOP)
		return report_error(limine->report,
				    "takes %" PRIu64 " MiB from 0x%" PRIx64 " on, and above 0x%" PRIx64
				    " there are 2 GiB; make it smaller",
				    (elf->end - elf->base) >> 20, elf->base, LIMINE_TOP);
	limine->slide = LIMINE_TOP - elf->base;
	return true;
}

/* ---- Words of the image, by offset ---- */

static uint64_t word(const struct limine *limine, uint64_t offset)
{
	uint64_t value;

	memcpy(&value, limine->image + offset, sizeof(value));
	return value;
}

static bool has_words(const struct limine *limine, uint64_t offset, const uint64_t *words, size_t size)
{
	return size <= limine->size - offset && memcmp(limine->image + offset, words, size) == 0;
}
#define IS(limine, offset, words) has_words(limine, offset, words, sizeof(words))

static bool is_between(const struct limine *limine, uint64_t offset)
{
	return limine->from <= offset && offset < limine->to;
}

/* As a loader searches: from the lowest address on, to the last byte that the file has. */
static void find_markers(struct limine *limine)
{
	const struct elf *elf = limine->elf;
	const Elf64_Phdr *last = &elf->loads[elf->load_count - 1];

	limine->to = last->p_vaddr + last->p_filesz - elf->base;
	for (uint64_t at = 0; at + sizeof(end_marker) <= limine->to; at += 8) {
		if (IS(limine, at, start_marker))
			limine->from = at + sizeof(start_marker);
		if (IS(limine, at, end_marker))
			limine->to = at;
	}
}

static bool set_base_revision(struct limine *limine, uint64_t offset)
{
	struct limine_plan *plan = limine->plan;
	uint64_t revision = word(limine, offset + sizeof(base_tag));

	if (plan->base_tag != LIMINE_ABSENT)
		return report_error(limine->report,
				    "has two Limine base revision tags, at 0x%" PRIx64 " and 0x%" PRIx64
				    "; keep one",
				    plan->virtual + plan->base_tag, plan->virtual + offset);
	if (revision > LIMINE_BASE_NEWEST)
		return report_error(limine->report,
				    "asks for Limine base revision %" PRIu64
				    ", and 0 to %u are known; ask for one of those, or take a newer twinboot",
				    revision, LIMINE_BASE_NEWEST);
	plan->base_tag = offset;
	plan->base_revision = (uint32_t)revision;
	return true;
}

static bool find_base_revision(struct limine *limine)
{
	bool outside = false;

	for (uint64_t at = 0; at + 3 * sizeof(uint64_t) <= limine->size; at += 8) {
		if (!IS(limine, at, base_tag))
			continue;
		outside |= !is_between(limine, at);
		if (is_between(limine, at) && !set_base_revision(limine, at))
			return false;
	}
	if (outside && limine->plan->base_tag == LIMINE_ABSENT)
		report_warning(
			limine->report,
			"has its Limine base revision tag outside of its request markers, where it does "
			"not count, so it gets base revision 0; put the tag between the markers");
	return true;
}

/* ---- Requests ---- */

static unsigned int feature_of(const struct limine *limine, uint64_t offset)
{
	unsigned int feature = 0;

	while (feature < LIMINE_FEATURE_COUNT && (word(limine, offset + 16) != features[feature].id[0] ||
						  word(limine, offset + 24) != features[feature].id[1]))
		feature++;
	return feature;
}

static uint64_t request_size(const struct limine *limine, uint64_t offset, unsigned int feature)
{
	uint64_t revision = word(limine, offset + 32);

	if (feature == LIMINE_FEATURE_PAGING_MODE && revision >= 1)
		return sizeof(struct limine_paging_mode_request);
	if (feature == LIMINE_FEATURE_MODULES && revision >= 1)
		return sizeof(struct limine_modules_request);
	return feature < LIMINE_FEATURE_COUNT ? features[feature].size : LIMINE_REQUEST_SIZE;
}

static bool is_loaded(const struct limine *limine, uint64_t offset, uint64_t size)
{
	return elf_load_at(limine->elf, limine->elf->base + offset, size) != NULL;
}

static bool check_request(const struct limine *limine, uint64_t offset)
{
	uint64_t address = limine->plan->virtual + offset;

	if (offset % 8)
		return report_error(limine->report,
				    "has a Limine request at 0x%" PRIx64
				    ", which is no multiple of 8, so no loader would find it; align it",
				    address);
	if (!is_loaded(limine, offset, LIMINE_REQUEST_SIZE) ||
	    !is_loaded(limine, offset, request_size(limine, offset, feature_of(limine, offset))))
		return report_error(limine->report,
				    "has a Limine request at 0x%" PRIx64
				    " that is cut off at the end of its segment; give it its whole structure",
				    address);
	for (uint32_t i = 0; i < limine->found_count; i++)
		if (memcmp(limine->image + limine->found[i], limine->image + offset, 32) == 0)
			return report_error(limine->report,
					    "has the same Limine request twice, at 0x%" PRIx64
					    " and 0x%" PRIx64 "; keep one",
					    limine->plan->virtual + limine->found[i], address);
	return limine->found_count < LIMINE_REQUESTS_MAX ||
	       report_error(limine->report, "has more than %u Limine requests; ask for less",
			    LIMINE_REQUESTS_MAX);
}

static bool add_request(struct limine *limine, uint64_t offset)
{
	unsigned int feature;

	if (!check_request(limine, offset))
		return false;
	limine->found[limine->found_count++] = offset;
	feature = feature_of(limine, offset);
	if (feature == LIMINE_FEATURE_COUNT) {
		report_warning(
			limine->report,
			"asks at 0x%" PRIx64 " for a Limine feature that twinboot does not know (%016" PRIx64
			" %016" PRIx64 "), and gets no answer to it; take a newer twinboot if it needs one",
			limine->plan->virtual + offset, word(limine, offset + 16), word(limine, offset + 24));
		return true;
	}
	limine->plan->requests[feature].offset = offset;
	if (request_size(limine, offset, feature) > LIMINE_REQUEST_SIZE)
		limine->plan->requests[feature].argument = word(limine, offset + LIMINE_REQUEST_SIZE);
	return true;
}

/* Base revision 0: the requests that an array in a section of its own points to. */
static bool add_listed(struct limine *limine, const Elf64_Shdr *section)
{
	const struct elf *elf = limine->elf;
	uint64_t list = section->sh_addr - elf->base;

	if (!elf_load_at(elf, section->sh_addr, section->sh_size))
		return report_error(
			limine->report,
			"has its section %s outside its segments; keep it in a PT_LOAD segment in the "
			"linker script",
			LIMINE_REQUESTS_SECTION);
	for (uint64_t i = 0; i < section->sh_size / 8 && word(limine, list + 8 * i); i++) {
		uint64_t offset = word(limine, list + 8 * i) - limine->plan->virtual;

		if (offset >= limine->size || !is_loaded(limine, offset, sizeof(magic)) ||
		    !IS(limine, offset, magic))
			return report_error(limine->report,
					    "lists a Limine request at 0x%" PRIx64
					    " in %s, and there is none; end the list with a null pointer",
					    limine->plan->virtual + offset, LIMINE_REQUESTS_SECTION);
		if (!add_request(limine, offset))
			return false;
	}
	return true;
}

/* Misaligned ones are looked for, too: they are a mistake that nobody would see. */
static bool add_found(struct limine *limine)
{
	uint64_t outside = 0;

	for (uint64_t at = 0; at + sizeof(magic) <= limine->size; at++) {
		const uint8_t *next = memchr(limine->image + at, (uint8_t)LIMINE_MAGIC_0, limine->size - at);

		if (!next)
			break;
		at = (uint64_t)(next - limine->image);
		if (!IS(limine, at, magic))
			continue;
		outside += !is_between(limine, at);
		if (is_between(limine, at) && !add_request(limine, at))
			return false;
	}
	if (outside)
		report_warning(limine->report,
			       "has %" PRIu64
			       " Limine request(s) outside of its request markers, which get no "
			       "answer; put them between the markers",
			       outside);
	return true;
}

static bool find_requests(struct limine *limine)
{
	for (uint64_t i = 0; limine->plan->base_revision == 0 && i < limine->elf->section_count; i++) {
		struct elf_section section = elf_section(limine->elf, i);

		if (strcmp(section.name, LIMINE_REQUESTS_SECTION) == 0)
			return add_listed(limine, &section.header);
	}
	return add_found(limine);
}

/* ---- What follows from them ---- */

static bool is_asked(const struct limine *limine, enum limine_feature feature)
{
	return limine->plan->requests[feature].offset != LIMINE_ABSENT;
}

static uint64_t argument(const struct limine *limine, enum limine_feature feature)
{
	return limine->plan->requests[feature].argument;
}

static bool choose_stack(struct limine *limine)
{
	uint64_t size = argument(limine, LIMINE_FEATURE_STACK_SIZE);

	if (size > STACK_SIZE_MAX)
		return report_error(limine->report,
				    "asks for a stack of %" PRIu64 " bytes, at most %" PRIu64
				    " are given; ask for less",
				    size, STACK_SIZE_MAX);
	limine->plan->stack_size = page_up(size < LIMINE_STACK_MIN ? LIMINE_STACK_MIN : size);
	return true;
}

static bool choose_paging(struct limine *limine)
{
	uint64_t offset = limine->plan->requests[LIMINE_FEATURE_PAGING_MODE].offset;
	uint64_t mode = argument(limine, LIMINE_FEATURE_PAGING_MODE), min = LIMINE_FOUR_LEVELS, max = mode;

	if (!is_asked(limine, LIMINE_FEATURE_PAGING_MODE)) {
		if (is_asked(limine, LIMINE_FEATURE_LEVEL5_PAGING))
			limine->needs.flags |= TWINBOOT_WANT_LEVEL5_PAGING;
		return true;
	}
	if (word(limine, offset + 32) >= 1) {
		max = word(limine, offset + offsetof(struct limine_paging_mode_request, max_mode));
		min = word(limine, offset + offsetof(struct limine_paging_mode_request, min_mode));
	}
	if (min > max || min > LIMINE_FIVE_LEVELS)
		return report_error(limine->report,
				    "asks for Limine paging modes from %" PRIu64 " to %" PRIu64
				    ", and there are 0 (four levels) and 1 (five); swap them if the order is "
				    "wrong: max_mode comes before min_mode",
				    min, max);
	if (min == LIMINE_FIVE_LEVELS)
		limine->needs.flags |= TWINBOOT_NEED_LEVEL5_PAGING;
	else if (mode >= LIMINE_FIVE_LEVELS && max >= LIMINE_FIVE_LEVELS)
		limine->needs.flags |= TWINBOOT_WANT_LEVEL5_PAGING;
	return true;
}

static void choose_cpus(struct limine *limine)
{
	if (!is_asked(limine, LIMINE_FEATURE_MP))
		limine->needs.flags |= TWINBOOT_LEAVE_CPUS;
	limine->needs.flags |= argument(limine, LIMINE_FEATURE_MP) & LIMINE_MP_X2APIC ? TWINBOOT_WANT_X2APIC
										      : TWINBOOT_WANT_XAPIC;
}

/* As linked; choose_entry() adds the slide. */
static uint64_t entry(const struct limine *limine)
{
	uint64_t asked = argument(limine, LIMINE_FEATURE_ENTRY_POINT);

	return asked ? asked - limine->slide : limine->elf->header.e_entry;
}

static bool choose_all(struct limine *limine)
{
	limine->needs = (struct twinboot_needs){
		.contract = TWINBOOT_CONTRACT_VERSION,
		.stack_size = TWINBOOT_STACK_DEFAULT,
	};
	choose_cpus(limine);
	limine->plan->entry = entry(limine) + limine->slide;
	return choose_stack(limine) && choose_paging(limine);
}

/* ---- Pages ---- */

/* Never empty ranges, and never two neighbours alike. */
static void add_range(struct limine_plan *plan, uint64_t offset, uint64_t size, uint32_t flags)
{
	struct limine_range *next = &plan->ranges[plan->range_count];

	if (!size)
		return;
	if (plan->range_count && next[-1].flags == flags && next[-1].offset + next[-1].size == offset) {
		next[-1].size += size;
		return;
	}
	*next = (struct limine_range){offset, size, flags, 0};
	plan->range_count++;
}

/* Cuts the last page off the last range, for a segment that begins in it, and returns what it was mapped as.
 */
static uint32_t take_last_page(struct limine_plan *plan)
{
	struct limine_range *last = &plan->ranges[plan->range_count - 1];

	last->size -= 4096;
	plan->range_count -= !last->size;
	return last->flags;
}

/* A page that segments share gets what all of them ask for. */
static void list_ranges(struct limine_plan *plan, const struct elf *elf)
{
	uint64_t done = 0;

	for (uint32_t i = 0; i < elf->load_count; i++) {
		const Elf64_Phdr *load = &elf->loads[i];
		uint64_t low = page_down(load->p_vaddr) - elf->base;
		uint64_t high = page_up(load->p_vaddr + load->p_memsz) - elf->base;
		uint32_t flags = load->p_flags & (PF_W | PF_X);

		if (low < done) {
			add_range(plan, low, 4096, flags | take_last_page(plan));
			low += 4096;
		}
		add_range(plan, low, high - low, flags);
		done = high;
	}
}

static bool make_plan(struct limine *limine)
{
	size_t size = sizeof(*limine->plan) + 2 * ELF_SEGMENTS_MAX * sizeof(limine->plan->ranges[0]);

	limine->plan = calloc(1, size);
	if (!limine->plan)
		return report_error(limine->report, "cannot be described: %s; free some memory",
				    strerror(errno));
	limine->plan->virtual = limine->elf->base + limine->slide;
	limine->plan->base_tag = LIMINE_ABSENT;
	for (unsigned int i = 0; i < LIMINE_FEATURE_COUNT; i++)
		limine->plan->requests[i].offset = LIMINE_ABSENT;
	list_ranges(limine->plan, limine->elf);
	return true;
}

bool limine_read(struct limine *limine, const struct elf *elf, uint32_t image_mib,
		 const struct report *report)
{
	*limine = (struct limine){.elf = elf, .report = report};
	if (!choose_address(limine) || !make_plan(limine) || !make_image(limine))
		return false;
	find_markers(limine);
	return find_base_revision(limine) && find_requests(limine) && choose_all(limine) &&
	       check_contents(elf, entry(limine), image_mib, report);
}

void limine_free(struct limine *limine)
{
	free(limine->image);
	free(limine->plan);
}

uint64_t limine_plan_size(const struct limine_plan *plan)
{
	return sizeof(*plan) + plan->range_count * sizeof(plan->ranges[0]);
}

void limine_describe(const struct limine *limine, FILE *stream)
{
	const char *separator = ": ";

	fprintf(stream, "Limine, base revision %" PRIu32, limine->plan->base_revision);
	for (unsigned int i = 0; i < LIMINE_FEATURE_COUNT; i++)
		if (is_asked(limine, i)) {
			fprintf(stream, "%s%s", separator, features[i].name);
			separator = ", ";
		}
	fputc('\n', stream);
}
