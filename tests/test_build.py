# SPDX-License-Identifier: BSD-2-Clause
"""make: the same bytes every time, and nothing done that need not be done."""

import time
from pathlib import Path

import pytest

from lab import ARTEFACTS, Build, build, make
from probes import PROBES

OBJECTS = ("x86_64", "i686", "efi", "host", "kernel")  # where `out` keeps what was compiled


def test_two_builds_give_the_same_bytes(reference: Build, scratch: Path) -> None:
    again = build(scratch / "in" / "another" / "place")
    different = [name for name in ARTEFACTS if reference.read(name) != again.read(name)]
    assert not different


def test_nothing_to_do_after_a_build(scratch: Path) -> None:
    build(scratch)
    question = make(scratch, "-q")
    assert question.returncode == 0, make(scratch, "-n", "--debug=basic").stdout


@pytest.fixture
def changed_kernel(scratch: Path) -> tuple[Path, dict[Path, int], dict[str, bytes], float]:
    """A build whose kernel changed and which was made again: what was compiled when, what it gave before."""
    out, kernel = scratch / "out", scratch / "kernel.elf"
    PROBES["gcc_at_2_mib"].build(kernel)
    first = build(out, f"KERNEL={kernel}")
    times = {path: path.stat().st_mtime_ns for room in OBJECTS for path in out.glob(f"{room}/**/*.o")}
    before = {name: first.read(name) for name in ARTEFACTS}
    PROBES["gcc_at_1_mib"].build(kernel)
    started = time.monotonic()
    build(out, f"KERNEL={kernel}")
    return out, times, before, time.monotonic() - started


def test_another_kernel_rebuilds_only_what_holds_it(
    changed_kernel: tuple[Path, dict[Path, int], dict[str, bytes], float]
) -> None:
    out, times, before, seconds = changed_kernel
    assert times, "no objects found: this test looks in the wrong place"
    recompiled = [str(path) for path, compiled in times.items() if path.stat().st_mtime_ns != compiled]
    assert not recompiled
    unchanged = [name for name in ARTEFACTS if (out / name).read_bytes() == before[name]]
    assert not unchanged, "the new kernel did not get in"
    assert seconds < 5, "it takes under a second, but boots run beside this"


def test_another_command_line_is_taken_up(scratch: Path) -> None:
    first = build(scratch, "CMDLINE=one").read("twinboot.img")
    assert build(scratch, "CMDLINE=two").read("twinboot.img") != first
    assert make(scratch, "-q", "CMDLINE=two").returncode == 0
