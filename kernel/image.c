/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's own image: is it whole, is it where the handoff says, are its bytes those that were built? */
#include "kernel.h"
#include "report.h"

struct elf_header {
	uint8_t magic[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, segments, sections;
	uint32_t flags;
	uint16_t header_size, segment_size, segment_count;
	uint16_t section_size, section_count, section_names;
};

extern const uint32_t image_pattern[], image_pattern_end[];

/* Only here so that .bss is of a size at which forgetting to zero it shows. */
static uint8_t many_zeros[256 * KIB] __attribute__((used));

const struct segment *image_segments(unsigned *count)
{
	const struct elf_header *header = (const struct elf_header *)kernel_start;

	*count = header->segment_count;
	return (const struct segment *)(kernel_start + header->segments);
}

static void check_bss(void)
{
	const uint8_t *byte = bss_start;

	while (byte < bss_end && *byte == 0)
		byte++;
	check("bss_is_zero", byte == bss_end, "0x%02x at 0x%lx", byte < bss_end ? *byte : 0, (uint64_t)byte);
}

static void check_data(void)
{
	const uint32_t *word = image_pattern;

	while (word < image_pattern_end && *word == (uint32_t)(word - image_pattern) * 0x9e3779b1)
		word++;
	check("data_is_intact", word == image_pattern_end, "0x%08x at 0x%lx", *word, (uint64_t)word);
}

/* Before anything else, for everything else writes to .bss. */
void check_image_untouched(void)
{
	check_bss();
	check_data();
}

static void report_digests(void)
{
	uint8_t digest[32];
	struct sha256 hash;
	unsigned count;
	const struct segment *segment = image_segments(&count);

	/* One digest covers everything that no one may write to, in the order of the program headers. */
	sha256_begin(&hash);
	for (; count; count--, segment++)
		if (segment->type == SEGMENT_LOAD && !(segment->flags & SEGMENT_WRITABLE))
			sha256_add(&hash, (const void *)(segment->virtual + handoff->kernel_slide),
				   segment->memory_size);
	sha256_end(&hash, digest);
	fact_bytes("readonly_sha256", digest, sizeof(digest));
	/* The other is that of the whole padded file, as the build computed it. */
	fact_bytes("kernel_sha256", handoff->kernel_sha256, sizeof(handoff->kernel_sha256));
}

static void report_range(const char *key, const uint8_t *start, const uint8_t *end)
{
	fact(key, "0x%lx-0x%lx", (uint64_t)start, (uint64_t)end);
}

/* Each segment's bytes, seen there too. */
static bool is_in_direct_map(void)
{
	unsigned count;
	const struct segment *segment = image_segments(&count);
	const uint8_t *there = direct_map(handoff->kernel_phys);

	for (; count; count--, segment++) {
		uint64_t linked = segment->virtual + handoff->kernel_slide;
		if (segment->type == SEGMENT_LOAD && memcmp(there + (linked - handoff->kernel_virt),
							    (const void *)linked, segment->memory_size))
			return false;
	}
	return true;
}

void check_image_place(void)
{
	uint64_t size = (uint64_t)(kernel_end - kernel_start);
	bool is_in_place = handoff->kernel_virt == handoff->kernel_phys;

	fact("kernel_virt", "0x%lx", handoff->kernel_virt);
	fact("kernel_phys", "0x%lx", handoff->kernel_phys);
	fact("kernel_size", "0x%lx", handoff->kernel_size);
	fact("kernel_slide", "0x%lx", handoff->kernel_slide);
	fact("kernel_entry", "0x%lx", handoff->kernel_entry);
	check("kernel_virt_is_lowest_segment", handoff->kernel_virt == (uint64_t)kernel_start,
	      "expected 0x%lx", (uint64_t)kernel_start);
	check("kernel_size_is_whole_image", handoff->kernel_size == size, "expected 0x%lx", size);
	check("kernel_runs_where_linked", handoff->kernel_slide == 0, "slide 0x%lx", handoff->kernel_slide);
	check("kernel_entry_is_own", handoff->kernel_entry == (uint64_t)kernel_main, "expected 0x%lx",
	      (uint64_t)kernel_main);
	check("kernel_in_place_as_flagged",
	      !(handoff->flags & TWINBOOT_KERNEL_IN_PLACE) == !is_in_place &&
		      (is_in_place || !(needs->flags & TWINBOOT_NEED_IN_PLACE)),
	      "physical 0x%lx, flags 0x%x", handoff->kernel_phys, handoff->flags);
	check("kernel_phys_is_aligned", handoff->kernel_phys % PAGE == 0, "0x%lx", handoff->kernel_phys);
	report_range("text", text_start, text_end);
	report_range("rodata", rodata_start, rodata_end);
	report_range("guard", guard_start, guard_end);
	report_range("data", data_start, data_end);
	report_range("bss", bss_start, bss_end);

	check("kernel_in_direct_map", is_in_direct_map(), "other bytes at physical 0x%lx",
	      handoff->kernel_phys);
	if (check("elf_header_in_memory",
		  !memcmp(kernel_start,
			  "\x7f"
			  "ELF",
			  4),
		  "at 0x%lx", (uint64_t)kernel_start))
		report_digests();
}
