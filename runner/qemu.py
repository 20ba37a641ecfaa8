# SPDX-License-Identifier: BSD-2-Clause
"""Boots an image in QEMU and says how that ended. The one place that knows QEMU's command line.

TCG unless a machine asks for KVM: TCG is the same on every host, and /dev/kvm can exist and still not run a guest (kvm.py).
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
from functools import partial
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
TERMINAL = 0  # standard input
MOMENT = 0.1  # seconds between two looks at a CPU

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
    watched: bool = False  # ... or rather, that it wants to is seen, and the machine stays to be looked at
    accel: str = "tcg"
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cpu:
    """Where one was when time was up, and a moment later."""

    addresses: tuple[int, int]
    halted: bool

    @property
    def stands(self) -> bool:
        return self.halted or self.addresses[0] == self.addresses[1]


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
    times: tuple[float, ...] = ()  # of each line of the transcript, seconds from QEMU's start
    cpus: tuple[Cpu, ...] = ()  # of a machine that ended by `timeout`
    instructions: Optional[int] = None  # executed until the end; of a watched machine with icount

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
            "timeout": f"still running after {seconds}: stopped",
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
    over: Optional[Callable[[], bool]] = None,
    terminal: bool = False,
    log: Optional[Path] = None,
    cold: bool = False,
) -> Result:
    """Boots `image` and waits until QEMU ends, a line matches `until`, or `timeout` is over.

    `timeout` counts from when the firmware starts the image: OVMF alone takes seconds under TCG.
    After that line, or the loader's error, the machine runs `settle` seconds more: it may still reset.
    With `screen`, the screen is saved there (PNG) once `until` has matched or time is up; with `look`, that is
    called then. Both need QEMU, so isa-debug-exit is left out unless it is watched: the kernel stays and halts.
    With `over`, it is asked after each line whether that was the last one that is waited for, as `until` says it.
    With `terminal`, the serial port is this process' terminal, and what is typed there goes to the kernel.
    With `log`, QEMU writes there which exceptions and resets there were.
    With `cold` the firmware starts anew, whatever STORE has: its clock, variables and entropy are of this boot.
    """
    if (screen is not None or look is not None) and not machine.watched:
        machine = replace(machine, debug_exit=False)
        until = until or KERNEL_END
    wanted = _Wanted(timeout, until, settle, screen, look, on_line, over, terminal, log)
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
    over: Optional[Callable[[], bool]]
    terminal: bool
    log: Optional[Path]


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
        command += ["-chardev", f"file,id=exit,path={directory}/exit"] if machine.watched else []
        command += ["-d", "int,cpu_reset", "-D", str(wanted.log)] if wanted.log is not None else []
        os.mkfifo(directory / "exit")  # QEMU, too, waits until somebody reads
        exit_port = os.open(directory / "exit", os.O_RDWR | os.O_NONBLOCK)
        command += started.incoming(saved) if saved is not None else []
        process = partial(_process, command, terminal=wanted.terminal)
        with open(exit_port, "rb", 0), (directory / "stderr").open("w+") as errors, process(errors) as qemu:
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
            guest = _Guest(qemu, wanted, exit_port, begun)
            ended = _watch(firmware, guest, qmp, wanted)
            cpus: tuple[Cpu, ...] = ()
            instructions = None
            if not guest.closed and ended != "refused":
                cpus = _cpus(qmp) if ended == "timeout" else ()
                instructions = qmp.command("query-replay")["icount"] if machine.icount and ended == "exit" else None
                if wanted.screen is not None:
                    qmp.command("screendump", filename=f"{directory}/screen.ppm")
                    write_png(read_ppm(directory / "screen.ppm"), wanted.screen)
            if ended == "seen" and wanted.look is not None:
                wanted.look(qmp)
            qmp.close()
            guest.close()
            if guest.exit_value is not None:
                qemu.kill()
            code = _end(qemu)
            if guest.exit_value is not None:
                code = guest.exit_value << 1 | 1  # as isa-debug-exit makes QEMU exit
    # From QEMU 9 on isa-debug-exit is a shutdown like any other, but for its exit code, which is odd.
    if ended == "exit" or (ended == "off" and code % 2 == 1):
        ended = "success" if code >> 1 == SUCCESS else "failure"
    seconds = time.monotonic() - begun
    return Result(
        firmware,
        guest.text,
        ended,
        code,
        seconds,
        wanted.timeout,
        saved is not None,
        tuple(guest.times),
        cpus,
        instructions,
    )


def _cpus(qmp: Qmp) -> tuple[Cpu, ...]:
    """Where they are, twice: what stands still hangs."""
    looks = []
    for _ in range(2):
        said = qmp.command("human-monitor-command", **{"command-line": "info registers -a"})
        looks.append(re.findall(r"[RE]IP=([0-9a-f]+) .*?HLT=(\d)", said))
        time.sleep(MOMENT)
    return tuple(
        Cpu((int(before[0], 16), int(after[0], 16)), after[1] == "1") for before, after in zip(looks[0], looks[1])
    )


def _state(firmware: str, image: Path, machine: Machine) -> Optional[str]:
    """The name of the saved state with which this boot can begin; None if it must start cold. What `extra` adds may not be
    savable, or be different each time; and a drive that is not a plain file (blkdebug:) has its own errors."""
    savable = firmware in SAVED_FIRMWARES and machine.disk in SAVED_DISKS and image.is_file()
    if not savable or machine.icount or machine.extra or machine.accel != "tcg":
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
    options += ["-machine", f"{machine.machine},accel={machine.accel}", "-cpu", machine.cpu, "-smp", str(machine.cpus)]
    options += ["-m", machine.memory]
    if machine.icount:
        options += ["-icount", "shift=0,sleep=off"]
    if machine.watched:
        # A serial port lets any width of OUT through, its first byte to the other end, and does not end QEMU.
        options += ["-device", "isa-serial,iobase=0xf4,irq=7,chardev=exit"]
    elif machine.debug_exit:
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


RUNNING: "set[subprocess.Popen[bytes]]" = set()
_stopping = False


class Stopped(Exception):
    """This process is about to end."""


def end_all() -> None:
    """Ends every QEMU of this process for good, so that whoever waits for one goes on."""
    global _stopping
    _stopping = True
    for qemu in list(RUNNING):
        qemu.kill()


@contextmanager
def _process(command: Sequence[str], errors: IO[str], terminal: bool) -> Iterator["subprocess.Popen[bytes]"]:
    """setpriv (util-linux) lets QEMU die with the thread that started it, however that ends. In a session of its own, it does
    not get the terminal's Ctrl-C, which is for this process."""
    command = ["setpriv", "--pdeathsig", "KILL", *command] if shutil.which("setpriv") else command
    given = subprocess.PIPE if terminal else subprocess.DEVNULL
    qemu = subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
    RUNNING.add(qemu)
    try:
        if _stopping:
            raise Stopped
        yield qemu
    finally:
        RUNNING.discard(qemu)
        _end(qemu)
        for pipe in (qemu.stdin, qemu.stdout):
            if pipe is not None:
                pipe.close()


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


