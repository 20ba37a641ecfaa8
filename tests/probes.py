# SPDX-License-Identifier: BSD-2-Clause
"""Kernels that this project's build did not make: kernels/probe.c and probe.rs by other people's tools."""

import random
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = """-std=gnu11 -O2 -g -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -mno-red-zone
-mgeneral-regs-only -fno-asynchronous-unwind-tables -nostdlib""".split()

FINDINGS = {
    "bss": "zero",
    "data": "intact",
    "relocations": "applied",
    "handoff": "present",
    "entry": "as promised",
    "result": "ok",
}


class MissingTool(Exception):
    """This machine lacks a compiler; the message names it."""


@dataclass(frozen=True)
class Probe:
    """How one kernel is made, and what it then reports."""

    compiler: str
    options: str
    bss: int = 64 << 10
    data: int = 64 << 10
    sections: bool = True  # keep the section headers
    findings: tuple[tuple[str, str], ...] = tuple(FINDINGS.items())

    def build(self, output: Path) -> Path:
        """Builds the kernel as the file `output`."""
        if shutil.which(self.compiler) is None:
            raise MissingTool(f"{self.compiler} is not installed")
        if self.compiler == "rustc":
            command = ["rustc", *self.options.split(), "-o", str(output), str(HERE / "kernels/probe.rs")]
        else:
            command = [self.compiler, *FLAGS, *self.options.split(), *self._definitions(output)]
            command += ["-o", str(output), str(HERE / "kernels/probe.c")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
        if not self.sections:
            elf = bytearray(output.read_bytes())
            struct.pack_into("<Q", elf, 40, 0)  # e_shoff
            struct.pack_into("<HH", elf, 60, 0, 0)  # e_shnum, e_shstrndx
            output.write_bytes(elf)
        return output

    def _definitions(self, output: Path) -> list[str]:
        data = output.with_suffix(".data")
        data.write_bytes(random.Random(1).randbytes(self.data))  # incompressible, and the same every time
        checksum = zlib.crc32(data.read_bytes())
        include = HERE.parent / "include"
        return [
            f"-I{include}",
            f'-DDATA_FILE="{data}"',
            f"-DDATA_CRC32={checksum}u",
            f"-DBSS_BYTES={self.bss}",
        ]


def _without(*keys: str, **more: str) -> tuple[tuple[str, str], ...]:
    kept = {key: value for key, value in FINDINGS.items() if key not in keys}
    return tuple({**kept, **more}.items())


TOP = "0xffffffff80000000"  # where -mcmodel=kernel reaches
HIGHER_HALF = "-fno-pie -static -mcmodel=kernel"
LOW = "-fno-pie -static"
LLD = "-fuse-ld=lld"
PIE = "-fpie -static-pie -nostartfiles"
RUST = "--edition 2021 -O -C panic=abort -C linker-flavor=ld.lld -C linker=ld.lld"

PROBES = {
    "clang_lld_higher_half": Probe("clang", f"{HIGHER_HALF} {LLD} -Wl,--image-base={TOP}"),
    "gcc_at_1_mib": Probe("gcc", f"{LOW} -Wl,-Ttext-segment=0x100000"),
    "gcc_at_2_mib": Probe("gcc", f"{LOW} -Wl,-Ttext-segment=0x200000"),
    "gcc_static_pie": Probe("gcc", PIE),
    "clang_lld_static_pie_relr": Probe("clang", f"{PIE} {LLD} -Wl,--pack-dyn-relocs=relr"),
    "bss_64_mib": Probe("gcc", f"{HIGHER_HALF} -Wl,-Ttext-segment={TOP}", bss=64 << 20),
    "data_16_mib": Probe("gcc", f"{HIGHER_HALF} -Wl,-Ttext-segment={TOP}", data=16 << 20),
    # ld -N: one segment for all, readable, writable and executable, not aligned to a page.
    "writable_code": Probe(
        "gcc",
        f"{LOW} -Wl,-N,-Ttext=0x200000,--build-id=none -DWRITABLE_CODE",
        findings=_without(code="writable"),
    ),
    "ignores_rdi": Probe("gcc", f"{PIE} -DIGNORE_HANDOFF", findings=_without("handoff", "entry")),
    "rust_higher_half": Probe(
        "rustc",
        f"{RUST} -C relocation-model=static -C code-model=kernel -C link-args=--image-base={TOP}",
        findings=_without("entry"),
    ),
    # From here on, the slower set.
    "rust_static_pie": Probe(
        "rustc", f"{RUST} -C relocation-model=pie -C link-args=-pie", findings=_without("entry")
    ),
    "clang_lld_at_2_mib": Probe("clang", f"{LOW} {LLD} -Wl,--image-base=0x200000"),
    "gcc_static_pie_relr": Probe("gcc", f"{PIE} -Wl,-z,pack-relative-relocs"),
    "low_with_16_mib_of_data": Probe("gcc", f"{LOW} -Wl,-Ttext-segment=0x200000", data=16 << 20),
    "low_with_64_mib_of_bss": Probe("gcc", f"{LOW} -Wl,-Ttext-segment=0x200000", bss=64 << 20),
    "static_pie_with_16_mib_of_data": Probe("gcc", PIE, data=16 << 20),
    # Segments of different permissions in one page.
    "segments_share_pages": Probe(
        "gcc", f"{LOW} -Wl,-Ttext-segment=0x200000,-z,max-page-size=16,-z,noseparate-code"
    ),
    "segments_2_mib_apart": Probe("gcc", f"{LOW} -Wl,-Ttext-segment=0x200000,-z,max-page-size=0x200000"),
    # -N without the other option leaves a hole of 2 MiB.
    "hole_of_2_mib": Probe("gcc", f"{LOW} -Wl,-N,-Ttext=0x200000"),
    "stripped": Probe("gcc", f"{LOW} -s -Wl,-Ttext-segment=0x200000"),
    "no_section_headers": Probe("gcc", f"{LOW} -Wl,-Ttext-segment=0x200000", sections=False),
    "far_in_the_low_half": Probe("gcc", "-fno-pie -static -mcmodel=large -Wl,-Ttext-segment=0x4000000000"),
    "anywhere_in_the_higher_half": Probe(
        "gcc", f"{LOW} -mcmodel=large -Wl,-Ttext-segment=0xffffc00000000000"
    ),
}
DEFAULT = list(PROBES)[:10]
