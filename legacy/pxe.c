/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The payload comes through the network boot ROM (Intel, Preboot Execution Environment 2.1) that started us: it is
 * twinboot.payload on the server and in the folder that this program came from. The ROM's own TFTP fetches it block by
 * block, since there may be little base memory.
 */
#include "legacy.h"

#include "formats/load_table.h"
#include "common/dhcp.h"
#include "common/records.h"
#include "formats/pxe_payload.h"

enum pxe_service {
	PXE_UNDI_SHUTDOWN = 0x05,
	PXE_STOP_UNDI = 0x15,
	PXE_TFTP_OPEN = 0x20,
	PXE_TFTP_CLOSE = 0x21,
	PXE_TFTP_READ = 0x22,
	PXE_UNLOAD_STACK = 0x70,
	PXE_GET_CACHED_INFO = 0x71,
};

#define CACHED_DHCP_ACK 2
#define CACHED_REPLY    3

#define BIOS_NETWORK     0x1a
#define NETWORK_FIND_PXE 0x5650

/* The ROM sends each lost packet again by itself, and gives up if the server stays silent; then the whole file is fetched
   anew. But iPXE gives up at once, with this status, at a block that comes twice, and one does when an acknowledgement
   was lost. */
#define FETCH_TRIES             3
#define FETCH_TRIES_TWICE       20
#define STATUS_OUT_OF_RESOURCES 0x06

#define BLOCK_MAX 1468u  /* bytes of an Ethernet frame behind the headers of IP, UDP and TFTP */
#define BLOCK_MIN 512u   /* every ROM must take these */
#define TFTP_PORT 0x4500 /* 69, in the network's byte order */

#define NAME_MAX 128u

struct cached_info {
	uint16_t status, type, size, offset, segment, limit;
};

struct tftp_open {
	uint16_t status;
	uint8_t server[4], gateway[4];
	char name[NAME_MAX];
	uint16_t port, block_size;
};
_Static_assert(sizeof(struct tftp_open) == 142, "PXE 2.1, 3.3.1");

struct tftp_read {
	uint16_t status, packet, size, offset, segment;
};

/* pxe_start.S */
extern uint32_t pxe_on_stack, pxenv_at_entry, pxe_entry;
extern uint8_t pxe_handler[], pxe_leave[];

/* The ROM writes into these, so they lie in low memory. */
static struct tftp_open source;
static struct {
	uint32_t blocks_left_at; /* bytes of the bounce buffer that were read already */
	uint32_t filled;
	uint16_t status;
	uint8_t is_last;
	const char *problem;
	uint64_t total;
} stream;

static void *far(uint32_t pointer)
{
	return far_pointer((uint16_t)(pointer >> 16), (uint16_t)pointer);
}

static void clear(void *buffer, uint32_t size)
{
	for (uint8_t *p = buffer; size > 0; size--)
		*p++ = 0;
}

static void copy_bytes(void *to, const void *from, uint32_t bytes)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

/* Every parameter structure begins with the status. The call itself has one in AX. 0 is success in both. */
static uint16_t pxe_call(enum pxe_service service, void *parameters)
{
	struct bios_registers r = {
		.ebx = service,
		.es = segment_of(parameters),
		.edi = offset_of(parameters),
	};
	handler_call((uint32_t)(uintptr_t)pxe_handler, &r);
	uint16_t status = *(uint16_t *)parameters;
	return status != 0 || (r.eax & 0xffff) == 0 ? status : (uint16_t)r.eax;
}

static int sums_to_zero(const uint8_t *bytes, uint32_t size)
{
	uint8_t sum = 0;
	for (uint32_t i = 0; i < size; i++)
		sum += bytes[i];
	return size != 0 && sum == 0;
}

static int begins_with(const uint8_t *bytes, const char *signature)
{
	for (; *signature != 0; signature++, bytes++)
		if (*bytes != (uint8_t)*signature)
			return 0;
	return 1;
}

/* PXE 2.1, 4.4.5: an entry point that takes its parameters on the stack. */
static uint32_t entry_of_pxe(uint32_t pointer)
{
	const uint8_t *pxe = far(pointer);
	const uint32_t length = 4, entry = 16;
	if (!begins_with(pxe, "!PXE") || pxe[length] < entry + 4 || !sums_to_zero(pxe, pxe[length]))
		return 0;
	return *(const uint32_t *)(pxe + entry);
}

/* The older structure may offer only a part of the services, and points to the newer one from version 2.1 on.
 */
static uint32_t entry_of_pxenv(uint32_t pointer)
{
	const uint8_t *pxenv = far(pointer);
	const uint32_t version = 6, length = 8, entry = 10, pxe = 0x28;
	if (!begins_with(pxenv, "PXENV+") || !sums_to_zero(pxenv, pxenv[length]))
		return 0;
	uint32_t newer = 0;
	if (*(const uint16_t *)(pxenv + version) >= 0x0201 && pxenv[length] >= pxe + 4)
		newer = entry_of_pxe(*(const uint32_t *)(pxenv + pxe));
	return newer != 0 ? newer : *(const uint32_t *)(pxenv + entry);
}

