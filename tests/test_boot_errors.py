# SPDX-License-Identifier: BSD-2-Clause
"""A boot that cannot work ends with a sentence on the serial port and a halt, not with a reset."""

import re
from pathlib import Path

import pytest

from elf import Elf
from lab import Build, Lab
from qemu import Machine, Result, boot

SETTLE = 2.0  # seconds in which a machine that does not halt would reset


def refused(image: Path, says: str, machine: Machine = Machine(), firmware: str = "bios") -> Result:
    """Boots and waits for the loader's error; it must be the right one."""
    result = boot(firmware, image, machine, settle=SETTLE)
    assert result.ended == "loader-error", str(result)
    assert re.search(says, result.transcript), str(result)
    return result


def test_no_long_mode(reference: Build) -> None:
    refused(reference.image, "TB01: .*64-bit", Machine(cpu="qemu32"))


def test_too_little_memory(lab: Lab) -> None:
    refused(lab.build("bss_64_mib").image, "TB08: not enough memory", Machine(memory="32M"))


def test_disk_ends_before_the_payload(lab: Lab, scratch: Path) -> None:
    whole = lab.build("data_16_mib").image
    cut = scratch / "cut.img"
    cut.write_bytes(whole.read_bytes()[: 8 << 20])
    result = refused(cut, "TB05: .*sector [0-9]+")
    sector = re.search(r"sector (\d+)", result.transcript)
    assert sector and int(sector[1]) * 512 <= 8 << 20 < (int(sector[1]) + 256) * 512, str(result)


def damaged(image: Path, scratch: Path, payload: bytes) -> Path:
    """The image with one bit of the payload turned over, in every copy of the payload that it holds."""
    data = bytearray(image.read_bytes())
    needle = payload[4096:4160]
    at = data.find(needle)
    assert at >= 0, "the payload is not in the image as it is"
    while at >= 0:
        data[at + 32] ^= 1
        at = data.find(needle, at)
    path = scratch / "damaged.img"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("firmware", ["bios", pytest.param("uefi", marks=pytest.mark.all)])
def test_damaged_payload(reference: Build, scratch: Path, firmware: str) -> None:
    padded = reference.read("kernel.padded")
    assert Elf(padded).lowest_load.offset == 0
    refused(damaged(reference.image, scratch, padded), "TB21: the kernel is damaged", firmware=firmware)
