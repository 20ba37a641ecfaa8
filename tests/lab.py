# SPDX-License-Identifier: BSD-2-Clause
"""Builds and boots what the tests look at: each kernel is built once, each pair of kernel and firmware booted
once, two machines at a time and ahead of the tests that wait for them."""

import os
import shutil
import subprocess
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, TypeVar

from probes import PROBES
from qemu import Machine, Result, boot

ROOT = Path(__file__).resolve().parent.parent
ARTEFACTS = ("libkernel_bin.a", "legacy.elf", "BOOTX64.EFI", "twinboot.img", "kernel.padded")
FIRMWARES = ("bios", "uefi")
BOOTS_AT_A_TIME = 2
# Made by the project itself, besides the reference kernel.
NEEDY = ("level5", "identity", "alone", "24bit", "16bit", "nowish", "oddwish", "low")  # NEEDS_… in the Makefile
OWN_KERNELS = ("hello", *(f"kernel-{name}" for name in NEEDY))
# The reference kernel with a command line and two modules.
WITH_MODULES = "reference-with-modules"
COMMAND_LINE = 'root=/dev/vda quiet "two words" it\'s'
MODULES = {"readme": ROOT / "README.md", "LICENSE": ROOT / "LICENSE"}
ARGUMENTS = {"readme": "", "LICENSE": 'quiet root="/dev/sda1" \\ it\'s'}

# What make hands on to its children, and the variables that a user may have set for it.
TOLD = {
    "MAKEFLAGS",
    "MFLAGS",
    "MAKEOVERRIDES",
    "MAKELEVEL",
    "OUT",
    "KERNEL",
    "CMDLINE",
    "MODULES",
    "MAX_IMAGE_MIB",
    "LOG",
    "TABLE",
    "SMALL",
    "SEPARATE_PAYLOAD",
    "SECTOR",
    "IMAGE",
}

T = TypeVar("T")


def make(out: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """make with its output in `out`, free of what the make that runs these tests was told."""
    environment = {name: value for name, value in os.environ.items() if name not in TOLD}
    command = ["make", "--no-print-directory", "-C", str(ROOT), "-j2", f"OUT={out}", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def module(path: Path, name: str) -> str:
    """As MODULES= wants it."""
    quoted = ARGUMENTS[name].replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}:{name}:"{quoted}"' if quoted else f"{path}:{name}"


@dataclass(frozen=True)
class Build:
    out: Path
    messages: str  # what make said on stderr

    @property
    def image(self) -> Path:
        return self.out / "twinboot.img"

    def read(self, name: str) -> bytes:
        return (self.out / name).read_bytes()


def build(out: Path, *arguments: str) -> Build:
    """A build that must succeed."""
    done = make(out, *arguments)
    assert done.returncode == 0, f"{' '.join(done.args)}\n{done.stderr}"
    return Build(out, done.stderr)


class Lab:
    """Builds and boots by name: `reference`, one of OWN_KERNELS or a key of PROBES. Of the latter two, the image is
    kept."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="twinboot-tests-")
        self._directory = Path(self._temporary.name)
        self._pool = ThreadPoolExecutor(BOOTS_AT_A_TIME)
        self._builds: dict[str, Future[Build]] = {}
        self._boots: dict[tuple[str, str, Machine], Future[Result]] = {}
        self._lock, self._workshop = threading.Lock(), threading.Lock()

    def build(self, kernel: str) -> Build:
        return self._once(self._builds, kernel, lambda: self._build(kernel))

    def start(self, kernel: str, firmware: str, machine: Machine = Machine()) -> None:
        """Boots as soon as there is room. The reference kernel on the usual machine looks at clock, variables and entropy:
        there the firmware starts anew."""
        key, cold = (kernel, firmware, machine), kernel == "reference" and machine == Machine()
        if key not in self._boots:
            self._boots[key] = self._pool.submit(lambda: boot(firmware, self.build(kernel).image, machine, cold=cold))

    def boot(self, kernel: str, firmware: str, machine: Machine = Machine()) -> Result:
        self.start(kernel, firmware, machine)
        return self._boots[kernel, firmware, machine].result()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._temporary.cleanup()

    def _build(self, kernel: str) -> Build:
        if kernel == "reference":
            return build(self._directory / kernel)
        if kernel == WITH_MODULES:
            modules = " ".join(module(path, name) for name, path in MODULES.items())
            return build(self._directory / kernel, f"CMDLINE={COMMAND_LINE}", f"MODULES={modules}")
        # The others are made one after the other in one place, as a person does who tries several kernels.
        with self._workshop:
            out = self._directory / "workshop"
            out.mkdir(exist_ok=True)
            file = out / f"{kernel}.elf"
            if kernel not in OWN_KERNELS:
                PROBES[kernel].build(file)
            done = build(out, f"KERNEL={file}")
            kept = self._directory / kernel
            kept.mkdir()
            shutil.copy(done.image, kept)
            return Build(kept, done.messages)

    def _once(self, done: "dict[str, Future[T]]", name: str, work: Callable[[], T]) -> T:
        """Whoever asks first does the work; the others wait for it."""
        with self._lock:
            first = name not in done
            future = done.setdefault(name, Future())
        if first:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
        return future.result()
