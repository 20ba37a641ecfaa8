# SPDX-License-Identifier: BSD-2-Clause
"""How a boot ended, in words for whoever wrote the kernel: where it died, where it hangs."""

import re
import tempfile
from pathlib import Path
from typing import Optional

from qemu import SUCCESS, Machine, Result, boot
from symbols import Symbols, vector_name

# docs/errors.md: what the loader says of a kernel without an IDT of its own, and of itself.
NET = re.compile(r"^twinboot: TB50: the kernel died of exception (\d+) .*? RIP (0x[0-9a-f]+)", re.MULTILINE)
SENTENCE = re.compile(r"^twinboot: TB\d\d: .*$", re.MULTILINE)
# QEMU's log (-d int): an exception that meets no other is the first of the chain that ends in a triple fault. In real mode
# the line with its address is left out.
FIRST_EXCEPTION = re.compile(r"check_exception old: 0xffffffff new (0x[0-9a-f]+)(?:\n +\d+: v=.*?\bpc=([0-9a-f]+))?")

Fault = tuple[int, Optional[int]]  # vector, address


def describe(result: Result, symbols: Symbols, fault: Optional[Fault] = None) -> str:
    """One line. `fault`: what a reset came from, if that is known (last_fault())."""
    if result.ended == "failure":
        return f"failure code {result.exit_code >> 1:#x}"
    if result.ended == "success":
        return f"success ({SUCCESS:#x})"
    if result.ended == "loader-error":
        died = NET.search(result.transcript)
        if died is not None:
            return f"{vector_name(int(died[1]))} at {symbols.where(int(died[2], 16))}, before the kernel had an IDT"
        said = SENTENCE.search(result.transcript)
        return said[0].removeprefix("twinboot: ") if said is not None else result.sentence
    if result.ended == "reset" and fault is not None:
        place = f" at {symbols.where(fault[1])}" if fault[1] is not None else ""
        return f"triple fault: {vector_name(fault[0])}{place}"
    if result.ended == "timeout":
        return _time_is_up(result, symbols)
    if result.ended == "error":
        return f"QEMU did not start: {result.transcript.strip().splitlines()[-1] if result.transcript.strip() else ''}"
    return result.sentence


def _time_is_up(result: Result, symbols: Symbols) -> str:
    """A CPU that stands waits for what does not come; if all do, that is a hang."""
    places = [
        f"CPU {number} {'halted' if cpu.halted else 'stands' if cpu.stands else 'runs'} in {symbols.where(cpu.addresses[1])}"
        for number, cpu in enumerate(result.cpus)
    ]
    hangs = result.cpus and all(cpu.stands for cpu in result.cpus)
    return f"{'hang' if hangs else 'time-out'} after {result.timeout:g} s: {'; '.join(places) or 'nothing is known'}"


def last_fault(firmware: str, image: Path, machine: Machine, timeout: float) -> Optional[Fault]:
    """Boots once more, with QEMU's log, for the exception that ended in a reset. None if it ends otherwise this time, or was
    asked for."""
    with tempfile.NamedTemporaryFile(prefix="twinboot-", suffix=".log") as log:
        again = boot(firmware, image, machine, timeout=timeout, log=Path(log.name))
        said = Path(log.name).read_text(errors="replace")
    end = said.rfind("Triple fault")
    if again.ended != "reset" or end < 0:
        return None
    found = FIRST_EXCEPTION.findall(said[:end])
    return (int(found[-1][0], 16), int(found[-1][1], 16) if found[-1][1] else None) if found else None
