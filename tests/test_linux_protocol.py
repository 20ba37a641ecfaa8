# SPDX-License-Identifier: BSD-2-Clause
"""The Linux adapter keeps Linux' boot protocol: what a kernel of that protocol finds at its 64-bit entry, on both
firmwares and on machines that differ. test_linux.py has Linux itself."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab import FIRMWARES, Build, build
from linuxlab import as_one, build_linux
from linuxprobe import LinuxProbe
from qemu import Machine, Result, boot
from transcript import compare, parse, values

COMMAND_LINE = 'one "two three" four=\'5\''
INITRDS = [bytes(range(251)) * 40, b"", b"the last one"]  # 10040 bytes: pages that are not full, and none at all
MAY_DIFFER = {
    "tsc_at_entry": "firmware takes its time",
    "e820": "firmware keeps memory for itself",
    "ram_mib": "as above",
    "edid": "OVMF passes none on",
    "secure_boot": "a BIOS has no such thing",
    "efi": "a BIOS is none",
    "efi_system_table": "as above",
    "efi_memory_map": "as above",
    "efi_memory_map_place": "as above",
}
# Where the display has no size that it prefers, or is none, each firmware does as it likes.
DISPLAY_MAY_DIFFER = {"none": ("screen_type", "text"), "cirrus": ("screen", "screen_components")}
NO_DISPLAY = Machine(display="none")
SMALL = Machine(memory="128M", machine="pc", disk="ide", cpu="qemu64")
LARGE = Machine(memory="6G", cpus=4, display="cirrus")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("linux-protocol")


@pytest.fixture(scope="module")
def built(workplace: Path) -> Build:
    return build_linux(workplace, LinuxProbe().build(workplace / "vmlinuz"), INITRDS, COMMAND_LINE)


def on_both(image: Path, machine: Machine) -> dict[str, Result]:
    with ThreadPoolExecutor(len(FIRMWARES)) as pool:
        boots = {name: pool.submit(boot, name, image, machine, timeout=30) for name in FIRMWARES}
        return {name: each.result() for name, each in boots.items()}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(Machine(), id="usual"),
        pytest.param(NO_DISPLAY, id="no_display"),
        pytest.param(SMALL, id="small", marks=pytest.mark.all),
        pytest.param(LARGE, id="large", marks=pytest.mark.all),
    ],
)
def machine(request: pytest.FixtureRequest) -> Machine:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def results(built: Build, machine: Machine) -> dict[str, Result]:
    return on_both(built.image, machine)


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_protocol_is_kept(results: dict[str, Result], machine: Machine, firmware: str) -> None:
    result = results[firmware]
    said = values(result.transcript)
    assert result.ended == "success", str(result)
    assert said["command_line"] == COMMAND_LINE, str(result)
    initrd = as_one(INITRDS)
    assert said["initrd_size"] == str(len(initrd)), str(result)
    assert said["initrd_sha256"] == hashlib.sha256(initrd).hexdigest(), str(result)
    has_random_numbers = machine.cpu == "max"
    assert said["rng_seed"] == ("something" if has_random_numbers else "nothing"), str(result)
    screen = {"none": "1" if firmware == "bios" else "0"}.get(machine.display, "70")
    assert said["screen_type"] == screen, str(result)
    assert said["text"] == ("80x25, mode 3" if screen == "1" else "0x0, mode 0"), str(result)
    assert said["secure_boot"] == {"bios": "0", "uefi": "2"}[firmware], str(result)
    assert said["efi"] == {"bios": "none", "uefi": "EL64"}[firmware], str(result)


def test_both_firmwares_show_the_same(results: dict[str, Result], machine: Machine) -> None:
    may_differ = MAY_DIFFER | dict.fromkeys(DISPLAY_MAY_DIFFER.get(machine.display, ()), "the display")
    problems = compare(parse(results["bios"].transcript), parse(results["uefi"].transcript), may_differ)
    assert not problems, "\n".join(problems)


def test_no_initrd_is_none(workplace: Path) -> None:
    kernel = LinuxProbe().build(workplace / "vmlinuz")
    result = boot("bios", build_linux(workplace, kernel, [], "").image, timeout=30)
    assert result.ended == "success", str(result)
    assert values(result.transcript)["initrd_size"] == "0", str(result)
    assert values(result.transcript)["command_line"] == "", str(result)


@pytest.mark.parametrize("firmware", ["bios", pytest.param("uefi", marks=pytest.mark.all)])
def test_a_kernel_without_room_is_a_sentence(workplace: Path, firmware: str) -> None:
    kernel = LinuxProbe(init_size=400 << 20).build(workplace / "vmlinuz")
    result = boot(firmware, build_linux(workplace, kernel, []).image, Machine(memory="256M"), timeout=30)
    assert "twinboot: TB34: the kernel needs 409600 KiB of memory" in result.transcript, str(result)


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_a_kernel_that_cannot_be_moved_lies_where_it_was_linked(workplace: Path, firmware: str) -> None:
    """As memtest86+, at 1 MiB."""
    probe = LinuxProbe(relocatable=False, pref_address=1 << 20, alignment=4096, init_size=1 << 20)
    image = build_linux(workplace, probe.build(workplace / "vmlinuz"), [b"an initrd"]).image
    result = boot(firmware, image, timeout=30)
    assert result.ended == "success", str(result)
    assert values(result.transcript)["preferred_address"] == "ok", str(result)


def test_an_adapter_alone_is_a_sentence(workplace: Path) -> None:
    image = build(workplace, f"KERNEL={workplace}/parts/adapters/linux.elf", "CMDLINE=", "MODULES=").image
    result = boot("bios", image, timeout=30)
    assert "twinboot: TB60: there is no Linux kernel beside the adapter" in result.transcript, str(result)
