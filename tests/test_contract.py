# SPDX-License-Identifier: BSD-2-Clause
"""The kernels in docs/contract.md are built as it says there, and boot."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab import FIRMWARES, ROOT, build
from qemu import boot

TEXT = (ROOT / "docs/contract.md").read_text()
KERNELS = {"c": "kernel.c", "rust": "kernel.rs"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "language, firmwares",
    [("c", FIRMWARES), ("rust", ("bios",)), pytest.param("rust", ("uefi",), marks=pytest.mark.all)],
)
def test_kernel_in_the_text_boots(scratch: Path, language: str, firmwares: tuple[str, ...]) -> None:
    (source,) = blocks(language)
    (scratch / KERNELS[language]).write_text(source)
    (script,) = [block for block in blocks("sh") if KERNELS[language] in block]
    compile_, make = script.split("make run ")
    if shutil.which(compile_.split()[0]) is None:
        pytest.skip(f"{compile_.split()[0]} is not installed")
    (scratch / "include").symlink_to(ROOT / "include")
    done = subprocess.run(compile_, shell=True, cwd=scratch, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, f"{compile_}\n{done.stderr}"

    assert make.split() == ["KERNEL=kernel.elf"]
    image = build(scratch / "build", f"KERNEL={scratch / 'kernel.elf'}").image
    for firmware in firmwares:
        result = boot(firmware, image)
        assert result.ended == "success", str(result)
        assert f"{firmware.upper()}: more than 64 MiB" in result.transcript, str(result)
