# SPDX-License-Identifier: BSD-2-Clause
"""How a boot must have ended: what several tests ask."""

import re
from pathlib import Path

from qemu import Machine, Result, boot
from transcript import parse

SETTLE = 1.0  # seconds in which a machine that does not halt would reset


def no_check_failed(result: Result) -> Result:
    """The reference kernel, of whatever contract, has come to its end and found nothing wrong."""
    failed = [str(line) for line in parse(result.transcript) if line.value.startswith("FAIL")]
    assert result.ended == "success" and not failed, f"{failed}\n{result}"
    return result


def ends_well(result: Result) -> Result:
    no_check_failed(result)
    assert result.transcript.splitlines()[-1] == "twinboot-kernel=end result=ok", str(result)
    return result


def ends_in(result: Result, says: str) -> Result:
    """The loader has stopped with the right sentence."""
    assert result.ended == "loader-error", str(result)
    assert re.search(says, result.transcript, re.MULTILINE), str(result)
    return result


def refused(image: Path, says: str, machine: Machine = Machine(), firmware: str = "bios") -> Result:
    """Boots, and the loader must stop with that sentence and halt."""
    return ends_in(boot(firmware, image, machine, settle=SETTLE), says)
