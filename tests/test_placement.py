# SPDX-License-Identifier: BSD-2-Clause
"""Where the payload goes on BIOS when the map has a hole at its linked place: a copy of the loader is told of one."""

from pathlib import Path

import pytest

from faults.workshop import Edit, Workshop
from probes import PROBES
from qemu import boot
from transcript import values
from verdicts import refused

SEAM = "\treserve_ebda(machine);"  # the last row that legacy/memory.c adds
ISA_HOLE = "\tadd(machine, 15 << 20, 1 << 20, TWINBOOT_MEMORY_RESERVED);"
NOTHING_FREE = "\tadd(machine, 3 << 20, UINT64_MAX, TWINBOOT_MEMORY_RESERVED);"  # wraps: to the end of memory


@pytest.fixture
def image(workshop: Workshop, request: pytest.FixtureRequest) -> Path:
    """Of a kernel with 16 MiB of data, with that row in the map."""
    kernel = PROBES["data_16_mib"].build(workshop.out / "kernel-with-data.elf")
    edit = Edit("legacy/memory.c", SEAM, f"{SEAM}\n{request.param}")
    return workshop.rude((edit,), f"KERNEL={kernel}", "LOG=1")


@pytest.mark.parametrize("image", [ISA_HOLE], indirect=True)
def test_moves_out_of_the_way(image: Path) -> None:
    result = boot("bios", image)
    assert result.ended == "success", str(result)
    assert values(result.transcript)["probe.data"] == "intact", str(result)
    assert "payload: kernel at 0x1000000," in result.transcript, str(result)  # the first 2 MiB above the hole


@pytest.mark.parametrize("image", [NOTHING_FREE], indirect=True)
def test_says_so_where_nothing_fits(image: Path) -> None:
    refused(image, "TB08: not enough memory")
