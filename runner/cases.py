# SPDX-License-Identifier: BSD-2-Clause
"""`test`: kernels on a matrix of machines. Each case ends with a name for how it ended, and its serial log is kept."""

import itertools
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Iterator, Optional, Sequence

import endings
import tap
from common import bad_input, cache
from qemu import SUCCESS, Machine, Result, boot
from symbols import Symbols

GROWTH = 1.01  # what --against lets pass
SETTINGS = ("firmware", "machine", "cpus", "memory", "cpu", "display")
DEFAULTS = {"firmware": "bios,uefi", "machine": "q35", "cpus": "1", "memory": "512M", "cpu": "max", "display": "std"}
# What a machine's own disk is.
DISKS = {"pc": "ide", "q35": "ahci", "isapc": "ide"}


@dataclass(frozen=True)
class Case:
    kernel: Path
    firmware: str
    machine: Machine
    name: str  # of the kernel

    @property
    def settings(self) -> dict[str, str]:
        m = self.machine
        values = (self.firmware, m.machine, str(m.cpus), m.memory, m.cpu, m.display)
        return dict(zip(SETTINGS, values))

    def __str__(self) -> str:
        """The same in every run: the firmware, and what is not as usual."""
        others = [f"{name}={value}" for name, value in self.settings.items() if value not in split(DEFAULTS[name])]
        return " ".join([f"{self.name}:", self.firmware, *others])


@dataclass
class Outcome:
    """Of a case, however many times it was booted."""

    case: Case
    results: list[Result] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)  # of each boot
    passed: list[bool] = field(default_factory=list)
    problem: str = ""  # that is not of one boot
    log: Optional[Path] = None
    screen: Optional[Path] = None

    @property
    def flaky(self) -> bool:
        return len(set(self.passed)) > 1

    @property
    def ok(self) -> bool:
        return bool(self.passed) and all(self.passed) and not self.problem

    @property
    def says(self) -> str:
        if self.flaky:
            failed = sorted({ending for ending, passed in zip(self.endings, self.passed) if not passed})
            return f"flaky: {self.passed.count(False)} of {len(self.passed)} boots failed: {'; '.join(failed)}"
        return self.problem or next((e for e, passed in zip(self.endings, self.passed) if not passed), self.endings[0])

    @property
    def seconds(self) -> float:
        return sum(result.seconds for result in self.results)

    @property
    def instructions(self) -> Optional[int]:
        """Of several boots the fewest: a BIOS polls its disk, and counts more while this machine is busy."""
        counts = [result.instructions for result in self.results if result.instructions is not None]
        return min(counts, default=None)


def product(kernels: Sequence[Path], values: dict[str, str], base: Machine) -> Iterator[Case]:
    """Every combination of the values, which are lists with commas."""
    lists = [split(values.get(name, DEFAULTS[name])) for name in SETTINGS]
    stems = [kernel.stem for kernel in kernels]
    for kernel, combination in itertools.product(kernels, itertools.product(*lists)):
        firmware, machine, cpus, memory, cpu, display = combination
        if firmware not in ("bios", "uefi"):
            bad_input(f"firmware {firmware!r}: there are bios and uefi")
        if not cpus.isdigit() or not int(cpus):
            bad_input(f"cpus {cpus!r}: is not a number of CPUs")
        if not re.fullmatch(r"\d+[MG]", memory):
            bad_input(f"memory {memory!r}: is not a number of megabytes or gigabytes, as in 512M")
        disk = DISKS.get(machine.split(",")[0], base.disk)
        yield Case(
            kernel,
            firmware,
            replace(
                base,
                machine=machine,
                cpus=int(cpus),
                memory=memory,
                cpu=cpu,
                display=display,
                disk=disk,
            ),
            kernel.stem if stems.count(kernel.stem) == 1 else str(kernel),
        )


def split(values: str) -> list[str]:
    """At commas, but `max,nx=off,qemu64,+la57` is two CPUs: an option belongs to what is before it."""
    items: list[str] = []
    for item in values.split(","):
        if items and ("=" in item or item[:1] in ("+", "-")):
            items[-1] += f",{item}"
        else:
            items.append(item)
    return items


