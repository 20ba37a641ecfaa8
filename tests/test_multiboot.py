# SPDX-License-Identifier: BSD-2-Clause
"""The Multiboot adapter keeps both protocols: what a 32-bit kernel finds at its entry, on both firmwares."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab import FIRMWARES, ROOT, Build, build, make
from qemu import Machine, Result, boot

COMMAND_LINE = "root=/dev/sda1 quiet"
MODULES = [bytes(range(251)) * 40, b"", b"the last one"]
FLAGS = """-m32 -std=gnu11 -O1 -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-pie -no-pie -static -nostdlib
-fno-stack-protector -fno-asynchronous-unwind-tables -mgeneral-regs-only -Wl,--build-id=none -Wl,--no-warn-rwx-segments""".split()


def compile_kernel(output: Path, protocol: int, video: bool) -> Path:
    sources = ROOT / "tests/kernels/multiboot"
    command = ["gcc", *FLAGS, f"-DPROTOCOL={protocol}", f"-DVIDEO={int(video)}", f"-I{ROOT}"]
    command += [f"-Wl,-T,{sources / 'kernel.ld'}", "-o", str(output), str(sources / "start.S"), str(sources / "kernel.c")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return output


def build_kernel(place: Path, protocol: int, video: bool) -> Build:
    kernel = compile_kernel(place / f"multiboot{protocol}.elf", protocol, video)
    files = []
    for number, content in enumerate(MODULES):
        (place / f"module{number}").write_bytes(content)
        files.append(f'{place}/module{number}:{number}:"arguments of {number}"')
    return build(place / f"build{protocol}{int(video)}", f"KERNEL={kernel}", f"CMDLINE={COMMAND_LINE}", f"MODULES={' '.join(files)}")


def on_both(image: Path, machine: Machine) -> dict[str, Result]:
    with ThreadPoolExecutor(len(FIRMWARES)) as pool:
        boots = {name: pool.submit(boot, name, image, machine, timeout=30) for name in FIRMWARES}
        return {name: each.result() for name, each in boots.items()}


def lines(result: Result, key: str) -> list[str]:
    return [line.partition("=")[2] for line in result.transcript.splitlines() if line.startswith(key + "=")]


def sum_of(content: bytes) -> int:
    total = 0
    for byte in content:
        total = (total * 31 + byte) & 0xFFFFFFFF
    return total


@pytest.fixture(scope="module", params=[1, 2])
def protocol(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def told(protocol: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    built = build_kernel(tmp_path_factory.mktemp("multiboot"), protocol, video=False)
    return on_both(built.image, Machine(memory="256M", cpus=2))


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_state_at_entry(told: dict[str, Result], firmware: str) -> None:
    result = told[firmware]
    assert result.ended == "success", str(result)
    assert "=FAIL" not in result.transcript, str(result)
    for key in ("magic", "a20_is_on", "protected_mode_without_paging", "long_mode_is_off", "interrupts_are_off", "bss_is_zero"):
        assert lines(result, key) == ["ok"], f"{key}\n{result}"


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_what_was_given_arrives(told: dict[str, Result], firmware: str) -> None:
    result = told[firmware]
    assert lines(result, "command_line") == [COMMAND_LINE], str(result)
    assert lines(result, "loader")[0].startswith("twinboot "), str(result)
    assert lines(result, "module_size") == [hex(len(content)) for content in MODULES], str(result)
    assert lines(result, "module_sum") == [hex(sum_of(content)) for content in MODULES], str(result)
    assert lines(result, "module_arguments") == [f"arguments of {number}" for number in range(len(MODULES))], str(result)
    assert lines(result, "module_at_page") == ["ok"] * len(MODULES), str(result)


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_memory(told: dict[str, Result], firmware: str) -> None:
    """256 MiB less what the firmware keeps, and the information, the kernel and the modules lie in it."""
    result = told[firmware]
    rows = [[int(number, 16) for number in line.split()] for line in lines(result, "region")]
    assert rows and all(length for _, length, _ in rows), str(result)
    usable = int(lines(result, "usable_mib")[0], 16)
    assert (230 if firmware == "bios" else 180) <= usable <= 256, str(result)
    assert any(kind == 1 and base <= 0x100000 < base + length for base, length, kind in rows), str(result)
    upper = int(lines(result, "memory_upper")[0], 16)
    assert upper >= 6 * 1024, str(result)  # KiB above 1 MiB: OVMF's map has a hole at 8 MiB


def test_screen(told: dict[str, Result]) -> None:
    """A kernel that asks for no mode has the BIOS' text; UEFI has none, and tells of its framebuffer."""
    assert lines(told["bios"], "screen_type") == ["0x2"], str(told["bios"])
    assert lines(told["uefi"], "screen_type") == ["0x1"], str(told["uefi"])


@pytest.mark.all
def test_video_mode(protocol: int, scratch: Path) -> None:
    built = build_kernel(scratch, protocol, video=True)
    for result in on_both(built.image, Machine(memory="256M")).values():
        assert result.ended == "success" and lines(result, "screen_type") == ["0x1"], str(result)


@pytest.mark.all
def test_a_kernel_that_firmware_leaves_no_room_for(scratch: Path) -> None:
    """OVMF keeps ACPI NVS memory at 8 MiB: a kernel at 1 MiB that reaches there ends in a sentence that says so."""
    kernel = compile_kernel(scratch / "large.elf", 1, video=False)
    large = bytearray(kernel.read_bytes())
    large[52 + 20 : 52 + 24] = (12 << 20).to_bytes(4, "little")  # p_memsz of the one program header
    kernel.write_bytes(large)
    built = build(scratch / "build", f"KERNEL={kernel}")
    results = on_both(built.image, Machine(memory="256M"))
    assert results["bios"].ended == "success", str(results["bios"])
    assert "TB33: the kernel needs" in results["uefi"].transcript and "ACPI NVS" in results["uefi"].transcript, str(results["uefi"])


def test_bad_kernel_is_refused(scratch: Path) -> None:
    kernel = compile_kernel(scratch / "low.elf", 1, video=False)
    low = bytearray(kernel.read_bytes())
    low[52 + 12 : 52 + 16] = (0x7C00).to_bytes(4, "little")  # p_paddr
    kernel.write_bytes(low)
    done = make(scratch / "build", f"KERNEL={kernel}")
    assert done.returncode != 0 and "loads at physical address 0x7c00" in done.stderr, done.stderr
    assert not (scratch / "build/twinboot.img").exists()
