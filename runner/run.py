# SPDX-License-Identifier: BSD-2-Clause
"""`run`: boots a kernel or an image and shows what it says."""

import argparse
import os
import shlex
import socket
import subprocess
import tempfile
import termios
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Iterator, Optional

import endings
import kvm
from common import (
    BAD_INPUT,
    ELF_MAGIC,
    KERNEL_FAILED,
    OK,
    TIME_IS_UP,
    USAGE,
    Failure,
    cache,
    image_of,
    is_kernel,
)
from elf import Elf
from qemu import Machine, Result, boot, command_line
from symbols import Symbols

NAMES = {"bios": "BIOS (SeaBIOS)", "uefi": "UEFI (OVMF)"}
TIMEOUT = 10.0  # seconds from the loader's start
GDB_PORT = 1234
CODES = {"success": OK, "seen": OK, "off": OK, "timeout": TIME_IS_UP, "error": BAD_INPUT}


def run(arguments: argparse.Namespace, machine: Machine, firmwares: list[str]) -> int:
    kernel = arguments.kernel or (arguments.file if is_kernel(arguments.file) else None)
    with tempfile.TemporaryDirectory(prefix="twinboot-") as directory:
        image = image_of(arguments.file, arguments.arguments, Path(directory))
        if arguments.gdb is not None:
            return debug(arguments, machine, firmwares, image, kernel)
        machine = replace(machine, accel="kvm" if kvm.runs(machine, cache()) else "tcg")
        if len(firmwares) == 1 and os.isatty(0) and os.isatty(1) and arguments.screens is None:
            return talk(firmwares[0], image, machine, Symbols(kernel), arguments.timeout)
        return show(firmwares, image, machine, Symbols(kernel), arguments.timeout or TIMEOUT, arguments.screens)


def show(
    firmwares: list[str], image: Path, machine: Machine, symbols: Symbols, timeout: float, screens: Optional[Path]
) -> int:
    """All at the same time; their lines in order, those of the first as they come."""
    if screens is not None:
        screens.mkdir(parents=True, exist_ok=True)

    def start(firmware: str) -> tuple[Result, str]:
        live = (lambda line: print(f"{firmware}| {line}", flush=True)) if firmware == firmwares[0] else None
        screen = screens / f"{firmware}.png" if screens is not None else None
        result = boot(firmware, image, machine, timeout=timeout, screen=screen, on_line=live)
        return result, explain(result, image, machine, symbols)

    codes = []
    with ThreadPoolExecutor(len(firmwares)) as pool:
        boots = [pool.submit(start, firmware) for firmware in firmwares]
        for firmware, booting in zip(firmwares, boots):
            print(f"== {NAMES[firmware]}, {machine.machine}, {machine.memory}, {machine.accel.upper()}", flush=True)
            result, explanation = booting.result()
            if firmware != firmwares[0] or result.ended == "error":
                print("".join(f"{firmware}| {line}\n" for line in result.transcript.splitlines()), end="")
            before = " (its firmware had been started before)" if result.saved else ""
            print(f"== {NAMES[firmware]}: {result.sentence}{before}{explanation}", flush=True)
            codes.append(CODES.get(result.ended, KERNEL_FAILED))
    return worst(codes)


def worst(codes: list[int]) -> int:
    """Bad input before a kernel that failed, that before one that ran on."""
    return next((code for code in (BAD_INPUT, KERNEL_FAILED, TIME_IS_UP) if code in codes), OK)


def explain(result: Result, image: Path, machine: Machine, symbols: Symbols) -> str:
    """Where it died or hangs, if the sentence does not say all."""
    if result.ended in ("loader-error", "timeout"):
        return f"\n   {endings.describe(result, symbols)}"
    if result.ended == "reset" and machine.accel == "tcg":
        fault = endings.last_fault(result.firmware, image, machine, result.timeout)
        return f"\n   {endings.describe(result, symbols, fault)}" if fault is not None else ""
    return ""


