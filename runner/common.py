# SPDX-License-Identifier: BSD-2-Clause
"""What `run` and `test` share: exit codes, the cache, images of kernels."""

import fcntl
import os
import subprocess
import tempfile
from pathlib import Path
from typing import NoReturn, Sequence

ROOT = Path(__file__).resolve().parent.parent  # of the source tree, where that is where the runner lies

# As docs/testing.md lists them; 124 is timeout(1)'s, 130 and 143 are 128 and the signal.
OK, KERNEL_FAILED, USAGE, BAD_INPUT, TOOL_MISSING, TIME_IS_UP, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 124, 130, 143
ELF_MAGIC, GZIP_MAGIC = b"\x7fELF", b"\x1f\x8b"
BOOT_SIGNATURE = b"\x55\xaa"  # of a disk; and of Linux kernels, which have "HdrS" behind their first sector


class Failure(Exception):
    """A sentence, and the exit code that goes with it."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def bad_input(sentence: str) -> NoReturn:
    raise Failure(BAD_INPUT, sentence)


def cache() -> Path:
    """Where started firmware and the logs of tests are kept."""
    if "TWINBOOT_CACHE" in os.environ:
        return Path(os.environ["TWINBOOT_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "twinboot"


def is_kernel(file: Path) -> bool:
    """Something to make an image of, or else an image: anything else is nothing to run."""
    try:
        with file.open("rb") as stream:
            start = stream.read(0x206)
    except OSError as error:
        bad_input(f"{file}: {error.strerror}; give a kernel's ELF file or a disk image")
    if start[:4] == ELF_MAGIC or start[:2] == GZIP_MAGIC or start[0x202:] == b"HdrS":
        return True
    if start[510:512] != BOOT_SIGNATURE:
        bad_input(f"{file}: is neither an ELF file nor a disk image; give a kernel's ELF file or an image made of one")
    return False


def image_of(file: Path, arguments: Sequence[str], directory: Path) -> Path:
    """The file itself, if it is an image; or one that is made of the kernel, in `directory`."""
    if not is_kernel(file):
        if arguments:
            bad_input(f"{file}: is an image, whose command line was fixed when it was made; give the kernel's ELF file")
        return file
    image = Path(tempfile.mkstemp(dir=directory, suffix=".img")[1])
    command_line = " ".join(map(_word, arguments))
    if "TWINBOOT" in os.environ:
        _make([os.environ["TWINBOOT"], "build", "-o", str(image), "--cmdline", command_line, "--", str(file)], file)
    else:
        _in_the_source_tree(file, command_line, image)
    return image


def _in_the_source_tree(kernel: Path, command_line: str, image: Path) -> None:
    """Without the twinboot program that called this one: by make, in a place where only the payload is ever new."""
    if not (ROOT / "Makefile").exists():
        raise Failure(TOOL_MISSING, "the program twinboot, which makes images, is not there; install the package twinboot")
    out = cache().resolve() / "loaders"
    out.mkdir(parents=True, exist_ok=True)
    variables = {"OUT": str(out), "KERNEL": str(kernel.resolve()), "CMDLINE": command_line}
    given = [f"{name}={value}" for name, value in variables.items()]
    with (out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _make(["make", "-s", "-j2", "--no-print-directory", "-C", str(ROOT), *given, "image"], kernel)
        subprocess.run(["cp", "--sparse=always", out / "twinboot.img", image], check=True)


def _make(command: list[str], kernel: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
        bad_input("\n".join(lines) or f"{kernel}: no image could be made of it")


def _word(argument: str) -> str:
    return f'"{argument}"' if " " in argument or not argument else argument
