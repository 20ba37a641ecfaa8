/* SPDX-License-Identifier: BSD-2-Clause */
/* What adapters' pure files find on the host: their way of failing, and a handoff with modules. */
#ifndef ADAPTER_HOST_H
#define ADAPTER_HOST_H

#include "core_host.h"
#include "adapters/fail.h"

#define HOST_MODULES_MAX 8

static struct twinboot_handoff handoff;
static struct twinboot_module host_modules[HOST_MODULES_MAX];

/* As later contracts may have them: longer than today's. */
static struct {
	struct twinboot_module_fact fact;
	uint64_t more;
} host_facts[HOST_MODULES_MAX];

static const struct twinboot_record host_no_records = {TWINBOOT_RECORD_END, sizeof(host_no_records)};

static char host_failure[256];

/* Ends what HALTS() runs. */
_Noreturn void adapter_fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_vformat(host_failure, sizeof(host_failure), format, arguments);
	va_end(arguments);
	if (host_halt == NULL)
		abort();
	longjmp(*host_halt, 1);
}

__attribute__((unused)) static void host_handoff(void)
{
	host_failure[0] = 0;
	handoff = (struct twinboot_handoff){
		.size = sizeof(handoff),
		.command_line = "",
		.modules = host_modules,
		.module_facts = &host_facts[0].fact,
		.module_fact_size = sizeof(host_facts[0]),
		.records = &host_no_records,
	};
}

/* `data` lies in a direct map whose base is 0. */
__attribute__((unused)) static void host_module(uint32_t role, const char *name, const void *data,
						uint64_t size)
{
	host_facts[handoff.module_count].fact = (struct twinboot_module_fact){.role = role};
	host_modules[handoff.module_count++] = (struct twinboot_module){
		.data = data, .data_phys = physical(data), .size = size, .name = name, .arguments = ""};
}

#endif
