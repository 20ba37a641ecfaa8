# SPDX-License-Identifier: BSD-2-Clause
"""No silent kernel: one that dies before it has an IDT of its own ends in a sentence (TB50), on every CPU.

Each vector that QEMU raises by its cause is raised by it, in kernels/dies.c. QEMU raises no #BR in 64-bit mode, no #AC,
no #XM, none of virtualisation's: what is said of those, tests/unit/test_core_net.c sees.
"""

import re
import subprocess
from pathlib import Path
from typing import Iterator, Optional

import pytest

from elf import Elf
from lab import FIRMWARES, ROOT, Build, build
from picture import Picture, read_png
from probes import FLAGS, HIGHER_HALF, TOP
from qemu import Machine, Result, boot
from qmp import Qmp

SLOW = pytest.mark.all
SENTENCE = re.compile(
    r"^twinboot: TB50: the kernel died of exception (\d+) \((...)\)( on CPU (\d+))?, before it loaded an IDT of its own: "
    r"error code (0x\w+), RIP (0x\w+) \(kernel \+ (0x\w+)\), CR2 (0x\w+), RSP (0x\w+)(; its stack .*)?$",
    re.MULTILINE,
)
STACK_KIB = 16

# Death: vector, error code, and whether the CPU still has the TSS that says which CPU it is.
DEATHS = {
    "DE": (0, 0, True),
    "DB": (1, 0, True),
    "NMI": (2, 0, True),
    "BP": (3, 0, True),
    "OF": (4, 0, True),
    "UD": (6, 0, True),
    "NM": (7, 0, True),
    "DF": (8, 0, True),
    "TS": (10, 0x18, False),
    "NP": (11, 0x28, True),
    "SS": (12, 0x28, True),
    "GP": (13, 0, True),
    "PF": (14, 2, True),
    "stack": (14, 2, True),
    "MF": (16, 0, True),
    "MC": (18, 0, True),
}
ADDRESS = {"PF": 0x123456789008}
QUICK = {("bios", "0"): DEATHS, ("bios", "1"): ("stack", "NMI"), ("uefi", "0"): ("GP",), ("uefi", "1"): ("stack",)}


