/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* asprintf */

#include "limine.h"

#include "blake2b.h"
#include "file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `size` bytes of the kernel at a virtual address where it will run, or NULL. */
static const uint8_t *at(const struct limine *limine, uint64_t address, uint64_t size)
{
	uint64_t offset = address - limine->plan->virtual;

	return offset <= limine->size && size <= limine->size - offset ? limine->image + offset : NULL;
}

static const char *string_at(const struct limine *limine, uint64_t address)
{
	const uint8_t *text = at(limine, address, 1);
	uint64_t rest = limine->size - (address - limine->plan->virtual);

	return text && memchr(text, 0, rest) ? (const char *)text : NULL;
}

/* A hash is written behind the path as "#" and 128 hexadecimal digits. */
static bool check_hash(const struct limine *limine, const char *path, const char *hash)
{
	const struct report report = {path, limine->report->stream};
	uint8_t digest[BLAKE2B_SIZE];
	char text[2 * BLAKE2B_SIZE + 1];
	struct input file;

	if (!hash)
		return true;
	if (!input_open(&file, &report))
		return false;
	blake2b(file.data, file.size, digest);
	input_close(&file);
	for (unsigned int i = 0; i < BLAKE2B_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return strcasecmp(hash, text) == 0 ||
	       report_error(&report, "has the BLAKE2b hash %s, the kernel wants %s; put the right file there",
			    text, hash);
}

/* DIRECTORY/PATH, of the kernel's directory, and where its own part begins. */
static bool resolve(struct limine_internal *module, const struct limine *limine, const char *kernel_path,
		    const char *path, size_t length)
{
	const char *slash = strrchr(kernel_path, '/');
	int directory = slash ? (int)(slash - kernel_path) : 1;

	while (length && *path == '/')
		path++, length--;
	if (asprintf(&module->path, "%.*s/%.*s", directory, slash ? kernel_path : ".", (int)length, path) <
	    0) {
		module->path = NULL;
		return report_error(limine->report, "cannot be read: %s; free some memory", strerror(errno));
	}
	module->name = module->path + directory;
	return true;
}

/* Adds one, unless its file is missing and need not be there. */
static bool add(const struct limine *limine, const char *kernel_path,
		const struct limine_internal_module *asked, struct limine_internal *module, uint32_t *count)
{
	const char *path = string_at(limine, asked->path);
	const char *hash;

	module->string = string_at(limine, asked->string);
	if (!path || !module->string)
		return report_error(limine->report,
				    "has an internal module whose path or string is outside of its "
				    "image; point to strings of the kernel");
	hash = strrchr(path, '#');
	hash = hash && strspn(hash + 1, "0123456789abcdefABCDEF") == 2 * BLAKE2B_SIZE &&
			       strlen(hash + 1) == 2 * BLAKE2B_SIZE
		       ? hash + 1
		       : NULL;
	if (!resolve(module, limine, kernel_path, path, hash ? (size_t)(hash - 1 - path) : strlen(path)))
		return false;
	if (access(module->path, R_OK) == 0) {
		if (asked->flags & LIMINE_MODULE_COMPRESSED)
			return report_error(
				limine->report,
				"wants its internal module %s unpacked (gzip), which this build does not do; "
				"unpack the file and clear the flag",
				module->path);
		(*count)++;
		return check_hash(limine, module->path, hash);
	}
	if (asked->flags & LIMINE_MODULE_REQUIRED)
		return report_error(limine->report,
				    "requires the internal module %s, which cannot be read: %s; put it there",
				    module->path, strerror(errno));
	report_warning(limine->report,
		       "names the internal module %s, which cannot be read: %s; it goes without",
		       module->path, strerror(errno));
	free(module->path);
	module->path = NULL;
	return true;
}

bool limine_internal_modules(const struct limine *limine, const char *kernel_path,
			     struct limine_internal modules[LIMINE_INTERNAL_MAX], uint32_t *count)
{
	uint64_t offset = limine->plan->requests[LIMINE_FEATURE_MODULES].offset;
	struct limine_modules_request request;
	struct limine_internal_module asked;

	*count = 0;
	memset(modules, 0, LIMINE_INTERNAL_MAX * sizeof(*modules));
	memset(&request, 0, sizeof(request));
	if (offset != LIMINE_ABSENT)
		memcpy(&request, limine->image + offset, LIMINE_REQUEST_SIZE);
	if (request.request.revision < 1)
		return true;
	memcpy(&request, limine->image + offset, sizeof(request));
	if (request.request.argument > LIMINE_INTERNAL_MAX)
		return report_error(limine->report,
				    "names %" PRIu64
				    " internal modules, at most %u are carried; pack some of them "
				    "into one file",
				    request.request.argument, LIMINE_INTERNAL_MAX);
	for (uint64_t i = 0; i < request.request.argument; i++) {
		const uint8_t *pointer = at(limine, request.internal + 8 * i, sizeof(uint64_t)),
			      *bytes = NULL;
		uint64_t address = 0;

		if (pointer) {
			memcpy(&address, pointer, sizeof(address));
			bytes = at(limine, address, sizeof(asked));
		}
		if (!bytes)
			return report_error(limine->report,
					    "has a list of internal modules that leads out of its "
					    "image; check their number");
		memcpy(&asked, bytes, sizeof(asked));
		if (!add(limine, kernel_path, &asked, &modules[*count], count))
			return false;
	}
	return true;
}
