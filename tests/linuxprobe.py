# SPDX-License-Identifier: BSD-2-Clause
"""The kernel of kernels/linux, which says how Linux' boot protocol was kept, and images of it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import ROOT

SOURCES = ("tests/kernels/linux/probe.c", *(f"kernel/{name}.c" for name in ("report", "format", "sha256", "string")))
FLAGS = """-std=gnu11 -Os -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables
-fno-ident -fcf-protection=none -fpie -fvisibility=hidden -mno-red-zone -mgeneral-regs-only -I . -I include""".split()


@dataclass(frozen=True)
class LinuxProbe:
    """What its header says of where it runs."""

    relocatable: bool = True
    pref_address: int = 16 << 20
    alignment: int = 2 << 20
    init_size: int = 8 << 20

    def build(self, output: Path) -> Path:
        """Builds the kernel as the file `output`."""
        objects = []
        definitions = [
            f"-DRELOCATABLE={self.relocatable:d}",
            f"-DPREF_ADDRESS={self.pref_address}",
            f"-DKERNEL_ALIGNMENT={self.alignment}",
            f"-DINIT_SIZE={self.init_size}",
        ]
        for source in (*SOURCES, "tests/kernels/linux/header.S"):
            objects.append(str(output.with_suffix(f".{Path(source).name}.o")))
            _run("gcc", *FLAGS, *definitions, "-c", "-o", objects[-1], source)
        script = "tests/kernels/linux/kernel.ld"
        _run("ld", "-m", "elf_x86_64", "--oformat", "binary", "-T", script, "-o", str(output), *objects)
        return output


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
