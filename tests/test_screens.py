# SPDX-License-Identifier: BSD-2-Clause
"""Both firmwares show the same picture, but for the rectangle in which the kernel names the firmware."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import FIRMWARES, Build
from picture import Picture, read_png
from qemu import boot
from transcript import values


def without_rectangle(picture: Picture, place: str) -> list[bytes]:
    """The picture's lines, black in the rectangle `x,y,width,height`."""
    left, top, width, height = map(int, place.split(","))
    assert (
        0 < width * height < picture.width * picture.height // 4
    ), f"a rectangle of {width}x{height} hides too much"
    lines = []
    for y in range(picture.height):
        line = picture.rgb[3 * y * picture.width : 3 * (y + 1) * picture.width]
        if top <= y < top + height:
            line = line[: 3 * left] + bytes(3 * width) + line[3 * (left + width) :]
        lines.append(line)
    return lines


def test_screens_agree(reference: Build, scratch: Path) -> None:
    def capture(firmware: str) -> list[bytes]:
        path = scratch / f"{firmware}.png"
        result = boot(firmware, reference.image, screen=path)
        assert result.ended == "seen", str(result)
        picture, said = read_png(path), values(result.transcript)
        assert (picture.width, picture.height) == (1024, 768), "what the kernel's note asks for"
        corners = [picture.pixel(x, y) for y in (4, 763) for x in (4, 1019)]
        assert corners == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)], corners
        assert len(picture.colours()) > 100, "the test card alone has more colours"
        return without_rectangle(picture, said["firmware_rectangle"])

    with ThreadPoolExecutor() as pool:
        bios, uefi = pool.map(capture, FIRMWARES)
    different = [y for y, (left, right) in enumerate(zip(bios, uefi)) if left != right]
    assert not different, f"lines {different[0]} to {different[-1]} differ outside the firmware's rectangle"
