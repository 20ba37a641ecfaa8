/* SPDX-License-Identifier: BSD-2-Clause */
/* Stops every network card that the firmware runs, whoever booted us: not all firmware does so at
   ExitBootServices, and some only after the card lost its bus mastering (NVIDIA/edk2-nvidia #12,
   microsoft/mu_basecore #520). A card that goes on receiving would write into the kernel's memory. */
#include "front.h"

void network_stop(void)
{
	EFI_GUID guid = EFI_SIMPLE_NETWORK_PROTOCOL_GUID;
	EFI_HANDLE *handles;
	UINTN count;
	if (EFI_ERROR(bs->LocateHandleBuffer(ByProtocol, &guid, NULL, &count, &handles)))
		return;
	for (UINTN i = 0; i < count; i++) {
		EFI_SIMPLE_NETWORK *network;
		if (EFI_ERROR(bs->HandleProtocol(handles[i], &guid, (void **)&network)) ||
		    network->Mode == NULL)
			continue;
		if (network->Mode->State == EfiSimpleNetworkInitialized)
			network->Shutdown(network);
		if (network->Mode->State == EfiSimpleNetworkStarted)
			network->Stop(network);
	}
	bs->FreePool(handles);
}
