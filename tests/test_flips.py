# SPDX-License-Identifier: BSD-2-Clause
"""One bit turned over anywhere in what is loaded ends in a sentence that names the place, never in a kernel.

The positions are seeded. BIOS: load table, loader, payload, as they lie in the image. UEFI: every section of BOOTX64.EFI.
On the host: core's own check, thousands of times."""

import random
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import pytest

from faults.damage import Image, Range
from faults.workshop import Workshop
from lab import ROOT
from qemu import Machine, Result, boot

SEED = 20
PAYLOAD = ("kernel.padded", "modules.bin", "manifest.bin")
AT_A_TIME = 4  # most of each boot is waiting
HELLO = re.compile(r"^hello from ", re.MULTILINE)
# What starts fastest.
MACHINE = Machine(machine="pc", memory="64M", display="none", disk="virtio-blk")
# OVMF's word for a crash in the code that runs before the loader has looked at itself.
FIRMWARE_EXCEPTION = r"!!!! X64 Exception"


@dataclass(frozen=True)
class Flip:
    range: Range
    at: int  # in the image
    bit: int

    def __str__(self) -> str:
        return f"{self.range.name}, byte {self.at - self.range.start} of {self.range.size}, bit {self.bit}"


def choose(ranges: list[Range], count: int, seed: int) -> list[Flip]:
    """As many in each range."""
    chance = random.Random(seed)
    return [
        Flip(part, part.start + chance.randrange(part.size), chance.randrange(8))
        for part in (ranges[i % len(ranges)] for i in range(count))
    ]


class Copies:
    """Copies of an image, each for one boot at a time; a flip is made in the file and taken back."""

    def __init__(self, image: Path, directory: Path) -> None:
        self._free: "SimpleQueue[Path]" = SimpleQueue()
        for i in range(AT_A_TIME):
            self._free.put(Path(shutil.copy(image, directory / f"copy-{i}.img")))

    def boot(self, firmware: str, flip: Flip, timeout: float = 20.0) -> Result:
        copy = self._free.get()
        try:
            self._turn(copy, flip)
            if firmware == "bios":
                return boot(firmware, copy, MACHINE, timeout=timeout, settle=0)
            return boot(firmware, copy, timeout=timeout, until=FIRMWARE_EXCEPTION, settle=0)
        finally:
            self._turn(copy, flip)
            self._free.put(copy)

    @staticmethod
    def _turn(path: Path, flip: Flip) -> None:
        with path.open("r+b") as file:
            file.seek(flip.at)
            value = file.read(1)[0]
            file.seek(flip.at)
            file.write(bytes([value ^ 1 << flip.bit]))


def verdict(firmware: str, flip: Flip, result: Result) -> str:
    """What is wrong with this end; empty if nothing is."""
    if HELLO.search(result.transcript):
        return f"{flip}: the kernel was entered"
    if result.ended == "loader-error":
        code = re.search(r"^twinboot: (TB\d\d)", result.transcript, re.MULTILINE)
        found = code[1] if code else "no code"
        return "" if found in flip.range.codes else f"{flip}: {found} instead of {flip.range.codes}"
    # Firmware refuses odd headers and relocations itself; and what runs before the check can only crash.
    if firmware == "uefi" and flip.range.name in ("headers", ".text", ".reloc"):
        return ""
    return f"{flip}: {result}"


def try_all(workshop: Workshop, scratch: Path, firmware: str, flips: list[Flip]) -> None:
    copies = Copies(workshop.image, scratch)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        results = list(pool.map(lambda flip: copies.boot(firmware, flip), flips))
    problems = [verdict(firmware, flip, result) for flip, result in zip(flips, results)]
    assert not any(problems), "\n".join(filter(None, problems))


@pytest.mark.parametrize("count", [300, pytest.param(3000, marks=pytest.mark.all)])
def test_bios(workshop: Workshop, scratch: Path, count: int) -> None:
    image = Image(workshop.image, workshop.kernel)
    try_all(workshop, scratch, "bios", choose(image.bios_ranges, count, SEED + count))


@pytest.mark.parametrize("count", [12, pytest.param(36, marks=pytest.mark.all)])
def test_uefi(workshop: Workshop, scratch: Path, count: int) -> None:
    ranges = Image(workshop.image, workshop.kernel).efi_ranges
    try_all(workshop, scratch, "uefi", choose(ranges, count, SEED + count))


def test_boot_sector_enters_no_damage(workshop: Workshop, scratch: Path) -> None:
    """Its own code is checked by nobody: whatever it does then, a damaged payload is not entered. All the flips here
    damage the payload too."""
    image = Image(workshop.image, workshop.kernel)
    image.flip(image.kernel + image.kernel_size // 2)
    flips = choose([Range("boot sector", 0, 440, ())], 40, SEED)
    copies = Copies(image.write(scratch / "damaged.img"), scratch)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        work = [pool.submit(_boot_damaged, copies, flip) for flip in flips]
        entered = [str(flip) for flip, result in zip(flips, work) if HELLO.search(result.result().transcript)]
    assert not entered


def _boot_damaged(copies: Copies, flip: Flip) -> Result:
    return copies.boot("bios", flip, 3.0)  # it may well hang


@pytest.mark.parametrize("count", [300, pytest.param(100_000, marks=pytest.mark.all)])
def test_on_the_host(workshop: Workshop, scratch: Path, count: int) -> None:
    program = scratch / "flip_host"
    sources = [ROOT / name for name in ("core/payload.c", "formats/crc32c.c", "common/text.c", "common/log.c")]
    command = ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}", f"-I{ROOT}/include"]
    command += ["-o", str(program), str(ROOT / "tests/faults/flip_host.c"), *map(str, sources)]
    subprocess.run(command, check=True)
    done = subprocess.run(
        [program, *(workshop.out / name for name in PAYLOAD), str(SEED), str(count)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
