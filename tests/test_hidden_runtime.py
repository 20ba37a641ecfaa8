# SPDX-License-Identifier: BSD-2-Clause
"""A kernel whose linked place is where UEFI keeps its runtime services."""

import re
from pathlib import Path

from lab import Lab, build
from qemu import boot
from transcript import values


def test_kernel_at_the_addresses_of_runtime_services(lab: Lab, scratch: Path) -> None:
    """It boots elsewhere in memory, and is told of no services that it hides."""
    map_ = values(lab.boot("reference", "uefi").transcript)["memory_map"]
    place = re.search(r"(0x\w+)-0x\w+ runtime_data", map_)
    assert place, map_
    needs = "NEEDS_low=0,1024,768,32,0"
    base = f"KERNEL_BASE=--defsym=kernel_base={place[1]}"
    image = build(scratch / "build", f"KERNEL={scratch}/build/kernel-low.elf", needs, base).image
    result = boot("uefi", image)
    said = values(result.transcript)
    assert result.ended == "success" and said["kernel_virt"] == place[1] != said["kernel_phys"], str(result)
    assert said["efi_system_table_unless_hidden"] == "ok" and said["efi_get_time"] == "none", str(result)
