# SPDX-License-Identifier: BSD-2-Clause
"""The one image in every drive that a machine can have, and the other images that the composer makes."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Iterator, Optional

import pytest

from formats import Pe
from lab import Build, build, make
from media import file_place, replace_loader, sparse_copy
from probes import PROBES, Probe
from qemu import Machine, boot
from transcript import values
from verdicts import ends_well

every = pytest.mark.all


DOORS = [
    ("bios", "ide", "pc", ()),
    ("bios", "cd", "q35", ()),
    ("bios", "usb", "q35", ()),
    ("bios", "nvme", "q35", ()),
    ("uefi", "cd", "q35", ()),
    ("bios", "virtio-blk", "q35", every),
    ("bios", "virtio-scsi", "q35", every),
    ("bios", "usb-ehci", "q35", every),
    ("bios", "cd", "pc", every),
    ("bios", "scsi-cd", "q35", every),
    ("bios", "usb-cd", "q35", every),
    ("uefi", "ide", "pc", every),
    ("uefi", "usb", "q35", every),
    ("uefi", "nvme", "q35", every),
    ("uefi", "virtio-blk", "q35", every),
    ("uefi", "virtio-scsi", "q35", every),
    ("uefi", "usb-ehci", "q35", every),
    ("uefi", "cd", "pc", every),
    ("uefi", "scsi-cd", "q35", every),
    ("uefi", "usb-cd", "q35", every),
]


@pytest.mark.parametrize(
    ("firmware", "drive", "machine"), [pytest.param(*door[:3], marks=door[3]) for door in DOORS]
)
def test_door(reference: Build, firmware: str, drive: str, machine: str) -> None:
    result = ends_well(boot(firmware, reference.image, Machine(machine=machine, disk=drive)))
    if firmware == "bios":
        number = int(values(result.transcript)["boot_device"].split()[1], 16)
        assert (number >= 0xE0) == drive.endswith("cd"), str(result)


@pytest.fixture
def variant(reference: Build, scratch: Path) -> Iterator[Callable[..., Path]]:
    """The reference build's image, composed in another way."""

    def compose(*layout: str) -> Path:
        out = scratch / "out"
        shutil.copytree(reference.out, out, ignore=shutil.ignore_patterns("*.img"))
        done = make(out, *layout, "image")
        assert done.returncode == 0, done.stderr
        return out / "twinboot.img"

    yield compose


def compose(
    reference: Build, image: Path, *options: str, loader: Optional[Path] = None
) -> "subprocess.CompletedProcess[str]":
    """The step that makes the image, alone."""
    files = [loader or reference.out / "BOOTX64.EFI", reference.out / "parts/BOOTIA32.EFI"]
    command = [reference.out / "twinboot", "step", "compose", *options, *files, reference.out / "legacy.bin", image]
    return subprocess.run(command, capture_output=True, text=True)


LAYOUTS = [
    ("TABLE=gpt", "ahci", ()),
    ("TABLE=gpt", "cd", every),
    ("SMALL=1", "ahci", every),
    ("SMALL=1", "cd", every),
    ("SMALL=1 TABLE=gpt", "usb", every),
    ("SEPARATE_PAYLOAD=1", "ahci", every),
    ("SEPARATE_PAYLOAD=1 TABLE=gpt", "cd", every),
    ("SECTOR=4096", "nvme-4096", ()),
    ("SECTOR=4096 TABLE=gpt", "nvme-4096", every),
]


@pytest.mark.parametrize("firmware", ["bios", pytest.param("uefi", marks=every)])
@pytest.mark.parametrize(("layout", "drive"), [pytest.param(*row[:2], marks=row[2]) for row in LAYOUTS])
def test_other_images(variant: Callable[..., Path], firmware: str, layout: str, drive: str) -> None:
    ends_well(boot(firmware, variant(*layout.split()), Machine(disk=drive)))


