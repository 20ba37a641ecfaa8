/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include <stdarg.h>

static void say(const struct report *report, const char *kind, const char *format, va_list arguments)
{
	if (!report->stream)
		return;
	fprintf(report->stream, "twinboot: %s: %s", report->file, kind);
	vfprintf(report->stream, format, arguments);
	fputc('\n', report->stream);
}

bool report_error(const struct report *report, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(report, "", format, arguments);
	va_end(arguments);
	return false;
}

void report_warning(const struct report *report, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(report, "warning: ", format, arguments);
	va_end(arguments);
}
