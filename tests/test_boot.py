# SPDX-License-Identifier: BSD-2-Clause
"""The reference kernel comes up by BIOS and by UEFI, and finds the same on both."""

import hashlib
from pathlib import Path

import pytest

from elf import PF_W, Elf
from lab import FIRMWARES, Build
from qemu import Result
from transcript import compare, parse, read_may_differ, values
from verdicts import ends_well

MAY_DIFFER = Path(__file__).with_name("may_differ.txt")


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_every_check_of_the_kernel_passes(reports: dict[str, Result], firmware: str) -> None:
    result = reports[firmware]
    ends_well(result)
    assert result.exit_code == 33, str(result)


def test_transcripts_agree(reports: dict[str, Result]) -> None:
    bios, uefi = (parse(reports[firmware].transcript) for firmware in FIRMWARES)
    problems = compare(bios, uefi, read_may_differ(MAY_DIFFER))
    assert not problems, "\n".join([*problems, "", str(reports["bios"]), "", str(reports["uefi"])])


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_kernel_in_memory_is_the_kernel_that_was_built(
    reference: Build, reports: dict[str, Result], firmware: str
) -> None:
    padded = reference.read("kernel.padded")
    readonly = hashlib.sha256()
    for load in Elf(padded).loads:
        if not load.flags & PF_W:
            readonly.update(padded[load.offset : load.offset + load.memsz])
    said = values(reports[firmware].transcript)
    assert said.get("readonly_sha256") == readonly.hexdigest(), str(reports[firmware])
    assert said.get("kernel_sha256") == hashlib.sha256(padded).hexdigest(), str(reports[firmware])


@pytest.mark.parametrize("kernel", ["hello"])
@pytest.mark.parametrize("firmware", FIRMWARES)
def test_example_kernel(booted: Result) -> None:
    assert booted.ended == "success", str(booted)
