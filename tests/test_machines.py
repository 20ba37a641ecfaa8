# SPDX-License-Identifier: BSD-2-Clause
"""Poor machines: little memory, disks that fail, parts that are missing. Each boots with less or ends in a sentence."""

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest

from faults.damage import NEED_FLAGS, Image, needs
from faults.workshop import Edit, Workshop
from lab import Lab
from qemu import Machine, Result, boot, command_line
from picture import read_png
from qmp import Qmp
from verdicts import no_check_failed

SLOW = pytest.mark.all
HELLO = r"^hello from "


def says(result: Result, text: str) -> bool:
    return re.search(text, result.transcript, re.MULTILINE) is not None


# Memory.


def slow_from(sizes: list[int], fast: int) -> list[object]:
    return [*sizes[:fast], *(pytest.param(size, marks=SLOW) for size in sizes[fast:])]


def boots_or_says_how_much(result: Result) -> None:
    if result.ended != "success":
        assert result.ended in ("loader-error", "refused"), str(result)
        # Where UEFI does not load an image that is too large, the sentence is the firmware's.
        assert says(result, r"^twinboot: TB(08|24|40): .*(\d+ KiB|status 0x)") or says(
            result, "BdsDxe: failed to load .*(Out of Resources|Not Found)"
        ), str(result)


@pytest.mark.parametrize(
    "mib", slow_from([8, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 20, 24, 32, 48, 64, 100], 1)
)
def test_memory_bios(workshop: Workshop, mib: int) -> None:
    result = boot("bios", workshop.image, Machine(memory=f"{mib}M"))
    assert result.ended == "success", str(result)


@pytest.mark.parametrize("mib", slow_from([20, 8, 12, 15, 16, 17, 18, 19, 21, 22, 24, 28, 32, 48], 1))
def test_memory_for_a_large_kernel_bios(lab: Lab, mib: int) -> None:
    result = boot("bios", lab.build("data_16_mib").image, Machine(memory=f"{mib}M"))
    boots_or_says_how_much(result)
    assert (result.ended == "success") == (mib >= 19), str(result)


@SLOW
@pytest.mark.parametrize("mib", [48, 52, 56, 60, 64, 72, 80, 96, 112, 128, 192])
@pytest.mark.parametrize("kernel", ["hello", "data_16_mib"])
def test_memory_uefi(lab: Lab, kernel: str, mib: int) -> None:
    result = boot("uefi", lab.build(kernel).image, Machine(memory=f"{mib}M"))
    boots_or_says_how_much(result)
    assert kernel != "hello" or mib < 52 or result.ended == "success", str(result)


HOLE = Edit(
    "legacy/memory.c",
    "\treserve_ebda(machine);\n}",
    "\treserve_ebda(machine);\n\tadd(machine, 3u << 20, 1u << 20, TWINBOOT_MEMORY_RESERVED);\n}",
)


def test_hole_in_the_payloads_place(workshop: Workshop) -> None:
    """As with an ISA card's 15 to 16 MiB; nearer, so that a small payload meets it."""
    edits = (HOLE, Edit("linker/legacy.ld", "payload_kernel_address", "payload_kernel_address + 0xff000"))
    result = boot("bios", workshop.rude(edits), Machine())
    assert result.ended == "success" or says(result, "^twinboot: TB08: .* KiB"), str(result)


# Disks. QEMU's blkdebug makes reads of one sector fail, for ever or once.


def failing(image: Path, scratch: Path, sector: int, times: int) -> Path:
    """`times` 0: for ever."""
    rule = f'[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "{sector}"\n'
    rules = rule + 'once = "off"\n' if times == 0 else times * (rule + 'once = "on"\n')
    (scratch / "blkdebug.conf").write_text(rules)
    return Path(f"blkdebug:{scratch}/blkdebug.conf:{image}")


DISKS = [
    Machine(machine="pc", disk="ide"),
    Machine(disk="virtio-blk"),
    pytest.param(Machine(), marks=SLOW),
    pytest.param(Machine(disk="virtio-scsi"), marks=SLOW),
    pytest.param(Machine(disk="nvme"), marks=SLOW),
    pytest.param(Machine(disk="usb"), marks=SLOW),
]


