# SPDX-License-Identifier: BSD-2-Clause
"""Command line and modules arrive as they were given, on both firmwares."""

import hashlib
from pathlib import Path

import pytest

from lab import COMMAND_LINE, FIRMWARES, MODULES, WITH_MODULES, Lab, make
from qemu import Machine
from transcript import values


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_modules_arrive(lab: Lab, firmware: str) -> None:
    result = lab.boot(WITH_MODULES, firmware, Machine(machine="pc", memory="5G", cpus=2))  # as in test_matrix
    said = values(result.transcript)
    assert said["command_line"] == COMMAND_LINE, str(result)
    for index, (name, path) in enumerate(MODULES.items()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found = [said.get(f"module_{index}_{what}") for what in ("name", "size", "sha256")]
        assert found == [name, str(path.stat().st_size), digest], str(result)


@pytest.mark.parametrize(
    "variable, says",
    [
        ("MODULES=/nonexistent/initrd", "/nonexistent/initrd"),
        (f"MODULES=/", "/"),
        (f"CMDLINE={'x' * 5000}", "command line"),
    ],
)
def test_bad_input_is_refused(scratch: Path, variable: str, says: str) -> None:
    done = make(scratch, variable)
    assert done.returncode != 0 and says in done.stderr, done.stderr
    assert not (scratch / "twinboot.img").exists()
