# SPDX-License-Identifier: BSD-2-Clause
"""Other people's kernels and programs, out of Debian's packages: fetched and unpacked under build/, never installed,
since a kernel or a boot loader that is installed changes how this machine boots."""

import fcntl
import os
import re
import subprocess
from pathlib import Path
from typing import Optional

from lab import ROOT

PLACE = ROOT / "build" / "debian"


class Unreachable(Exception):
    """The package cannot be had here; the message says why."""


def unpacked(*names: str) -> Path:
    """The folder that holds the files of the first of `names` that this distribution has."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run beside each other
        for name in names:
            folder = PLACE / name
            if folder.is_dir():
                return folder
        name = _known(names)
        _unpack(name, PLACE / name)
        return PLACE / name


def newest(meta_packages: tuple[str, ...], pattern: str) -> str:
    """The package that matches `pattern` and that the first known meta package depends on."""
    depends = _apt("apt-cache", "depends", "--important", _known(meta_packages))
    found = re.search(rf"Depends: ({pattern})$", depends, re.MULTILINE)
    if found is None:
        raise Unreachable(f"none of {', '.join(meta_packages)} depends on {pattern}")
    return found[1]


def _known(names: tuple[str, ...]) -> str:
    for _ in range(2):
        for name in names:
            if "Candidate: " in (policy := _apt("apt-cache", "policy", name)) and "(none)" not in (
                policy.split("Candidate: ")[1].split("\n")[0]
            ):
                return name
        _update()
    raise Unreachable(f"the package {' or '.join(names)} is not to be had: apt-cache does not know it")


_updated = False


def _update() -> None:
    """Fresh package lists, once, where that is allowed."""
    global _updated
    if not _updated and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True)
    _updated = True


def _apt(*command: str, directory: Optional[Path] = None) -> str:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise Unreachable(f"{command[0]}: {error}") from None
    if done.returncode != 0:
        raise Unreachable(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _unpack(name: str, folder: Path) -> None:
    _apt("apt-get", "download", "-qq", name, directory=PLACE)
    (package,) = PLACE.glob(f"{name}_*.deb")
    partial = folder.with_suffix(".partial")
    subprocess.run(["dpkg-deb", "-x", str(package), str(partial)], check=True)
    package.unlink()
    partial.rename(folder)
