# SPDX-License-Identifier: BSD-2-Clause
"""make bench: what a boot costs, from reset to the kernel's first instruction, for twinboot, for the floors below which
no loader can go, and for peers. Writes bench.csv and bench.svg, prints a table. docs/performance.md has the method."""

import argparse
import csv
import sys
from pathlib import Path
from statistics import median
from typing import Optional

sys.dont_write_bytecode = True

from chart import draw  # noqa: E402
from measure import TIMED, Count, judge_bios, judge_uefi, judge_uefi_whole, lowest, run  # noqa: E402

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
Key = tuple[str, str, int]  # firmware, contender, MiB


def plan(quick: bool) -> list[tuple[Key, int]]:
    """What is measured, and how often: on BIOS the lowest of three runs counts (measure.lowest), on UEFI, where
    two runs of one image differ either way, the median."""
    sizes = (16,) if quick else (1, 16, 64, 256)
    measured: list[tuple[Key, int]] = [(("bios", "alone", 0), 1)]
    if not quick:
        measured.append((("uefi", "alone", 0), 1))
    for mib in sizes:
        measured += [(("bios", contender, mib), 1) for contender in CONTENDERS]
        times = 1 if quick or mib == 256 else 3
        measured += [(("uefi", contender, mib), times) for contender in ("floor", "twinboot")]
        if not quick:
            measured.append((("uefi", "grub", mib), 1))
    return measured


def measure(out: Path, quick: bool) -> tuple[dict[Key, list[Count]], dict[Key, list[float]]]:
    counts: dict[Key, list[Count]] = {}
    for (firmware, contender, mib), times in plan(quick):
        measure_one = lowest if firmware == "bios" else run
        for _ in range(times):
            try:
                count = measure_one(out, contender, firmware, mib)
            except RuntimeError as failed:
                if contender not in ("grub", "syslinux"):
                    raise
                print(f"{firmware} {contender} {mib} MiB: does not boot\n{failed}", flush=True)
                break
            counts.setdefault((firmware, contender, mib), []).append(count)
            print(f"{firmware:4} {contender:9} {mib:4} MiB {count.total:10.2f} M", flush=True)
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
    several = counts.get(key)
    return median(count.total for count in several) if several else None


def base(counts: dict[Key, list[Count]], firmware: str) -> Optional[float]:
    """The firmware alone. Where that was not measured: up to the floor application's entry."""
    alone = total(counts, (firmware, "alone", 0))
    if alone is not None:
        return alone
    floors = [several for key, several in counts.items() if key[:2] == (firmware, "floor")]
    return min(count.stamps["loader_entry"] for several in floors for count in several) / 1e6 if floors else None


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
            verdicts.append(judge_bios(counts["bios", "alone", 0][0], floors[0], several[0]))
            continue
        verdicts.append(judge_uefi(floors[0], sorted(several, key=lambda c: c.from_loader)[len(several) // 2]))
        whole = [median(count.total for count in side) for side in (floors, several)]
        verdicts.append(judge_uefi_whole(whole[0], whole[1], mib))
    print("\ntwinboot")
    for verdict in verdicts:
        print(f"  {verdict}")
    return all(verdict.holds for verdict in verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="one size, one run each")
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