static void find_services(void)
{
	pxe_entry = entry_of_pxe(pxe_on_stack);
	if (pxe_entry == 0)
		pxe_entry = entry_of_pxenv(pxenv_at_entry);
	if (pxe_entry == 0) {
		struct bios_registers r = {.eax = NETWORK_FIND_PXE};
		bios_call(BIOS_NETWORK, &r);
		pxe_entry = entry_of_pxenv((uint32_t)r.es << 16 | (r.ebx & 0xffff));
	}
	if (pxe_entry == 0)
		die(ERROR_NO_PXE);
}

/* Fills `source` with the server that sent us, the name of twinboot.payload in the folder of the file that it sent, and
   the way there. Returns 0 if the answer does not name them. */
static int read_answer(const struct dhcp *dhcp, uint32_t size)
{
	uint8_t router_length, mask_length;
	if (size < offsetof(struct dhcp, cookie))
		return 0;
	clear(&source, sizeof(source));
	const uint8_t *server = dhcp_server(dhcp, size);
	if (server == 0)
		return 0;
	copy_bytes(source.server, server, 4);

	uint32_t file_max, folder = 0;
	const char *file = dhcp_boot_file(dhcp, size, &file_max);
	if (file == 0)
		return 0;
	for (uint32_t i = 0; i < file_max && file[i] != 0; i++)
		if (file[i] == '/' || file[i] == '\\')
			folder = i + 1;
	if (folder > NAME_MAX - sizeof(PXE_PAYLOAD_NAME))
		return 0;
	copy_bytes(source.name, file, folder);
	copy_bytes(source.name + folder, PXE_PAYLOAD_NAME, sizeof(PXE_PAYLOAD_NAME));

	/* A server on another subnet is reached through the router. (The relay's address is not a router's.) */
	const uint8_t *mask = dhcp_option(dhcp, size, DHCP_SUBNET_MASK, &mask_length);
	const uint8_t *router = dhcp_option(dhcp, size, DHCP_ROUTER, &router_length);
	for (int i = 0; mask != 0 && router != 0 && mask_length == 4 && router_length >= 4 && i < 4; i++)
		if ((dhcp->your[i] ^ source.server[i]) & mask[i])
			copy_bytes(source.gateway, router, 4);
	return 1;
}

/* The acknowledgement as the ROM keeps it; its size can come back as nonsense (Hyper). */
static void note_acknowledgement(struct machine *machine)
{
	static struct cached_info cached;
	cached = (struct cached_info){.type = CACHED_DHCP_ACK};
	if (pxe_call(PXE_GET_CACHED_INFO, &cached) != 0 || cached.size == 0 || cached.size > DHCP_PACKET_MAX)
		return;
	struct twinboot_record *ack =
		record_add(machine, TWINBOOT_RECORD_DHCP_ACK, sizeof(*ack) + cached.size);
	copy_bytes(ack + 1, far_pointer(cached.segment, cached.offset), cached.size);
}

static void note_answer(struct machine *machine, const struct dhcp *answer, uint32_t size)
{
	struct twinboot_boot_medium *medium =
		record_add(machine, TWINBOOT_RECORD_BOOT_MEDIUM, sizeof(*medium));
	medium->type = TWINBOOT_MEDIUM_NETWORK;
	medium->bios_drive = UINT32_MAX;
	struct twinboot_network_server *from =
		record_add(machine, TWINBOOT_RECORD_NETWORK_SERVER, sizeof(*from));
	copy_bytes(from->address, source.server, sizeof(source.server));
	copy_bytes(from->client_address, answer->your, sizeof(answer->your));
	uint32_t max;
	const char *file = dhcp_boot_file(answer, size, &max);
	for (uint32_t i = 0; i < max && i < sizeof(from->path) - 1 && file[i] != 0; i++)
		from->path[i] = file[i];
	note_acknowledgement(machine);
}

/* With proxy DHCP the acknowledgement names the address server, so the boot server's own reply comes first;
   QEMU's iPXE has none. The ROM may ignore our buffer and point at its own. */
static void find_source(struct machine *machine)
{
	static const uint16_t types[] = {CACHED_REPLY, CACHED_DHCP_ACK};
	static struct cached_info cached;
	uint16_t status = 0;
	for (int i = 0; i < 2; i++) {
		cached = (struct cached_info){.type = types[i]};
		status = pxe_call(PXE_GET_CACHED_INFO, &cached);
		const struct dhcp *answer = far_pointer(cached.segment, cached.offset);
		if (status == 0 && cached.size != 0 && read_answer(answer, cached.size)) {
			note_answer(machine, answer, cached.size);
			return;
		}
	}
	die(ERROR_PXE_ANSWER, (uint64_t)status);
}