def talk(firmware: str, image: Path, machine: Machine, symbols: Symbols, timeout: Optional[float]) -> int:
    """The terminal is the kernel's serial port; without a limit, unless one is asked for. Ctrl-C ends it."""
    print(f"== {NAMES[firmware]}, {machine.memory}, {machine.accel.upper()}; Ctrl-C ends it", flush=True)
    with typed_through():
        result = boot(firmware, image, machine, timeout=timeout or float("inf"), terminal=True)
    print(f"== {NAMES[firmware]}: {result.sentence}{explain(result, image, machine, symbols)}", flush=True)
    return CODES.get(result.ended, KERNEL_FAILED)


@contextmanager
def typed_through() -> Iterator[None]:
    """Each key goes through as it is, unseen; but Ctrl-C is a signal."""
    before = termios.tcgetattr(0)
    now = termios.tcgetattr(0)
    now[0] &= ~(termios.ICRNL | termios.IXON)
    now[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
    termios.tcsetattr(0, termios.TCSANOW, now)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSANOW, before)


def debug(
    arguments: argparse.Namespace, machine: Machine, firmwares: list[str], image: Path, kernel: Optional[Path]
) -> int:
    """QEMU, stopped before its first instruction, and gdb, or the command for it."""
    if len(firmwares) != 1:
        raise Failure(USAGE, "--gdb looks at one machine: say --bios or --uefi")
    if kernel is None or kernel.read_bytes()[:5] != ELF_MAGIC + b"\x02":
        raise Failure(USAGE, f"{arguments.file} has no symbols: give its kernel's ELF file with --kernel")
    port = free_port()
    gdb = gdb_command(kernel, arguments.loader if firmwares[0] == "bios" else None, port)
    with tempfile.TemporaryDirectory(prefix="twinboot-") as directory:
        command = command_line(firmwares[0], image, machine, Path(directory))
        command += ["-S", "-gdb", f"tcp:127.0.0.1:{port}"]
        if arguments.gdb == "start":
            return debug_here(command, gdb, Path(directory))
        print(f"In another terminal:\n  {shlex.join(gdb)}")
        if arguments.loader is not None and firmwares[0] == "uefi":
            print(loader_symbols(arguments.loader))
        print("QEMU waits for gdb; end it with Ctrl-C. What follows is the serial port.", flush=True)
        return subprocess.call(command)


def debug_here(command: list[str], gdb: list[str], directory: Path) -> int:
    """gdb has the terminal; what the kernel says goes to a file that it can read."""
    serial = directory / "serial"
    print(f"The serial port: shell cat {serial}", flush=True)
    with serial.open("w") as output, subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, start_new_session=True
    ) as machine:
        try:
            return subprocess.call(gdb)
        finally:
            machine.kill()


def free_port() -> int:
    """1234 if nobody has it."""
    for port in (GDB_PORT, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                return int(listener.getsockname()[1])
            except OSError:
                pass
    raise Failure(KERNEL_FAILED, "no port is free for gdb")


def gdb_command(kernel: Path, loader: Optional[Path], port: int) -> list[str]:
    """A kernel's addresses are known; so are those of the BIOS loader."""
    slide = Symbols(kernel).slide
    command = ["gdb", *([str(loader)] if loader is not None else []), "-ex", f"target remote 127.0.0.1:{port}"]
    command += ["-ex", f"add-symbol-file {kernel}" + (f" -o {slide:#x}" if slide else "")]
    entry = Elf(kernel.read_bytes()).entry + slide
    return [*command, "-ex", f"hbreak *{entry:#x}", "-ex", "continue"]


def loader_symbols(loader: Path) -> str:
    """UEFI's loader lies where the firmware put it."""
    payload = Elf(loader.read_bytes())
    section = payload.section(".kernel")
    distance = section.address + Elf(payload.contents(section)).lowest_load.offset
    return (
        "Once it stops at the kernel's entry, the loader's own symbols (for a kernel that runs where the\n"
        "firmware put it; the same machine puts it there again, so breakpoints hold for the next start):\n"
        f"  add-symbol-file {loader} -o *(long*)($rdi+56)-{distance:#x}"
    )
