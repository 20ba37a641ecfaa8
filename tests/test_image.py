# SPDX-License-Identifier: BSD-2-Clause
"""twinboot.img: one active partition, an ESP that firmware and file system checkers accept."""

import subprocess
from pathlib import Path

import pytest

from formats import Partition, mbr_partitions
from lab import Build

SECTOR = 512
ESP = 0xEF
ACTIVE = 0x80


@pytest.fixture
def esp(reference: Build) -> Partition:
    with reference.image.open("rb") as image:
        partitions = mbr_partitions(image.read(SECTOR))
    assert len(partitions) == 1, partitions
    return partitions[0]


def test_one_active_partition_that_is_the_esp(reference: Build, esp: Partition) -> None:
    assert (esp.active, esp.type) == (ACTIVE, ESP)
    assert (esp.start + esp.count) * SECTOR <= reference.image.stat().st_size


def test_esp_holds_the_loader(reference: Build, esp: Partition, scratch: Path) -> None:
    copy = scratch / "BOOTX64.EFI"
    source = f"{reference.image}@@{esp.start * SECTOR}"
    done = subprocess.run(
        ["mcopy", "-n", "-i", source, "::EFI/BOOT/BOOTX64.EFI", copy], capture_output=True, text=True
    )
    assert done.returncode == 0, done
    assert copy.read_bytes() == reference.read("BOOTX64.EFI")


def test_esp_is_a_clean_file_system(reference: Build, esp: Partition, scratch: Path) -> None:
    partition = scratch / "esp.img"
    with reference.image.open("rb") as image:
        image.seek(esp.start * SECTOR)
        partition.write_bytes(image.read(esp.count * SECTOR))
    done = subprocess.run(["/sbin/fsck.fat", "-n", partition], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
