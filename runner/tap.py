# SPDX-License-Identifier: BSD-2-Clause
"""TAP, the Test Anything Protocol (testanything.org, version 14), as a kernel writes it to its serial port: one boot can report
many tests. Subtests, which are indented, count only by the line of their parent."""

import re
from dataclasses import dataclass, field
from typing import Optional

_PLAN = re.compile(r"^1\.\.(\d+)\b")
_POINT = re.compile(r"^(not )?ok\b[ \t]*(\d+)?[ \t]*(?:- )?([^#]*)(?:# *(skip|todo)\b.*)?$", re.IGNORECASE)
_BAIL_OUT = re.compile(r"^Bail out!\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Point:
    name: str
    ok: bool  # also what was skipped, or is still to be done
    note: str = ""  # skip or todo


@dataclass
class Tap:
    """The lines so far. What comes without a version or a plan before it is no TAP."""

    points: list[Point] = field(default_factory=list)
    plan: Optional[int] = None
    bail_out: Optional[str] = None
    spoken: bool = False

    def line(self, text: str) -> None:
        if text.startswith("TAP version "):
            self.spoken = True
        elif plan := _PLAN.match(text):
            self.spoken, self.plan = True, int(plan[1])
        elif self.spoken and (point := _POINT.match(text)):
            note = (point[4] or "").lower()
            name = point[3].strip() or f"test {len(self.points) + 1}"
            self.points.append(Point(name, point[1] is None or bool(note), note))
        elif self.spoken and (bail_out := _BAIL_OUT.match(text)):
            self.bail_out = bail_out[1] or "without a word"

    @property
    def complete(self) -> bool:
        return self.bail_out is not None or (self.plan is not None and len(self.points) >= self.plan)

    @property
    def problem(self) -> str:
        """What is wrong, in words; empty if nothing is."""
        if self.bail_out is not None:
            return f"bailed out: {self.bail_out}"
        failed = [point.name for point in self.points if not point.ok]
        if failed:
            return f"{len(failed)} of {len(self.points)} tests failed: {', '.join(failed)}"
        if self.plan is None:
            return f"{len(self.points)} tests, and no plan (1..N) that says that these are all"
        if len(self.points) != self.plan:
            return f"{len(self.points)} tests of {self.plan}"
        return ""


def read(transcript: str) -> Tap:
    tap = Tap()
    for text in transcript.splitlines():
        tap.line(text.rstrip())
    return tap
