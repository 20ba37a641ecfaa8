# SPDX-License-Identifier: BSD-2-Clause
"""Builds and boots what the tests look at: each kernel is built once, each pair of kernel and machine booted once, for all
processes of one test run."""

import fcntl
import hashlib
import os
import pickle
import shutil
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from probes import PROBES
from qemu import DISKS, Machine, Result, boot

# Besides what `make run` offers: the doors of the tests.
DISKS.update(
    {
        "none": [],
        "second": ["-device", "ide-hd,drive=disk,bus=ide.1"],  # machine pc: behind whatever has a bootindex
        "first": ["-device", "ide-hd,drive=disk,bus=ide.0"],  # without one: a floppy can come before
        "usb-ehci": ["-device", "usb-ehci", "-device", "usb-storage,drive=disk,bootindex=0"],
        "scsi-cd": ["-device", "virtio-scsi-pci", "-device", "scsi-cd,drive=disk,bootindex=0"],
        "usb-cd": [
            "-device",
            "qemu-xhci",
            "-device",
            "usb-bot,id=b",
            "-device",
            "scsi-cd,bus=b.0,drive=disk,bootindex=0",
        ],
        "nvme-4096": [
            "-device",
            "nvme,drive=disk,serial=1,bootindex=0,logical_block_size=4096,physical_block_size=4096",
        ],
    }
)

ROOT = Path(__file__).resolve().parent.parent
ARTEFACTS = ("libkernel_bin.a", "legacy.elf", "BOOTX64.EFI", "twinboot.img", "kernel.padded")
FIRMWARES = ("bios", "uefi")
BOOTS_AT_A_TIME = 2
SHARED = "TWINBOOT_TESTS"  # the environment's name for the directory that a test run's processes share
# Made by the project itself, besides the reference kernel.
NEEDY = ("level5", "identity", "alone", "x2apic", "xapic", "textmode", "24bit", "16bit", "nowish", "oddwish", "low")  # NEEDS_… in the Makefile
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
    "PROTOCOL",
    "CMDLINE",
    "MODULES",
    "INITRD",
    "MICROCODE",
    "OS_RELEASE",
    "UNAME",
    "MAX_IMAGE_MIB",
    "LOG",
    "TABLE",
    "SMALL",
    "SEPARATE_PAYLOAD",
    "SECTOR",
    "IMAGE",
}


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


def shared() -> Path:
    return Path(os.environ[SHARED])


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One at a time, among all threads and processes of the test run."""
    with (shared() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def reference_build() -> Build:
    """The default build, with the reference kernel: the one that is compiled from nothing."""
    out, messages = shared() / "reference", shared() / "reference.messages"
    with locked("reference"):
        if not messages.exists():
            messages.write_text(whole(make(out)))
    return Build(out, messages.read_text())


def compiled_already(out: Path, called: str = "") -> None:
    """Puts into `out`, which make will know as `called`, what the reference build has compiled: seconds for each test that
    builds in a place of its own."""
    source = reference_build().out
    shutil.copytree(source, out, ignore=shutil.ignore_patterns("*.img"), dirs_exist_ok=True)
    for file in out.rglob("*.d"):  # with the names of what depends on headers
        file.write_text(file.read_text().replace(str(source), called or str(out)))


def whole(done: "subprocess.CompletedProcess[str]") -> str:
    """What make said on stderr, if all went well."""
    assert done.returncode == 0, f"{' '.join(done.args)}\n{done.stderr}"
    return done.stderr


def copy_sources(directory: Path) -> None:
    """The source tree, without git's directory and what make has built."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if name == ".git" or (Path(folder) / name / ".packages-build").exists()]

    shutil.copytree(ROOT, directory, ignore=left_out, dirs_exist_ok=True)


def build(out: Path, *arguments: str) -> Build:
    """A build that must succeed."""
    if not (out / "core.o").exists():
        compiled_already(out)
    return Build(out, whole(make(out, *arguments)))


class Lab:
    """Builds and boots by name: `reference`, one of OWN_KERNELS or a key of PROBES. Of the latter two, the image is
    kept."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(BOOTS_AT_A_TIME)
        self._boots: dict[str, Future[Result]] = {}

    def build(self, kernel: str) -> Build:
        if kernel == "reference":
            return reference_build()
        kept = shared() / kernel
        with locked(kernel):
            if not (kept / "messages").exists():
                self._build(kernel, kept)
        return Build(kept, (kept / "messages").read_text())

    def start(self, kernel: str, firmware: str, machine: Machine = Machine()) -> None:
        """Boots as soon as there is room."""
        key = repr((kernel, firmware, machine))
        if key not in self._boots:
            self._boots[key] = self._pool.submit(self._boot, key, kernel, firmware, machine)

    def boot(self, kernel: str, firmware: str, machine: Machine = Machine()) -> Result:
        self.start(kernel, firmware, machine)
        return self._boots[repr((kernel, firmware, machine))].result()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _boot(self, key: str, kernel: str, firmware: str, machine: Machine) -> Result:
        """The reference kernel on the usual machine looks at clock, variables and entropy: there the firmware starts anew."""
        cold = kernel == "reference" and machine == Machine()
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        kept = shared() / f"{name}.result"
        with locked(name):
            if not kept.exists():
                kept.write_bytes(pickle.dumps(boot(firmware, self.build(kernel).image, machine, cold=cold)))
        result = pickle.loads(kept.read_bytes())
        assert isinstance(result, Result)
        return result

    def _build(self, kernel: str, kept: Path) -> None:
        if kernel == WITH_MODULES:
            modules = " ".join(module(path, name) for name, path in MODULES.items())
            done = build(kept, f"CMDLINE={COMMAND_LINE}", f"MODULES={modules}")
            (kept / "messages").write_text(done.messages)
            return
        # The others are made one after the other in one place, as a person does who tries several kernels.
        with locked("workshop"):
            out = shared() / "workshop"
            out.mkdir(exist_ok=True)
            file = out / f"{kernel}.elf"
            if kernel not in OWN_KERNELS:
                PROBES[kernel].build(file)
            done = build(out, f"KERNEL={file}")
            kept.mkdir()
            shutil.copy(done.image, kept)
            (kept / "messages").write_text(done.messages)
