# SPDX-License-Identifier: BSD-2-Clause
"""Readers for what the build makes, besides the runner's for ELF64: ar archives, PE32+ and the MBR. Each reads only what
tests ask."""

import struct
from dataclasses import dataclass
from typing import Iterator


def round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


# ar archives as GNU binutils writes them.


def ar_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The archive's files; its own tables (symbols, long names) are left out."""
    if data[:8] != b"!<arch>\n":
        raise ValueError("not an ar archive")
    names = b""
    at = 8
    while at < len(data):
        header = data[at : at + 60]
        name, size = header[:16].decode().rstrip(), int(header[48:58])
        body = data[at + 60 : at + 60 + size]
        if name == "//":
            names = body
        elif name.startswith("/") and name[1:].isdigit():
            start = int(name[1:])
            yield names[start : names.index(b"/", start)].decode(), body
        elif name != "/":
            yield name.rstrip("/"), body
        at += 60 + size + size % 2


# PE32+ (Microsoft's PE format: "Optional Header", "Section Table").

PE_EXECUTE, PE_WRITE, PE_DISCARDABLE = 0x20000000, 0x80000000, 0x02000000
PE_NX_COMPAT = 0x100
PE_DIRECTORY_BASE_RELOCATION = 5


@dataclass(frozen=True)
class PeSection:
    name: str
    virtual_size: int
    address: int
    raw_size: int
    raw_offset: int
    characteristics: int


class Pe:
    """A PE32+ file for x86-64."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        header = self.header = struct.unpack_from("<I", data, 0x3C)[0]
        if data[:2] != b"MZ" or data[header : header + 4] != b"PE\0\0":
            raise ValueError("not a PE file")
        coff = struct.unpack_from("<HHIIIHH", data, header + 4)
        self.machine, count, self.timestamp, self.symbol_table, self.symbol_count, optional_size = coff[:6]
        optional = header + 24
        if struct.unpack_from("<H", data, optional)[0] != 0x20B:
            raise ValueError("not PE32+")
        self.entry = struct.unpack_from("<I", data, optional + 16)[0]
        self.image_base = struct.unpack_from("<Q", data, optional + 24)[0]
        self.section_alignment, self.file_alignment = struct.unpack_from("<II", data, optional + 32)
        self.image_size, self.headers_size, self.checksum = struct.unpack_from("<III", data, optional + 56)
        self.subsystem, self.dll_characteristics = struct.unpack_from("<HH", data, optional + 68)
        directories = struct.unpack_from("<I", data, optional + 108)[0]
        pairs = data[optional + 112 : optional + 112 + 8 * directories]
        self.directories = [(address, size) for address, size in struct.iter_unpack("<II", pairs)]
        self.section_table = optional + optional_size  # in the file
        table = data[self.section_table : self.section_table + 40 * count]
        self.sections = [
            PeSection(name.rstrip(b"\0").decode(), virtual_size, address, raw_size, raw_offset, flags)
            for name, virtual_size, address, raw_size, raw_offset, flags in struct.iter_unpack(
                "<8sIIII12xI", table
            )
        ]

    def section(self, name: str) -> PeSection:
        for section in self.sections:
            if section.name == name:
                return section
        raise KeyError(f"no section {name}; there are {[section.name for section in self.sections]}")

    def loaded(self, section: PeSection) -> bytes:
        """The section as a loader puts it in memory: the raw bytes, zeros up to the virtual size."""
        raw = self.data[section.raw_offset : section.raw_offset + min(section.raw_size, section.virtual_size)]
        return raw.ljust(section.virtual_size, b"\0")

    def relocated_addresses(self) -> list[int]:
        """The addresses that the base relocation blocks name; raises ValueError if they are malformed."""
        address, size = self.directories[PE_DIRECTORY_BASE_RELOCATION]
        found: list[int] = []
        if size == 0:
            return found
        table = next(s for s in self.sections if s.address <= address < s.address + s.virtual_size)
        blocks = self.loaded(table)[address - table.address :][:size]
        while blocks:
            page, length = struct.unpack_from("<II", blocks) if len(blocks) >= 8 else (0, 0)
            if length < 8 or length % 4 or length > len(blocks):
                raise ValueError(
                    f"a base relocation block of {length} bytes, {len(blocks)} bytes before the end"
                )
            for (entry,) in struct.iter_unpack("<H", blocks[8:length]):
                if entry >> 12 == 10:  # IMAGE_REL_BASED_DIR64
                    found.append(page + (entry & 0xFFF))
                elif entry >> 12 != 0:  # IMAGE_REL_BASED_ABSOLUTE pads
                    raise ValueError(f"base relocation of type {entry >> 12}")
            blocks = blocks[length:]
        return found


# The MBR's partition table.


@dataclass(frozen=True)
class Partition:
    active: int
    type: int
    start: int  # sectors
    count: int


def mbr_partitions(sector: bytes) -> list[Partition]:
    if sector[510:512] != b"\x55\xaa":
        raise ValueError("no MBR signature")
    rows = (struct.unpack_from("<B3sB3sII", sector, 446 + 16 * i) for i in range(4))
    return [Partition(row[0], row[2], row[4], row[5]) for row in rows if row[2]]
