# SPDX-License-Identifier: BSD-2-Clause
"""Addresses of a running kernel, as function, file and line of its own ELF file."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Optional

from elf import ET_DYN, PAGE, Elf

KERNEL_TOP = 0xFFFFFFFF80000000  # where a static PIE linked at 0 goes

# Intel SDM volume 3A, table 6-1.
VECTORS = dict(
    enumerate(
        "#DE #DB NMI #BP #OF #BR #UD #NM #DF vector_9 #TS #NP #SS #GP #PF vector_15 #MF #AC #MC #XM #VE #CP".split()
    )
)


def vector_name(vector: int) -> str:
    return VECTORS.get(vector, f"vector {vector}")


class Symbols:
    """Without an ELF64 file (of Linux, say, or of a 32-bit kernel), addresses stay numbers."""

    def __init__(self, kernel: Optional[Path]) -> None:
        self._file = kernel
        data = kernel.read_bytes() if kernel is not None else b""
        self._elf = Elf(data) if data.startswith(b"\x7fELF\x02") else None

    @property
    def slide(self) -> int:
        """From linked to running addresses."""
        elf = self._elf
        return KERNEL_TOP if elf is not None and elf.type == ET_DYN and elf.lowest_load.vaddr < PAGE else 0

    def where(self, address: int) -> str:
        """`function (file:line)`, as far as the file tells."""
        linked = address - self.slide
        if self._elf is None or not any(load.vaddr <= linked < load.vaddr + load.memsz for load in self._elf.loads):
            return f"{address:#x}"
        function, line = self._addr2line(linked)
        place = f"{function} ({line})" if line else function
        return place or f"kernel + {linked - self._elf.lowest_load.vaddr:#x}"

    def _addr2line(self, linked: int) -> tuple[str, str]:
        if shutil.which("addr2line") is None:
            return "", ""
        command = ["addr2line", "-f", "-C", "-e", str(self._file), hex(linked)]
        said = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
        function, line = said if len(said) == 2 else ("??", "??")
        line = re.sub(r" \(discriminator \d+\)", "", line)
        return ("" if function == "??" else function), ("" if line.startswith("??") else line)
