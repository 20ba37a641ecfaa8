# SPDX-License-Identifier: BSD-2-Clause
"""Firmware that is neither SeaBIOS nor OVMF, in QEMU: Bochs' BIOS, and U-Boot's UEFI."""

import re
from pathlib import Path

import pytest

from lab import Lab
from qemu import DISKS, Machine, Result, boot
from transcript import values

BOCHS_BIOS = Path("/usr/share/bochs")
U_BOOT = Path("/usr/lib/u-boot")
DISKS["ich9-ahci"] = ["-device", "ich9-ahci,id=ahci", "-device", "ide-hd,drive=disk,bus=ahci.0"]  # machine pc


def rom(path: Path, package: str) -> tuple[str, ...]:
    if not path.exists():
        pytest.skip(f"the package {package} is not there")
    return ("-bios", str(path))


def whole(result: Result) -> dict[str, str]:
    assert result.ended == "success", str(result)
    return values(result.transcript)


@pytest.mark.all
@pytest.mark.parametrize("name", ["BIOS-bochs-latest", "BIOS-bochs-legacy"])
def test_bochs_bios(lab: Lab, name: str) -> None:
    """Without a local APIC: with QEMU's, this BIOS gets no timer interrupts and waits for its ticks for ever."""
    machine = Machine(machine="pc", cpu="max,-apic", disk="ide", extra=rom(BOCHS_BIOS / name, "bochsbios"))
    report = whole(boot("bios", lab.build("reference").image, machine))
    assert (report["smbios_is_there"] == "none") == name.endswith("legacy"), report


def u_boot(lab: Lab, name: str) -> Result:
    extra = rom(U_BOOT / name / "u-boot.rom", "u-boot-qemu")
    machine = Machine(machine="pc", cpus=2, disk="ich9-ahci", extra=extra)
    # "bios": QEMU gets no OVMF, and U-Boot says nothing that OVMF says.
    return boot("bios", lab.build("reference").image, machine)


@pytest.mark.all
def test_u_boot(lab: Lab) -> None:
    report = whole(u_boot(lab, "qemu-x86_64"))
    assert report["firmware"] == "Das U-Boot" and report["cpus_absent"] == "0", report


@pytest.mark.all
def test_32_bit_u_boot(lab: Lab) -> None:
    result = u_boot(lab, "qemu-x86")
    assert re.search("^twinboot: TB44: ", result.transcript, re.MULTILINE), str(result)
