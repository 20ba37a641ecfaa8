/* SPDX-License-Identifier: BSD-2-Clause */
/* The TPM's event log (TCG EFI Protocol Specification 1.0; TCG PC Client Platform Firmware Profile 1.05, 10). */
#include "tpm.h"

#include "common/records.h"

#define FINAL_EVENTS_GUID \
	{ \
		0x1e2ed096, 0x30e2, 0x4254, \
		{ \
			0xbd, 0x89, 0x86, 0x3b, 0xbe, 0xf8, 0x23, 0x25 \
		} \
	}

/* More than any firmware keeps. */
#define LOG_SIZE_MAX UINT64_C(0x1000000)

/* TCG_PCR_EVENT, and the first event of every log, which in format 2 says how long the digests are. */
struct __attribute__((packed)) event1 {
	uint32_t pcr, type;
	uint8_t sha1[20];
	uint32_t size; /* of what follows */
};
struct __attribute__((packed)) specification {
	struct event1 event;
	uint8_t signature[16];
	uint32_t platform_class;
	uint8_t version[3], uintn_size;
	uint32_t algorithm_count;
	struct __attribute__((packed)) {
		uint16_t algorithm, digest_size;
	} algorithms[];
};
/* TCG_PCR_EVENT2: then `digest_count` digests, each behind its algorithm; then a size and as many bytes. */
struct __attribute__((packed)) event2 {
	uint32_t pcr, type, digest_count;
};
#define ALGORITHMS_MAX 16u

/* Nothing in a log is aligned. */
typedef uint16_t __attribute__((aligned(1))) word16;
typedef uint32_t __attribute__((aligned(1))) word32;

struct final_events {
	uint64_t version, count;
};

static uint32_t digest_size(const struct specification *specification, uint16_t algorithm)
{
	for (uint32_t i = 0; i < specification->algorithm_count && i < ALGORITHMS_MAX; i++)
		if (specification->algorithms[i].algorithm == algorithm)
			return specification->algorithms[i].digest_size;
	return 0;
}

uint64_t tpm_event_size(const struct specification *specification, const uint8_t *event, uint64_t room)
{
	const struct event2 *head = (const struct event2 *)event;
	uint64_t size = sizeof(*head);
	if (room < size || head->digest_count == 0 || head->digest_count > ALGORITHMS_MAX)
		return 0;
	for (uint32_t i = 0; i < head->digest_count; i++) {
		if (room - size < sizeof(uint16_t))
			return 0;
		uint32_t digest = digest_size(specification, *(const word16 *)(event + size));
		if (digest == 0 || room - size < sizeof(uint16_t) + digest)
			return 0;
		size += sizeof(uint16_t) + digest;
	}
	if (room - size < sizeof(uint32_t))
		return 0;
	uint64_t data = *(const word32 *)(event + size);
	size += sizeof(uint32_t);
	return room - size < data ? 0 : size + data;
}

/* The firmware says where the log's last event begins, not where it ends. */
uint64_t tpm_log_size(uint32_t format, const uint8_t *log, const uint8_t *last)
{
	const struct event1 *event = (const struct event1 *)last;
	if (log == NULL || last == NULL || last < log || (uint64_t)(last - log) > LOG_SIZE_MAX)
		return 0;
	uint64_t before = (uint64_t)(last - log), size;
	if (format == TPM_LOG_FORMAT_1 || before == 0) /* the first is of the old kind in both */
		size = event->size < LOG_SIZE_MAX ? sizeof(*event) + event->size : 0;
	else
		size = tpm_event_size((const struct specification *)log, last, LOG_SIZE_MAX);
	return size == 0 ? 0 : before + size;
}

/* Bytes of the final events so far: the firmware's log has them all, since each was logged before it was asked. */
static uint64_t final_size(const struct specification *specification, const struct final_events *final)
{
	const uint8_t *events = (const uint8_t *)(final + 1);
	uint64_t size = 0;
	for (uint64_t i = 0; i < final->count; i++) {
		uint64_t event = tpm_event_size(specification, events + size, LOG_SIZE_MAX - size);
		if (event == 0)
			break;
		size += event;
	}
	return size;
}

int tpm_log_read(struct tpm_log *log)
{
	EFI_GUID guid = TCG2_PROTOCOL_GUID;
	struct tcg2 *tcg2;
	BOOLEAN truncated = 0;
	struct tcg2_capability capability = {.size = sizeof(capability)};
	if (EFI_ERROR(bs->LocateProtocol(&guid, NULL, (void **)&tcg2)) ||
	    EFI_ERROR(tcg2->GetCapability(tcg2, &capability)) || !capability.tpm_present)
		return 0;
	for (uint32_t format = TPM_LOG_FORMAT_2; format >= TPM_LOG_FORMAT_1; format--) {
		EFI_PHYSICAL_ADDRESS first = 0, last = 0;
		if (!(capability.supported_logs & format) ||
		    EFI_ERROR(tcg2->GetEventLog(tcg2, format, &first, &last, &truncated)))
			continue;
		*log = (struct tpm_log){.format = format, .truncated = truncated != 0, .log = at(first)};
		log->size = tpm_log_size(format, at(first), at(last));
		if (log->size != 0)
			break;
	}
	if (log->size == 0)
		return 0;
	const struct final_events *final = configuration_table((EFI_GUID)FINAL_EVENTS_GUID);
	if (final != NULL && log->format == TPM_LOG_FORMAT_2) {
		log->final = (uintptr_t) final;
		log->final_known = final_size((const struct specification *)log->log, final);
	}
	return 1;
}

void facts_tpm(struct machine *machine)
{
	struct tpm_log log = {0};
	if (!tpm_log_read(&log) ||
	    !facts_make_room(machine, (uint32_t)(sizeof(struct twinboot_tpm_log) + log.size)))
		return;
	struct twinboot_tpm_log *record =
		record_add(machine, TWINBOOT_RECORD_TPM_LOG, (uint32_t)(sizeof(*record) + log.size));
	record->format = log.format;
	record->truncated = log.truncated;
	record->log_size = log.size;
	record->final_phys = log.final;
	record->final_known = log.final_known;
	bs->CopyMem(record + 1, (void *)log.log, log.size);
}
