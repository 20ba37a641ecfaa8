# SPDX-License-Identifier: BSD-2-Clause
"""Boots an image in QEMU and says how that ended. The one place that knows QEMU's command line.

As a module: boot(). As a program: `qemu.py run` (make run) and `qemu.py debug` (make debug-bios, debug-uefi).

Always TCG: /dev/kvm can exist and still not run a guest, and TCG is the same on every machine.
"""

import argparse
import os
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Callable, Iterator, Optional, Sequence

sys.dont_write_bytecode = True  # `make run` leaves nothing beside the sources

from formats import ET_DYN, PAGE, Elf  # noqa: E402
from picture import read_ppm, write_png  # noqa: E402
from qmp import Qmp  # noqa: E402

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
) -> Result:
    """Boots `image` and waits until QEMU ends, a line matches `until`, or `timeout` is over.

    `timeout` counts from when the firmware starts the image: OVMF alone takes seconds under TCG.
    After that line, or the loader's error, the machine runs `settle` seconds more: it may still reset.
    With `screen`, the screen is saved there (PNG) once `until` has matched or time is up; with `look`, that is
    called then. Both need QEMU, so isa-debug-exit is left out: the kernel stays and halts.
    """
    if screen is not None or look is not None:
        machine = replace(machine, debug_exit=False)
        until = until or KERNEL_END
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="twinboot-") as name:
        directory = Path(name)
        command = command_line(firmware, image, machine, directory) + [
            "-qmp",
            f"unix:{directory}/qmp,server=on,wait=off",
        ]
        with (directory / "stderr").open("w+") as errors, _process(command, errors) as qemu:
            try:
                qmp = Qmp(directory / "qmp", lambda: qemu.poll() is None)
            except OSError:
                errors.seek(0)
                return Result(
                    firmware, errors.read(), "error", _end(qemu), time.monotonic() - started, timeout
                )
            serial = _Serial(qemu, on_line)
            ended = _watch(firmware, serial, qmp, timeout, until, settle)
            if ended in ("seen", "loader-error", "timeout") and screen is not None:
                qmp.command("screendump", filename=f"{directory}/screen.ppm")
                write_png(read_ppm(directory / "screen.ppm"), screen)
            if ended == "seen" and look is not None:
                look(qmp)
            qmp.close()
            code = _end(qemu)
    # From QEMU 9 on isa-debug-exit is a shutdown like any other, but for its exit code, which is odd.
    if ended == "exit" or (ended == "off" and code % 2 == 1):
        ended = "success" if code >> 1 == SUCCESS else "failure"
    return Result(firmware, serial.text, ended, code, time.monotonic() - started, timeout)


def command_line(firmware: str, image: Path, machine: Machine, directory: Path) -> list[str]:
    """QEMU's command line, serial port on standard output. `directory` takes UEFI's variables."""
    if shutil.which(QEMU) is None:
        raise SystemExit(f"{QEMU} is missing: install the package qemu-system-x86")
    command = [QEMU, "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio"]
    command += ["-machine", f"{machine.machine},accel=tcg", "-cpu", machine.cpu, "-smp", str(machine.cpus)]
    command += ["-m", machine.memory]
    if machine.icount:
        command += ["-icount", "shift=0,sleep=off"]
    if machine.debug_exit:
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    if machine.display in ("std", "none", "cirrus", "virtio", "qxl", "vmware"):
        command += ["-vga", machine.display]
    else:
        command += ["-vga", "none", "-device", machine.display]
    # snapshot: nobody writes to the image, so two machines can share it.
    command += ["-drive", f"if=none,id=disk,format=raw,snapshot=on,file={_escaped(image)}"] + DISKS[
        machine.disk
    ]
    if firmware == "uefi":
        code, variables = ovmf()
        copy = shutil.copy(variables, directory / "variables.fd")
        command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}"]
        command += ["-drive", f"if=pflash,unit=1,format=raw,file={_escaped(Path(copy))}"]
    return command + list(machine.extra)


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


def _watch(
    firmware: str, serial: _Serial, qmp: Qmp, timeout: float, until: Optional[str], settle: float
) -> str:
    """Reads the serial port until something ends the boot; `exit` means that the kernel ended QEMU."""
    in_firmware = firmware == "uefi"
    deadline = time.monotonic() + (FIRMWARE_PATIENCE if in_firmware else timeout)
    outcome = "timeout"
    while (left := deadline - time.monotonic()) > 0:
        for line in serial.wait(min(left, 0.5)):
            if in_firmware and OVMF_STARTS_IMAGE in line:
                in_firmware = False
                deadline = time.monotonic() + timeout
            if outcome == "timeout" and (seen := _ends(line, until)) is not None:
                outcome, in_firmware = seen, False
                deadline = time.monotonic() + settle
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


# The program.

NAMES = {"bios": "BIOS (SeaBIOS)", "uefi": "UEFI (OVMF)"}


