# SPDX-License-Identifier: BSD-2-Clause
"""Where the payload goes: kernels that are linked low to their place at once, everything else out of the way, and
all of it elsewhere when the map has a hole there (a copy of the loader is told of one)."""

import shutil
from pathlib import Path
from typing import Iterator

import pytest

from faults.workshop import Edit, Workshop
from lab import Build, build
from probes import LOW, PROBES, Probe
from qemu import Machine, boot
from transcript import values
from verdicts import refused

SEAM = "\treserve_ebda(machine);"  # the last row that legacy/memory.c adds
ISA_HOLE = "\tadd(machine, 15 << 20, 1 << 20, TWINBOOT_MEMORY_RESERVED);"
NOTHING_FREE = "\tadd(machine, 3 << 20, UINT64_MAX, TWINBOOT_MEMORY_RESERVED);"  # wraps: to the end of memory
AT_64_MIB = Probe("gcc", f"{LOW} -DIN_PLACE -Wl,-Ttext-segment=0x4000000")


@pytest.fixture(scope="module")
def at_64_mib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """With modules of 70 and 1 MiB in one piece, for which there is room above the kernel alone."""
    directory = tmp_path_factory.mktemp("placement")
    (directory / "small").write_bytes(b"small" * (1 << 18))
    (directory / "large").write_bytes(b"large" * (14 << 20))
    kernel = AT_64_MIB.build(directory / "kernel.elf")
    out = directory / "build"
    yield build(out, f"KERNEL={kernel}", f"MODULES={directory}/large {directory}/small", "LOG=1")
    shutil.rmtree(directory)


@pytest.mark.parametrize(("firmware", "memory"), [("bios", "160M"), ("bios", "2G"), ("uefi", "2G")])
def test_modules_keep_out_of_the_kernels_way(at_64_mib: Build, firmware: str, memory: str) -> None:
    result = boot(firmware, at_64_mib.image, Machine(memory=memory))
    assert result.ended == "success", str(result)
    assert values(result.transcript)["probe.place"] == "as linked", str(result)
    if firmware == "bios":
        assert "payload: kernel at 0x4000000," in result.transcript, f"it was moved\n{result}"


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
