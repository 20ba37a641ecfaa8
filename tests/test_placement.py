# SPDX-License-Identifier: BSD-2-Clause
"""Where the payload goes on BIOS when the map has a hole at its linked place: a copy of the loader is told of one."""

import shutil
from pathlib import Path
from typing import Iterator

import pytest

from lab import Build, build
from probes import PROBES
from qemu import boot
from test_boot_errors import refused
from test_mutations import ROOT, not_sources
from transcript import values

SEAM = "	reserve_ebda(machine);"  # the last row that legacy/memory.c adds
ISA_HOLE = "	add(machine, 15 << 20, 1 << 20, TWINBOOT_MEMORY_RESERVED);"
NOTHING_FREE = "	add(machine, 3 << 20, UINT64_MAX, TWINBOOT_MEMORY_RESERVED);"  # wraps: to the end of memory


@pytest.fixture
def with_hole(scratch: Path, request: pytest.FixtureRequest) -> Iterator[Build]:
    tree, out = scratch / "tree", scratch / "build"
    shutil.copytree(ROOT, tree, ignore=not_sources)
    source = tree / "legacy/memory.c"
    text = source.read_text()
    assert text.count(SEAM) == 1
    source.write_text(text.replace(SEAM, SEAM + "\n" + request.param))
    out.mkdir()
    kernel = PROBES["data_16_mib"].build(out / "kernel-with-data.elf")
    yield build(out, "-C", str(tree), f"KERNEL={kernel}", "LOG=1")


@pytest.mark.parametrize("with_hole", [ISA_HOLE], indirect=True)
def test_moves_out_of_the_way(with_hole: Build) -> None:
    result = boot("bios", with_hole.image)
    assert result.ended == "success", str(result)
    assert values(result.transcript)["probe.data"] == "intact", str(result)
    assert "payload: kernel at 0x1000000," in result.transcript, str(result)  # the first 2 MiB above the hole


@pytest.mark.parametrize("with_hole", [NOTHING_FREE], indirect=True)
def test_says_so_where_nothing_fits(with_hole: Build) -> None:
    refused(with_hole.image, "TB08: not enough memory")
