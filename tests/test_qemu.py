# SPDX-License-Identifier: BSD-2-Clause
"""The runner itself: every way in which a boot can end is seen as what it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import ROOT
from picture import read_png, read_ppm, write_png
from qemu import Machine, boot, clean
from sectors import EXIT_FAILURE, EXIT_SUCCESS, HALT, POWER_OFF, TRIPLE_FAULT, disk

@pytest.fixture
def sector(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A disk whose boot sector writes sectors.TEXT to COM1 and then runs the code of the parameter."""
    path = tmp_path / "sector.img"
    path.write_bytes(disk(request.param))
    return path


def endings(**codes: bytes) -> "pytest.MarkDecorator":
    return pytest.mark.parametrize("sector", codes.values(), ids=codes.keys(), indirect=True)


@endings(success=EXIT_SUCCESS)
def test_success(sector: Path) -> None:
    result = boot("bios", sector)
    assert (result.ended, result.exit_code) == ("success", 33), str(result)
    assert result.transcript == "key=value\ntwinboot-kernel=end result=ok"


@endings(failure=EXIT_FAILURE)
def test_failure(sector: Path) -> None:
    result = boot("bios", sector)
    assert (result.ended, result.exit_code) == ("failure", 35), str(result)
    assert "failure (value 0x11)" in result.sentence


@endings(triple_fault=TRIPLE_FAULT)
def test_triple_fault(sector: Path) -> None:
    assert boot("bios", sector).ended == "reset"


@endings(power_off=POWER_OFF)
def test_power_off(sector: Path) -> None:
    assert boot("bios", sector).ended == "off"


@endings(hang=HALT)
def test_timeout(sector: Path) -> None:
    result = boot("bios", sector, timeout=2)
    assert result.ended == "timeout" and "key=value" in result.transcript, str(result)


@endings(hang=HALT)
def test_until(sector: Path) -> None:
    result = boot("bios", sector, until="^key=", settle=0.2, timeout=30)
    assert result.ended == "seen" and result.seconds < 20, str(result)


@endings(triple_fault=TRIPLE_FAULT)
def test_a_reset_after_the_awaited_line_is_seen(sector: Path) -> None:
    assert boot("bios", sector, until="^key=", settle=5).ended == "reset"


@endings(hang=HALT)
def test_screen(sector: Path, tmp_path: Path) -> None:
    result = boot("bios", sector, screen=tmp_path / "screen.png")
    assert result.ended == "seen", str(result)
    assert (tmp_path / "screen.png").read_bytes().startswith(b"\x89PNG\r\n")


@endings(hang=HALT)
def test_qemu_that_cannot_start(sector: Path) -> None:
    result = boot("bios", sector, Machine(extra=("-no-such-option",)))
    assert result.ended == "error" and "no-such-option" in result.transcript


def run_program(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "runner"), "run", *arguments]
    env = {**os.environ, "TWINBOOT_KVM": "0", "TWINBOOT_CACHE": "/nonexistent"}
    return subprocess.run(command, stdin=subprocess.DEVNULL, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    "sector, code, says",
    [
        (EXIT_SUCCESS, 0, "the kernel ended QEMU with success (0x10)"),
        (EXIT_FAILURE, 1, "the kernel ended QEMU with failure (value 0x11)"),
        (TRIPLE_FAULT, 1, "triple fault: #GP"),
        (HALT, 124, "hang after 2 s: CPU 0 halted in 0x7c1"),
    ],
    ids=["success", "failure", "triple_fault", "hang"],
    indirect=["sector"],
)
def test_program(sector: Path, code: int, says: str) -> None:
    program = run_program("--bios", "--timeout", "2", str(sector))
    assert program.returncode == code, program
    assert "bios| key=value\n" in program.stdout
    assert says in program.stdout.splitlines()[-1], program.stdout


def test_program_without_image(tmp_path: Path) -> None:
    program = run_program(str(tmp_path / "none.img"))
    assert program.returncode == 3 and "none.img: No such file" in program.stderr


def test_clean() -> None:
    assert clean("\x1b[2J\x1b[01;01H\x1b[=3h\x1b[0m\x1b[35mBdsDxe: loading\x1b(B\r") == "BdsDxe: loading"


def test_ppm(tmp_path: Path) -> None:
    path = tmp_path / "picture.ppm"
    path.write_bytes(b"P6\n2 1\n255\n" + bytes([1, 2, 3, 10, 10, 10]))
    picture = read_ppm(path)
    assert (picture.width, picture.height, picture.pixel(1, 0)) == (2, 1, (10, 10, 10))
    write_png(picture, tmp_path / "picture.png")
    assert read_png(tmp_path / "picture.png") == picture
