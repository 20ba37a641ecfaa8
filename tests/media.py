# SPDX-License-Identifier: BSD-2-Clause
"""What people do to an image after it was made: copy it, and replace a file in it."""

import re
import struct
import subprocess
from pathlib import Path

from formats import mbr_partitions

SECTOR = 512

def file_place(image: Path, name: str) -> int:
    """Where a file begins that lies in one piece in the EFI system partition."""
    with image.open("rb") as file:
        start = mbr_partitions(file.read(SECTOR))[0].start * SECTOR
        said = subprocess.run(
            ["mshowfat", "-i", f"{image}@@{start}", name], capture_output=True, text=True, check=True
        ).stdout
        match = re.search(r"<(\d+)", said)
        assert match, said
        file.seek(start)
        boot = file.read(SECTOR)
    reserved, tables, table_sectors = (
        struct.unpack_from(form, boot, at)[0] for form, at in (("<H", 14), ("<B", 16), ("<I", 36))
    )
    return start + (reserved + tables * table_sectors + (int(match[1]) - 2) * boot[13]) * SECTOR


def sparse_copy(image: Path, to: Path) -> Path:
    subprocess.run(["cp", "--sparse=always", image, to], check=True)
    return to


def replace_loader(image: Path, data: bytes) -> None:
    """Replaces BOOTX64.EFI as someone does who mounts the stick."""
    new = image.with_suffix(".efi")
    new.write_bytes(data)
    with image.open("rb") as file:
        start = mbr_partitions(file.read(SECTOR))[0].start * SECTOR
    subprocess.run(["mcopy", "-o", "-i", f"{image}@@{start}", new, "::EFI/BOOT/BOOTX64.EFI"], check=True)
