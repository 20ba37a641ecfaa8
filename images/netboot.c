/* SPDX-License-Identifier: BSD-2-Clause */
#include "netboot.h"

#include "payload.h"
#include "formats/pxe_payload.h"

#include <stdlib.h>
#include <string.h>

/* PXE 2.1: a network boot ROM may load no more. */
#define PROGRAM_SIZE_MAX (64u << 10)

static bool write_program(const char *in, const char *out, FILE *messages)
{
	static uint8_t code[PROGRAM_SIZE_MAX];
	const struct report report = {in, messages};
	struct output output = {0};
	struct input input;
	uint32_t sum = 0;

	if (!input_open(&input, &report))
		return false;
	bool done =
		(input.size <= sizeof(code) && input.size >= PXE_SUM_OFFSET + sizeof(sum)) ||
		report_error(&report,
			     "has more than 64 KiB, which a network boot ROM may not load; build it again");
	if (done) {
		memcpy(code, input.data, input.size);
		memcpy(code + PXE_SUM_OFFSET, &sum, sizeof(sum));
		sum = 0 - boot_sum(code, input.size);
		memcpy(code + PXE_SUM_OFFSET, &sum, sizeof(sum));
		done = output_open(&output, out, messages) && output_write(&output, code, input.size, 0) &&
		       output_commit(&output);
	}
	output_discard(&output);
	input_close(&input);
	return done;
}

/* The parts follow one another behind the table's page. */
static bool write_parts(const struct image *image, struct load_table *table, const struct output *output)
{
	static uint8_t buffer[1 << 16];
	uint64_t to = LOAD_ALIGNMENT;

	for (uint32_t i = 0; i < table->part_count; i++) {
		struct load_part *part = &table->parts[i];

		for (uint64_t done = 0, piece; done < part->stored; done += piece) {
			piece = part->stored - done < sizeof(buffer) ? part->stored - done : sizeof(buffer);
			if (!image_read(image, buffer, piece, part->offset + done) ||
			    !output_write(output, buffer, piece, to + done))
				return false;
		}
		part->offset = to;
		to += part->stored;
	}
	table->crc32c = load_table_crc32c(table);
	return output_write(output, table, sizeof(*table), 0);
}

static bool write_payload(const struct image *image, const struct loader *loader, const char *out,
			  FILE *messages)
{
	struct payload payload;
	struct output output = {0};
	bool done = payload_open(&payload, image, 0, image->size);

	if (done) {
		struct load_table table = payload_table(&payload);

		done = payload_link(&table, loader, &image->report) && output_open(&output, out, messages) &&
		       write_parts(image, &table, &output) && output_commit(&output);
	}
	output_discard(&output);
	payload_close(&payload);
	return done;
}

bool netboot_write(const struct netboot_options *options, FILE *messages)
{
	static struct loader loader;
	struct image image;

	if (!loader_open(&loader, options->legacy, messages) || !image_open(&image, options->x64, messages))
		return false;
	bool done = write_payload(&image, &loader, options->payload, messages) &&
		    write_program(options->pxe, options->program, messages);
	image_close(&image);
	return done;
}
