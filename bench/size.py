# SPDX-License-Identifier: BSD-2-Clause
"""make size: where the loaders' bytes are, and how many the limits leave. tests/test_size.py guards the limits."""

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "runner"), str(ROOT / "tests")]

from elf import SHT_NOBITS, Elf  # noqa: E402
from formats import Pe  # noqa: E402

BIOS_LIMIT = 40 * 1024  # boot sector, load table, loader, core
EFI_LIMIT = 64 * 1024  # BOOTX64.EFI beside the payload
LOAD_TABLE = 1536
PAYLOAD = (".kernel", ".modules", ".manifst")
SHF_ALLOC = 2

Rows = list[tuple[str, int]]


def bios(out: Path) -> Rows:
    """legacy.elf's parts in the order in which they lie; together they are legacy.bin."""
    elf = Elf((out / "legacy.elf").read_bytes())
    boot, loader = elf.section(".boot"), elf.section(".loader")
    marks = [
        ("boot sector and what goes with it", boot.address),
        ("load table", loader.address),
        ("16-bit and i686 code and data", loader.address + LOAD_TABLE),
        ("core: code", elf.symbol("core_text_start")),
        ("core: constants", elf.symbol("core_rodata_start")),
        ("core: data", elf.symbol("core_data_start")),
        ("to a whole sector", elf.symbol("core_data_end")),
    ]
    ends = [address for _, address in marks[1:]] + [loader.address + loader.size]
    return [(name, end - start) for (name, start), end in zip(marks, ends)]


def efi(out: Path) -> Rows:
    """BOOTX64.EFI by bytes in the file, without the payload."""
    data = (out / "BOOTX64.EFI").read_bytes()
    pe, elf = Pe(data), Elf((out / "efi.so").read_bytes())
    rows = [("headers", pe.headers_size)]
    for section in pe.sections:
        if section.name in PAYLOAD:
            continue
        core = 0
        if section.name in (".text", ".rodata"):
            part = section.name[1:]
            core = elf.symbol(f"core_{part}_end") - elf.symbol(f"core_{part}_start")
            rows.append((f"{section.name}: core", core))
        own = min(section.virtual_size, section.raw_size) - core
        rows.append((section.name, own))
        rows.append((f"{section.name}: to a whole page", section.raw_size - core - own))
    return [(name, size) for name, size in rows if size]


def sources(objects: Path) -> Rows:
    """Bytes that each object brings along, largest first. Equal strings are still counted twice here."""
    rows = []
    for file in objects.rglob("*.o"):
        sections = Elf(file.read_bytes()).sections
        kept = [s.size for s in sections if s.flags & SHF_ALLOC and s.type != SHT_NOBITS and s.name != ".eh_frame"]
        rows.append((str(file.relative_to(objects))[: -len(".o")], sum(kept)))
    return sorted(rows, key=lambda row: -row[1])


def show(title: str, rows: Rows, limit: int) -> bool:
    used = sum(size for _, size in rows)
    print(f"{title}: {used} bytes of {limit}, {limit - used} left")
    for name, size in rows:
        print(f"  {size:7}  {name}")
    return used <= limit


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    fits = show("BIOS", bios(out), BIOS_LIMIT)
    fits = show("BOOTX64.EFI without the payload", efi(out), EFI_LIMIT) and fits
    for title, room in (("core", "x86_64"), ("BIOS front door", "i686"), ("UEFI front door", "efi")):
        print(f"{title}, by source")
        for name, size in sources(out / room):
            print(f"  {size:7}  {name}")
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
