# SPDX-License-Identifier: BSD-2-Clause
"""Boots from the network: BIOS by PXE, UEFI by PXE and by HTTP, on good networks and on bad ones."""

import os
import re
import shutil
from pathlib import Path
from typing import Iterator
from unittest import mock

import pytest

import netlab
import qemu
from faults.workshop import Edit, Workshop
from lab import Build, Lab, make
from netlab import Tftp
from qemu import Machine, Result, boot
from qmp import Qmp
from verdicts import ends_well

PROGRAM = {"bios": "twinboot.0", "uefi": "BOOTX64.EFI"}
CARD = {"bios": "virtio-net-pci", "uefi": "virtio-net-pci,romfile="}
every = pytest.mark.all


@pytest.fixture(scope="session")
def netboot(reference: Build) -> Build:
    done = make(reference.out, "netboot")
    assert done.returncode == 0, done.stderr
    return reference


@pytest.fixture
def files(netboot: Build, scratch: Path) -> Path:
    """What the server offers."""
    folder = scratch / "files"
    folder.mkdir()
    for name in ("twinboot.0", "twinboot.payload", "BOOTX64.EFI"):
        shutil.copy(netboot.out / name, folder)
    return folder


@pytest.fixture
def network() -> Iterator[None]:
    reason = netlab.missing()
    if reason is not None:
        pytest.skip(reason)
    with netlab.namespace():
        yield


def on_tap(*extra: str, card: str = "virtio-net-pci") -> Machine:
    """`card` can say `,romfile=`: without QEMU's iPXE, it is OVMF's own network that boots."""
    tap = ("-netdev", f"tap,id=n,ifname={netlab.TAP},script=no,downscript=no")
    return Machine(disk="none", extra=(*tap, "-device", f"{card},netdev=n,bootindex=0", *extra))


def test_size_of_the_boot_program(netboot: Build) -> None:
    assert len(netboot.read("twinboot.0")) < 64 << 10


@pytest.mark.parametrize(
    ("firmware", "card", "folder"),
    [
        ("bios", "e1000", ""),
        ("uefi", "virtio-net-pci", ""),
        pytest.param("bios", "virtio-net-pci", "deep/er/", marks=every),
        pytest.param("bios", "rtl8139", "", marks=every),
        pytest.param("uefi", "e1000", "", marks=every),
    ],
)
def test_qemus_own_server(reference: Build, files: Path, firmware: str, card: str, folder: str) -> None:
    if folder:
        (files / folder).mkdir(parents=True)
        for name in ("twinboot.0", "twinboot.payload"):
            (files / name).rename(files / folder / name)
    network = f"user,id=n,tftp={files},bootfile={folder}{PROGRAM[firmware]}"
    extra = ("-netdev", network, "-device", f"{card},netdev=n,bootindex=0")
    ends_well(boot(firmware, reference.image, Machine(disk="none", extra=extra)))


RECEIVE_CONTROL, RECEIVE_ENABLE = 0x100, 1 << 1  # Intel 8254x manual, 13.4.22


def receives(qmp: Qmp) -> bool:
    """Does QEMU's e1000 take packets, which it then writes to memory?"""
    cards = [
        device
        for bus in qmp.command("query-pci")
        for device in bus["devices"]
        if device["id"]["vendor"] == 0x8086 and device["id"]["device"] == 0x100E
    ]
    (base,) = [region["address"] for region in cards[0]["regions"] if region["type"] == "memory" and region["bar"] == 0]
    said = qmp.command("human-monitor-command", **{"command-line": f"xp /1wx {base + RECEIVE_CONTROL:#x}"})
    return int(said.split(":")[1], 16) & RECEIVE_ENABLE != 0


# What the loader leaves to be stopped by ExitBootServices hangs here. (QEMU's own drivers do stop there.)
NOT_STOPPED = Edit(
    "efi/main.c",
    "\tnetwork_stop();\n",
    "\tnetwork_stop();\n"
    "\tEFI_GUID guid = EFI_SIMPLE_NETWORK_PROTOCOL_GUID;\n"
    "\tEFI_SIMPLE_NETWORK *card;\n"
    "\twhile (EFI_ERROR(bs->LocateProtocol(&guid, NULL, (void **)&card)) ||\n"
    "\t       card->Mode->State != EfiSimpleNetworkStopped)\n"
    "\t\tbs->Stall(1000);\n",
)


