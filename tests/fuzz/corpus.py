# SPDX-License-Identifier: BSD-2-Clause
"""Writes the inputs that each fuzzer starts from, to corpus/<fuzzer>/: good inputs, in the formats that the fuzzers
themselves document. `python3 tests/fuzz/corpus.py` after a format has changed. (mode/far is a finding.)"""

import struct
from pathlib import Path

HERE = Path(__file__).parent / "corpus"
USABLE, RESERVED, ACPI, NVS, BAD = 1, 9, 5, 6, 11
PAGE = 4096


def row(base: int, length: int, type_: int, odd: int = 0) -> bytes:
    """fuzz_memory's packed_row; both numbers are shifted right as far as needed."""
    shifts = [max(0, value.bit_length() - 32) for value in (base, length)]
    return struct.pack("<IIBBBB", base >> shifts[0], length >> shifts[1], *shifts, type_, odd)


def memory(*rows: bytes, limit: int = 0) -> bytes:
    return struct.pack("<HHHB", 0x200, 16, limit, limit > 0) + b"".join(rows)


PC = [
    row(0, 0x9FC00, USABLE),
    row(0x9FC00, 0x400, RESERVED),
    row(0xF0000, 0x10000, RESERVED),
    row(0x100000, 0x1FEDF000, USABLE),
    row(0x1FFDF000, 0x21000, RESERVED),
    row(0xB0000000, 0x10000000, RESERVED),
    row(0x100000000, 0x100000000, USABLE),
]


def edid(width: int, height: int) -> bytes:
    block = bytearray(128)
    block[0:8] = b"\0\xff\xff\xff\xff\xff\xff\0"
    block[54:62] = bytes([1, 0, width & 255, 0, width >> 8 << 4, height & 255, 0, height >> 8 << 4])
    block[127] = 1  # odd: the fuzzer puts the sum right
    return bytes(block)


def modes(edid_block: bytes, wish: tuple[int, int, int], *sizes: tuple[int, int, int]) -> bytes:
    list_ = b"".join(struct.pack("<4I", *size, number) for number, size in enumerate(sizes))
    return edid_block + struct.pack("<HHBB", *wish, 0) + struct.pack("<4I", *sizes[0], 0) + list_


def elf(tag: int, table: bytes) -> bytes:
    """A static PIE of two pages behind a page of headers; its dynamic section at 100h, a table at 200h of the image."""
    header = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0x20, 64, 0, 0, 64, 56, 2, 0, 0, 0
    )
    load = struct.pack("<IIQQQQQQ", 1, 7, PAGE, 0, 0, 2 * PAGE, 2 * PAGE, PAGE)
    dynamic = struct.pack("<IIQQQQQQ", 2, 6, PAGE + 0x100, 0x100, 0x100, 48, 48, 8)
    tags = struct.pack("<6Q", tag, 0x200, 8 if tag == 7 else 35, len(table), 0, 0)
    image = (bytes(0x100) + tags).ljust(0x200, b"\0") + table
    return (header + load + dynamic).ljust(PAGE, b"\0") + image


def payload(kernel: bytes) -> bytes:
    info = struct.pack("<QII4xQ", 0, 136, 0, 0).ljust(120, b"\0")
    return bytes([1 | 2 * 2]) + info[:120] + kernel


def table(signature: bytes, body: bytes) -> bytes:
    return signature + struct.pack("<I", 36 + len(body)) + bytes(28) + body


def acpi(root_width: int) -> bytes:
    """RSDP at 0, root at 100h, MADT at 200h, FADT at 300h; pointers count from the RSDP."""
    x2apic = struct.pack("<BBHIII", 9, 16, 0, 300, 1, 2)
    madt = table(b"APIC", bytes(8) + b"".join(bytes([0, 8, i, i, 1, 0, 0, 0]) for i in range(3)) + x2apic)
    fadt = table(b"FACP", bytes(40) + struct.pack("<I", 0x608) + bytes(11) + b"\4" + bytes(24))
    entries = b"".join(value.to_bytes(root_width, "little") for value in (0x200, 0x300))
    root = table(b"XSDT" if root_width == 8 else b"RSDT", entries)
    revision, rsdt, xsdt = (2, 0, 0x100) if root_width == 8 else (0, 0x100, 0)
    rsdp = b"RSD PTR " + bytes(7) + bytes([revision]) + struct.pack("<IIQ", rsdt, 36, xsdt) + bytes(4)
    memory_ = bytearray(0x400)
    for at, piece in ((0, rsdp), (0x100, root), (0x200, madt), (0x300, fadt)):
        memory_[at : at + len(piece)] = piece
    return b"\3" + bytes(memory_)


def request(base: int, flags: int, virt: int, pages: int) -> bytes:
    return struct.pack("<BBII", base, flags, virt, pages - 1)


