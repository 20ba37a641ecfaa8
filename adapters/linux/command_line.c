/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/linux/command_line.h"

#include "adapters/fail.h"
#include "adapters/modules.h"
#include "adapters/smbios.h"

#include <stddef.h>

/* As systemd-stub reads it: systemd-stub(7). */
#define EXTRA_PREFIX "io.systemd.stub.kernel-cmdline-extra="

/* What nobody signed must not reach a kernel that Secure Boot protects; and where the payload was measured, only what
   was measured, too. */
static int may_be_extended(const struct twinboot_handoff *handoff)
{
	return handoff->secure_boot != TWINBOOT_SECURE_BOOT_ON &&
	       (handoff->measured == 0 || (handoff->measured & TWINBOOT_MEASURED_COMMAND_LINE));
}

/* Counts on beyond `limit`, where nothing is written any more. */
struct text {
	char *bytes;
	uint32_t used, limit;
};

static void add_byte(struct text *text, char byte)
{
	if (text->used < text->limit)
		text->bytes[text->used] = byte;
	text->used++;
}

static void add(struct text *text, const char *more)
{
	while (*more != 0)
		add_byte(text, *more++);
}

/* Tools write that section with a line break at its end, or zeros up to some alignment. */
static void add_section(struct text *text, const char *bytes, uint64_t size)
{
	while (size > 0 && (uint8_t)bytes[size - 1] <= ' ')
		size--;
	for (uint64_t i = 0; i < size; i++)
		add_byte(text, (uint8_t)bytes[i] < ' ' ? ' ' : bytes[i]);
}

static void add_own(struct text *text, const struct twinboot_handoff *handoff)
{
	const struct twinboot_module *section = module_find(handoff, TWINBOOT_ROLE_OTHER, ".cmdline");
	if (section != NULL)
		add_section(text, section->data, section->size);
	else
		add(text, handoff->command_line);
	if (text->used > text->limit)
		adapter_fail(ERROR_LINUX_COMMAND_LINE, (uint64_t)text->used, (uint64_t)text->limit);
}

void command_line_compose(char buffer[COMMAND_LINE_MAX], const struct twinboot_handoff *handoff,
			  uint32_t limit)
{
	struct text text = {buffer, 0, limit < COMMAND_LINE_MAX ? limit : COMMAND_LINE_MAX - 1};
	const char *extra = may_be_extended(handoff) ? smbios_oem_string(handoff, EXTRA_PREFIX) : NULL;
	add_own(&text, handoff);
	uint32_t own = text.used;
	if (extra != NULL && own > 0)
		add(&text, " ");
	if (extra != NULL)
		add(&text, extra);
	if (text.used > text.limit)
		text.used = own;
	buffer[text.used] = 0;
}