@every
def test_cards_are_stopped_before_uefi_is_left(workshop: Workshop) -> None:
    image = workshop.rude((NOT_STOPPED,), "netboot")
    network = f"user,id=n,tftp={image.parent},bootfile=BOOTX64.EFI"
    extra = ("-netdev", network, "-device", "virtio-net-pci,netdev=n,bootindex=0")
    result = boot("uefi", image, Machine(disk="none", extra=extra), timeout=20)
    assert result.ended == "success", str(result)


def test_card_is_quiet_when_the_kernel_runs(reference: Build, files: Path) -> None:
    network = f"user,id=n,tftp={files},bootfile=twinboot.0"
    extra = ("-netdev", network, "-device", "e1000,netdev=n,bootindex=0")
    found: list[bool] = []
    machine = Machine(disk="none", extra=extra)
    result = boot("bios", reference.image, machine, look=lambda qmp: found.append(receives(qmp)))
    assert found == [False], str(result)


def fails(image: Path, says: str, machine: Machine, timeout: float = 60) -> Result:
    """The sentence comes, and then the machine goes back to its ROM, which boots the disk."""
    # boot() ends at the sentence otherwise: a disk's loader halts there.
    with mock.patch.object(qemu, "LOADER_ERROR", r"(?!)"):
        result = boot("bios", image, machine, timeout=timeout)
    assert re.search(says, result.transcript), str(result)
    return ends_well(result)


AND_A_DISK = ("-device", "ide-hd,drive=disk,bus=ide.0,bootindex=1")


@every
def test_missing_payload_goes_back_to_the_rom(reference: Build, files: Path) -> None:
    (files / "twinboot.payload").unlink()
    extra = ("-netdev", f"user,id=n,tftp={files},bootfile=twinboot.0", "-device", "e1000,netdev=n,bootindex=0")
    fails(
        reference.image,
        r"TB13: cannot fetch twinboot.payload from 10\.0\.2\.2 by TFTP: it is not there",
        Machine(disk="none", extra=(*extra, *AND_A_DISK)),
    )


