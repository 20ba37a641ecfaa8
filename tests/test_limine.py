# SPDX-License-Identifier: BSD-2-Clause
"""The Limine boot protocol: the kernel that asks for everything finds what each base revision promises, and the same on
both firmwares."""

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import pytest

from lab import FIRMWARES, ROOT, make
from qemu import Machine, Result, boot
from transcript import compare, parse, read_may_differ, values

SLOW = pytest.mark.all
MAY_DIFFER = Path(__file__).with_name("may_differ_limine.txt")
COMMAND_LINE = 'root=/dev/vda "two words"'
MODULE = ROOT / "LICENSE"
INTERNAL = b"a file that the kernel names itself\n"
REVISIONS = [0, 3, 6, *(pytest.param(revision, marks=SLOW) for revision in (1, 2, 4, 5))]


@dataclass
class Limine:
    """Builds images of kernels that speak Limine, in one place one after the other."""

    out: Path

    def build(self, kernel: Path, image: Path) -> str:
        """Returns what the build said of the kernel."""
        said = self.make(
            f"KERNEL={kernel}", "PROTOCOL=limine", f"CMDLINE={COMMAND_LINE}", f"MODULES={MODULE}:/boot/LICENSE:quiet"
        )
        shutil.copy(self.out / "twinboot.img", image)
        return said

    def conformance(self, name: str) -> Path:
        """The image of a kernel of the Makefile's, kernel-limine-<name>.elf."""
        image = self.out / f"{name}.img"
        if not image.exists():
            (self.out / "internal.txt").write_bytes(INTERNAL)
            kernel = self.out / f"kernel-limine-{name}.elf"
            self.make(str(kernel))
            self.build(kernel, image)
        return image

    def make(self, *arguments: str) -> str:
        done = make(self.out, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def limine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limine]:
    out = tmp_path_factory.mktemp("limine")
    yield Limine(out)
    shutil.rmtree(out)


def boot_both(image: Path, machine: Machine) -> dict[str, Result]:
    with ThreadPoolExecutor(len(FIRMWARES)) as pool:
        boots = {name: pool.submit(boot, name, image, machine) for name in FIRMWARES}
        return {name: each.result() for name, each in boots.items()}


def whole(results: dict[str, Result]) -> None:
    """Every check passes on both, and what differs is listed."""
    for result in results.values():
        failed = [str(line) for line in parse(result.transcript) if line.value.startswith("FAIL")]
        assert result.ended == "success" and not failed, f"{failed}\n{result}"
    bios, uefi = (parse(results[firmware].transcript) for firmware in FIRMWARES)
    problems = [p for p in compare(bios, uefi, read_may_differ(MAY_DIFFER)) if "stale" not in p]
    assert not problems, "\n".join([*problems, "", str(results["bios"]), "", str(results["uefi"])])


@pytest.mark.parametrize("revision", REVISIONS)
def test_base_revision(limine: Limine, revision: int) -> None:
    results = boot_both(limine.conformance(str(revision)), Machine(cpus=3))
    whole(results)
    for result in results.values():
        said = values(result.transcript)
        assert said["base_revision_asked"] == str(revision)
        assert said["command_line"] == COMMAND_LINE and said["cpu_count"] == "3", str(result)
        assert (said["module_0_path"], said["module_0_string"]) == ("/internal.txt", "named by the kernel")
        assert said["module_0_sha256"] == hashlib.sha256(INTERNAL).hexdigest(), str(result)
        assert (said["module_1_path"], said["module_1_string"]) == ("/boot/LICENSE", "quiet"), str(result)
        assert said["module_1_sha256"] == hashlib.sha256(MODULE.read_bytes()).hexdigest(), str(result)
        kernel = (limine.out / f"kernel-limine-{revision}.elf").read_bytes()
        assert said["executable_sha256"] == hashlib.sha256(kernel).hexdigest(), str(result)