def from_file(file: Path, kernels: Sequence[Path], base: Machine) -> Iterator[Case]:
    """Each line is a matrix of its own: `firmware=uefi cpus=1,4 memory=128M,4G`. # begins a comment."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        bad_input(f"{file}: cannot be read: {error}")
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        values = dict(word.partition("=")[::2] for word in words)
        unknown = [word for word in words if word.partition("=")[0] not in SETTINGS or not word.partition("=")[2]]
        if unknown:
            bad_input(f"{file}:{number}: {unknown[0]!r} is no setting; there are {', '.join(SETTINGS)}")
        if words:
            yield from product(kernels, values, base)


class Runner:
    """Runs the cases, `at_once` at a time, and tells of each outcome as soon as it is known."""

    def __init__(self, images: dict[Path, Path], timeout: float, repeat: int, screens: Optional[Path]) -> None:
        self._images, self._timeout, self._repeat, self._screens = images, timeout, repeat, screens
        self._symbols = {kernel: Symbols(kernel if images[kernel] != kernel else None) for kernel in images}
        self.logs = cache() / "logs"
        self._telling = threading.Lock()

    def all(self, cases: Sequence[Case], at_once: int, tell: Callable[[Outcome], None]) -> list[Outcome]:
        def work(case: Case) -> Outcome:
            outcome = self._outcome(case)
            with self._telling:
                tell(outcome)
            return outcome

        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(work, cases))

    def _outcome(self, case: Case) -> Outcome:
        outcome = Outcome(case)
        name = re.sub(r"[^\w.=-]+", "_", str(case))
        if self._screens is not None:
            outcome.screen = self._screens / f"{name}.png"
        for _ in range(self._repeat):
            self._boot(outcome)
        outcome.log = self._keep_log(name, outcome)
        return outcome

    def _boot(self, outcome: Outcome) -> None:
        case = outcome.case
        image, symbols = self._images[case.kernel], self._symbols[case.kernel]
        report = tap.Tap()
        done = threading.Event()

        def line(text: str) -> None:
            report.line(text)
            if report.complete:
                done.set()

        result = boot(
            case.firmware,
            image,
            case.machine,
            timeout=self._timeout,
            on_line=line,
            over=done.is_set,
            screen=outcome.screen,
        )
        fault = None
        if result.ended == "reset" and case.machine.accel == "tcg":
            fault = endings.last_fault(case.firmware, image, case.machine, self._timeout)
        outcome.results.append(result)
        passed, ending = verdict(result, report, endings.describe(result, symbols, fault))
        outcome.passed.append(passed)
        outcome.endings.append(ending)

    def _keep_log(self, name: str, outcome: Outcome) -> Optional[Path]:
        file = self.logs / f"{name}.log"
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(result.transcript + "\n" for result in outcome.results))
        except OSError:
            return None  # a log is a help, not a result
        return file


def verdict(result: Result, report: tap.Tap, ending: str) -> tuple[bool, str]:
    """A kernel says that all is well by its exit code, or by TAP; what both say must agree."""
    if result.ended == "success":
        return (not report.problem, report.problem or ending) if report.spoken else (True, ending)
    if report.spoken and report.complete and result.ended in ("seen", "off", "reset"):
        return not report.problem, report.problem or f"{len(report.points)} tests"
    if result.ended == "off":
        return False, f"switched off without a result: neither {SUCCESS:#x} at port 0xf4 nor TAP"
    return False, "; ".join(filter(None, (ending, report.problem if report.spoken else "")))


def compare(outcomes: Sequence[Outcome], before: dict[str, int]) -> None:
    """Fails the cases that take over 1 % more instructions than they did."""
    for outcome in outcomes:
        then, now = before.get(str(outcome.case)), outcome.instructions
        if then is not None and now is not None and now > then * GROWTH:
            outcome.problem = f"{100 * (now / then - 1):.1f} % more instructions: {now} instead of {then}"


def read_counts(file: Path) -> dict[str, int]:
    """As --count=FILE writes them: a number and a case a line."""
    counts = {}
    try:
        for line in file.read_text().splitlines():
            number, _, case = line.partition(" ")
            counts[case] = int(number)
    except (OSError, ValueError) as error:
        bad_input(f"{file}: is not a file of --count: {error}")
    return counts
