# SPDX-License-Identifier: BSD-2-Clause
"""BOOTX64.EFI is what strict firmware and signing want: W^X, NX, page alignment, no gaps."""

import subprocess
from pathlib import Path

import pytest

from elf import PAGE
from faults.workshop import Edit, Workshop
from formats import PE_DIRECTORY_BASE_RELOCATION, PE_DISCARDABLE, PE_EXECUTE, PE_NX_COMPAT, PE_WRITE, Pe, round_up
from lab import Build

EFI_APPLICATION = 10  # IMAGE_SUBSYSTEM_EFI_APPLICATION
AMD64 = 0x8664


@pytest.fixture
def efi(reference: Build) -> Pe:
    return Pe(reference.read("BOOTX64.EFI"))


def test_is_an_application_for_this_machine(efi: Pe) -> None:
    assert (efi.machine, efi.subsystem) == (AMD64, EFI_APPLICATION)


def test_no_section_is_writable_and_executable(efi: Pe) -> None:
    both = PE_WRITE | PE_EXECUTE
    assert not [section.name for section in efi.sections if section.characteristics & both == both]


def test_says_that_it_lives_with_no_execute(efi: Pe) -> None:
    assert efi.dll_characteristics & PE_NX_COMPAT


def test_sections_follow_one_another_by_pages(efi: Pe) -> None:
    assert efi.section_alignment == PAGE
    expected = round_up(efi.headers_size, PAGE)
    for section in efi.sections:
        assert section.address == expected, f"{section.name} at {section.address:#x}, not {expected:#x}"
        expected = round_up(section.address + section.virtual_size, PAGE)
    assert efi.image_size == expected


def test_raw_data_is_aligned_and_in_the_file(efi: Pe) -> None:
    for section in efi.sections:
        assert section.raw_offset % efi.file_alignment == 0, section
        assert section.raw_size % efi.file_alignment == 0, section
        assert section.raw_offset + section.raw_size <= len(efi.data), section


def test_raw_data_has_no_gaps(efi: Pe) -> None:
    at = efi.headers_size
    for section in efi.sections:
        if section.raw_size:
            assert section.raw_offset == at, section
            at = section.raw_offset + section.raw_size
    assert at == len(efi.data)


def test_entry_is_in_an_executable_section(efi: Pe) -> None:
    holder = [s for s in efi.sections if s.address <= efi.entry < s.address + s.virtual_size]
    assert len(holder) == 1 and holder[0].characteristics & PE_EXECUTE


def test_base_relocations_are_well_formed(efi: Pe) -> None:
    address, size = efi.directories[PE_DIRECTORY_BASE_RELOCATION]
    section = efi.section(".reloc")
    assert address == section.address and 8 <= size <= section.virtual_size
    assert not any(efi.loaded(section)[size:]), "the directory leaves out some of .reloc"
    for target in efi.relocated_addresses():
        assert any(s.address <= target <= s.address + s.virtual_size - 8 for s in efi.sections), hex(target)


def test_no_wrong_checksum(efi: Pe) -> None:
    assert efi.checksum == 0, "objcopy's is of the bytes before the last step"


def test_no_time_of_the_build(efi: Pe) -> None:
    assert efi.timestamp == 0


def test_no_section_can_be_discarded(efi: Pe) -> None:
    """shim leaves such sections out, and .reloc has a checksum."""
    assert not [section.name for section in efi.sections if section.characteristics & PE_DISCARDABLE]


def test_no_symbol_table_is_promised(efi: Pe) -> None:
    assert (efi.symbol_table, efi.symbol_count) == (0, 0)


def test_objcopy_takes_a_section_out(reference: Build, scratch: Path) -> None:
    kernel = scratch / "kernel"
    command = ["objcopy", "-O", "binary", "--only-section=.kernel", reference.out / "BOOTX64.EFI", kernel]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert kernel.read_bytes().rstrip(b"\0") == reference.read("kernel.padded").rstrip(b"\0")


def test_initialised_data_is_what_was_written(workshop: Workshop) -> None:
    """ld writes .dynstr to the beginning of the section that it is in."""
    data = bytes(range(1, 256))
    story = "EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system_table)\n{"
    variable = f"uint8_t initialised[] __attribute__((used)) = {{{', '.join(map(str, data))}}};\n"
    workshop.rude((Edit("efi/main.c", story, variable + story),))
    efi = Pe((workshop.out / "BOOTX64.EFI").read_bytes())
    assert data in efi.loaded(efi.section(".data"))