def check_tables(image: Path, gpt: bool) -> None:
    if gpt:
        said = subprocess.run(["/sbin/sgdisk", "-v", image], capture_output=True, text=True).stdout
        assert "No problems found" in said and "Caution" not in said, said
    else:
        done = subprocess.run(["/sbin/sfdisk", "--verify", image], capture_output=True, text=True)
        assert done.returncode == 0 and "No errors" in done.stdout, done


def check_file_system(image: Path) -> None:
    """In the last partition, which it fills."""
    said = subprocess.run(["/sbin/sfdisk", "-d", image], capture_output=True, text=True).stdout
    start, size = re.findall(r"start= *(\d+), size= *(\d+)", said)[-1]
    esp = image.with_suffix(".esp")
    with image.open("rb") as file:
        file.seek(int(start) * 512)
        esp.write_bytes(file.read(int(size) * 512))
    done = subprocess.run(["/sbin/fsck.fat", "-n", "-v", esp], capture_output=True, text=True)
    assert done.returncode == 0 and re.search(rf"^ +{size} sectors total$", done.stdout, re.MULTILINE), done


@pytest.mark.parametrize(
    "layout", ["TABLE=mbr", "TABLE=gpt", "SMALL=1", "SMALL=1 TABLE=gpt", "SEPARATE_PAYLOAD=1"]
)
def test_other_programs_accept_the_image(variant: Callable[..., Path], layout: str) -> None:
    image = variant(*layout.split())
    check_tables(image, "gpt" in layout)
    check_file_system(image)
    for form in ("as_mkisofs", "plain"):
        command = ["xorriso", "-indev", image, "-report_el_torito", form]
        xorriso = subprocess.run(command, capture_output=True, text=True)
        assert xorriso.returncode == 0, xorriso
        assert not re.search(r"WARNING|SORRY|FAILURE|FATAL", xorriso.stdout + xorriso.stderr), xorriso
    assert (
        re.search(r"1  BIOS  y   none .* 4  ", xorriso.stdout) and "2  UEFI  y   none" in xorriso.stdout
    ), xorriso
    isoinfo = subprocess.run(["isoinfo", "-l", "-i", image], capture_output=True, text=True)
    assert isoinfo.returncode == 0 and isoinfo.stderr == "" and "BOOTX64.EFI;1" in isoinfo.stdout, isoinfo


@pytest.mark.parametrize("name", ["BOOTX64.EFI", "BOOTIA32.EFI"])
@pytest.mark.parametrize("layout", ["TABLE=mbr", pytest.param("SMALL=1 TABLE=gpt", marks=every)])
def test_file_on_the_cd_is_the_file_in_the_esp(
    reference: Build, variant: Callable[..., Path], layout: str, name: str
) -> None:
    image = variant(*layout.split())
    done = subprocess.run(["isoinfo", "-x", f"/EFI/BOOT/{name};1", "-i", image], capture_output=True)
    assert done.stdout == reference.read(name if name == "BOOTX64.EFI" else f"parts/{name}")


def fat_tables(image: Path) -> int:
    """Bytes of both copies of the FAT."""
    with image.open("rb") as file:
        start = file.read(2 << 20)
    boot, *_ = (start[at:] for at in range(1 << 20, 2 << 20, 512) if start[at + 3 : at + 8] == b"MTOO4")
    sector = int.from_bytes(boot[11:13], "little")
    count = int.from_bytes(boot[22:24], "little") or int.from_bytes(boot[36:40], "little")
    return boot[16] * count * sector


@pytest.mark.parametrize("payload", [3 << 20, pytest.param(40 << 20, marks=every)])
def test_size(reference: Build, scratch: Path, payload: int) -> None:
    """The payload plus less than 2 MiB and the FAT's own tables; the payload, or FAT32's least number of clusters."""
    kernel, out = scratch / "kernel.elf", scratch / "out"
    Probe("gcc", PROBES["gcc_at_2_mib"].options, data=payload).build(kernel)
    shutil.copytree(reference.out, out, ignore=shutil.ignore_patterns("*.img"))
    for layout in ("", "TABLE=gpt", "SMALL=1", "SMALL=1 TABLE=gpt", "SECTOR=4096", "SECTOR=4096 TABLE=gpt"):
        image = build(out, f"KERNEL={kernel}", *layout.split()).image
        least = 0 if "SMALL" in layout else 65600 * (4096 if "4096" in layout else 512)
        room = max(payload, least) + fat_tables(image)
        assert room < image.stat().st_size < room + (2 << 20), layout
        assert image.stat().st_blocks * 512 < payload + fat_tables(image) + (2 << 20), layout