@pytest.mark.parametrize("damage", [pytest.param("cut", marks=every), pytest.param("header", marks=every)])
def test_damaged_payload(reference: Build, files: Path, damage: str) -> None:
    payload = files / "twinboot.payload"
    data = payload.read_bytes()
    payload.write_bytes(data[: len(data) // 2] if damage == "cut" else b"X" + data[1:])
    extra = ("-netdev", f"user,id=n,tftp={files},bootfile=twinboot.0", "-device", "e1000,netdev=n,bootindex=0")
    says = "TB13: .*the file ended" if damage == "cut" else "TB14: twinboot.payload from 10.0.2.2 is not a payload"
    fails(reference.image, says, Machine(disk="none", extra=(*extra, *AND_A_DISK)))


@every
def test_damaged_boot_program(reference: Build, files: Path) -> None:
    """It looks at itself before it does anything, and goes back to the ROM."""
    program = files / "twinboot.0"
    data = bytearray(program.read_bytes())
    data[len(data) // 2] ^= 4
    program.write_bytes(data)
    extra = ("-netdev", f"user,id=n,tftp={files},bootfile=twinboot.0", "-device", "e1000,netdev=n,bootindex=0")
    fails(reference.image, r"TB00: twinboot\.0 is damaged", Machine(disk="none", extra=(*extra, *AND_A_DISK)))


# ROMs that are not iPXE: their answers are made up in the source.
STOP_AT_ENTRY = "if (pxe_entry == 0)\n\t\tdie("
ROMS = {
    "older than 2.1": (Edit("legacy/pxe.c", '"!PXE"', '"?PXE"'), ""),
    "without services": (Edit("legacy/pxe.c", STOP_AT_ENTRY, "pxe_entry = 0;\n\t" + STOP_AT_ENTRY), "TB11: no PXE"),
    "without an answer": (
        Edit("legacy/pxe.c", "if (status == 0 && cached.size", "if (i > 1 && status == 0 && cached.size"),
        "TB12: the network boot ROM tells of no server",
    ),
    "that keeps the server to itself": (
        Edit("legacy/pxe.c", "*server = dhcp->server;", "none[4] = {0}, *server = none;"),
        "",
    ),
}


@every
@pytest.mark.parametrize("rom", ROMS)
def test_other_roms(workshop: Workshop, rom: str) -> None:
    edit, says = ROMS[rom]
    image = workshop.rude((edit,), "netboot")
    extra = ("-netdev", f"user,id=n,tftp={image.parent},bootfile=twinboot.0", "-device", "e1000,netdev=n,bootindex=0")
    result = boot("bios", image, Machine(disk="none", extra=extra))
    if says:
        assert result.ended == "loader-error" and f"twinboot: {says}" in result.transcript, str(result)
    else:
        assert result.ended == "success", str(result)


@every
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_dnsmasq(reference: Build, files: Path, scratch: Path, network: None, firmware: str) -> None:
    with netlab.dnsmasq(files, scratch):
        ends_well(boot(firmware, reference.image, on_tap(card=CARD[firmware])))


@every
def test_http(reference: Build, files: Path, scratch: Path, network: None) -> None:
    # PXE comes first otherwise.
    without_pxe = [
        word
        for version in (4, 6)
        for word in ("-fw_cfg", f"name=opt/org.tianocore/IPv{version}PXESupport,string=n")
    ]
    with netlab.dnsmasq(files, scratch), netlab.http(files, scratch):
        ends_well(boot("uefi", reference.image, on_tap(*without_pxe, card=CARD["uefi"])))
    assert "GET /BOOTX64.EFI" in (scratch / "http.log").read_text()


@every
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_lost_packets(reference: Build, files: Path, scratch: Path, network: None, firmware: str) -> None:
    with Tftp(files, loss=0.08, deafness=0.01).serving() as server, netlab.dnsmasq(files, scratch, without="tftp"):
        ends_well(boot(firmware, reference.image, on_tap(card=CARD[firmware]), timeout=240))
    assert server.lost > 0


@every
@pytest.mark.parametrize("largest", [65464, 512])
def test_largest_blocks_that_the_server_offers(
    reference: Build, files: Path, scratch: Path, network: None, largest: int
) -> None:
    with Tftp(files, largest_block=largest).serving() as server, netlab.dnsmasq(files, scratch, without="tftp"):
        ends_well(boot("bios", reference.image, on_tap()))
    agreed = [size for name, size in server.asked if name.endswith("payload")]
    assert agreed and all(size == 512 if largest == 512 else size >= 1400 for size in agreed), server.asked


@every
def test_large_payload(lab: Lab, files: Path, scratch: Path, network: None) -> None:
    """More blocks than a TFTP block number counts: 100 MiB in blocks of 1400 bytes."""
    module = scratch / "module"
    module.write_bytes(os.urandom(100 << 20))
    out = scratch / "out"
    done = make(out, f"MODULES={module}", "netboot")
    assert done.returncode == 0, done.stderr
    shutil.copy(out / "twinboot.payload", files)
    with netlab.dnsmasq(files, scratch):
        ends_well(boot("bios", out / "twinboot.payload", on_tap(), timeout=300))


@every
@pytest.mark.parametrize("vanishes", [True, False])
def test_server_that_stops(
    reference: Build, files: Path, scratch: Path, network: None, vanishes: bool
) -> None:
    server = Tftp(files, stop_after=10, vanishes=vanishes)
    with server.serving(), netlab.dnsmasq(files, scratch, without="tftp"):
        fails(
            reference.image,
            r"TB13: cannot fetch twinboot.payload from 192\.168\.77\.1 by TFTP: the server stopped after 1\d KiB",
            on_tap(*AND_A_DISK),
            timeout=300,
        )
    assert len([name for name, _ in server.asked if name.endswith("payload")]) == 3
