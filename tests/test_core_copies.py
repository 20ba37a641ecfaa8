# SPDX-License-Identifier: BSD-2-Clause
"""Core is one object: both loaders hold the same bytes of it, but for the fields that a link fills in."""

import pytest

from elf import Elf
from lab import Build

# Sizes in bytes of what each relocation changes (System V ABI, AMD64 supplement, table 4.9).
FIELD_SIZES = {
    1: 8,  # R_X86_64_64
    2: 4,  # R_X86_64_PC32
    4: 4,  # R_X86_64_PLT32
    10: 4,  # R_X86_64_32
    11: 4,  # R_X86_64_32S
    24: 8,  # R_X86_64_PC64
}


def without_fields(elf: Elf, section: str, data: bytes) -> bytes:
    """`data` with zeros where core.o's relocations for that section point."""
    rest = bytearray(data)
    for relocation in elf.relocations(section):
        size = FIELD_SIZES[relocation.type]
        rest[relocation.offset : relocation.offset + size] = bytes(size)
    return bytes(rest)


@pytest.mark.parametrize("part", ["text", "rodata", "data"])
def test_core_is_the_same_in_both_loaders(reference: Build, part: str) -> None:
    core = Elf(reference.read("core.o"))
    if part == "data" and b".core.data" not in reference.read("core.o"):
        return  # core has no initialised data today: nothing that could differ
    section = core.section(f".core.{part}")
    original = without_fields(core, section.name, core.contents(section))
    for name in ("legacy.elf", "efi.so"):
        loader = Elf(reference.read(name))
        start, end = loader.symbol(f"core_{part}_start"), loader.symbol(f"core_{part}_end")
        assert end - start == section.size, f"{name}: core's {part} is not there as a whole"
        copy = without_fields(core, section.name, loader.at(start, section.size) if section.size else b"")
        different = [i for i in range(section.size) if copy[i] != original[i]]
        assert (
            not different
        ), f"{name}: core's {part} differs from core.o at {[hex(i) for i in different[:20]]}"


def test_most_of_core_is_compared(reference: Build) -> None:
    core = Elf(reference.read("core.o"))
    text = core.section(".core.text")
    assert text.size > 4096
    fields = sum(FIELD_SIZES[relocation.type] for relocation in core.relocations(".core.text"))
    assert fields < text.size // 4
