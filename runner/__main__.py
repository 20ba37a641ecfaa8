# SPDX-License-Identifier: BSD-2-Clause
"""Boots kernels and images in QEMU: `run` shows what one says, `test` says whether many work."""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Optional, Sequence

sys.dont_write_bytecode = True  # nothing is left beside the sources

import cases  # noqa: E402
import qemu  # noqa: E402
import report  # noqa: E402
from common import (  # noqa: E402
    INTERRUPTED,
    KERNEL_FAILED,
    OK,
    TERMINATED,
    TOOL_MISSING,
    Failure,
    bad_input,
    cache,
    image_of,
)
from qemu import Machine  # noqa: E402
from run import TIMEOUT, run  # noqa: E402
from started import Store  # noqa: E402

PROGRAM = "twinboot"


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog=PROGRAM, description=__doc__, allow_abbrev=False)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="run|test")
    runner = verbs.add_parser("run", help="boot one kernel or image, on both firmwares", allow_abbrev=False)
    runner.add_argument("file", type=Path, metavar="KERNEL|IMAGE")
    runner.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS", help="the kernel's command line")
    runner.add_argument("--gdb", nargs="?", const="print", choices=["print", "start"], help="wait for gdb, or start it")
    runner.add_argument("--kernel", type=Path, metavar="ELF", help="of an image, for symbols")
    runner.add_argument("--loader", type=Path, metavar="ELF", help="legacy.elf or efi.so, for --gdb")
    runner.add_argument("--screens", type=Path, metavar="DIR", help="save the screens there, as bios.png and uefi.png")
    tester = verbs.add_parser("test", help="boot kernels on a matrix of machines", allow_abbrev=False)
    tester.add_argument("files", type=Path, nargs="+", metavar="KERNEL|IMAGE")
    tester.add_argument("--matrix", type=Path, metavar="FILE", help="a line for each matrix: firmware=uefi cpus=1,4 ...")
    tester.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="N", help="cases at a time, default: CPUs")
    tester.add_argument("--repeat", type=int, default=1, metavar="N", help="boot each case so often")
    tester.add_argument("--count", nargs="?", const="", metavar="FILE", help="count instructions, with --count=FILE into it")
    tester.add_argument("--against", type=Path, metavar="FILE", help="fail where it are over 1 %% more than in this FILE")
    tester.add_argument("--tap", action="store_true", help="print TAP instead of lines")
    tester.add_argument("--junit", type=Path, metavar="FILE")
    tester.add_argument("--html", type=Path, metavar="FILE")
    tester.add_argument("--color", choices=["auto", "always", "never"], default="auto")
    tester.add_argument("-q", action="store_true", dest="quiet", help="only what fails, and the summary")
    for verb in (runner, tester):
        several = " (a list, for test)" if verb is tester else ""
        verb.add_argument("--firmware", metavar="bios,uefi")
        verb.add_argument("--bios", action="store_true", help="only BIOS")
        verb.add_argument("--uefi", action="store_true", help="only UEFI")
        for name in cases.SETTINGS[1:]:
            verb.add_argument(f"--{name}", help=f"default {cases.DEFAULTS[name]}{several}")
        verb.add_argument("--timeout", type=float, help=f"seconds from the loader's start, default {TIMEOUT:g}")
        verb.add_argument("--qemu", default="", help="more of QEMU's own options")
        verb.add_argument("--cold", action="store_true", help="start the firmware anew")
    return top


def settings(arguments: argparse.Namespace) -> dict[str, str]:
    """What was said of the machines; the firmware in one of its two ways."""
    said = {name: getattr(arguments, name) for name in cases.SETTINGS if getattr(arguments, name) is not None}
    chosen = [name for name in ("bios", "uefi") if getattr(arguments, name)]
    return {**said, **({"firmware": ",".join(chosen)} if chosen else {})}


def run_one(arguments: argparse.Namespace) -> int:
    base = Machine(extra=tuple(arguments.qemu.split()))
    chosen = list(cases.product([arguments.file], settings(arguments), base))
    machines = {case.machine for case in chosen}
    if len(machines) != 1:
        bad_input("run takes one machine; `test` takes lists")
    return run(arguments, machines.pop(), [case.firmware for case in chosen])


def test(arguments: argparse.Namespace) -> int:
    for file in filter(None, (arguments.junit, arguments.html, Path(arguments.count) if arguments.count else None)):
        report.can_be_written(file)
    if arguments.repeat < 1 or arguments.j < 1:
        bad_input("--repeat and -j are numbers from 1")
    counted = arguments.count is not None or arguments.against is not None
    before = cases.read_counts(arguments.against) if arguments.against is not None else {}
    base = Machine(extra=tuple(arguments.qemu.split()), icount=counted, watched=counted or arguments.html is not None)
    said = settings(arguments)
    if arguments.matrix is not None and said:
        bad_input(f"--matrix has all settings; leave out --{next(iter(said))}")
    if arguments.matrix is not None:
        chosen = list(cases.from_file(arguments.matrix, arguments.files, base))
    else:
        chosen = list(cases.product(arguments.files, said, base))
    with tempfile.TemporaryDirectory(prefix="twinboot-") as directory:
        images = {file: image_of(file, [], Path(directory)) for file in arguments.files}
        screens = Path(directory) if arguments.html is not None else None
        runner = cases.Runner(images, arguments.timeout or TIMEOUT, arguments.repeat, screens)
        coloured = report.wants_colour(arguments.color)
        started = time.monotonic()

        def tell(outcome: cases.Outcome) -> None:
            if not arguments.tap:
                report.tell(outcome, coloured, arguments.quiet)

        outcomes = runner.all(chosen, arguments.j, tell)
        cases.compare(outcomes, before)
        return finish(arguments, outcomes, time.monotonic() - started)


def finish(arguments: argparse.Namespace, outcomes: Sequence[cases.Outcome], seconds: float) -> int:
    if arguments.count:
        lines = [f"{outcome.instructions} {outcome.case}\n" for outcome in outcomes if outcome.instructions is not None]
        report.write(Path(arguments.count), "".join(lines))
    if arguments.junit is not None:
        report.write(arguments.junit, report.as_junit(outcomes))
    if arguments.html is not None:
        report.write(arguments.html, report.as_html(outcomes, seconds))
    if arguments.tap:
        print(report.as_tap(outcomes))
    else:
        for outcome in outcomes:
            if outcome.problem:
                print(f"FAIL {outcome.case}: {outcome.problem}")
        print(report.summary(outcomes, seconds))
    return OK if all(outcome.ok for outcome in outcomes) else KERNEL_FAILED


class Signalled(BaseException):
    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


def stop(number: int, _: Optional[FrameType]) -> None:
    """Every QEMU ends, then the threads that wait for one, then this."""
    qemu.end_all()
    raise Signalled(INTERRUPTED if number == signal.SIGINT else TERMINATED)


def main() -> int:
    arguments = parser().parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    qemu.STORE = None if arguments.cold else Store(cache() / "started")
    try:
        return run_one(arguments) if arguments.verb == "run" else test(arguments)
    except Failure as failure:
        print(f"{PROGRAM}: {failure}", file=sys.stderr)
        return failure.code
    except SystemExit as missing:  # a tool, in qemu.py's words
        print(f"{PROGRAM}: {missing}", file=sys.stderr)
        return TOOL_MISSING
    except Signalled as signalled:
        return signalled.code


if __name__ == "__main__":
    sys.exit(main())
