/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE

#include "tool.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One place in a build tree, one where `make install` puts things; both from the directory of this program. */
static const char *const part_places[] = {"parts", "../lib/twinboot"};
static const char *const libexec_places[] = {"libexec", "../libexec/twinboot"};

const char *own_path(void)
{
	static char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = 0;
	return path;
}

/* `place` from the directory that this program is in. */
static char *beside(const char *place, const char *name)
{
	const char *own = own_path(), *slash = strrchr(own, '/');
	char *path = NULL;

	if (!slash || asprintf(&path, "%.*s/%s/%s", (int)(slash - own), own, place, name) < 0) {
		fprintf(stderr, "twinboot: cannot find its own files: %s\n", strerror(errno));
		exit(EXIT_TOOL);
	}
	return path;
}

/* The first that is there; the first, if none is: whoever opens it says that it does not exist. */
static char *find(const char *const places[2], const char *name)
{
	char *first = beside(places[0], name), *second;

	if (access(first, F_OK) == 0)
		return first;
	second = beside(places[1], name);
	if (access(second, F_OK) == 0) {
		free(first);
		return second;
	}
	free(second);
	return first;
}

char *part_path(const char *name)
{
	return find(part_places, name);
}

char *libexec_path(const char *name)
{
	char *path = find(libexec_places, name);

	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}