FAR = [
    ("bios", 9 << 30, "ahci", ()),
    ("uefi", 9 << 30, "ahci", every),
    ("bios", 9 << 30, "cd", every),
    ("bios", (2 << 40) + (1 << 20), "ahci", ()),
    ("bios", (2 << 40) + (1 << 20), "virtio-blk", every),
    ("bios", (2 << 40) + (1 << 20), "nvme", every),
    ("uefi", (2 << 40) + (1 << 20), "ahci", every),
    ("uefi", (2 << 40) + (1 << 20), "virtio-blk", every),
]


@pytest.mark.parametrize(
    ("firmware", "start", "drive"), [pytest.param(*row[:3], marks=row[3]) for row in FAR]
)
def test_payload_far_out(reference: Build, scratch: Path, firmware: str, start: int, drive: str) -> None:
    """Beyond 8 GiB, where cylinders, heads and sectors end, and beyond sector 2^32."""
    image = scratch / "far.img"
    options = ["--esp-start", str(start), *(["--gpt"] if start >= 2 << 40 else [])]
    done = compose(reference, image, *options)
    assert done.returncode == 0 and image.stat().st_size > start, done
    ends_well(boot(firmware, image, Machine(disk=drive)))


CHAIN = """
	.code16
	.globl _start
_start:	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov $0x7c00, %sp
	mov $0x7c00, %si
	mov $0x600, %di
	mov $256, %cx
	cld
	rep movsw
	ljmp $0, $(1f - _start + 0x600)
1:	mov $0x42, %ah
	mov $FROM, %dl
	mov $(packet - _start + 0x600), %si
	int $0x13
	mov $PASSED, %dl
	ljmp $0, $0x7c00
packet:	.byte 16, 0, 1, 0
	.word 0x7c00, 0
	.quad 0
	.org _start + 510
	.word 0xaa55
"""


def chain_loader(scratch: Path, load_from: int, passed: int) -> Path:
    """A disk whose boot sector starts another drive's, with a drive number of its own choice."""
    source, built, disk = scratch / "chain.S", scratch / "chain.o", scratch / "chain.img"
    source.write_text(CHAIN)
    subprocess.run(
        ["gcc", "-c", f"-DFROM={load_from}", f"-DPASSED={passed}", "-o", built, source], check=True
    )
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", built, disk], check=True)
    disk.write_bytes(disk.read_bytes()[:512].ljust(1440 << 10, b"\0"))
    return disk


def test_second_disk(reference: Build, scratch: Path) -> None:
    chain = chain_loader(scratch, 0x81, 0x81)
    extra = (
        "-drive",
        f"if=none,id=chain,format=raw,file={chain}",
        "-device",
        "ide-hd,drive=chain,bootindex=0",
    )
    result = ends_well(boot("bios", reference.image, Machine(machine="pc", disk="second", extra=extra)))
    assert values(result.transcript)["boot_device"] == "bios_drive 0x81", str(result)


@pytest.mark.parametrize("passed", [0x00, pytest.param(0x42, marks=every), pytest.param(0xFF, marks=every)])
def test_wrong_drive_number(reference: Build, scratch: Path, passed: int) -> None:
    """The number names a drive without this image: the first hard disk is tried, and has it."""
    chain = chain_loader(scratch, 0x80, passed)
    extra = ("-drive", f"if=floppy,format=raw,file={chain}", "-boot", "a")
    result = ends_well(boot("bios", reference.image, Machine(machine="pc", disk="first", extra=extra)))
    assert values(result.transcript)["boot_device"] == "bios_drive 0x80", str(result)


