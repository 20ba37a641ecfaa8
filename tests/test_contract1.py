# SPDX-License-Identifier: BSD-2-Clause
"""A kernel that was made for contract 1 finds nothing changed: the reference kernel of that time, unchanged.

kernels/contract1.tar.xz is what `git archive e08e0aa kernel include linker/kernel.ld` gives: the last tree of contract 1.
"""

import subprocess
import tarfile
from pathlib import Path

import pytest

from lab import FIRMWARES, build
from qemu import Machine, boot
from transcript import parse, values
from verdicts import no_check_failed

ARCHIVE = Path(__file__).parent / "kernels/contract1.tar.xz"
# As that tree's Makefile had them.
FLAGS = """-std=gnu11 -g -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables
-fno-ident -fcf-protection=none -O2 -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -nostdlib
-I. -Iinclude""".split()
LINK = """-static -Wl,-z,max-page-size=4096,-z,noexecstack,--build-id=none -Wl,-T,linker/kernel.ld""".split()


def run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def old_kernel(tree: Path, font: Path) -> Path:
    """The kernel from its own sources; only the console font, which no archive needs to carry, is today's."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tree)  # ours, so no filter is needed; Python 3.11 knows none
    header = (tree / "include/twinboot.h").read_text()
    assert "#define TWINBOOT_CONTRACT_VERSION 1\n" in header
    sources = sorted(str(path.relative_to(tree)) for path in (tree / "kernel").glob("*.[cS]"))
    run(["gcc", *FLAGS, f"-Wa,-I{font.parent}", *LINK, "-o", "kernel.elf", *sources], tree)
    return tree / "kernel.elf"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("contract1")
    font = build(directory / "build", f"KERNEL={directory / 'build/hello.elf'}").out / "font8x16.bin"
    kernel = old_kernel(directory / "tree", font)
    module = directory / "module"
    module.write_bytes(b"a module's bytes\n" * 400)
    return build(directory / "build", f"KERNEL={kernel}", "CMDLINE=as it was", f"MODULES={module}").image


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_kernel_of_contract_1(image: Path, firmware: str) -> None:
    result = no_check_failed(boot(firmware, image, Machine(cpus=3)))
    said = values(result.transcript)
    assert (said["gdt_has_three_entries"], said["idt_is_empty"]) == ("ok", "ok"), str(result)
    assert (said["cpus_absent"], said["cpu_2_registers_as_boot_cpus"]) == ("0", "ok"), str(result)
    assert len([line for line in parse(result.transcript) if line.value == "ok"]) > 100, str(result)
