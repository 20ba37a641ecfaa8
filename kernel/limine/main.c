/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's Limine side: believes nothing that it was handed, and says what it found. What twinboot's contract
 * promises as well is checked by the same code (translate.c), under the same keys.
 */
#include "limine/limine.h"

#include "cpu.h"

uint32_t base_revision(void)
{
	/* From 3 on the loader says so itself; a loader that writes 0 to the tag speaks what was asked for. */
	return asked_base >= 3 ? (uint32_t)base_word(1) : (uint32_t)asked_base;
}

bool is_strict(void)
{
	const struct answer_bootloader_info *info = answer(BOOTLOADER_INFO);

	return base_revision() >= 5 || (info && !memcmp(info->name, "twinboot", sizeof("twinboot")));
}

static bool check_base_revision(void)
{
	fact("base_revision_asked", "%lu", asked_base);
	return check("base_revision_is_spoken", base_word(2) == 0, "the tag says %lu", base_word(2)) &&
	       check("base_revision_is_said",
		     base_word(1) == (asked_base >= 3 ? asked_base : UINT64_C(0x6a7b384944536bdc)), "0x%lx",
		     base_word(1));
}

static bool check_least(void)
{
	static const enum request least[] = {HHDM, MEMORY_MAP, EXECUTABLE_ADDRESS};

	const char *missing = NULL;

	for (unsigned i = 0; i < sizeof(least) / sizeof(*least); i++)
		if (!answer(least[i]))
			missing = request_name(least[i]);
	return check("least_is_answered", !missing, "not %s", missing);
}

_Noreturn void limine_run(uint64_t rdi, uint64_t rsp, uint64_t rflags, uint64_t others)
{
	report_begin();
	fact("protocol", "limine");
	check_image_untouched();
	struct state state = state_read(rdi, rsp, rflags, others);

	uint64_t idt_base;
	uint16_t idt_limit;
	faults_install(&idt_base, &idt_limit); /* what there was, state_read() has noted */
	if (!check_base_revision() || !check_least())
		kernel_end_run();
	translate();
	check_rows();
	check_image_place();
	check_space();
	check_framebuffer();
	space_complete();
	state_read_apic(&state);
	check_state(&state);
	check_iommus();
	check_acpi();
	check_smbios();
	check_answers();
	check_processors(&state);
	check_usable_memory();
	kernel_end_run();
}
