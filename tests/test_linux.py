# SPDX-License-Identifier: BSD-2-Clause
"""Debian's own Linux comes up on both firmwares, with what it was given and what the firmware has."""

import hashlib
from pathlib import Path
from typing import Iterator

import pytest

import debian
from lab import FIRMWARES, Build, make
from linuxlab import COMMAND_LINE, END, Debian, as_one, boot_linux, build_linux, debian_kernel, one_file
from picture import read_png
from qemu import Machine, Result, boot
from transcript import values

SECOND = b"of the second initrd\n"
EXTRA = 'from="the machine"'
WORDS = f'{COMMAND_LINE} dmesg root=/dev/sda1 "two words"'


@pytest.fixture(scope="module")
def linux() -> Debian:
    try:
        return debian_kernel()
    except debian.Unreachable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def initrds(linux: Debian) -> list[bytes]:
    return [linux.initrd, one_file("second", SECOND)]


@pytest.fixture(scope="module")
def built(linux: Debian, initrds: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    yield build_linux(tmp_path_factory.mktemp("linux"), linux.kernel, initrds, WORDS)


@pytest.fixture(scope="module")
def results(built: Build) -> dict[str, Result]:
    """One boot on each firmware, of a machine that adds to the command line."""
    smbios = f"type=11,value=io.systemd.stub.kernel-cmdline-extra={EXTRA}"
    return boot_linux(built.image, Machine(cpus=2, memory="512M", extra=("-smbios", smbios)))


@pytest.fixture(params=FIRMWARES)
def result(request: pytest.FixtureRequest, results: dict[str, Result]) -> Result:
    return results[request.param]


def said(result: Result) -> dict[str, str]:
    assert END in result.transcript, str(result)
    return values(result.transcript)


def test_linux_comes_to_its_init_and_switches_off(result: Result) -> None:
    assert END in result.transcript and result.ended == "off", str(result)


def test_command_line_arrives_with_what_the_machine_adds(result: Result) -> None:
    assert said(result)["linux_command_line"] == f"{WORDS} {EXTRA}", str(result)


def test_initrds_arrive_as_one(result: Result, initrds: list[bytes]) -> None:
    assert said(result)["linux_initrd_sha256"] == hashlib.sha256(as_one(initrds)).hexdigest(), str(result)
    assert said(result)["linux_second_initrd"] == SECOND.decode().strip(), str(result)


def test_linux_starts_the_other_cpus(result: Result) -> None:
    assert said(result)["linux_cpus"] == "2", str(result)


def test_linux_takes_five_levels_where_the_cpu_has_them(result: Result) -> None:
    """It goes there through a page below 1 MiB that must be executable, and finds it by page 0 on a BIOS."""
    assert said(result)["linux_level5"] == "2", str(result)


def test_linux_gets_nearly_all_memory(result: Result) -> None:
    """512 MiB less the kernel itself, its own tables and the firmware's: OVMF keeps 40 MiB."""
    assert int(said(result)["linux_memory_kib"]) > 430 << 10, str(result)


def test_framebuffer_is_a_console(result: Result) -> None:
    assert said(result)["linux_framebuffer"] == "0 EFI VGA", str(result)
    assert said(result)["linux_mode"] == "1280,800", str(result)


def test_acpi_tables_are_found(result: Result) -> None:
    assert int(said(result)["linux_acpi_tables"]) >= 5, str(result)


def test_random_numbers_are_ready_at_once(result: Result) -> None:
    """Before the first timer tick, so that they came from the loader."""
    assert "[    0.000000] random: crng init done" in result.transcript, str(result)


def test_efi_runtime_services_work_where_there_are_any(results: dict[str, Result]) -> None:
    bios, uefi = said(results["bios"]), said(results["uefi"])
    assert bios["linux_efi_word_size"] == "none" and bios["linux_efi_variables"] == "0", str(results["bios"])
    assert uefi["linux_efi_word_size"] == "64" and int(uefi["linux_efi_variables"]) > 20, str(results["uefi"])
    assert uefi["linux_efi_setup_mode"] == "0600000001", str(results["uefi"])  # attributes, then the byte


def test_linux_knows_that_secure_boot_is_off(results: dict[str, Result]) -> None:
    assert "secureboot: Secure boot disabled" in results["uefi"].transcript, str(results["uefi"])
    assert "secureboot:" not in results["bios"].transcript, str(results["bios"])


def package(name: str) -> Path:
    try:
        return debian.unpacked(name)
    except debian.Unreachable as reason:
        pytest.skip(str(reason))


@pytest.mark.all
@pytest.mark.parametrize("firmware", FIRMWARES)
def test_memtest_comes_up(scratch: Path, firmware: str) -> None:
    """memtest86+ speaks the same protocol, and is linked to 1 MiB. Its screen is blue."""
    image = build_linux(scratch, package("memtest86+") / "boot/memtest86+x64.bin", [], "").image
    machine = Machine(memory="256M")
    screen = scratch / "screen.png"
    result = boot(firmware, image, machine, timeout=60, until="never", screen=screen, cold=True)
    assert result.ended == "timeout", str(result)
    picture = read_png(screen)
    pixels = zip(picture.rgb[0::3], picture.rgb[1::3], picture.rgb[2::3])
    assert sum(pixel == (0, 0, 0xAA) for pixel in pixels) > 640 * 400 // 2, str(result)


@pytest.mark.all
@pytest.mark.parametrize(
    "name, path, version",
    [("syslinux-common", "usr/lib/syslinux/memdisk", "2.03"), ("ipxe", "boot/ipxe.lkrn", "2.07")],
)
def test_kernels_of_real_mode_are_refused(scratch: Path, name: str, path: str, version: str) -> None:
    done = make(scratch, f"KERNEL={package(name) / path}")
    assert done.returncode != 0, done.stdout
    assert f"of Linux' boot protocol {version}, without an entry in 64-bit mode" in done.stderr, done.stderr
    assert not (scratch / "twinboot.img").exists()
