# SPDX-License-Identifier: BSD-2-Clause
"""Bochs: another emulator with another BIOS, which checks reserved bits, hidden segment state and alignment where
QEMU does not. Run where the packages bochs and vgabios are there; they are too large to install for these tests."""

import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Iterator

import pytest

from faults.workshop import Edit, Workshop
from lab import Lab
from qemu import KERNEL_END, LOADER_ERROR

SHARE = Path("/usr/share/bochs")
SLOW = pytest.mark.all
pytestmark = pytest.mark.skipif(
    shutil.which("bochs") is None or not (SHARE / "VGABIOS-lgpl-latest").exists(),
    reason="the packages bochs, bochsbios and vgabios are not there",
)
PATIENCE = 60.0
MODEL = "corei7_sandy_bridge_2600k"


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with tempfile.TemporaryDirectory(prefix="twinboot-bochs-") as directory:
        yield Workshop(Path(directory), "kernel")


def bochs(
    image: Path, scratch: Path, model: str = MODEL, cpus: int = 1, rom: str = "latest", cd: bool = False
) -> str:
    """What the serial port said until the kernel or the loader had come to its end."""
    disk = scratch / "disk.img"  # Bochs locks what it opens, and writes to it
    subprocess.run(["cp", "--sparse=always", image, disk], check=True)
    cylinders = disk.stat().st_size // (16 * 63 * 512)
    drive = "cdrom, status=inserted" if cd else f"disk, mode=flat, cylinders={cylinders}, heads=16, spt=63"
    serial = scratch / "serial"
    (scratch / "bochsrc").write_text(
        f"cpu: model={model}, count={cpus}, ips=50000000, reset_on_triple_fault=0\n"
        "megs: 64\n"
        f"romimage: file={SHARE}/BIOS-bochs-{rom}\n"
        f"vgaromimage: file={SHARE}/VGABIOS-lgpl-latest\n"
        f"ata0-master: type={drive}, path={disk}\n"
        f"boot: {'cdrom' if cd else 'disk'}\n"
        f"com1: enabled=1, mode=file, dev={serial}\n"
        'display_library: rfb, options="timeout=0"\n'
        f"log: {scratch}/log\n"
        "panic: action=fatal\n"
    )
    command = ["bochs", "-q", "-f", str(scratch / "bochsrc")]
    deadline, said = time.monotonic() + PATIENCE, ""
    with (scratch / "stdout").open("w") as output, subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=output, stderr=output
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(b"continue\n")  # Debian's Bochs starts in its debugger
            process.stdin.flush()
            while time.monotonic() < deadline and process.poll() is None and not ended(said):
                time.sleep(0.1)
                said = serial.read_text("latin-1").replace("\r", "") if serial.exists() else ""
        finally:
            process.send_signal(signal.SIGKILL)
    return said


def ended(said: str) -> bool:
    return re.search(f"(?:{KERNEL_END}|{LOADER_ERROR}).*\n", said, re.MULTILINE) is not None


def whole(said: str) -> str:
    assert said.endswith("twinboot-kernel=end result=ok\n"), said
    return said


def test_disk(lab: Lab, scratch: Path) -> None:
    whole(bochs(lab.build("reference").image, scratch))


def test_no_long_mode(lab: Lab, scratch: Path) -> None:
    said = bochs(lab.build("reference").image, scratch, model="p3_katmai")
    assert re.search("^twinboot: TB01: ", said, re.MULTILINE), said


@SLOW
@pytest.mark.parametrize("rom", ["latest", "legacy"])
def test_cd(lab: Lab, scratch: Path, rom: str) -> None:
    """The legacy BIOS has neither ACPI nor SMBIOS."""
    whole(bochs(lab.build("reference").image, scratch, rom=rom, cd=True))


@SLOW
@pytest.mark.parametrize(
    "model", ["bx_generic", "p4_prescott_celeron_336", "athlon64_clawhammer", "core2_penryn_t9600", "ryzen"]
)
def test_processors(lab: Lab, scratch: Path, model: str) -> None:
    """Parked CPUs come when they are called: Bochs 2.7 loses stores for which a CPU waits in MWAIT."""
    said = whole(bochs(lab.build("reference").image, scratch, model, cpus=3))
    assert "\ncpu_2_answers=ok\n" in said, said


ICE_LAKE = "corei7_icelake_u"  # has x2APIC
X2APIC = Edit(
    "legacy/main.c",
    "\ttables_find(&machine);",
    "\tuint32_t low, high;\n"
    '\t__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0x1b));\n'
    '\t__asm__ volatile("wrmsr" : : "a"(low | 0xc00), "d"(high), "c"(0x1b));\n'
    "\ttables_find(&machine);",
)


@SLOW
def test_x2apic(workshop: Workshop, scratch: Path) -> None:
    """As firmware leaves it that has CPUs beyond ID 254."""
    said = whole(bochs(workshop.rude((X2APIC,)), scratch, ICE_LAKE, cpus=3))
    assert "\napic_base=0xfee00d00\n" in said and "\ncpu_2_answers=ok\n" in said, said


@SLOW
@pytest.mark.parametrize("wish", ["x2apic", "xapic"])
def test_wish_for_an_apic_mode(lab: Lab, scratch: Path, wish: str) -> None:
    """Every CPU is in the mode that the note asks for. The way out of x2APIC cannot be seen here: Bochs 2.7 ignores every
    write to an IA32_APIC_BASE whose enable bit is clear, so tests/unit/test_core_apic.c and test_core_enter.c see it."""
    said = whole(bochs(lab.build(f"kernel-{wish}").image, scratch, ICE_LAKE, cpus=3))
    assert f"\napic_mode={wish}\n" in said and "\napic_mode_as_the_note_says=ok\n" in said, said
    assert "\ncpu_2_registers_as_boot_cpus=ok\n" in said, said
