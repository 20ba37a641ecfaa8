# SPDX-License-Identifier: BSD-2-Clause
"""Which video mode a kernel gets for its wish. (That what it draws is right, the screens' comparison shows.)"""

import pytest

from lab import Lab
from qemu import Machine
from transcript import values
from verdicts import no_check_failed, refused

WISHES = [
    ("kernel-24bit", "bios", "std", "800x600, 24 bits"),
    ("kernel-16bit", "bios", "std", "640x480, 16 bits"),
    # No wish: the display's preferred mode (QEMU's EDID says 1280 x 800), or the fallback where it has none.
    ("kernel-nowish", "bios", "std", "1280x800, 32 bits"),
    ("kernel-nowish", "bios", "cirrus", "1024x768, 24 bits"),
    ("kernel-oddwish", "bios", "std", "1280x800, 32 bits"),
    # OVMF has no EDID, and is in 1280 x 800.
    ("kernel-nowish", "uefi", "std", "1280x800, 32 bits"),
]


@pytest.mark.parametrize("kernel, firmware, display, mode", WISHES)
def test_mode(lab: Lab, kernel: str, firmware: str, display: str, mode: str) -> None:
    result = no_check_failed(lab.boot(kernel, firmware, Machine(display=display)))
    assert values(result.transcript)["framebuffer"] == mode, str(result)


@pytest.mark.parametrize("firmware", ["bios", pytest.param("uefi", marks=pytest.mark.all)])
def test_needed_but_not_there(lab: Lab, firmware: str) -> None:
    refused(lab.build("kernel-24bit").image, "TB26: .*framebuffer", Machine(display="none"), firmware)


def test_level5_needed_but_not_there(lab: Lab) -> None:
    refused(lab.build("kernel-level5").image, "TB27: .*five-level", Machine(cpu="qemu64"))
