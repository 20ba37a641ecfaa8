# SPDX-License-Identifier: BSD-2-Clause
"""The reference kernel's report, `key=value` lines, and the comparison of two such reports."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

_LINE = re.compile(r"^([A-Za-z0-9][\w.\-\[\]]*)=(.*)$")


class Line(NamedTuple):
    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


def parse(text: str) -> list[Line]:
    """The report's lines in their order; what the firmware and the loader said is left out."""
    matches = (_LINE.match(line.rstrip("\r")) for line in text.splitlines())
    return [Line(match[1], match[2]) for match in matches if match]


def values(text: str) -> dict[str, str]:
    """The report as a dictionary; of a key that comes more than once, the last."""
    return dict(parse(text))


def read_may_differ(path: Path) -> dict[str, str]:
    """The keys that may differ, each with its reason: `key<TAB>reason` lines, # for comments."""
    reasons = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key, tab, reason = line.partition("\t")
        if not tab or not reason.strip():
            raise ValueError(f"{path}:{number}: a key needs a tab and a reason")
        reasons[key.strip()] = reason.strip()
    return reasons


def compare(bios: list[Line], uefi: list[Line], may_differ: dict[str, str]) -> list[str]:
    """Every difference that is not allowed, in words; an empty list means that the reports agree.

    A key in `may_differ` may have any value, any number of times, but must be there on both.
    """
    problems = []
    if not bios or not uefi:
        problems.append(f"no report: {len(bios)} lines from BIOS, {len(uefi)} from UEFI")
    for key in sorted(may_differ):
        present = [
            name for name, lines in (("BIOS", bios), ("UEFI", uefi)) if any(line.key == key for line in lines)
        ]
        if not present:
            problems.append(f"stale entry: {key} may differ, but neither report has it")
        elif len(present) == 1:
            problems.append(f"{key} may differ, but only {present[0]} has it")

    left, right = _numbered(bios, may_differ), _numbered(uefi, may_differ)
    for name, lines, others in (("BIOS", left, right), ("UEFI", right, left)):
        problems += [f"only {name} has: {line}" for place, line in lines.items() if place not in others]
    common = [place for place in left if place in right]
    for place in common:
        if left[place] != right[place]:
            problems.append(f"differs:\n  BIOS {left[place]}\n  UEFI {right[place]}")
    for place, other in zip(common, (place for place in right if place in left)):
        if place != other:
            problems.append(f"order differs:\n  BIOS {left[place]}\n  UEFI {right[other]}")
            break
    return problems


def _numbered(lines: list[Line], left_out: dict[str, str]) -> dict[tuple[str, int], Line]:
    """Lines under (key, how many of that key came before), so that a key may come more than once."""
    seen: Counter[str] = Counter()
    numbered = {}
    for line in lines:
        if line.key not in left_out:
            numbered[line.key, seen[line.key]] = line
            seen[line.key] += 1
    return numbered