class Deaths:
    """Kernels that die, each with a note of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._builds: dict[str, Build] = {}

    def kernel(self, needs: str) -> Path:
        return self._directory / f"{needs}.elf"

    def image(self, needs: str = "0") -> Path:
        if needs not in self._builds:
            command = ["gcc", *FLAGS, *HIGHER_HALF.split(), f"-Wl,-Ttext-segment={TOP}", f"-I{ROOT / 'include'}"]
            command += [f"-DNEEDS={needs}", "-o", str(self.kernel(needs)), str(ROOT / "tests/kernels/dies.c")]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            self._builds[needs] = build(self._directory / f"build{len(self._builds)}", f"KERNEL={self.kernel(needs)}")
        return self._builds[needs].image


@pytest.fixture(scope="module")
def deaths(tmp_path_factory: pytest.TempPathFactory) -> Deaths:
    return Deaths(tmp_path_factory.mktemp("deaths"))


def die(
    image: Path,
    firmware: str,
    death: str,
    scratch: Path,
    cpu: str = "0",
    screen: Optional[Path] = None,
    machine: Machine = Machine(cpus=2),
) -> Result:
    files = [f"name=opt/twinboot/{key},string={value}" for key, value in (("death", death), ("cpu", cpu))]
    monitor = scratch / "monitor"
    extra = ["-fw_cfg", files[0], "-fw_cfg", files[1], "-qmp", f"unix:{monitor},server=on,wait=off"]

    def outside(line: str) -> None:
        """What comes from outside of the CPU, once it waits for that."""
        if line == "waiting":
            qmp = Qmp(monitor, lambda: False)
            if death == "NMI":
                qmp.command("inject-nmi")
            else:
                # A corrected-by-nobody error in bank 9: valid, enabled, processor context corrupt.
                mce = f"mce {cpu} 9 0xb200000000000000 0x5 0 0"
                qmp.command("human-monitor-command", **{"command-line": mce})
            qmp.close()

    machine = Machine(**{**vars(machine), "extra": tuple(extra), "debug_exit": False})
    return boot(firmware, image, machine, timeout=20, screen=screen, on_line=outside)


@pytest.mark.parametrize(
    "firmware, cpu, death",
    [
        pytest.param(firmware, cpu, death, marks=[] if death in QUICK[firmware, cpu] else SLOW)
        for firmware in FIRMWARES
        for cpu in ("0", "1")
        for death in DEATHS
    ],
)
def test_exception_is_said(deaths: Deaths, scratch: Path, firmware: str, cpu: str, death: str) -> None:
    result = die(deaths.image(), firmware, death, scratch, cpu)
    said = SENTENCE.search(result.transcript)
    assert result.ended == "loader-error" and said, str(result)
    vector, error, has_tss = DEATHS[death]
    name = {"NMI": "NMI", "stack": "#PF"}.get(death, f"#{death}")
    assert (int(said[1]), said[2], int(said[5], 0), said[4]) == (vector, name, error, cpu if has_tss else None), str(
        result
    )
    rip, offset, cr2, rsp = (int(said[i], 0) for i in (6, 7, 8, 9))
    kernel = Elf(deaths.kernel("0").read_bytes())
    if death not in ("NMI", "MC"):
        assert rip == kernel.symbol(f"at_{death}"), str(result)
    assert offset == rip - kernel.lowest_load.vaddr, str(result)
    assert cr2 == ADDRESS.get(death, rsp - 8 if death == "stack" else 0), str(result)
    full = f"; its stack of {STACK_KIB} KiB is full: ask for more in the kernel's note"
    assert said[10] == (full if death == "stack" else None), str(result)


def test_call_of_nothing(deaths: Deaths, scratch: Path) -> None:
    result = die(deaths.image(), "bios", "null", scratch)
    assert re.search(r"#PF.*RIP 0x0 \(outside of the kernel\), CR2 0x0,", result.transcript), str(result)


def glyphs(font: bytes) -> dict[bytes, str]:
    return {font[16 * i : 16 * (i + 1)]: chr(ord(" ") + i) for i in range(95)}


def text_of(picture: Picture, font: dict[bytes, str]) -> Iterator[str]:
    """The rows of text at the top, where white is text on dark red."""
    scale = 2 if picture.width >= 1280 else 1
    for row in range(4):
        line = ""
        for column in range(picture.width // 8 // scale):
            cell = bytes(
                sum(
                    (picture.pixel((8 * column + x) * scale, (16 * row + y) * scale) == (255, 255, 255)) << (7 - x)
                    for x in range(8)
                )
                for y in range(16)
            )
            line += font.get(cell, "?")
        yield line


@pytest.mark.parametrize("firmware", ["bios", pytest.param("uefi", marks=SLOW)])
def test_exception_is_shown(deaths: Deaths, scratch: Path, firmware: str) -> None:
    image, screen = deaths.image(), scratch / "screen.png"
    result = die(image, firmware, "UD", scratch, screen=screen)
    assert SENTENCE.search(result.transcript), str(result)
    rows = list(text_of(read_png(screen), glyphs((image.parent / "font8x16.bin").read_bytes())))
    words = " ".join(" ".join(rows).split())
    assert words.startswith(result.transcript[result.transcript.index("twinboot: TB50") :].strip()), rows


@pytest.mark.parametrize("firmware", ["bios", pytest.param("uefi", marks=SLOW)])
def test_without_the_net(deaths: Deaths, scratch: Path, firmware: str) -> None:
    image = deaths.image("TWINBOOT_NO_EXCEPTION_NET")
    result = die(image, firmware, "UD", scratch)
    assert result.ended == "reset" and "about to die" in result.transcript, str(result)
