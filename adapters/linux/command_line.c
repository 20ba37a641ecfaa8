/* SPDX-License-Identifier: BSD-2-Clause */
#include "adapters/linux/command_line.h"

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

static void add(struct text *text, const char *more)
{
	for (; *more != 0; more++, text->used++)
		if (text->used < text->limit)
			text->bytes[text->used] = *more;
}

const char *command_line_compose(char buffer[COMMAND_LINE_MAX], const struct twinboot_handoff *handoff,
				 uint32_t limit)
{
	struct text text = {buffer, 0, limit < COMMAND_LINE_MAX ? limit : COMMAND_LINE_MAX - 1};
	const char *extra = may_be_extended(handoff) ? smbios_oem_string(handoff, EXTRA_PREFIX) : NULL;
	if (extra == NULL)
		return handoff->command_line;
	add(&text, handoff->command_line);
	if (text.used > 0)
		add(&text, " ");
	add(&text, extra);
	if (text.used > text.limit)
		return handoff->command_line;
	buffer[text.used] = 0;
	return buffer;
}
