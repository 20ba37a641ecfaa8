# SPDX-License-Identifier: BSD-2-Clause
"""UEFI runtime services on firmware that OVMF is not: without the memory attributes table, and with a table that protects
nothing. The reference kernel calls them, and looks at every page of them."""

import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from faults.workshop import Edit, Workshop
from qemu import boot
from transcript import values

pytestmark = pytest.mark.all

FIND = "void tables_find(struct machine *machine)\n{"
# The loader and the kernel both see the table that this changes.
EACH_TABLE = """
	for (UINTN i = 0; i < st->NumberOfTableEntries; i++) {
		EFI_CONFIGURATION_TABLE *entry = &st->ConfigurationTable[i];
		if (entry->VendorGuid.Data1 == 0xdcfa911d)
			%s
	}
"""
HIDDEN = EACH_TABLE % "entry->VendorGuid.Data1 = 0;"
# Version, rows, bytes of each, flags; then the rows, whose attributes are the fifth word of eight bytes.
UNPROTECTED = EACH_TABLE % (
    "for (uint32_t row = 0, *table = entry->VendorTable; row < table[1]; row++)\n"
    "				*(uint64_t *)((uint8_t *)(table + 4) + row * table[2] + 32) &= ~UINT64_C(0x24000);"
)


@pytest.fixture(scope="module")
def kernels_workshop() -> Iterator[Workshop]:
    with tempfile.TemporaryDirectory(prefix="twinboot-workshop-") as directory:
        yield Workshop(Path(directory), "kernel")


@pytest.mark.parametrize("change, rows", [(HIDDEN, "none"), (UNPROTECTED, "rows")], ids=["hidden", "unprotected"])
def test_without_protection(kernels_workshop: Workshop, change: str, rows: str) -> None:
    result = boot("uefi", kernels_workshop.rude((Edit("efi/tables.c", FIND, FIND + change),)))
    assert result.ended == "success", str(result)
    report = values(result.transcript)
    assert report["efi_memory_attributes"].split()[-1] == rows
    for check in ("efi_runtime_has_its_permissions", "efi_get_time", "efi_set_virtual_address_map", "efi_get_time_after_that"):
        assert report[check] == "ok", str(result)
