# SPDX-License-Identifier: BSD-2-Clause
"""Images that are damaged on purpose, with as many of their checksums put right as a test wants."""

import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Callable

from formats import Pe

SECTOR = 512
# formats/load_table.h
TABLE_MAGIC = b"TWINLOAD"
TABLE_SIZE, TABLE_CRC, TABLE_ENTRY = 1536, 12, 32
SUM, WORDS = 0x1B0, 0x1B4  # in the boot sector
# formats/manifest.h: struct manifest, and struct manifest_part
MANIFEST_MAGIC = b"TWMANFST"
MANIFEST_SIZE, MANIFEST_CRC, MANIFEST_PARTS = 12, 16, 100
PART_STORED, PART_CRC = 16, 24
NEEDS = 64
NEED_CONTRACT, NEED_FLAGS, NEED_STACK = NEEDS, NEEDS + 4, NEEDS + 20

_TABLE = [0] * 256
for _byte in range(256):
    _crc = _byte
    for _ in range(8):
        _crc = _crc >> 1 ^ (0x82F63B78 if _crc & 1 else 0)
    _TABLE[_byte] = _crc


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@dataclass(frozen=True)
class Range:
    """Bytes of the image, and the codes that may name damage there."""

    name: str
    start: int
    size: int
    codes: tuple[str, ...]


class Image:
    """A disk image in memory. Every change is made in place; `write` saves it."""

    def __init__(self, path: Path, kernel: bytes) -> None:
        """`kernel` is kernel.padded."""
        self.data = bytearray(path.read_bytes())
        stored = kernel.rstrip(b"\0")
        self.kernel, self.kernel_size = self.data.find(stored), len(stored)
        self.manifest = self._sector(MANIFEST_MAGIC)
        self.table = self._sector(TABLE_MAGIC)
        assert self.kernel > 0, "the payload is not in the image as it is"
        assert self.data.find(stored, self.kernel + 1) < 0, "the payload is on disk twice"

    def _sector(self, magic: bytes) -> int:
        """The first sector that begins so. (The loaders' code holds the magics too.)"""
        for at in range(0, len(self.data), SECTOR):
            if self.data[at : at + len(magic)] == magic:
                return at
        raise AssertionError(f"no sector begins with {magic!r}")

    @cached_property
    def efi(self) -> int:
        """Where BOOTX64.EFI begins: the last MZ before the payload that heads a PE file for x86-64."""
        at = min(self.kernel, self.manifest)
        while (at := self.data.rfind(b"MZ", 0, at)) >= 0:
            try:
                if Pe(bytes(self.data[at : at + 4096])).machine == 0x8664:
                    return at
            except (ValueError, struct.error):
                pass
        raise ValueError("no PE file in front of the payload")

    @property
    def loader_size(self) -> int:
        """Bytes of load table and loader, as the boot sector adds them up."""
        return 4 * self.word(WORDS, "<H")

    def word(self, at: int, kind: str = "<I") -> int:
        return int(struct.unpack_from(kind, self.data, at)[0])

    def put(self, at: int, value: int, kind: str = "<I") -> None:
        struct.pack_into(kind, self.data, at, value)

    def flip(self, at: int, bit: int = 0) -> None:
        self.data[at] ^= 1 << bit

    @property
    def bios_ranges(self) -> list[Range]:
        """What the BIOS boot reads behind the boot sector."""
        return [
            Range("load table", self.table, TABLE_SIZE, ("TB00",)),
            Range("loader", self.table + TABLE_SIZE, self.loader_size - TABLE_SIZE, ("TB00",)),
            *self.payload_ranges,
        ]

    def place(self, section: bytes) -> tuple[int, int]:
        """Where a part begins, and how many bytes of it are stored, as the load table says."""
        at = self.data.index(section, self.table)
        return self.word(at + 8, "<Q"), self.word(at + 16, "<Q")

    @property
    def payload_ranges(self) -> list[Range]:
        parts = {b".manifst": "TB20", b".kernel": "TB21", b".modules": "TB22"}
        return [Range(name.decode(), *self.place(name), (code,)) for name, code in parts.items()]

    @property
    def efi_ranges(self) -> list[Range]:
        """The sections of BOOTX64.EFI as far as firmware loads them, and of its headers what has a checksum. But not the
        entry point: from another one, firmware without NX runs whatever lies there, the kernel's own code among it, and
        no check comes first."""
        pe = Pe(bytes(self.data[self.efi : self.efi + 4096]))
        linked = len([s for s in pe.sections if s.name not in (".modules", ".manifst")])
        headers = [
            Range("headers", self.efi, pe.header + 6, ("TB43",)),  # up to the number of sections
            Range("headers", self.efi + pe.section_table, 40 * linked, ("TB43",)),
        ]
        own = [s for s in pe.sections if s.name not in (".kernel", ".modules", ".manifst")]
        sections = [
            Range(s.name, self.efi + s.raw_offset, min(s.raw_size, s.virtual_size), ("TB43",)) for s in own
        ]
        return [*headers, *sections, *self.payload_ranges]

    def fix_table(self) -> None:
        self.put(self.table + TABLE_CRC, 0)
        self.put(self.table + TABLE_CRC, crc32c(self.data[self.table : self.table + TABLE_SIZE]))

    def fix_sum(self) -> None:
        words = struct.unpack_from(f"<{self.loader_size // 4}I", self.data, self.table)
        self.put(SUM, sum(words) & 0xFFFFFFFF)

    def fix_payload(self) -> None:
        part = self.manifest + self.word(self.manifest + MANIFEST_PARTS)
        kernel = self.data[self.kernel : self.kernel + self.word(part + PART_STORED, "<Q")]
        self.put(part + PART_CRC, crc32c(kernel))
        self.put(self.manifest + MANIFEST_CRC, 0)
        size = self.word(self.manifest + MANIFEST_SIZE)
        self.put(self.manifest + MANIFEST_CRC, crc32c(self.data[self.manifest : self.manifest + size]))

    def write(self, path: Path) -> Path:
        path.write_bytes(self.data)
        return path


Damage = Callable[[Image], None]


def needs(at: int, value: int) -> Damage:
    """Another word in the kernel's needs, with right checksums."""

    def change(image: Image) -> None:
        image.put(image.manifest + at, value)
        image.fix_payload()

    return change
