/* SPDX-License-Identifier: BSD-2-Clause */
#include "front.h"

void entropy_read(struct machine *machine)
{
	EFI_GUID guid = EFI_RNG_PROTOCOL_GUID;
	EFI_RNG_PROTOCOL *rng;
	if (!EFI_ERROR(bs->LocateProtocol(&guid, NULL, (void **)&rng)) &&
	    !EFI_ERROR(rng->GetRNG(rng, NULL, sizeof(machine->entropy), machine->entropy)))
		machine->entropy_source = TWINBOOT_ENTROPY_EFI_RNG;
}
