# SPDX-License-Identifier: BSD-2-Clause
"""Screens: QEMU dumps them as PPM, people look at PNG, tests compare pixels."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    width: int
    height: int
    rgb: bytes  # three bytes a pixel, from the top left

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        at = 3 * (y * self.width + x)
        return self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]

    def colours(self) -> set[tuple[int, int, int]]:
        return set(zip(self.rgb[0::3], self.rgb[1::3], self.rgb[2::3]))


def read_ppm(path: Path) -> Picture:
    """Reads a binary PPM (P6) as QEMU writes it: no comments, 255 as the highest value."""
    data = path.read_bytes()
    magic, size, highest, rgb = data.split(b"\n", 3)
    if magic != b"P6" or highest != b"255":
        raise ValueError(f"{path}: not a PPM picture of QEMU's kind")
    width, height = map(int, size.split())
    if len(rgb) != 3 * width * height:
        raise ValueError(f"{path}: {len(rgb)} bytes for {width}x{height} pixels")
    return Picture(width, height, rgb)


def read_png(path: Path) -> Picture:
    """Reads back what write_png() wrote, no other PNG."""
    data = path.read_bytes()
    width, height = struct.unpack_from(">II", data, 16)
    size = struct.unpack_from(">I", data, 33)[0]
    rows, line = zlib.decompress(data[41 : 41 + size]), 3 * width + 1
    return Picture(width, height, b"".join(rows[at + 1 : at + line] for at in range(0, len(rows), line)))


def write_png(picture: Picture, path: Path) -> None:
    """PNG, 8 bits a channel, no filter: W3C PNG specification, clauses 5 and 11."""
    line = 3 * picture.width
    rows = b"".join(b"\0" + picture.rgb[at : at + line] for at in range(0, len(picture.rgb), line))
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows, 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
