# SPDX-License-Identifier: BSD-2-Clause
"""make bench: what a boot costs, from reset to the kernel's first instruction, for twinboot, for the floors below which
no loader can go, and for peers. Writes bench.csv and bench.svg, prints a table. docs/performance.md has the method."""

import argparse
import csv
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Optional

sys.dont_write_bytecode = True

from chart import draw  # noqa: E402
from measure import (  # noqa: E402
    MILLION,
    TIMED,
    Count,
    image,
    judge_bios,
    judge_uefi,
    judge_uefi_whole,
    least,
    make,
    run,
    run_image,
)

FIRMWARES = ("bios", "uefi")
CONTENDERS = ("floor", "twinboot", "grub", "syslinux")
NAMES = {"alone": "firmware alone", "grub": "GRUB 2", "syslinux": "syslinux (mboot.c32)"}
FIRMWARE_NAMES = {"bios": "BIOS (SeaBIOS)", "uefi": "UEFI (OVMF)"}
COLUMNS = (
    "firmware",
    "contender",
    "payload_mib",
    "clock",
    "total",
    "loader_entry",
    "payload_ready",
    "handoff",
    "set_mode",
    "exit_boot_services",
    "qemu_seconds",
)
WALL_MIB = 16
SIZES = (1, 16, 64, 256)
JUDGED = ("floor", "twinboot")
RUNS = 5
# QUICK=1 shows where things stand: one start of OVMF takes longer than all that BIOS does.
QUICK_SIZES = (16,)
QUICK_RUNS = {"bios": 3, "uefi": 1}
# A BIOS polls its disk, and a second QEMU makes this machine answer later; OVMF does not mind.
AT_ONCE = {"bios": 1, "uefi": 2}
Key = tuple[str, str, int]  # firmware, contender, MiB


def plan(firmware: str, mib: int, quick: bool) -> list[str]:
    """Whom to boot, in this order: those who are judged by turns, so that they meet the same machine. Peers once."""
    runs = QUICK_RUNS[firmware] if quick else RUNS
    if mib == 0:
        return [] if quick and firmware == "uefi" else ["alone"] * runs
    peers = {"bios": ["grub", "syslinux"], "uefi": [] if quick else ["grub"]}
    return [*JUDGED] * runs + peers[firmware]


def boot(out: Path, firmware: str, mib: int, contender: str) -> Optional[Count]:
    """None for a peer that does not boot."""
    try:
        count = run_image(image(out, contender, firmware, mib), contender, firmware, mib)
    except RuntimeError as failed:
        if contender not in NAMES or contender == "alone":
            raise
        print(f"{firmware} {contender} {mib} MiB: does not boot\n{failed}", flush=True)
        return None
    print(f"{firmware:4} {contender:9} {mib:4} MiB {count.total:10.2f} M", flush=True)
    return count


def measure(out: Path, quick: bool) -> tuple[dict[Key, list[Count]], dict[Key, list[float]]]:
    counts: dict[Key, list[Count]] = {}
    for firmware in FIRMWARES:
        for mib in (0, *(QUICK_SIZES if quick else SIZES)):
            contenders = plan(firmware, mib, quick)
            make(out, *(image(out, contender, firmware, mib) for contender in sorted(set(contenders))))
            with ThreadPoolExecutor(AT_ONCE[firmware]) as pool:
                booted = pool.map(partial(boot, out, firmware, mib), contenders)
                for contender, count in zip(contenders, booted):
                    if count is not None:
                        counts.setdefault((firmware, contender, mib), []).append(count)
    wall: dict[Key, list[float]] = {}
    for firmware in FIRMWARES:
        for contender in ("alone", "floor", "twinboot", "grub"):
            if quick and (firmware, contender) in (("uefi", "alone"), ("uefi", "grub")):
                continue
            mib = 0 if contender == "alone" else WALL_MIB
            seconds = [run(out, contender, firmware, mib, TIMED).seconds for _ in range(1 if quick else 3)]
            wall[firmware, contender, mib] = seconds
    return counts, wall


def write_csv(file: Path, counts: dict[Key, list[Count]], wall: dict[Key, list[float]]) -> None:
    with file.open("w", newline="") as stream:
        table = csv.DictWriter(stream, COLUMNS, restval="")
        table.writeheader()
        for (firmware, contender, mib), several in counts.items():
            for count in several:
                row = {"firmware": firmware, "contender": contender, "payload_mib": mib, "clock": "icount"}
                row["total"] = list(count.stamps.values())[-1]
                row["qemu_seconds"] = f"{count.seconds:.2f}"
                row.update({name: value for name, value in count.stamps.items() if name in COLUMNS})
                table.writerow(row)
        for (firmware, contender, mib), seconds in wall.items():
            for one in seconds:
                table.writerow(
                    {
                        "firmware": firmware,
                        "contender": contender,
                        "payload_mib": mib,
                        "clock": "wall",
                        "qemu_seconds": f"{one:.2f}",
                    }
                )


