/* SPDX-License-Identifier: BSD-2-Clause */
#define _DEFAULT_SOURCE

#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define READ_AT_ONCE (1u << 20)

bool image_open(struct image *image, const char *name, FILE *messages)
{
	off_t end;

	*image = (struct image){.report = {name, messages}};
	image->descriptor = open(name, O_RDONLY | O_CLOEXEC);
	if (image->descriptor < 0)
		return report_error(&image->report, "cannot be read: %s; check the path and its permissions",
				    strerror(errno));
	end = lseek(image->descriptor, 0, SEEK_END); /* of a block device, too */
	if (end < 0) {
		image_close(image);
		return report_error(&image->report, "is no file or disk: %s; give an image or a device",
				    strerror(errno));
	}
	image->size = (uint64_t)end;
	return true;
}

void image_close(const struct image *image)
{
	close(image->descriptor);
}

bool image_read(const struct image *image, void *to, uint64_t size, uint64_t offset)
{
	uint8_t *bytes = to;
	uint64_t done = 0;

	while (done < size) {
		ssize_t got = pread(image->descriptor, bytes + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return report_error(&image->report,
					    "cannot be read at byte %" PRIu64
					    ": %s; the medium may be failing: write it again, or use another",
					    offset + done, strerror(errno));
		if (got == 0)
			return report_error(&image->report,
					    "ends at byte %" PRIu64
					    ", before all that it should hold; write it again, whole",
					    offset + done);
		done += (uint64_t)got;
	}
	return true;
}

bool image_sum(const struct image *image, uint64_t offset, uint64_t size, struct sum *sum)
{
	static uint8_t buffer[READ_AT_ONCE];

	while (size) {
		uint64_t piece = size < sizeof(buffer) ? size : sizeof(buffer);

		if (!image_read(image, buffer, piece, offset))
			return false;
		sum_add(sum, buffer, piece);
		offset += piece;
		size -= piece;
	}
	return true;
}
