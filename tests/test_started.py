# SPDX-License-Identifier: BSD-2-Clause
"""Started firmware is kept and taken up again, and whatever goes wrong with that costs time and nothing else.

Most of it with SeaBIOS, which the runner itself does not save: it is at its first read sooner than OVMF."""

import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import qemu
import started
from lab import ROOT, Lab
from qemu import DISKS, SAVED_DISKS, Machine, boot
from sectors import EXIT_SUCCESS, HALT, disk
from started import Store


@pytest.fixture
def store(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty one, which serves SeaBIOS too."""
    store = Store(scratch / "started")
    monkeypatch.setattr(qemu, "STORE", store)
    monkeypatch.setattr(qemu, "SAVED_FIRMWARES", ("bios", "uefi"))
    return store


@pytest.fixture
def image(scratch: Path) -> Path:
    path = scratch / "one,disk.img"
    path.write_bytes(disk(EXIT_SUCCESS))
    return path


def files(store: Store) -> list[Path]:
    return sorted(store.directory.glob("*"))


def test_another_disk_goes_on_from_the_saved_state(store: Store, image: Path, scratch: Path) -> None:
    other = scratch / "other.img"
    other.write_bytes(disk(EXIT_SUCCESS, "another disk\n"))
    first, second = boot("bios", image), boot("bios", other)
    assert (first.ended, first.saved, second.ended, second.saved) == ("success", False, "success", True), second
    assert "key=value" in first.transcript and second.transcript == "another disk", second
    assert len(files(store)) == 1


def test_another_kernel_by_ovmf(lab: Lab, store: Store) -> None:
    results = [boot("uefi", lab.build(kernel).image) for kernel in ("hello", "gcc_static_pie")]
    assert [(result.ended, result.saved) for result in results] == [("success", False), ("success", True)], results
    assert "hello from EDK II" in results[0].transcript and "probe.result=ok" in results[1].transcript, results
    assert len(files(store)) == 1


@pytest.mark.all
@pytest.mark.parametrize("drive", SAVED_DISKS)
def test_every_bus(lab: Lab, store: Store, drive: str) -> None:
    machine = Machine(disk=drive, machine="pc" if drive == "ide" else "q35")
    results = [boot("uefi", lab.build("hello").image, machine) for _ in range(2)]
    assert [(result.ended, result.saved) for result in results] == [("success", False), ("success", True)], results


@pytest.mark.parametrize("keep", [0, 1000, 1 << 20], ids=["empty", "garbage", "truncated"])
def test_a_state_that_qemu_refuses_is_made_anew(store: Store, image: Path, keep: int) -> None:
    boot("bios", image)
    (state,) = files(store)
    whole = state.read_bytes()
    assert len(whole) > 1 << 20
    state.write_bytes(b"\x55" * keep if keep == 1000 else whole[:keep])
    result = boot("bios", image)
    assert (result.ended, result.saved) == ("success", False), str(result)
    assert files(store) == [state] and len(state.read_bytes()) > 1 << 20
    assert boot("bios", image).saved


def test_two_savers_at_once(store: Store, image: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: boot("bios", image), range(2)))
    assert [result.ended for result in results] == ["success"] * 2, results
    assert len(files(store)) == 1 and boot("bios", image).saved


def test_a_state_is_gone_when_qemu_opens_it(store: Store, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "find", lambda _: store.directory / "gone")
    result = boot("bios", image)
    assert (result.ended, result.saved) == ("success", False), str(result)


# A process of its own, since it is killed, or may not write large files.
BOOT = f"""import sys
sys.path.insert(0, {str(ROOT / "runner")!r})
import qemu
from pathlib import Path
qemu.SAVED_FIRMWARES = ("bios",)
qemu.STORE = qemu.started.Store(Path(sys.argv[1]))
print(qemu.boot("bios", Path(sys.argv[2])))"""


def test_a_full_disk(store: Store, image: Path) -> None:
    """The limit on the size of files stands in for it: a state has 2 MiB."""
    limit = 1 << 20
    done = subprocess.run(
        [sys.executable, "-c", BOOT, store.directory, image],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
    )
    assert "the kernel ended QEMU with success" in done.stdout, done
    assert files(store) == []


def test_a_directory_that_cannot_be(store: Store, image: Path) -> None:
    store.directory = Path("/dev/null/started")
    assert boot("bios", image).ended == "success"


def test_killed_while_saving(store: Store, image: Path) -> None:
    """No state is left, nor a QEMU."""
    for _ in range(20):
        process = subprocess.Popen([sys.executable, "-c", BOOT, store.directory, image], stdout=subprocess.PIPE)
        while not files(store) and process.poll() is None:
            time.sleep(0.001)
        process.kill()
        process.communicate()
        if all(file.name.startswith("part-") for file in files(store)):
            break
        files(store)[0].unlink()  # it was whole before the signal came
    assert files(store) and all(file.name.startswith("part-") for file in files(store))
    time.sleep(0.5)
    assert not [pid for pid in Path("/proc").glob("[0-9]*") if str(image.parent).encode() in command_of(pid)]
    assert boot("bios", image).ended == "success" and boot("bios", image).saved


def command_of(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_what_has_something_of_the_disk_in_it_is_not_saved(
    store: Store, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a disk for which QEMU does not read the geometry: the first read for the guest would go by."""
    late = started.drive(image).replace(".state=2", ".state=3").replace(
        "rerror", "file.set-state.1.event=read_aio,file.set-state.1.state=2,file.set-state.1.new_state=3,rerror"
    )
    reads_twice = bytes.fromhex("b80102 bb007e b90200 ba8000 cd13") + EXIT_SUCCESS  # int 13h, AH 2: sector 2
    image.write_bytes(disk(reads_twice))
    monkeypatch.setattr(started, "drive", lambda _: late)
    assert boot("bios", image).ended == "success"
    assert files(store) == []


def test_the_least_recently_used_make_room(scratch: Path) -> None:
    store = Store(scratch / "started", limit=2500)
    for name in ("a", "b", "a", "c"):
        if store.find(name) is None:
            with store.writing(name) as file:
                file.write(bytes(1000))
        time.sleep(0.02)
    assert [file.name for file in files(store)] == ["a", "c"]


# Which boots have which state.

USUAL = Machine()
OTHERS = {
    "memory": replace(USUAL, memory="256M"),
    "cpus": replace(USUAL, cpus=2),
    "cpu": replace(USUAL, cpu="qemu64"),
    "machine": replace(USUAL, machine="pc"),
    "disk": replace(USUAL, disk="virtio-blk"),
    "display": replace(USUAL, display="none"),
    "debug_exit": replace(USUAL, debug_exit=False),
}


def state(image: Path, machine: Machine = USUAL) -> "str | None":
    return qemu._state("uefi", image, machine)


@pytest.mark.parametrize("what", OTHERS)
def test_another_machine_has_another_state(image: Path, what: str) -> None:
    assert state(image) is not None
    assert state(image, OTHERS[what]) not in (None, state(image))


def test_a_disk_of_another_size_or_partitions_has_another_state(image: Path) -> None:
    before = state(image)
    image.write_bytes(disk(HALT))
    assert state(image) == before, "the program on the disk does not matter"
    image.write_bytes(disk(HALT) + bytes(512))
    assert state(image) not in (None, before)
    data = bytearray(disk(HALT))
    data[446] = 0x80
    image.write_bytes(data)
    assert state(image) not in (None, before)


def test_other_firmware_has_another_state(image: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, pair = state(image), (scratch / "code", scratch / "variables")
    for file in pair:
        file.write_bytes(b"1")
    monkeypatch.setattr(qemu, "OVMF_PAIRS", [pair])
    first = state(image)
    pair[1].write_bytes(b"22")
    assert len({before, first, state(image)}) == 3


def test_qemu_and_its_roms_belong_to_the_state() -> None:
    names = [Path(path).name for path, _, _ in started.programs(qemu.QEMU)]
    assert "qemu-system-x86_64" in names and any("vgabios" in name for name in names), names


@pytest.mark.parametrize(
    "machine",
    [
        replace(USUAL, icount=True),
        replace(USUAL, extra=("-device", "virtio-rng-pci")),
        *(replace(USUAL, disk=drive) for drive in DISKS if drive not in SAVED_DISKS),
    ],
    ids=str,
)
def test_starts_cold(image: Path, machine: Machine) -> None:
    assert state(image, machine) is None


def test_starts_cold_if_asked(store: Store, image: Path) -> None:
    boot("bios", image)
    result = boot("bios", image, cold=True)
    assert (result.ended, result.saved) == ("success", False)
