# SPDX-License-Identifier: BSD-2-Clause
"""The loaders stay small: `make size` says where the bytes are."""

import sys
from pathlib import Path

from formats import Pe
from lab import ROOT, Build

sys.path.insert(0, str(ROOT / "bench"))

import size  # noqa: E402


def total(rows: size.Rows) -> int:
    return sum(row[1] for row in rows)


def test_bios_side_fits_40_kib(reference: Build) -> None:
    on_disk = len(reference.read("legacy.bin"))
    assert on_disk <= size.BIOS_LIMIT
    assert total(size.bios(reference.out)) == on_disk, "make size leaves something out"


def test_efi_application_is_the_payload_and_64_kib(reference: Build) -> None:
    data = reference.read("BOOTX64.EFI")
    pe = Pe(data)
    payload = sum(section.raw_size for section in pe.sections if section.name in size.PAYLOAD)
    assert len(data) - payload <= 64 * 1024
    assert total(size.efi(reference.out)) == len(data) - payload, "make size leaves something out"


def test_zeros_take_no_place_in_the_file(reference: Build) -> None:
    """A kernel's .bss belongs to the image in memory, not to the files."""
    kernel = Pe(reference.read("BOOTX64.EFI")).section(".kernel")
    stored = len(reference.read("kernel.padded").rstrip(b"\0"))
    assert stored <= kernel.raw_size < stored + 4096


def test_make_size_reports(reference: Build) -> None:
    assert size.show("BIOS", size.bios(reference.out), size.BIOS_LIMIT)
    assert size.show("UEFI", size.efi(reference.out), size.EFI_LIMIT)
    assert size.sources(Path(reference.out) / "x86_64")
