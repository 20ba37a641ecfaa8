/* SPDX-License-Identifier: BSD-2-Clause */
#define _POSIX_C_SOURCE 200809L

#include "modules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\n";

static bool check_string(const char *what, const char *text, const struct report *report)
{
	if (strlen(text) < MANIFEST_STRING_MAX)
		return true;
	return report_error(report, "has a %s of %zu bytes, at most %u are carried; shorten it", what,
			    strlen(text), MANIFEST_STRING_MAX - 1);
}

bool modules_add(struct modules *modules, struct module module, const char *variable, FILE *messages)
{
	const struct report report = {variable, messages};

	if (modules->count == MANIFEST_MODULES_MAX)
		return report_error(&report, "has more than %u modules; pack some of them into one archive",
				    MANIFEST_MODULES_MAX);
	if ((module.path && !*module.path) || !*module.name)
		return report_error(&report, "has a module without a path or name; write "
					     "path[:name[:arguments]], separated by blanks");
	if (!check_string("module name", module.name, &report) ||
	    !check_string("module's arguments", module.arguments, &report))
		return false;
	modules->list[modules->count++] = module;
	return true;
}

/* Cuts a part off `rest`: up to a blank, one of `ends` or the end, as that is outside of double quotes. Those
   go, and within them a backslash before a quote or a backslash. Returns what ended it: '"' if that is
   missing. */
static char cut_part(char **rest, const char **part, const char *ends)
{
	char *from = *rest;
	char *to = from;
	bool quoted = false;
	char end;

	*part = from;
	for (; *from && (quoted || (!strchr(blanks, *from) && !strchr(ends, *from))); from++) {
		if (*from == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && *from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		*to++ = *from;
	}
	end = quoted ? '"' : *from;
	*rest = *from ? from + 1 : from;
	*to = 0;
	return end;
}

/* Cuts "path[:name[:arguments]]" off `rest`. */
static bool cut_module(struct module *module, char **rest, const struct module_kind *kind, FILE *messages)
{
	const struct report report = {kind->variable, messages};
	char end = cut_part(rest, &module->path, ":");
	const char *slash = strrchr(module->path, '/');

	*module = (struct module){
		module->path, slash ? slash + 1 : module->path, "", kind->section, kind->role, {0}};
	if (end == ':')
		end = cut_part(rest, &module->name, ":");
	if (end == ':')
		end = cut_part(rest, &module->arguments, "");
	return end != '"' ||
	       report_error(&report, "has a double quote without a second one; put one before and one "
				     "after what holds blanks, and \\\" for a quote within");
}

bool modules_parse(struct modules *modules, const struct module_kind *kind, const char *text, FILE *messages)
{
	const struct report report = {kind->variable, messages};
	struct module module;
	char *rest = strdup(text);

	if (!rest)
		return report_error(&report, "cannot be read: %s; free some memory", strerror(errno));
	modules->lists[modules->list_count++] = rest;
	while (*(rest += strspn(rest, blanks)))
		if (!cut_module(&module, &rest, kind, messages) ||
		    !modules_add(modules, module, kind->variable, messages))
			return false;
	return true;
}

bool modules_open(struct modules *modules, FILE *messages)
{
	for (uint32_t i = 0; i < modules->count; i++) {
		struct module *module = &modules->list[i];

		/* A foreign kernel's bytes are in memory already. */
		if (!module->input.data &&
		    !input_open(&module->input, &(struct report){module->path, messages}))
			return false;
	}
	return true;
}

void modules_close(struct modules *modules)
{
	for (uint32_t i = 0; i < modules->count; i++)
		if (modules->list[i].path)
			input_close(&modules->list[i].input);
	for (uint32_t i = 0; i < modules->list_count; i++)
		free(modules->lists[i]);
	*modules = (struct modules){0};
}
