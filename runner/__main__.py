# SPDX-License-Identifier: BSD-2-Clause
"""Boots an image in QEMU: `run` (make run) shows what the kernel said, `debug` (make debug-bios, debug-uefi) waits for gdb."""

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True  # `make run` leaves nothing beside the sources

import qemu  # noqa: E402
from elf import ET_DYN, PAGE, Elf  # noqa: E402
from qemu import Machine, Result, boot, command_line  # noqa: E402
from started import Store  # noqa: E402

NAMES = {"bios": "BIOS (SeaBIOS)", "uefi": "UEFI (OVMF)"}


def run(arguments: argparse.Namespace) -> int:
    """Boots on each firmware at the same time and reports in order. 0 unless something went wrong."""
    firmwares = [name for name in NAMES if getattr(arguments, name)] or list(NAMES)
    if not arguments.image.is_file():
        raise SystemExit(f"{arguments.image}: no such image; `make` builds it")
    if arguments.screens is not None:
        arguments.screens.mkdir(parents=True, exist_ok=True)
    qemu.STORE = Store(arguments.started) if arguments.started is not None else None

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
    runner.add_argument("--started", type=Path, help="keep started firmware in this directory, and begin with it")
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
