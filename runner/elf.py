# SPDX-License-Identifier: BSD-2-Clause
"""A reader for ELF64 files, which reads only what the runner and the tests ask."""

import struct
from dataclasses import dataclass
from functools import cached_property

PAGE = 4096

# ELF64 (System V gABI, chapters 4 and 5).

ET_REL, ET_EXEC, ET_DYN = 1, 2, 3
PT_LOAD = 1
PF_X, PF_W, PF_R = 1, 2, 4
SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 2, 4, 8


@dataclass(frozen=True)
class Segment:
    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int


@dataclass(frozen=True)
class Section:
    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int


@dataclass(frozen=True)
class Symbol:
    name: str
    value: int
    section: int  # index; 0xfff1 is SHN_ABS


@dataclass(frozen=True)
class Relocation:
    offset: int
    type: int
    symbol: int
    addend: int


class Elf:
    """A little-endian ELF64 file."""

    def __init__(self, data: bytes) -> None:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a little-endian ELF64 file")
        self.data = data
        fields = struct.unpack_from("<HHIQQQIHHHHHH", data, 16)
        self.type, self.machine, _, self.entry, self._phoff, self._shoff = fields[:6]
        self._phentsize, self._phnum, self._shentsize, self._shnum, self._shstrndx = fields[8:13]

    @cached_property
    def segments(self) -> list[Segment]:
        entries = (self._phoff + i * self._phentsize for i in range(self._phnum))
        return [Segment(*struct.unpack_from("<IIQQQQQQ", self.data, at)) for at in entries]

    @property
    def loads(self) -> list[Segment]:
        """The PT_LOAD segments in the order of the table."""
        return [segment for segment in self.segments if segment.type == PT_LOAD]

    @property
    def lowest_load(self) -> Segment:
        return min(self.loads, key=lambda segment: segment.vaddr)

    @cached_property
    def sections(self) -> list[Section]:
        raw = [
            struct.unpack_from("<IIQQQQIIQQ", self.data, self._shoff + i * self._shentsize)
            for i in range(self._shnum)
        ]
        names = raw[self._shstrndx][4] if raw else 0
        return [Section(self._string(names + row[0]), *row[1:8]) for row in raw]

    def section(self, name: str) -> Section:
        for section in self.sections:
            if section.name == name:
                return section
        raise KeyError(f"no section {name}; there are {[section.name for section in self.sections]}")

    def contents(self, section: Section) -> bytes:
        if section.type == SHT_NOBITS:
            return bytes(section.size)
        return self.data[section.offset : section.offset + section.size]

    @cached_property
    def symbols(self) -> list[Symbol]:
        found = []
        for table in self.sections:
            if table.type != SHT_SYMTAB:
                continue
            strings = self.sections[table.link].offset
            for at in range(table.offset, table.offset + table.size, 24):
                name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", self.data, at)
                found.append(Symbol(self._string(strings + name), value, section))
        return found

    def symbol(self, name: str) -> int:
        for symbol in self.symbols:
            if symbol.name == name and symbol.section != 0:
                return symbol.value
        raise KeyError(f"no symbol {name}")

    def relocations(self, name: str) -> list[Relocation]:
        """The relocations that apply to the section `name` of a relocatable file."""
        found = []
        for table in self.sections:
            if table.type != SHT_RELA or self.sections[table.info].name != name:
                continue
            for offset, info, addend in struct.iter_unpack("<QQq", self.contents(table)):
                found.append(Relocation(offset, info & 0xFFFFFFFF, info >> 32, addend))
        return found

    def at(self, address: int, size: int) -> bytes:
        """`size` bytes at a virtual address of a linked file, taken from the section that holds them."""
        for section in self.sections:
            if (
                section.address
                and section.address <= address
                and address + size <= section.address + section.size
            ):
                start = address - section.address
                return self.contents(section)[start : start + size]
        raise KeyError(f"no section holds {size} bytes at {address:#x}")

    def _string(self, offset: int) -> str:
        return self.data[offset : self.data.index(b"\0", offset)].decode()
