/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one place where this door does something for a protocol, and only when the kernel's note asks for it: Linux' own EFI
 * stub leaves two configuration tables for the kernel proper, which nobody can make any more once boot services are gone.
 * An adapter that starts Linux cannot use that stub. The layouts are Linux' (include/linux/efi.h).
 */
#include "tpm.h"

#define LINUX_TPM_EVENT_LOG_GUID \
	{ \
		0xb7799cb0, 0xeca2, 0x4943, \
		{ \
			0x96, 0x67, 0x1f, 0xae, 0x07, 0xb7, 0x47, 0xfa \
		} \
	}
#define LINUX_RANDOM_SEED_GUID \
	{ \
		0x1ce1e5bc, 0x7ceb, 0x42f2, \
		{ \
			0x81, 0xe5, 0x8a, 0xad, 0xf1, 0x80, 0xf5, 0x7b \
		} \
	}

#define SEED_SIZE 32u

struct __attribute__((packed)) linux_tpm_log {
	uint32_t size, final_known;
	uint8_t format;
	uint8_t log[];
};

struct linux_random_seed {
	uint32_t size;
	uint8_t bits[SEED_SIZE];
};

/* Of a type that Linux keeps until it has read it, also over kexec. */
static void *take(UINTN size)
{
	void *pool;
	return EFI_ERROR(bs->AllocatePool(EfiACPIReclaimMemory, size, &pool)) ? NULL : pool;
}

static void install(EFI_GUID guid, void *table)
{
	if (EFI_ERROR(bs->InstallConfigurationTable(&guid, table)))
		bs->FreePool(table);
}

static void install_tpm_log(void)
{
	struct tpm_log log = {0};
	struct linux_tpm_log *table;
	if (!tpm_log_read(&log) || (table = take(sizeof(*table) + log.size)) == NULL)
		return;
	*table = (struct linux_tpm_log){
		.size = (uint32_t)log.size,
		.final_known = (uint32_t)log.final_known,
		.format = (uint8_t)log.format,
	};
	bs->CopyMem(table->log, (void *)log.log, log.size);
	install((EFI_GUID)LINUX_TPM_EVENT_LOG_GUID, table);
}

static void install_random_seed(void)
{
	EFI_GUID guid = EFI_RNG_PROTOCOL_GUID;
	EFI_RNG_PROTOCOL *rng;
	struct linux_random_seed *table;
	/* A boot loader before us may have left one: it is as good. */
	if (configuration_table((EFI_GUID)LINUX_RANDOM_SEED_GUID) != NULL ||
	    EFI_ERROR(bs->LocateProtocol(&guid, NULL, (void **)&rng)) ||
	    (table = take(sizeof(*table))) == NULL)
		return;
	table->size = SEED_SIZE;
	if (EFI_ERROR(rng->GetRNG(rng, NULL, SEED_SIZE, table->bits)))
		bs->FreePool(table);
	else
		install((EFI_GUID)LINUX_RANDOM_SEED_GUID, table);
}

void linux_tables_install(const struct machine *machine)
{
	const struct manifest *manifest = at(machine->manifest.base);
	if (!(manifest->needs.flags & TWINBOOT_WANT_LINUX_TABLES))
		return;
	install_tpm_log();
	install_random_seed();
}