def disk_of(machine: Machine) -> str:
    return machine.disk


@pytest.mark.parametrize("machine", DISKS, ids=disk_of)
@pytest.mark.parametrize("part", ["loader", "kernel"])
def test_disk_fails_once(workshop: Workshop, scratch: Path, machine: Machine, part: str) -> None:
    image = Image(workshop.image, workshop.kernel)
    at = image.kernel + image.kernel_size // 2 if part == "kernel" else image.table + 4096
    # Three tries, then smaller pieces; the boot sector has no smaller ones.
    for times in (1, 5 if part == "kernel" else 2):
        path = failing(workshop.image, scratch, at // 512, times)
        result = boot("bios", path, machine)
        assert result.ended == "success", f"{times} times: {result}"


@pytest.mark.parametrize("machine", DISKS, ids=disk_of)
def test_disk_fails_for_good(workshop: Workshop, scratch: Path, machine: Machine) -> None:
    image = Image(workshop.image, workshop.kernel)
    sector = (image.kernel + image.kernel_size // 2) // 512
    result = boot("bios", failing(workshop.image, scratch, sector, 0), machine)
    assert result.ended == "loader-error", str(result)
    said = re.search(r"TB05: .*drive (0x\w+), sector (\d+), status (0x\w+)", result.transcript)
    assert said and int(said[1], 16) == 0x80 and int(said[3], 16) != 0, str(result)
    assert int(said[2]) == sector, f"sector {sector}: {result}"


def test_disk_with_small_reads_only(workshop: Workshop) -> None:
    edit = Edit("legacy/disk.c", "if (!carry(&r))", "if (!carry(&r) && sectors < 10)")
    result = boot("bios", workshop.rude((edit,)))
    assert result.ended == "success", str(result)


@pytest.mark.parametrize("machine", DISKS, ids=disk_of)
def test_loader_cannot_be_read(workshop: Workshop, scratch: Path, machine: Machine) -> None:
    image = Image(workshop.image, workshop.kernel)
    result = boot("bios", failing(workshop.image, scratch, (image.table + 4096) // 512, 0), machine)
    assert result.ended == "loader-error" and says(result, "^twinboot: TB00: cannot read"), str(result)


# Machines that lack something.

POOR = {
    "no-nx": Machine(cpu="max,nx=off"),
    "no-pat": Machine(cpu="max,pat=off"),
    "no-mtrr": Machine(cpu="max,mtrr=off"),
    "few-cpuid-leaves": Machine(cpu="max,level=1,xlevel=0x80000001"),
    "old-processor": Machine(cpu="core2duo"),
    "no-acpi": Machine(machine="q35,acpi=off"),
    "no-acpi-pc": Machine(machine="pc,acpi=off"),
    "no-keyboard-controller": Machine(machine="q35,i8042=off"),
    "no-hpet": Machine(machine="q35,hpet=off"),
    "no-pit": Machine(machine="q35,pit=off"),
    "no-pic": Machine(machine="q35,pic=off"),
    "no-display": Machine(display="none"),
    "text-only": Machine(display="isa-cirrus-vga", machine="pc"),
    "no-pci": Machine(machine="isapc", disk="ide", display="none"),
    "nothing": Machine(
        machine="q35,acpi=off,i8042=off,hpet=off,pit=off", cpu="max,nx=off,pat=off,mtrr=off", display="none"
    ),
}
# OVMF itself does not come up on these.
NOT_UEFI = (
    "no-acpi",
    "no-acpi-pc",
    "few-cpuid-leaves",
    "no-mtrr",
    "no-pci",
    "no-pit",
    "no-pic",
    "text-only",
    "nothing",
)
FAST = ("no-pat", "no-acpi", "no-keyboard-controller", "nothing")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in FAST else SLOW) for name in POOR])
def test_poor_machine_bios(lab: Lab, name: str) -> None:
    no_check_failed(lab.boot("reference", "bios", POOR[name]))


@SLOW
@pytest.mark.parametrize("name", [name for name in POOR if name not in NOT_UEFI])
def test_poor_machine_uefi(lab: Lab, name: str) -> None:
    no_check_failed(lab.boot("reference", "uefi", POOR[name]))


# An error that comes when the BIOS is gone.
EXCEPTION = Edit(
    "core/boot.c",
    "\tcore_catch_exceptions(machine);\n",
    "\tcore_catch_exceptions(machine);\n\t*(volatile char *)0x400000001230 = 0;\n",
)


def test_no_serial_port(workshop: Workshop, scratch: Path) -> None:
    """The kernel comes up, and an error is readable on the screen: in text mode as long as the BIOS is there, also after a
    graphics mode was set; then drawn."""
    kernel, text, _ = _without_serial(workshop.image, Machine(), scratch)
    assert kernel == 33
    _, text, _ = _without_serial(workshop.image, Machine(cpu="qemu32"), scratch)
    assert "twinboot: TB01: " in text, text
    image = Image(workshop.image, workshop.kernel)
    needs(NEED_FLAGS, 1 << 4)(image)
    _, text, _ = _without_serial(image.write(scratch / "damaged.img"), Machine(cpu="qemu64"), scratch)
    assert "twinboot: TB27: " in text, text
    _, _, red = _without_serial(workshop.rude((EXCEPTION,)), Machine(), scratch)
    assert red > 80 * 8 * 16, f"{red} pixels of an error's background"


def _without_serial(image: Path, machine: Machine, scratch: Path) -> tuple[Optional[int], str, int]:
    """QEMU's exit code; or None, what is in VGA's text memory, and how many pixels are dark red."""
    command = [word if word != "stdio" else "none" for word in command_line("bios", image, machine, scratch)]
    command += ["-qmp", f"unix:{scratch}/qmp,server=on,wait=off"]
    qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        qmp = Qmp(scratch / "qmp", lambda: qemu.poll() is None)
        for _ in range(12):
            time.sleep(0.25)
            if qemu.poll() is not None:
                return qemu.returncode, "", 0
        qmp.command("pmemsave", val=0xB8000, size=4000, filename=f"{scratch}/text")
        qmp.command("screendump", filename=f"{scratch}/screen.ppm")
        qmp.close()
        text = (scratch / "text").read_bytes()[::2].decode("ascii", "replace")
        pixels = (scratch / "screen.ppm").read_bytes().split(b"\n", 3)[3]
        triples = zip(pixels[::3], pixels[1::3], pixels[2::3])
        return None, text, sum(r > 96 and g == b == 0 for r, g, b in triples)
    finally:
        qemu.kill()
        qemu.wait()
        (scratch / "qmp").unlink(missing_ok=True)


# UEFI's shell starts the loader: with arguments, and twice.


@dataclass(frozen=True)
class Shell:
    script: str
    ends: str
    says: tuple[str, ...]


SHELL = {
    "arguments": Shell("fs0:\\LOADER.EFI one two --three\n", "success", (HELLO,)),
    "error-and-again": Shell(
        "fs0:\\BROKEN.EFI\necho back in the shell: %lasterror%\nfs0:\\BROKEN.EFI x\nfs0:\\LOADER.EFI\n",
        "success",
        (r"(?s)TB28: .*back in the shell: .*TB28: ", HELLO),
    ),
}


@SLOW
@pytest.mark.parametrize("name", SHELL)
def test_from_the_shell(workshop: Workshop, scratch: Path, name: str) -> None:
    case = SHELL[name]
    whole_image = Image(workshop.image, workshop.kernel)
    efi_size = len((workshop.out / "BOOTX64.EFI").read_bytes())
    start = whole_image.efi
    (scratch / "LOADER.EFI").write_bytes(whole_image.data[start : start + efi_size])
    needs(88, 99)(whole_image)  # a contract that nobody has
    (scratch / "BROKEN.EFI").write_bytes(whole_image.data[start : start + efi_size])
    (scratch / "startup.nsh").write_text(case.script)
    disk = scratch / "shell.img"
    disk.write_bytes(bytes(4 << 20))
    subprocess.run(["mformat", "-i", disk, "-T", "8192", "-h", "64", "-s", "32", "::"], check=True)
    files = [scratch / file for file in ("LOADER.EFI", "BROKEN.EFI", "startup.nsh")]
    subprocess.run(["mcopy", "-i", disk, *files, "::"], check=True)
    # The first sentence is not the end here.
    result = boot("uefi", disk, Machine(disk="virtio-blk"), settle=30.0)
    assert result.ended == case.ends, str(result)
    assert all(says(result, text) for text in case.says), str(result)


# Protocols that are not there.


@SLOW
@pytest.mark.parametrize("name", ["no-display", "rng"])
def test_uefi_protocols(lab: Lab, name: str) -> None:
    machine = (
        Machine(display="none") if name == "no-display" else Machine(extra=("-device", "virtio-rng-pci"))
    )
    no_check_failed(lab.boot("reference", "uefi", machine))


@SLOW
@pytest.mark.parametrize("places", [(2, 5), (5, 2)])
def test_two_adapters_of_which_one_has_a_framebuffer(lab: Lab, places: tuple[int, int]) -> None:
    extra = ("-device", f"virtio-gpu-pci,addr={places[0]}", "-device", f"VGA,addr={places[1]}")
    result = boot("uefi", lab.build("reference").image, Machine(display="none", extra=extra))
    no_check_failed(result)
    assert "framebuffer=1024x768, 32 bits" in result.transcript, str(result)


@SLOW
def test_sentence_is_readable_after_a_change_of_mode(workshop: Workshop, scratch: Path) -> None:
    """The firmware's console would go on drawing for the mode that it knows."""
    image = Image(workshop.image, workshop.kernel)
    for offset, value in ((0, 1 << 4), (4, 640), (8, 480)):  # TWINBOOT_NEED_LEVEL5_PAGING, width, height
        image.put(image.manifest + NEED_FLAGS + offset, value)
    image.fix_payload()
    path = image.write(scratch / "needy.img")
    result = boot("uefi", path, Machine(cpu="qemu64"), screen=scratch / "screen.png")
    assert result.ended == "loader-error" and says(result, "^twinboot: TB27"), str(result)
    picture = read_png(scratch / "screen.png")
    lit = sum(value > 100 for value in picture.rgb[::3])
    assert (picture.width, picture.height) == (1280, 800) and lit > 2000, f"{lit} pixels of text"


# 32-bit UEFI.

OVMF32 = [Path("/usr/share/OVMF") / f"OVMF32_{part}" for part in ("CODE_4M.secboot.fd", "VARS_4M.fd")]


@SLOW
@pytest.mark.skipif(not OVMF32[0].exists(), reason="the package ovmf-ia32 is not there")
@pytest.mark.parametrize("cpu", ["max", "qemu32"])
def test_32_bit_uefi(workshop: Workshop, scratch: Path, cpu: str) -> None:
    """TB44, in a sentence, and the machine goes back to the firmware."""
    machine = Machine(machine="q35,smm=on", cpu=cpu)
    command = command_line("uefi", workshop.image, machine, scratch)
    code, variables = (i for i, word in enumerate(command) if word.startswith("if=pflash"))
    command[code] = f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF32[0]}"
    (scratch / "variables.fd").write_bytes(OVMF32[1].read_bytes())
    command[variables] = f"if=pflash,unit=1,format=raw,file={scratch}/variables.fd"
    command += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as qemu:
        try:
            said, deadline = b"", time.monotonic() + 90
            assert qemu.stdout is not None
            while b"failed to start" not in said and time.monotonic() < deadline:
                said += qemu.stdout.readline()
        finally:
            qemu.kill()
    assert b"twinboot: TB44: " in said and b"Unsupported" in said, said.decode("utf-8", "replace")