def test_floppy(reference: Build) -> None:
    """What no BIOS reads from a floppy ends in a sentence."""
    extra = ("-drive", f"if=floppy,format=raw,snapshot=on,file={reference.image}", "-boot", "a")
    machine = Machine(machine="pc", disk="none", extra=extra)
    result = boot("bios", reference.image, machine, until="TB00: cannot read loader; attach as hard disk", timeout=30)
    assert result.ended == "seen", str(result)


def test_replaced_file_is_noticed(reference: Build, scratch: Path) -> None:
    """Its old bytes still lie where they were, so that no checksum tells."""
    image = scratch / "replaced.img"
    subprocess.run(["cp", "--sparse=always", reference.image, image], check=True)
    replace_loader(image, reference.read("BOOTX64.EFI") + bytes(4096))
    result = boot("bios", image, until=r"TB\d\d: ", settle=1.0, timeout=30)
    assert result.ended == "seen" and "TB09: BOOTX64.EFI on the stick was replaced" in result.transcript, str(
        result
    )
    ends_well(boot("uefi", image))


def test_separate_payload_outlives_a_replaced_file(
    reference: Build, variant: Callable[..., Path], scratch: Path
) -> None:
    image = variant("SEPARATE_PAYLOAD=1")
    replace_loader(image, reference.read("BOOTX64.EFI") + bytes(4096))
    ends_well(boot("bios", image))


@pytest.mark.parametrize(
    ("options", "size", "says"),
    [
        ("--sector 520", 0, "512 or 4096 bytes"),
        ("", 1 << 32, "FAT files end at 4 GiB"),
        ("--small", 2300 << 20, "a small image's file system .* ends at 2 GiB"),
        (f"--esp-start {(2 << 40) + (1 << 20)}", 0, "too large for an MBR .*--table gpt"),
        (f"--esp-start {9 << 40} --gpt", 0, "too large for a CD's file system"),
    ],
)
def test_what_the_composer_refuses(
    reference: Build, scratch: Path, options: str, size: int, says: str
) -> None:
    loader, image = reference.out / "BOOTX64.EFI", scratch / "out" / "x.img"
    image.parent.mkdir()
    if size:
        loader = scratch / "huge.efi"
        loader.write_bytes(reference.read("BOOTX64.EFI"))
        os.truncate(loader, size)
    refused = compose(reference, image, *options.split(), loader=loader)
    assert refused.returncode == 3 and re.search(says, refused.stderr), refused
    assert len(refused.stderr.splitlines()) == 1 and not list(image.parent.iterdir()), refused


@pytest.mark.parametrize(
    ("lost", "beyond", "says"),
    [
        ("payload", "nothing", "BdsDxe: failed to load"),
        pytest.param("payload", "zeros", "TB21: the kernel is damaged", marks=every),
        pytest.param("loader", "nothing", "BdsDxe: failed to load", marks=every),
        pytest.param("loader", "zeros", "BdsDxe: failed to load|TB43: ", marks=every),
    ],
)
def test_cut_image_on_uefi(reference: Build, scratch: Path, lost: str, beyond: str, says: str) -> None:
    """The medium ends there, or the writing of it did."""
    image = sparse_copy(reference.image, scratch / "cut.img")
    start = file_place(image, "::EFI/BOOT/BOOTX64.EFI")
    file = Pe(reference.read("BOOTX64.EFI"))
    section = file.section(".kernel" if lost == "payload" else ".text")
    size = image.stat().st_size
    os.truncate(image, start + section.raw_offset + section.raw_size // 2)
    if beyond == "zeros":
        os.truncate(image, size)
    result = boot("uefi", image)
    assert result.ended in ("refused", "loader-error") and re.search(says, result.transcript), str(result)
    assert "twinboot-kernel=" not in result.transcript, str(result)


@every
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_cut_behind_all_files(reference: Build, scratch: Path, firmware: str) -> None:
    """Nothing that a boot needs is lost; make inspect says it (test_inspect.py)."""
    image = sparse_copy(reference.image, scratch / "cut.img")
    os.truncate(image, image.stat().st_size - (1 << 20))
    ends_well(boot(firmware, image))
