# SPDX-License-Identifier: BSD-2-Clause
"""Boots an image in QEMU and says how that ended. The one place that knows QEMU's command line.

Always TCG: /dev/kvm can exist and still not run a guest, and TCG is the same on every machine.
"""

import os
import re
import selectors
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Callable, Iterator, Optional, Sequence

import started
from picture import read_ppm, write_png
from qmp import Qmp

QEMU = "qemu-system-x86_64"
SUCCESS = 0x10  # what a kernel writes to isa-debug-exit's port 0xf4 when all is well
KERNEL_END = r"^twinboot-kernel=end"  # the reference kernel's last line
LOADER_ERROR = r"^twinboot: TB\d\d: "  # common/errors.h; it halts after that

# Code and variable store belong together; Ubuntu and Debian from 13 on have the 4 MiB pair only.
OVMF_PAIRS = [
    (Path("/usr/share/OVMF") / code, Path("/usr/share/OVMF") / variables)
    for code, variables in (("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), ("OVMF_CODE.fd", "OVMF_VARS.fd"))
]
# OVMF says this on the serial port when it starts what it found on the disk.
OVMF_STARTS_IMAGE = "BdsDxe: starting"
# ... and this when it does not load, or when the loader gave the machine back with an error.
OVMF_GIVES_UP = "BdsDxe: failed to"
FIRMWARE_PATIENCE = 90.0  # seconds that OVMF may take until then

DISKS = {
    "ahci": ["-device", "ide-hd,drive=disk,bus=ide.0,bootindex=0"],  # machine q35
    "ide": ["-device", "ide-hd,drive=disk,bus=ide.0,bootindex=0"],  # machine pc
    "virtio-blk": ["-device", "virtio-blk-pci,drive=disk,bootindex=0"],
    "virtio-scsi": ["-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=disk,bootindex=0"],
    "nvme": ["-device", "nvme,drive=disk,serial=1,bootindex=0"],
    "usb": ["-device", "qemu-xhci", "-device", "usb-storage,drive=disk,bootindex=0"],
    "cd": ["-device", "ide-cd,drive=disk,bus=ide.0,bootindex=0"],
}
# SeaBIOS is at its first read after a tenth of a second, as soon as a state is loaded; and its reads without DMA QEMU 7.2
# does not always repeat. Nor does that a CD's; and it cannot save an NVMe disk.
SAVED_FIRMWARES = ("uefi",)
SAVED_DISKS = ("ahci", "ide", "virtio-blk", "virtio-scsi", "usb")
# Where the states of started firmware are; None: every boot is cold. For who runs boots to set.
STORE: Optional[started.Store] = None


@dataclass(frozen=True)
class Machine:
    """The guest. The defaults are what `make run` and most tests use."""

    memory: str = "512M"
    cpus: int = 1
    cpu: str = "max"
    machine: str = "q35"
    disk: str = "ahci"  # a key of DISKS
    display: str = "std"  # for -vga, or the name of a device such as bochs-display
    icount: bool = False  # the TSC counts instructions, repeatable
    debug_exit: bool = True  # the kernel can end QEMU
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What one boot did. `ended` is one of

    success, failure  the kernel wrote to isa-debug-exit: 0x10, or something else
    reset             the machine reset itself: a triple fault, or a reset that was asked for
    off               the kernel switched the machine off
    refused           the firmware did not start the image, or the loader gave the machine back
    seen              the line that `until` waits for came, and the machine was still running
    loader-error      the loader stopped with a sentence, and the machine was still running
    timeout           the machine was still running
    error             QEMU did not start; `transcript` has what it said
    """

    firmware: str
    transcript: str  # the serial port, without terminal escapes
    ended: str
    exit_code: int
    seconds: float
    timeout: float
    saved: bool = False  # the firmware had been started before: `seconds` are without it

    @property
    def sentence(self) -> str:
        seconds = f"{self.timeout:g} s"
        return {
            "success": f"the kernel ended QEMU with success ({SUCCESS:#x}) after {self.seconds:.1f} s",
            "failure": f"the kernel ended QEMU with failure (value {self.exit_code >> 1:#x})",
            "reset": "the machine reset itself (a triple fault?)",
            "off": "the kernel switched the machine off",
            "refused": "the firmware did not start the image, or the loader gave the machine back to it",
            "seen": "the kernel has finished and the machine is still running, as it should",
            "loader-error": "the loader stopped with an error",
            "timeout": f"still running after {seconds} (RUN_TIMEOUT={self.timeout:g}): stopped",
            "error": f"QEMU could not start (exit code {self.exit_code})",
        }[self.ended]

    def __str__(self) -> str:
        return f"{self.firmware}: {self.sentence}; the serial port said:\n{self.transcript or '(nothing)'}"


def boot(
    firmware: str,
    image: Path,
    machine: Machine = Machine(),
    *,
    timeout: float = 60.0,
    until: Optional[str] = None,
    settle: float = 0.5,
    screen: Optional[Path] = None,
    look: Optional[Callable[[Qmp], None]] = None,
    on_line: Optional[Callable[[str], None]] = None,
    cold: bool = False,
) -> Result:
    """Boots `image` and waits until QEMU ends, a line matches `until`, or `timeout` is over.

    `timeout` counts from when the firmware starts the image: OVMF alone takes seconds under TCG.
    After that line, or the loader's error, the machine runs `settle` seconds more: it may still reset.
    With `screen`, the screen is saved there (PNG) once `until` has matched or time is up; with `look`, that is
    called then. Both need QEMU, so isa-debug-exit is left out: the kernel stays and halts.
    With `cold` the firmware starts anew, whatever STORE has: its clock, variables and entropy are of this boot.
    """
    if screen is not None or look is not None:
        machine = replace(machine, debug_exit=False)
        until = until or KERNEL_END
    wanted = _Wanted(timeout, until, settle, screen, look, on_line)
    state = None if cold or STORE is None else _state(firmware, image, machine)
    if state is not None and STORE is not None and (saved := STORE.find(state)) is not None:
        try:
            return _boot(firmware, image, machine, wanted, saved=saved)
        except started.Refused:
            STORE.drop(state)
    return _boot(firmware, image, machine, wanted, save_as=state)


@dataclass(frozen=True)
class _Wanted:
    """boot()'s arguments of the same names."""

    timeout: float
    until: Optional[str]
    settle: float
    screen: Optional[Path]
    look: Optional[Callable[[Qmp], None]]
    on_line: Optional[Callable[[str], None]]


def _boot(
    firmware: str,
    image: Path,
    machine: Machine,
    wanted: _Wanted,
    saved: Optional[Path] = None,
    save_as: Optional[str] = None,
) -> Result:
    """One start of QEMU: from the state `saved`, or from reset, on the way leaving the state `save_as`."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="twinboot-") as name:
        directory = Path(name)
        drive = started.drive(image) if save_as is not None else None
        command = command_line(firmware, image, machine, directory, drive)
        command += ["-qmp", f"unix:{directory}/qmp,server=on,wait=off"]
        command += started.incoming(saved) if saved is not None else []
        with (directory / "stderr").open("w+") as errors, _process(command, errors) as qemu:
            try:
                qmp = Qmp(directory / "qmp", lambda: qemu.poll() is None)
            except OSError:
                if saved is not None:
                    raise started.Refused
                errors.seek(0)
                seconds = time.monotonic() - begun
                return Result(firmware, errors.read(), "error", _end(qemu), seconds, wanted.timeout)
            if saved is not None:
                started.resume(qmp)
            elif save_as is not None and STORE is not None:
                started.save(qmp, STORE, save_as, directory)
            serial = _Serial(qemu, wanted.on_line)
            ended = _watch(firmware, serial, qmp, wanted)
            if ended in ("seen", "loader-error", "timeout") and wanted.screen is not None:
                qmp.command("screendump", filename=f"{directory}/screen.ppm")
                write_png(read_ppm(directory / "screen.ppm"), wanted.screen)
            if ended == "seen" and wanted.look is not None:
                wanted.look(qmp)
            qmp.close()
            code = _end(qemu)
    # From QEMU 9 on isa-debug-exit is a shutdown like any other, but for its exit code, which is odd.
    if ended == "exit" or (ended == "off" and code % 2 == 1):
        ended = "success" if code >> 1 == SUCCESS else "failure"
    seconds = time.monotonic() - begun
    return Result(firmware, serial.text, ended, code, seconds, wanted.timeout, saved is not None)


def _state(firmware: str, image: Path, machine: Machine) -> Optional[str]:
    """The name of the saved state with which this boot can begin; None if it must start cold. What `extra` adds may not be
    savable, or be different each time; and a drive that is not a plain file (blkdebug:) has its own errors."""
    savable = firmware in SAVED_FIRMWARES and machine.disk in SAVED_DISKS and image.is_file()
    if not savable or machine.icount or machine.extra:
        return None
    with image.open("rb") as file:
        partitions = file.read(512)[446:]
    guest = (*_machine_options(machine), *DISKS[machine.disk], image.stat().st_size, partitions)
    files = ovmf() if firmware == "uefi" else ()
    return started.name(guest, started.programs(QEMU), *map(started.identity, files))


def command_line(
    firmware: str, image: Path, machine: Machine, directory: Path, drive: Optional[str] = None
) -> list[str]:
    """QEMU's command line, serial port on standard output. `directory` takes UEFI's variables; `drive` is how the image is
    attached, if not as it is."""
    if shutil.which(QEMU) is None:
        raise SystemExit(f"{QEMU} is missing: install the package qemu-system-x86")
    drive = drive or f"format=raw,file={_escaped(image)}"
    command = [QEMU, *_machine_options(machine)]
    # snapshot: nobody writes to the image, so two machines can share it.
    command += ["-drive", f"if=none,id=disk,snapshot=on,{drive}", *DISKS[machine.disk]]
    if firmware == "uefi":
        code, variables = ovmf()
        copy = shutil.copy(variables, directory / "variables.fd")
        command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}"]
        command += ["-drive", f"if=pflash,unit=1,format=raw,file={_escaped(Path(copy))}"]
    return command + list(machine.extra)


def _machine_options(machine: Machine) -> list[str]:
    """All that the guest can see, but for its disk and its firmware."""
    options = ["-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio"]
    options += ["-machine", f"{machine.machine},accel=tcg", "-cpu", machine.cpu, "-smp", str(machine.cpus)]
    options += ["-m", machine.memory]
    if machine.icount:
        options += ["-icount", "shift=0,sleep=off"]
    if machine.debug_exit:
        options += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    if machine.display in ("std", "none", "cirrus", "virtio", "qxl", "vmware"):
        return options + ["-vga", machine.display]
    return options + ["-vga", "none", "-device", machine.display]


def ovmf() -> tuple[Path, Path]:
    """OVMF's code and the variable store that goes with it."""
    for code, variables in OVMF_PAIRS:
        if code.exists() and variables.exists():
            return code, variables
    raise SystemExit("no UEFI firmware for QEMU in /usr/share/OVMF: install the package ovmf")


def _escaped(path: Path) -> str:
    """A comma separates options in -drive; two stand for one."""
    return str(path).replace(",", ",,")


@contextmanager
def _process(command: Sequence[str], errors: IO[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """setpriv (util-linux) lets QEMU die with the thread that started it, however that ends."""
    command = ["setpriv", "--pdeathsig", "KILL", *command] if shutil.which("setpriv") else command
    qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
    try:
        yield qemu
    finally:
        _end(qemu)
        if qemu.stdout is not None:
            qemu.stdout.close()


def _end(qemu: "subprocess.Popen[bytes]") -> int:
    """Ends QEMU if it still runs, and gives its exit code."""
    if qemu.poll() is None:
        try:
            return qemu.wait(0.5)  # it may be on its way out
        except subprocess.TimeoutExpired:
            qemu.kill()
    return qemu.wait()


# Control sequences (ECMA-48 5.4), shorter escapes (ECMA-35 13.2), control characters but for \n and \t.
_NOISE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]")


def clean(text: str) -> str:
    """The text without what only steers a terminal."""
    return _NOISE.sub("", text)


class _Serial:
    """The guest's serial port, line by line."""

    def __init__(self, qemu: "subprocess.Popen[bytes]", on_line: Optional[Callable[[str], None]]) -> None:
        self.lines: list[str] = []
        self.closed = False
        self._rest = b""
        self._on_line = on_line
        assert qemu.stdout is not None
        self._descriptor = qemu.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._descriptor, selectors.EVENT_READ)

    def wait(self, seconds: float) -> list[str]:
        """Waits for some output; gives the lines that became complete."""
        if self.closed or not self._selector.select(max(0.0, seconds)):
            return []
        data = os.read(self._descriptor, 65536)
        self.closed = not data
        *complete, self._rest = (self._rest + data).split(b"\n")
        if self.closed and self._rest:
            complete.append(self._rest)
            self._rest = b""
        lines = [clean(line.decode("utf-8", "replace")) for line in complete]
        lines = [line for line in lines if line]
        for line in lines:
            self.lines.append(line)
            if self._on_line is not None:
                self._on_line(line)
        return lines

    @property
    def text(self) -> str:
        rest = clean(self._rest.decode("utf-8", "replace"))
        return "\n".join(self.lines + ([rest] if rest else []))


def _watch(firmware: str, serial: _Serial, qmp: Qmp, wanted: _Wanted) -> str:
    """Reads the serial port until something ends the boot; `exit` means that the kernel ended QEMU."""
    in_firmware = firmware == "uefi"
    deadline = time.monotonic() + (FIRMWARE_PATIENCE if in_firmware else wanted.timeout)
    outcome = "timeout"
    while (left := deadline - time.monotonic()) > 0:
        for line in serial.wait(min(left, 0.5)):
            if in_firmware and OVMF_STARTS_IMAGE in line:
                in_firmware = False
                deadline = time.monotonic() + wanted.timeout
            if outcome == "timeout" and (seen := _ends(line, wanted.until)) is not None:
                outcome, in_firmware = seen, False
                deadline = time.monotonic() + wanted.settle
        if serial.closed:
            qmp.drain()
            reasons = [event["data"].get("reason") for event in qmp.events if event["event"] == "SHUTDOWN"]
            if not reasons:
                return "exit"  # isa-debug-exit leaves without a word
            return "reset" if "guest-reset" in reasons else "off"
    return outcome


def _ends(line: str, until: Optional[str]) -> Optional[str]:
    """The outcome after which nothing more is to come, if this line says so."""
    if until is not None and re.search(until, line):
        return "seen"
    if re.search(LOADER_ERROR, line):
        return "loader-error"
    return "refused" if OVMF_GIVES_UP in line else None