class _Guest:
    """What comes out of the guest: its serial port, line by line, and the value with which it wants to end."""

    def __init__(self, qemu: "subprocess.Popen[bytes]", wanted: _Wanted, exit_port: int, begun: float) -> None:
        self.lines: list[str] = []
        self.times: list[float] = []
        self.closed = False
        self.exit_value: Optional[int] = None
        self._rest = b""
        self._qemu, self._wanted, self._begun = qemu, wanted, begun
        assert qemu.stdout is not None
        self._serial = qemu.stdout.fileno()
        self._exit_port = exit_port
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._serial, self._exit_port, *([TERMINAL] if wanted.terminal else ())):
            self._selector.register(descriptor, selectors.EVENT_READ)

    def wait(self, seconds: float) -> list[str]:
        """Waits for some output; gives the lines that became complete."""
        ready = {key.fd for key, _ in self._selector.select(max(0.0, seconds))} if not self.closed else set()
        if TERMINAL in ready:
            self._type(os.read(TERMINAL, 4096))
        complete = self._read() if self._serial in ready else []
        if self._exit_port in ready and self._serial not in ready:  # after all that the guest has said before
            self.exit_value = os.read(self._exit_port, 1)[0]
        return complete

    def _type(self, keys: bytes) -> None:
        if not keys:
            self._selector.unregister(TERMINAL)
        assert self._qemu.stdin is not None
        self._qemu.stdin.write(keys)
        self._qemu.stdin.flush()

    def _read(self) -> list[str]:
        data = os.read(self._serial, 65536)
        if self._wanted.terminal:
            os.write(1, data)
        self.closed = not data
        *complete, self._rest = (self._rest + data).split(b"\n")
        if self.closed and self._rest:
            complete.append(self._rest)
            self._rest = b""
        lines = [clean(line.decode("utf-8", "replace")) for line in complete]
        lines = [line for line in lines if line]
        for line in lines:
            self.lines.append(line)
            self.times.append(time.monotonic() - self._begun)
            if self._wanted.on_line is not None:
                self._wanted.on_line(line)
        return lines

    @property
    def text(self) -> str:
        rest = clean(self._rest.decode("utf-8", "replace"))
        return "\n".join(self.lines + ([rest] if rest else []))

    def close(self) -> None:
        self._selector.close()


def _watch(firmware: str, guest: _Guest, qmp: Qmp, wanted: _Wanted) -> str:
    """Reads the serial port until something ends the boot; `exit` means that the kernel ended QEMU, or wanted to."""
    in_firmware = firmware == "uefi"
    deadline = time.monotonic() + (FIRMWARE_PATIENCE if in_firmware else wanted.timeout)
    outcome = "timeout"
    while (left := deadline - time.monotonic()) > 0:
        for line in guest.wait(min(left, 0.5)):
            if in_firmware and OVMF_STARTS_IMAGE in line:
                in_firmware = False
                deadline = time.monotonic() + wanted.timeout
            if outcome == "timeout" and (seen := _ends(line, wanted)) is not None:
                outcome, in_firmware = seen, False
                deadline = time.monotonic() + wanted.settle
        if guest.exit_value is not None:
            return "exit"
        if guest.closed:
            qmp.drain()
            reasons = [event["data"].get("reason") for event in qmp.events if event["event"] == "SHUTDOWN"]
            if not reasons:
                return "exit"  # isa-debug-exit leaves without a word
            return "reset" if "guest-reset" in reasons else "off"
    return outcome


def _ends(line: str, wanted: _Wanted) -> Optional[str]:
    """The outcome after which nothing more is to come, if this line says so."""
    if wanted.until is not None and re.search(wanted.until, line):
        return "seen"
    if wanted.over is not None and wanted.over():
        return "seen"
    if re.search(LOADER_ERROR, line):
        return "loader-error"
    return "refused" if OVMF_GIVES_UP in line else None