def run(arguments: argparse.Namespace) -> int:
    """Boots on each firmware at the same time and reports in order. 0 unless something went wrong."""
    firmwares = [name for name in NAMES if getattr(arguments, name)] or list(NAMES)
    if not arguments.image.is_file():
        raise SystemExit(f"{arguments.image}: no such image; `make` builds it")
    if arguments.screens is not None:
        arguments.screens.mkdir(parents=True, exist_ok=True)

    def start(firmware: str) -> Result:
        # The first one's lines are shown as they come.
        live = _show if firmware == firmwares[0] else None
        screen = arguments.screens / f"{firmware}.png" if arguments.screens is not None else None
        return boot(
            firmware,
            arguments.image,
            _machine(arguments),
            timeout=arguments.timeout,
            screen=screen,
            on_line=live,
        )

    with ThreadPoolExecutor(len(firmwares)) as pool:
        boots = [pool.submit(start, firmware) for firmware in firmwares]
        results = []
        for firmware, booting in zip(firmwares, boots):
            print(f"== {NAMES[firmware]}", flush=True)
            result = booting.result()
            if firmware != firmwares[0] or result.ended == "error":
                for line in result.transcript.splitlines():
                    _show(line)
            print(f"== {NAMES[firmware]}: {result.sentence}", flush=True)
            results.append(result)
    # A kernel that runs on, or that switches the machine off, is a normal kernel.
    return 0 if all(result.ended in ("success", "seen", "timeout", "off") for result in results) else 1


def _show(line: str) -> None:
    print(f"   {line}", flush=True)


def debug(arguments: argparse.Namespace) -> int:
    """QEMU, stopped before its first instruction, with the gdb command that goes with it."""
    print(gdb_commands(arguments.firmware, arguments.kernel, arguments.loader, arguments.port))
    print("QEMU waits for gdb; end it with Ctrl-C. What follows is the serial port.", flush=True)
    with tempfile.TemporaryDirectory(prefix="twinboot-") as directory:
        command = command_line(arguments.firmware, arguments.image, _machine(arguments), Path(directory))
        try:
            return subprocess.call(command + ["-S", "-gdb", f"tcp:127.0.0.1:{arguments.port}"])
        except KeyboardInterrupt:
            return 0


KERNEL_TOP = 0xFFFFFFFF80000000  # where a static PIE linked at 0 goes


def gdb_commands(firmware: str, kernel: Path, loader: Path, port: int) -> str:
    """How to see symbols. A kernel's addresses are known; UEFI's loader lies where the firmware put it."""
    elf = Elf(kernel.read_bytes())
    slide = KERNEL_TOP if elf.type == ET_DYN and elf.lowest_load.vaddr < PAGE else 0
    offset = f" -o {slide:#x}" if slide else ""
    target = f"-ex 'target remote 127.0.0.1:{port}'"
    entry = f"-ex 'hbreak *{elf.entry + slide:#x}' -ex continue"
    if firmware == "bios":
        return f"In another terminal:\n  gdb {loader} {target} -ex 'add-symbol-file {kernel}{offset}' {entry}"
    payload = Elf(loader.read_bytes())
    section = payload.section(".kernel")
    distance = section.address + Elf(payload.contents(section)).lowest_load.offset
    return (
        f"In another terminal:\n  gdb {target} -ex 'add-symbol-file {kernel}{offset}' {entry}\n"
        "Once it stops at the kernel's entry, the loader's own symbols (for a kernel that runs where the\n"
        "firmware put it; the same machine puts it there again, so breakpoints hold for the next start):\n"
        f"  add-symbol-file {loader} -o *(long*)($rdi+56)-{distance:#x}"
    )


def _machine(arguments: argparse.Namespace) -> Machine:
    return Machine(memory=arguments.memory, cpus=arguments.cpus, extra=tuple(arguments.qemu.split()))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="boot on BIOS and UEFI, or on one of them")
    runner.add_argument("--bios", action="store_true", help="only BIOS")
    runner.add_argument("--uefi", action="store_true", help="only UEFI")
    runner.add_argument(
        "--timeout", type=float, default=10.0, help="seconds from the loader's start, default 10"
    )
    runner.add_argument("--screens", type=Path, help="save the screens here, as bios.png and uefi.png")
    debugger = commands.add_parser("debug", help="start stopped, for gdb")
    debugger.add_argument("--firmware", choices=list(NAMES), required=True)
    debugger.add_argument("--kernel", type=Path, required=True, help="the kernel's ELF file, with symbols")
    debugger.add_argument("--loader", type=Path, required=True, help="legacy.elf or efi.so")
    debugger.add_argument("--port", type=int, default=1234, help="for gdb, default 1234")
    for command in (runner, debugger):
        command.add_argument("--image", type=Path, required=True)
        command.add_argument("--memory", default="512M")
        command.add_argument("--cpus", type=int, default=1)
        command.add_argument("--qemu", default="", help="more of QEMU's own options")
    arguments = parser.parse_args()
    return run(arguments) if arguments.command == "run" else debug(arguments)


if __name__ == "__main__":
    sys.exit(main())
