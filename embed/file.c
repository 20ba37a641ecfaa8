/* SPDX-License-Identifier: BSD-2-Clause */
#define _DEFAULT_SOURCE

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool map(struct input *input, int descriptor, const struct report *report)
{
	struct stat status;
	void *data;

	if (fstat(descriptor, &status))
		return report_error(report, "cannot be read: %s; check the path", strerror(errno));
	if (S_ISDIR(status.st_mode))
		return report_error(report, "is a directory; give the path of a file in it");
	if (!S_ISREG(status.st_mode))
		return report_error(report, "is not a regular file; copy it into one first");

	*input = (struct input){(const uint8_t *)"", (size_t)status.st_size};
	if (!input->size)
		return true; /* mmap() refuses to map nothing */
	data = mmap(NULL, input->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
	if (data == MAP_FAILED)
		return report_error(report, "cannot be mapped: %s; free some memory", strerror(errno));
	input->data = data;
	return true;
}

bool input_open(struct input *input, const struct report *report)
{
	/* O_NONBLOCK: a FIFO is refused, not waited for. */
	int descriptor = open(report->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool mapped;

	if (descriptor < 0 && errno == ENOENT)
		return report_error(report, "does not exist; check the path, or build it first");
	if (descriptor < 0)
		return report_error(report, "cannot be read: %s; check the path and its permissions",
				    strerror(errno));
	mapped = map(input, descriptor, report);
	close(descriptor);
	return mapped;
}

void input_close(const struct input *input)
{
	if (input->size)
		munmap((void *)input->data, input->size);
}

void input_let_go(const uint8_t *data, size_t size)
{
	size_t before = (uintptr_t)data % (size_t)sysconf(_SC_PAGESIZE);

	/* Nothing is lost if it fails. */
	madvise((void *)(data - before), before + size, MADV_DONTNEED);
}

static bool cannot_write(const struct output *output)
{
	return report_error(&output->report, "cannot be written: %s; make room, or choose another directory",
			    strerror(errno));
}

bool output_name(struct output *output, const char *path, FILE *messages)
{
	static const char suffix[] = ".tmp";
	size_t length = strlen(path);

	*output = (struct output){{path, messages}, malloc(2 * length + 1 + sizeof(suffix)), -1};
	if (!output->temporary)
		return cannot_write(output);
	memcpy(output->temporary, path, length);
	memcpy(output->temporary + length, suffix, sizeof(suffix));
	output->report.file = memcpy(output->temporary + length + sizeof(suffix), path, length + 1);
	return true;
}

bool output_open(struct output *output, const char *path, FILE *messages)
{
	if (!output_name(output, path, messages))
		return false;
	output->descriptor = open(output->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return output->descriptor >= 0 || cannot_write(output);
}

bool output_write(const struct output *output, const void *data, size_t size, uint64_t offset)
{
	const uint8_t *bytes = data;

	while (size) {
		ssize_t written = pwrite(output->descriptor, bytes, size, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return cannot_write(output);
		bytes += written;
		offset += (uint64_t)written;
		size -= (size_t)written;
	}
	return true;
}

bool output_resize(const struct output *output, uint64_t size)
{
	return !ftruncate(output->descriptor, (off_t)size) || cannot_write(output);
}

bool output_commit(struct output *output)
{
	int descriptor = output->descriptor;

	output->descriptor = -1;
	/* close() is where some file systems say that the disk is full. */
	if ((descriptor >= 0 && close(descriptor)) || rename(output->temporary, output->report.file))
		return cannot_write(output);
	free(output->temporary);
	output->temporary = NULL;
	return true;
}

static bool is_same_file(const char *path, const char *other)
{
	struct input a = {0}, b = {0};
	bool same = access(path, R_OK) == 0 && input_open(&a, &(struct report){path, NULL}) &&
		    input_open(&b, &(struct report){other, NULL}) && a.size == b.size &&
		    memcmp(a.data, b.data, a.size) == 0;

	input_close(&a);
	input_close(&b);
	return same;
}

bool output_commit_changed(struct output *output)
{
	if (!is_same_file(output->report.file, output->temporary))
		return output_commit(output);
	output_discard(output);
	return true;
}

void output_discard(struct output *output)
{
	if (!output->temporary)
		return;
	if (output->descriptor >= 0)
		close(output->descriptor);
	unlink(output->temporary);
	free(output->temporary);
	output->temporary = NULL;
}