static int stream_open(void)
{
	static struct tftp_open open;
	clear(&stream, sizeof(stream));
	open = source;
	open.port = TFTP_PORT;
	open.block_size = BLOCK_MAX;
	stream.problem = "it is not there";
	stream.status = pxe_call(PXE_TFTP_OPEN, &open);
	return stream.status == 0;
}

static void stream_close(void)
{
	static uint16_t close;
	close = 0;
	pxe_call(PXE_TFTP_CLOSE, &close);
}

/* Fetches one packet into the bounce buffer. The size that was agreed upon may come back as nonsense, so the last packet
   is known by having nothing in it, or less than the one before. */
static int stream_fill(void)
{
	static struct tftp_read read;
	uint32_t before = stream.filled;
	stream.problem = "the file ended";
	if (stream.is_last)
		return 0;
	read = (struct tftp_read){.size = 0, .segment = segment_of(bounce_buffer), .offset = 0};
	read.size = BLOCK_MAX;
	stream.problem = "the server stopped";
	stream.status = pxe_call(PXE_TFTP_READ, &read);
	if (stream.status != 0)
		return 0;
	a20_require();
	stream.blocks_left_at = 0;
	stream.filled = read.size;
	stream.is_last = read.size == 0 || read.size < before || read.size < BLOCK_MIN;
	stream.problem = "the file ended";
	return read.size != 0 && read.size <= (uint32_t)(bounce_buffer_end - bounce_buffer);
}

static int stream_read(void *to, uint32_t size)
{
	uint8_t *p = to;
	while (size > 0) {
		if (stream.blocks_left_at == stream.filled && !stream_fill())
			return 0;
		uint32_t part = stream.filled - stream.blocks_left_at;
		if (part > size)
			part = size;
		copy_bytes(p, bounce_buffer + stream.blocks_left_at, part);
		stream.blocks_left_at += part;
		stream.total += part;
		p += part;
		size -= part;
	}
	return 1;
}

static _Noreturn void die_of(const char *sentence)
{
	const uint8_t *s = source.server;
	die(sentence, source.name, (uint64_t)s[0], (uint64_t)s[1], (uint64_t)s[2], (uint64_t)s[3]);
}

/* The stream comes in order, so the bytes between two parts are read and dropped. */
static int stream_skip_to(uint64_t offset)
{
	uint8_t dropped;
	while (stream.total < offset)
		if (!stream_read(&dropped, 1))
			return 0;
	return stream.total == offset;
}

static int fetch_part(const struct load_part *part, const struct machine_range *memory)
{
	uint8_t *to = fixed((uint32_t)memory->base);
	if (!stream_skip_to(part->offset) || !stream_read(to, (uint32_t)part->stored))
		return 0;
	clear(to + part->stored, (uint32_t)(part->size - part->stored));
	return 1;
}

static int fetch(struct machine *machine)
{
	struct load_table *table = (struct load_table *)load_table;
	if (!stream_open() || !stream_read(table, LOAD_TABLE_SIZE))
		return 0;
	if (!load_table_is_whole(table))
		die_of(ERROR_PXE_PAYLOAD);
	payload_place(machine, table);
	for (uint32_t i = 0; i < table->part_count; i++)
		if (!fetch_part(&table->parts[i], payload_range(machine, table, i)))
			return 0;
	return 1;
}

void payload_load(struct machine *machine)
{
	machine->boot_device_type = TWINBOOT_BOOT_DEVICE_UNKNOWN;
	machine->boot_drive = 0;
	find_services();
	find_source(machine);
	for (uint32_t tries = 1; !fetch(machine); tries++) {
		const uint8_t *from = source.server;
		stream_close();
		if (tries >= (stream.status == STATUS_OUT_OF_RESOURCES ? FETCH_TRIES_TWICE : FETCH_TRIES))
			die(ERROR_PXE_FETCH, source.name, (uint64_t)from[0], (uint64_t)from[1],
			    (uint64_t)from[2], (uint64_t)from[3], stream.problem, stream.total / 1024,
			    (uint64_t)stream.status, (uint64_t)tries);
	}
	stream_close();
}

/* The order is pxelinux's. A ROM's answers do not matter: there is nobody else to ask. */
void network_stop(void)
{
	static const uint8_t services[] = {PXE_UNDI_SHUTDOWN, PXE_UNLOAD_STACK, PXE_STOP_UNDI};
	static uint16_t parameters[8];
	for (uint32_t i = 0; i < sizeof(services); i++) {
		clear(parameters, sizeof(parameters));
		pxe_call(services[i], parameters);
	}
}

/* The ROM tries its next boot device. */
void door_leave(void)
{
	struct bios_registers none = {0};
	handler_call((uint32_t)(uintptr_t)pxe_leave, &none);
	for (;;)
		__asm__ volatile("cli; hlt");
}
