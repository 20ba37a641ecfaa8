# SPDX-License-Identifier: BSD-2-Clause
"""A kernel that cannot work is refused at build time: one sentence, no output."""

import re
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from bad_elf import CASES, GOOD
from lab import ARTEFACTS, Build, build, make


@pytest.fixture(scope="module")
def good() -> Iterator[Build]:
    """The good kernel is taken: so what is wrong with the others is what the table says."""
    with tempfile.TemporaryDirectory(prefix="twinboot-test-") as directory:
        kernel = Path(directory) / "kernel.elf"
        kernel.write_bytes(GOOD.bytes())
        yield build(Path(directory) / "out", f"KERNEL={kernel}")


@pytest.mark.parametrize("name", CASES)
def test_refused_with_a_sentence(good: Build, name: str, scratch: Path) -> None:
    case, kernel = CASES[name], scratch / f"{name}.elf"
    content = case.content()
    if content is not None:
        kernel.write_bytes(content)
    for artefact in ARTEFACTS:
        (good.out / artefact).unlink(missing_ok=True)
    done = make(good.out, f"KERNEL={kernel}")
    assert done.returncode != 0, done.stderr
    sentences = [
        line for line in done.stderr.splitlines() if kernel.name in line and not line.startswith("make")
    ]
    assert len(sentences) == 1, done.stderr
    fact, separator, way_out = sentences[0].partition(";")
    assert re.search(case.says, fact.split(kernel.name, 1)[1]), sentences[0]
    assert separator and way_out.strip(), f"no way out: {sentences[0]}"
    assert not [artefact for artefact in ARTEFACTS if (good.out / artefact).exists()], "half-made output"


def test_a_refused_kernel_leaves_nothing_half_made(scratch: Path) -> None:
    """After a good build, each artefact is gone or still the good one."""
    kernel, out = scratch / "kernel.elf", scratch / "out"
    kernel.write_bytes(GOOD.bytes())
    good = build(out, f"KERNEL={kernel}")
    before = {name: good.read(name) for name in ARTEFACTS}
    kernel.write_bytes(b"")
    assert make(out, f"KERNEL={kernel}").returncode != 0
    assert not [name for name in ARTEFACTS if (out / name).exists() and good.read(name) != before[name]]
