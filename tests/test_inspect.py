# SPDX-License-Identifier: BSD-2-Clause
"""make inspect says what is in an image, and finds whatever is wrong with it."""

import hashlib
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from elf import Elf
from formats import mbr_partitions
from lab import WITH_MODULES, Build, Lab, make
from media import SECTOR, file_place, replace_loader, sparse_copy

TABLE_SIZE = 1536
ISO_START, CD_BOOT_SECTOR = 16 * 2048, 25 * 2048
LAYOUTS = ["TABLE=gpt", "SMALL=1", "SEPARATE_PAYLOAD=1", "SECTOR=4096"]


@pytest.fixture
def inspect(reference: Build) -> Callable[[Path], "subprocess.CompletedProcess[str]"]:
    command = [reference.out / "twinboot", "inspect"]
    return lambda image: subprocess.run([*command, image], capture_output=True, text=True)


Inspect = Callable[[Path], "subprocess.CompletedProcess[str]"]


def offset(image: Path, what: str) -> int:
    """Where the image has something, as its own load table and partition table say."""
    with image.open("rb") as file:
        sector0 = file.read(SECTOR)
        loader = struct.unpack_from("<I", sector0, 0x1A8)[0] * SECTOR
        file.seek(loader)
        table = file.read(TABLE_SIZE)

    def part(section: bytes) -> int:
        return int(struct.unpack_from("<Q", table, table.index(section) + 8)[0])

    return {
        "loader": loader + 4096,
        "load table": loader,
        "kernel": part(b".kernel") + 4096,
        "manifest": part(b".manifst") + 16,
        "file for 32-bit UEFI": file_place(image, "::EFI/BOOT/BOOTIA32.EFI") + 5000,
        "FAT": mbr_partitions(sector0)[0].start * SECTOR + 40 * SECTOR,
        "CD file system": ISO_START + 80,
        "boot sector for CDs": CD_BOOT_SECTOR + 0x70,
        "boot sector": 0x1B0,
    }[what]


def wrong(inspect: Inspect, image: Path, says: str) -> None:
    done = inspect(image)
    assert done.returncode != 0, done.stdout
    assert re.search(says, done.stderr), done.stderr


def test_everything_is_named(reference: Build, inspect: Inspect) -> None:
    done = inspect(reference.image)
    assert done.returncode == 0 and done.stderr == "", done
    padded = reference.read("kernel.padded")
    for fact in (hashlib.sha256(padded).hexdigest(), f"entry {Elf(padded).entry:#x}", "FAT32", "El Torito"):
        assert fact in done.stdout
    for load in Elf(padded).loads:
        assert f"{load.vaddr:#x}, {load.memsz} bytes" in done.stdout


def test_modules_and_command_line(lab: Lab, inspect: Inspect) -> None:
    done = inspect(lab.build(WITH_MODULES).image)
    assert done.returncode == 0, done
    assert re.search(r"^command line +root=/dev/vda", done.stdout, re.MULTILINE)
    assert len(re.findall(r"^module  ", done.stdout, re.MULTILINE)) == 2


@pytest.mark.parametrize("cut", [1, 4096, 20 << 20, "all but 1 MiB", "all but 4096", "all"])
def test_any_cut(reference: Build, inspect: Inspect, scratch: Path, cut: "int | str") -> None:
    copy = sparse_copy(reference.image, scratch / "cut.img")
    keep = {"all but 1 MiB": 1 << 20, "all but 4096": 4096, "all": 0}
    os.truncate(copy, keep[cut] if isinstance(cut, str) else copy.stat().st_size - cut)
    wrong(inspect, copy, "cut off|before all that it should hold|not an image|no EFI system partition|no room|names no")


@pytest.mark.parametrize(
    "where",
    [
        "loader",
        "load table",
        "kernel",
        "manifest",
        "file for 32-bit UEFI",
        "FAT",
        "CD file system",
        "boot sector for CDs",
        "boot sector",
    ],
)
def test_one_bit(reference: Build, inspect: Inspect, scratch: Path, where: str) -> None:
    copy = sparse_copy(reference.image, scratch / "bit.img")
    with copy.open("r+b") as file:
        file.seek(offset(copy, where))
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0x10]))
    wrong(inspect, copy, "damaged|not agree|differ")


def test_larger_medium(reference: Build, inspect: Inspect, scratch: Path) -> None:
    copy = sparse_copy(reference.image, scratch / "stick.img")
    os.truncate(copy, 1 << 30)
    assert inspect(copy).returncode == 0


def test_replaced_file(reference: Build, inspect: Inspect, scratch: Path) -> None:
    copy = sparse_copy(reference.image, scratch / "replaced.img")
    replace_loader(copy, reference.read("BOOTX64.EFI") + bytes(4096))
    wrong(inspect, copy, "replaced after the image was made")


def test_not_an_image(inspect: Inspect, scratch: Path) -> None:
    (scratch / "zeros").write_bytes(bytes(1 << 20))
    wrong(inspect, scratch / "zeros", "not an image")
    wrong(inspect, scratch / "missing", "does not exist|No such file")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_layouts(reference: Build, inspect: Inspect, scratch: Path, layout: str) -> None:
    out = scratch / "out"
    shutil.copytree(reference.out, out)
    done = make(out, layout, "image")
    assert done.returncode == 0, done.stderr
    done = inspect(out / "twinboot.img")
    assert done.returncode == 0 and done.stderr == "", done
    first = (out / "twinboot.img").read_bytes()
    (out / "twinboot.img").unlink()
    make(out, layout, "image")
    assert (out / "twinboot.img").read_bytes() == first, "not the same bytes every time"
