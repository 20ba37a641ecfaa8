/* SPDX-License-Identifier: BSD-2-Clause */
/* The TPM as UEFI firmware shows it: TCG EFI Protocol Specification 1.0. gnu-efi knows none of it. */
#ifndef TPM_H
#define TPM_H

#include "front.h"

#define TCG2_PROTOCOL_GUID \
	{ \
		0x607f766c, 0x7455, 0x42be, \
		{ \
			0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f \
		} \
	}

/* Also bits of `supported_logs`. */
#define TPM_LOG_FORMAT_1 1u
#define TPM_LOG_FORMAT_2 2u

/* 6.4.4; version 1.0 of the structure ends before the last two. */
struct tcg2_capability {
	uint8_t size;
	uint8_t structure_version[2], protocol_version[2];
	uint32_t hash_algorithms, supported_logs;
	uint8_t tpm_present;
	uint16_t max_command_size, max_response_size;
	uint32_t manufacturer, number_of_banks, active_banks;
};
_Static_assert(sizeof(struct tcg2_capability) == 36, "6.4.4");

struct tcg2 {
	EFI_STATUS(EFIAPI *GetCapability)(struct tcg2 *self, struct tcg2_capability *capability);
	EFI_STATUS(EFIAPI *GetEventLog)
	(struct tcg2 *self, uint32_t format, EFI_PHYSICAL_ADDRESS *log, EFI_PHYSICAL_ADDRESS *last,
	 BOOLEAN *truncated);
	void *HashLogExtendEvent, *SubmitCommand, *GetActivePcrBanks, *SetActivePcrBanks,
		*GetResultOfSetActivePcrBanks;
};

/* The event log in the firmware's memory. `final`: EFI_TCG2_FINAL_EVENTS_TABLE, or 0; `final_known` bytes of its events
   are in `log`, too. */
struct tpm_log {
	uint32_t format, truncated;
	const uint8_t *log;
	uint64_t size, final, final_known;
};

/* Returns 0 if there is no TPM, or its log makes no sense. */
int tpm_log_read(struct tpm_log *log);

/* For tests: bytes of the event (of format 2) at `event`, of which `room` can be read; and of the whole log. 0 if it makes
   no sense. */
struct specification;
uint64_t tpm_event_size(const struct specification *specification, const uint8_t *event, uint64_t room);
uint64_t tpm_log_size(uint32_t format, const uint8_t *log, const uint8_t *last);

#endif
