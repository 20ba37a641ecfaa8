# SPDX-License-Identifier: BSD-2-Clause
"""Counts what a boot costs. Images come from bench.mk, QEMU's command line from runner/qemu.py."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Iterable, Sequence

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "runner"))

import qemu  # noqa: E402

MILLION = 1_000_000
COUNTED = qemu.Machine(memory="1G", icount=True)
TIMED = qemu.Machine(memory="1G")
PATIENCE = 1200.0  # seconds, where OVMF alone takes 40

# What issue and design allow twinboot, in millions of instructions.
CHECK_PER_MIB = 0.25
OWN_COST = 10.0
BIOS_FACTOR = 1.5
UEFI_WHOLE = 1.02


@dataclass(frozen=True)
class Count:
    """One boot. The stamps are TSC values; under -icount they count instructions since reset."""

    firmware: str
    contender: str
    mib: int
    stamps: dict[str, int]  # the last one is where the measurement ends
    seconds: float  # of QEMU, from its start to its end
    transcript: str

    @property
    def total(self) -> float:
        """Millions from reset to the end."""
        return list(self.stamps.values())[-1] / MILLION

    @property
    def from_loader(self) -> float:
        """Millions from the loader's own entry to the end."""
        return self.total - self.stamps["loader_entry"] / MILLION


def make(out: Path, *targets: Path) -> None:
    """Builds images, free of what the make that runs this was told."""
    told = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "KERNEL", "CMDLINE", "MODULES", "LOG", "OUT")
    environment = {name: value for name, value in os.environ.items() if name not in told}
    command = ["make", "-s", "--no-print-directory", "-C", str(ROOT), f"OUT={out}", *map(str, targets)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def image(out: Path, contender: str, firmware: str, mib: int) -> Path:
    """Where bench.mk puts the image. twinboot and GRUB have one for both firmwares."""
    name = {
        "alone": f"alone-{firmware}",
        "floor": f"floor-{firmware}-{mib}",
        "twinboot": f"twinboot-{mib}",
        "grub": f"grub-{mib}",
        "syslinux": f"syslinux-{mib}",
        "twinboot-cpus": "twinboot-cpus",
    }[contender]
    return out / "bench" / f"{name}.img"


def run(out: Path, contender: str, firmware: str, mib: int, machine: qemu.Machine = COUNTED) -> Count:
    file = image(out, contender, firmware, mib)
    make(out, file)
    return run_image(file, contender, firmware, mib, machine)


def run_image(file: Path, contender: str, firmware: str, mib: int, machine: qemu.Machine = COUNTED) -> Count:
    qemu.FIRMWARE_PATIENCE = PATIENCE
    result = qemu.boot(firmware, file, machine, timeout=PATIENCE)
    pairs = re.findall(r"^(\w*)=([0-9a-f]{16})$", result.transcript, re.MULTILINE)
    if result.ended != "success" or not pairs:
        raise RuntimeError(f"{contender}, {mib} MiB: {result}")
    stamps = {name: int(value, 16) for name, value in pairs}
    return Count(firmware, contender, mib, stamps, result.seconds, result.transcript)


def least(counts: Iterable[Count]) -> Count:
    """A BIOS polls its disk: when this machine is busy and answers late, more instructions are counted, never fewer."""
    return min(counts, key=lambda count: count.total)


def lowest(out: Path, contender: str, firmware: str, mib: int, machine: qemu.Machine = COUNTED) -> Count:
    return least(run(out, contender, firmware, mib, machine) for _ in range(3))


def remove(out: Path) -> None:
    shutil.rmtree(out / "bench", ignore_errors=True)


@dataclass(frozen=True)
class Verdict:
    sentence: str
    cost: float  # millions of instructions
    limit: float

    @property
    def holds(self) -> bool:
        return self.cost <= self.limit

    def __str__(self) -> str:
        word = "ok" if self.holds else "TOO MUCH"
        return f"{self.sentence}: {self.cost:.2f} M, limit {self.limit:.2f} M: {word}"


def judge_bios(alone: Count, floor: Count, ours: Count) -> Verdict:
    limit = BIOS_FACTOR * (floor.total - alone.total) + OWN_COST + CHECK_PER_MIB * ours.mib
    return Verdict(f"BIOS, {ours.mib} MiB, above the firmware alone", ours.total - alone.total, limit)


def judge_uefi(floor: Count, ours: Count) -> Verdict:
    """The floor's run says what SetMode and ExitBootServices themselves cost."""
    services = (floor.stamps["set_mode"] + floor.stamps["exit_boot_services"]) / MILLION
    limit = OWN_COST + CHECK_PER_MIB * ours.mib
    return Verdict(
        f"UEFI, {ours.mib} MiB, from efi_main() to the kernel without SetMode and ExitBootServices",
        ours.from_loader - services,
        limit,
    )


def judge_uefi_whole(floors: Sequence[Count], ours: Sequence[Count]) -> Verdict:
    """By the medians: two starts of one image differ either way."""
    floor, whole = (median(count.total for count in counts) for counts in (floors, ours))
    return Verdict(f"UEFI, {ours[0].mib} MiB, the whole", whole, UEFI_WHOLE * floor)