def kernel(base: int, tags: dict[int, int] | None = None) -> bytes:
    """As a linker makes it: headers, a note, code and relocations in one segment, data with .bss in another. With dynamic
    tags a static PIE."""
    kinds = [
        (1, 5, 0, 0, 0x300, 0x300, PAGE),
        (1, 6, 0x300, 0x1300, 0x100, 0x1800, PAGE),
        (4, 4, 0x140, 0x140, 48, 48, 4),
        (0x6474E551, 6, 0, 0, 0, 0, 16) if tags is None else (2, 6, 0x310, 0x1310, 0xA0, 0xA0, 8),
    ]
    header = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2 if tags is None else 3, 62, 1, base + 0x180, 64, 0, 0, 64, 56, len(kinds), 0, 0, 0
    )
    for kind, flags, offset, address, stored, size, alignment in kinds:
        virtual = base + address if size else 0
        header += struct.pack("<IIQQQQQQ", kind, flags, offset, virtual, virtual, stored, size, alignment)
    note = struct.pack("<III12s6I", 9, 24, 1, b"twinboot", 1, 0, 1024, 768, 32, 0x8000)
    rela = struct.pack("<QQq", base + 0x1300, 8, 0x180) + struct.pack("<QQq", base + 0x1308, 8, 0x1000)
    relr = struct.pack("<2Q", 0x1300, 0x8000000000000003)
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in (tags or {}).items())
    image = header.ljust(0x140, b"\0") + note
    image = image.ljust(0x180, b"\0") + b"\xf4\xeb\xfd"
    image = image.ljust(0x200, b"\0") + rela + relr
    return (image.ljust(0x310, b"\0") + dynamic).ljust(0x400, b"\0")


def bzimage() -> bytes:
    """One setup sector, 1 KiB of code, protocol 2.15, relocatable, with a name."""
    head = struct.pack("<BHIHHHHBBIHIHH", 1, 1, 64, 0, 0, 0, 0xAA55, 0xEB, 0x6A, 0x53726448, 0x20F, 0, 0x1000, 0x80)
    head += struct.pack("<BBHIIIIHBBIIIBBHI", 0, 1, 0, 1 << 20, 0, 0, 0, 0, 0, 0, 0, 0x7FFFFFFF, 2 << 20, 1, 21, 0x7F, 2047)
    head += struct.pack("<IQIIQQIII", 0, 0, 0x100, 0x200, 0, 16 << 20, 8 << 20, 0, 0)
    return ((bytes(0x1F1) + head).ljust(0x280, b"\0") + b"6.12.0 of nobody").ljust(2048, b"\0")


def smbios() -> bytes:
    """A limit, then two structures with strings, and the end."""
    extra = b"io.systemd.stub.kernel-cmdline-extra=debug"
    return b"\0\1\0\0" + b"\1\6\0\0\1\2maker\0model\0\0" + b"\x0b\5\0\0\1" + extra + b"\0\0" + b"\x7f\4\0\0\0\0"


CORPUS = {
    "smbios/oem_strings": smbios(),
    "bzimage/kernel": bzimage(),
    "embed/higher_half": kernel(0xFFFFFFFF80000000),
    "embed/low": kernel(0x200000),
    "embed/rela": kernel(0, {7: 0x200, 8: 48, 9: 24, 0x6FFFFFF9: 2, 0x6FFFFFFB: 0x08000000, 0: 0}),
    "embed/relr": kernel(0, {36: 0x230, 35: 16, 37: 8, 0: 0}),
    "memory/pc": memory(*PC),
    "memory/limited": memory(*PC, limit=0x800),
    "memory/hostile": memory(
        row(0, 1 << 60, USABLE),
        row(0x1000, 0x1801, BAD, 0x11),
        row(1 << 51, 1 << 63, 200),
        row(5, 0, NVS),
        *PC[::-1]
    ),
    "mode/wish": modes(edid(1280, 800), (1024, 768, 32), (800, 600, 32), (1024, 768, 24), (1024, 768, 32)),
    "mode/preferred": modes(edid(1920, 1080), (0, 0, 0), (1280, 800, 32), (1920, 1080, 32), (1920, 1080, 16)),
    "payload/rela": payload(
        elf(7, struct.pack("<QQq", 0x400, 8, 0x123) + struct.pack("<QQq", 0x1FF8, 8, -1))
    ),
    "payload/relr": payload(elf(36, struct.pack("<3Q", 0x400, 0x8000000000000005, 0x1FF0))),
    "acpi/xsdt": acpi(8),
    "acpi/rsdt": acpi(4),
    "paging/direct_map": b"\x0e"
    + request(3, 1, 0, 0x40000)
    + request(3, 0x15, 0xA0, 0x60)
    + request(3, 0x9, 0x3FD00, 0x300),
    "paging/five_levels": b"\x0f"
    + request(5, 0x12, 0, 0x203)
    + request(5, 0x11, 0x1FF, 5)
    + request(0, 1, 1, 0x7FFFF),
}

if __name__ == "__main__":
    for name, data in CORPUS.items():
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
