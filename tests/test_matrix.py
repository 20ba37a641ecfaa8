# SPDX-License-Identifier: BSD-2-Clause
"""The reference kernel on other machines: every check passes, and BIOS and UEFI agree, on each of them."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import FIRMWARES, WITH_MODULES, Lab
from qemu import Machine
from transcript import compare, parse, read_may_differ, values
from verdicts import no_check_failed

MAY_DIFFER = Path(__file__).with_name("may_differ.txt")


@dataclass(frozen=True)
class Row:
    """A machine, the kernel for it, and what the transcript must say besides that all is well."""

    kernel: str
    machine: Machine
    says: tuple[tuple[str, str], ...] = ()
    may_differ: tuple[str, ...] = ()  # on this machine, besides what may differ everywhere

    def __str__(self) -> str:
        m = self.machine
        return f"{self.kernel}-{m.machine}-{m.memory}-{m.cpus}-{m.cpu}-{m.display}"


ROWS = [
    Row("reference", Machine(machine="pc", memory="64M", cpus=2, cpu="qemu64"), (("cpu_count", "2"),)),
    Row(
        "reference",
        Machine(memory="3G", cpus=8, cpu="max,pdpe1gb=off", display="none"),
        (("cpu_count", "8"), ("framebuffer", "none"), ("direct_map_largest_page_kib", "2048")),
    ),
    Row("reference", Machine(cpu="max,nx=off"), (("efer", "0x500"),)),
    Row("kernel-level5", Machine(cpus=2), (("paging_levels", "5"),)),
    Row("kernel-low", Machine(cpus=2), (("kernel_phys", "0x200000"),)),
    Row(WITH_MODULES, Machine(machine="pc", memory="5G", cpus=2), (("module_count", "2"),)),
]
MORE_ROWS = [
    Row("kernel-identity", Machine(cpus=2)),
    Row("kernel-identity", Machine(machine="pc", memory="5G", cpu="max,pdpe1gb=off")),
    Row("kernel-alone", Machine(cpus=8), (("cpus_left_alone", "ok"),)),
    Row("kernel-level5", Machine(machine="pc", memory="5G", cpus=8, display="none")),
    # QEMU's TCG has no x2APIC: tests/test_bochs.py.
    Row("kernel-x2apic", Machine(cpus=3), (("apic_mode", "xapic"),)),
    Row("kernel-xapic", Machine(cpus=3), (("apic_mode", "xapic"),)),
    Row("reference", Machine(machine="pc", memory="3G", cpus=8)),
    Row("reference", Machine(memory="5G", cpu="max,pdpe1gb=off,nx=off")),
    Row("reference", Machine(display="virtio")),
    Row("reference", Machine(display="cirrus")),
    # SeaVGABIOS leaves this adapter in 1280 x 800 and shows smaller modes in its corner: another pitch.
    Row(
        "reference",
        Machine(display="bochs-display"),
        may_differ=("framebuffer_pitch", "framebuffer_size", "memory_framebuffer_kib"),
    ),
    Row("reference", Machine(memory="1G", cpus=64), (("cpu_count", "64"), ("cpus_absent", "0"))),
    Row("reference", Machine(cpu="qemu64,-apic")),
    Row("reference", Machine(cpu="max,-rdrand,-rdseed"), (("entropy_source", "0x8"),)),
]


NOT_RAM = ("reserved", "framebuffer", "bad")


def ram_kib(said: dict[str, str]) -> int:
    """What the kernel's map has of RAM, whatever it is used for."""
    kinds = {key: re.fullmatch(r"memory_(\w+)_kib", key) for key in said}
    return sum(int(said[key]) for key, kind in kinds.items() if kind and kind[1] not in NOT_RAM)


@pytest.mark.parametrize(
    "row", [*ROWS, *(pytest.param(row, marks=pytest.mark.all) for row in MORE_ROWS)], ids=str
)
def test_machine(lab: Lab, row: Row) -> None:
    for firmware in FIRMWARES:
        lab.start(row.kernel, firmware, row.machine)
    results = {firmware: lab.boot(row.kernel, firmware, row.machine) for firmware in FIRMWARES}
    for result in results.values():
        no_check_failed(result)
        said = values(result.transcript)
        assert said.get("cpus_absent", "0") == "0", str(result)
        size = int(row.machine.memory[:-1]) << {"M": 10, "G": 20}[row.machine.memory[-1]]
        assert size - 2048 <= ram_kib(said) <= size, f"{ram_kib(said)} KiB of {size}: {result}"
        assert {key: said.get(key) for key, _ in row.says} == dict(row.says), str(result)
    # A listed difference need not occur on every machine; test_transcripts_agree looks for stale entries.
    bios, uefi = (parse(results[firmware].transcript) for firmware in FIRMWARES)
    allowed = {**read_may_differ(MAY_DIFFER), **dict.fromkeys(row.may_differ, "this machine")}
    problems = [p for p in compare(bios, uefi, allowed) if "stale" not in p]
    assert not problems, "\n".join([*problems, "", str(results["bios"]), "", str(results["uefi"])])
