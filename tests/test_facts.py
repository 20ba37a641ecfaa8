# SPDX-License-Identifier: BSD-2-Clause
"""Raw facts (handoff->records): what both firmwares say of one medium agrees, and is what stands on it."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from lab import FIRMWARES, Build, Lab, build
from qemu import Machine, boot
from transcript import values
from verdicts import ends_well

MEDIUM = ("boot_medium", "boot_partition", "boot_disk_guid", "boot_partition_guid")
NO_GUID = "00" * 16


def facts(image: Path, machine: Machine) -> dict[str, str]:
    """What both firmwares say of the medium."""
    said = [values(ends_well(boot(firmware, image, machine)).transcript) for firmware in FIRMWARES]
    bios, uefi = ({key: one[key] for key in MEDIUM} for one in said)
    assert bios == uefi
    return bios


def signature(image: Path) -> str:
    return f"MBR 0x{struct.unpack_from('<I', image.read_bytes()[:512], 440)[0]:08x}"


def test_gpt(scratch: Path) -> None:
    image = build(scratch / "build", "TABLE=gpt").image
    said, data = facts(image, Machine()), image.read_bytes()[:17408]
    number, _, table, _, _, first, count, _ = said["boot_partition"].replace(",", "").split()
    entry = data[1024 + 128 * (int(number) - 1) :][:128]
    assert (table, int(first), int(first) + int(count) - 1) == ("GPT", *struct.unpack_from("<QQ", entry, 32))
    assert said["boot_disk_guid"] == data[512 + 56 : 512 + 72].hex() != NO_GUID
    assert said["boot_partition_guid"] == entry[16:32].hex() != NO_GUID
    assert said["boot_medium"] == f"disk, 512 bytes a sector, {signature(image)}"


def test_mbr(reference: Build) -> None:
    said = facts(reference.image, Machine())
    row = reference.image.read_bytes()[446:462]
    assert said["boot_partition"] == "1 of MBR, from sector {}, {} sectors".format(*struct.unpack_from("<II", row, 8))
    assert said["boot_disk_guid"] == said["boot_partition_guid"] == NO_GUID


@pytest.mark.all
def test_cd(reference: Build) -> None:
    said = facts(reference.image, Machine(disk="cd"))
    assert said["boot_medium"] == f"cd, 2048 bytes a sector, {signature(reference.image)}"
    assert said["boot_partition"].startswith("0 of MBR")


def test_text_mode_is_kept(lab: Lab) -> None:
    image = lab.build("kernel-textmode").image
    bios = values(ends_well(boot("bios", image)).transcript)
    assert bios["text_mode_is_kept"] == "ok" and bios["framebuffer"] == "none"
    assert bios["record_text_mode"].startswith("mode 3 at 0xb8000, page 0, 80 x 25, cursor ")
    assert bios["record_text_mode"].endswith(", glyphs of 16 lines")


@pytest.mark.all
@pytest.mark.skipif(shutil.which("swtpm") is None, reason="swtpm is not installed")
def test_tpm_log(reference: Build, scratch: Path) -> None:
    socket = scratch / "tpm.sock"
    command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={scratch}", "--ctrl", f"type=unixio,path={socket}"]
    chip = ("-chardev", f"socket,id=t,path={socket}", "-tpmdev", "emulator,id=t,chardev=t", "-device", "tpm-tis,tpmdev=t")
    with subprocess.Popen([*command, "--terminate"]) as tpm:
        try:
            while not socket.exists():
                assert tpm.poll() is None
            result = ends_well(boot("uefi", reference.image, Machine(extra=chip), cold=True))
        finally:
            tpm.kill()
    said = values(result.transcript)
    assert said["record_tpm_log"].startswith("format 2, "), str(result)
    assert (said["tpm_log_is_whole"], said["tpm_log_begins_with_its_specification"]) == ("ok", "ok")
