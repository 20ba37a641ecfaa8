# SPDX-License-Identifier: BSD-2-Clause
"""Loaders whose firmware is rude: the sources are copied, a few of their words are changed so that the firmware seems
to answer otherwise, and the image is built from that. A change whose old text is gone fails the test: the table
of changes must follow the code."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import TOLD, compiled_already, copy_sources

# What the image holds besides the example kernel, which prints one line and ends QEMU.
COMMAND_LINE = "a command line"
MODULE = b"a module's bytes\n" * 40


@dataclass(frozen=True)
class Edit:
    file: str
    old: str
    new: str


class Workshop:
    """A copy of the sources, built for the example kernel (or another) with a command line and a module."""

    def __init__(self, directory: Path, kernel: str = "hello") -> None:
        self.directory, self.out, self.name = directory, directory / "build", kernel
        copy_sources(directory)
        compiled_already(self.out, self.out.name)
        (directory / "module").write_bytes(MODULE)
        self._make()
        # Kept apart: the next build writes over the others.
        self.image = Path(shutil.copy(self.out / "twinboot.img", directory / "whole.img"))
        self.kernel = (self.out / "kernel.padded").read_bytes()

    def rude(self, edits: tuple[Edit, ...], *targets: str) -> Path:
        """The image with these changes; good until the next call. What else `targets` make lies beside it."""
        kept: dict[Path, str] = {}
        try:
            for edit in edits:
                file = self.directory / edit.file
                text = file.read_text()
                kept.setdefault(file, text)
                assert (
                    text.count(edit.old) == 1
                ), f"{edit.file} holds {text.count(edit.old)} times: {edit.old}"
                file.write_text(text.replace(edit.old, edit.new))
            self._make(*targets)
        finally:
            for file, text in kept.items():
                file.write_text(text)  # newer than what was made of it: the next build makes it again
        return self.out / "twinboot.img"

    def _make(self, *targets: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in TOLD}
        command = ["make", "-j2", f"KERNEL={self.out.name}/{self.name}.elf", f"CMDLINE={COMMAND_LINE}"]
        done = subprocess.run(
            [*command, f"MODULES={self.directory}/module", "image", *targets],
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
