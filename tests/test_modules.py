# SPDX-License-Identifier: BSD-2-Clause
"""Command line and modules arrive as they were given, on both firmwares. test_build.py has what is refused."""

import hashlib

import pytest

from lab import ARGUMENTS, COMMAND_LINE, FIRMWARES, MODULES, WITH_MODULES, Lab
from qemu import Machine
from transcript import values


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_modules_arrive(lab: Lab, firmware: str) -> None:
    result = lab.boot(WITH_MODULES, firmware, Machine(machine="pc", memory="5G", cpus=2))  # as in test_matrix
    said = values(result.transcript)
    assert said["command_line"] == COMMAND_LINE, str(result)
    for index, (name, path) in enumerate(MODULES.items()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found = [said.get(f"module_{index}_{what}") for what in ("name", "arguments", "size", "sha256")]
        assert found == [name, ARGUMENTS[name], str(path.stat().st_size), digest], str(result)