def total(counts: dict[Key, list[Count]], key: Key) -> Optional[float]:
    """What counts of several runs: on BIOS the lowest, on UEFI, where two runs of one image differ either way, the
    median."""
    several = counts.get(key)
    if not several:
        return None
    return least(several).total if key[0] == "bios" else median(count.total for count in several)


def spread(several: list[Count]) -> float:
    """How far the highest total is above the lowest, in percent."""
    totals = [count.total for count in several]
    return 100 * (max(totals) / min(totals) - 1)


def base(counts: dict[Key, list[Count]], firmware: str) -> Optional[float]:
    """The firmware alone. Where that was not measured: up to the floor application's entry."""
    alone = total(counts, (firmware, "alone", 0))
    if alone is not None:
        return alone
    floors = [several for key, several in counts.items() if key[:2] == (firmware, "floor")]
    return min(count.stamps["loader_entry"] for several in floors for count in several) / MILLION if floors else None


def print_tables(counts: dict[Key, list[Count]], wall: dict[Key, list[float]]) -> None:
    for firmware in FIRMWARES:
        alone = base(counts, firmware)
        if alone is None:
            continue
        sizes = sorted({mib for f, c, mib in counts if f == firmware and c != "alone"})
        until = "alone" if (firmware, "alone", 0) in counts else "and its loading of the application"
        print(f"\n{FIRMWARE_NAMES[firmware]}, firmware {until}: {alone:.1f} million instructions from reset")
        print("total | above that | the latter, as a multiple of the floor's\n")
        print(f"{'':22}" + "".join(f"{f'{mib} MiB':^30}" for mib in sizes))
        for contender in CONTENDERS:
            cells = []
            for mib in sizes:
                whole = total(counts, (firmware, contender, mib))
                floor = total(counts, (firmware, "floor", mib))
                if whole is None or floor is None:
                    cells.append(f"{'-':^30}")
                    continue
                ratio = (whole - alone) / (floor - alone)
                cells.append(f"{whole:10.2f}{whole - alone:10.2f}{ratio:8.2f}x ")
            if any(cell.strip() != "-" for cell in cells):
                print(f"{NAMES.get(contender, contender):22}" + "".join(cells))
        runs = len(counts[firmware, "twinboot", sizes[0]])
        for contender in JUDGED if runs > 1 else ():
            apart = [f"{spread(counts[firmware, contender, mib]):.2f} %" for mib in sizes]
            print(f"{contender}: {runs} runs of one image lie apart by {', '.join(apart)}")
    if wall:
        print("\nSeconds of QEMU from its start to the kernel, without -icount (shown, not judged)")
    for (firmware, contender, mib), seconds in wall.items():
        what = NAMES.get(contender, contender) + (f", {mib} MiB" if mib else "")
        print(f"  {FIRMWARE_NAMES[firmware]:16} {what:26} {median(seconds):6.2f}")


def judge(counts: dict[Key, list[Count]]) -> bool:
    verdicts = []
    for (firmware, contender, mib), several in counts.items():
        if contender != "twinboot":
            continue
        floors = counts[firmware, "floor", mib]
        if firmware == "bios":
            verdicts.append(judge_bios(least(counts["bios", "alone", 0]), least(floors), least(several)))
            continue
        verdicts.append(judge_uefi(floors[0], sorted(several, key=lambda c: c.from_loader)[len(several) // 2]))
        verdicts.append(judge_uefi_whole(floors, several))
    print("\ntwinboot")
    for verdict in verdicts:
        print(f"  {verdict}")
    return all(verdict.holds for verdict in verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="one size, on UEFI one run each")
    arguments = parser.parse_args()
    counts, wall = measure(arguments.out, arguments.quick)
    write_csv(arguments.out / "bench.csv", counts, wall)
    print_tables(counts, wall)
    above: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for firmware in FIRMWARES:
        alone = base(counts, firmware)
        for f, contender, mib in counts:
            if f == firmware and contender != "alone" and alone is not None:
                whole = total(counts, (f, contender, mib)) or alone
                lines = above.setdefault(FIRMWARE_NAMES[firmware], {})
                lines.setdefault(NAMES.get(contender, contender), []).append((mib, whole - alone))
    (arguments.out / "bench.svg").write_text(draw(above))
    holds = judge(counts)
    print(f"\n{arguments.out}/bench.csv and {arguments.out}/bench.svg are written")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
