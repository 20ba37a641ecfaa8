# SPDX-License-Identifier: BSD-2-Clause
"""Draws what a boot costs above the firmware alone against the payload's size, both axes logarithmic, as SVG."""

from html import escape
from math import ceil, floor, log10

PANEL_WIDTH, PANEL_HEIGHT = 380, 340
LEFT, TOP, RIGHT, BOTTOM = 64, 56, 140, 52
# Told apart by colour (Okabe and Ito's, for every kind of eye), by mark and by the name at the line's end.
STYLES = [("#000000", "6 4"), ("#0072b2", ""), ("#d55e00", ""), ("#009e73", "")]

Line = list[tuple[int, float]]  # MiB, millions of instructions


def draw(panels: dict[str, dict[str, Line]]) -> str:
    points = [point for lines in panels.values() for line in lines.values() for point in line]
    costs = [cost for _, cost in points if cost > 0]
    low, high = floor(log10(min(costs))), ceil(log10(max(costs)))
    sizes = sorted({mib for mib, _ in points})
    step = LEFT + PANEL_WIDTH + RIGHT
    width, height = step * len(panels), TOP + PANEL_HEIGHT + BOTTOM
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">',
        "<title>Instructions above the firmware alone, from reset to the kernel, against the payload</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (title, lines) in enumerate(panels.items()):
        out.append(f'<g transform="translate({number * step + LEFT} {TOP})">')
        out += _panel(title, lines, sizes, low, high)
        out.append("</g>")
    return "\n".join([*out, "</svg>", ""])


def _panel(title: str, lines: dict[str, Line], sizes: list[int], low: int, high: int) -> list[str]:
    first, last = log10(sizes[0] / 1.25), log10(sizes[-1] * 1.25)

    def x(mib: int) -> float:
        return round((log10(mib) - first) / (last - first) * PANEL_WIDTH, 1)

    def y(cost: float) -> float:
        return round((high - log10(max(cost, 10**low))) / (high - low) * PANEL_HEIGHT, 1)

    out = [
        f'<text x="0" y="-30" font-size="15" font-weight="bold">{escape(title)}</text>',
        '<text x="0" y="-12" fill="#555555">million instructions above the firmware alone</text>',
        f'<text x="{PANEL_WIDTH / 2}" y="{PANEL_HEIGHT + 40}" text-anchor="middle">payload in MiB, '
        "both axes logarithmic</text>",
    ]
    for power in range(low, high + 1):
        at = y(10.0**power)
        out.append(f'<path d="M0 {at}H{PANEL_WIDTH}" stroke="#cccccc"/>')
        out.append(f'<text x="-8" y="{at + 4}" text-anchor="end">{10**power:g}</text>')
    for mib in sizes:
        out.append(f'<path d="M{x(mib)} 0V{PANEL_HEIGHT}" stroke="#eeeeee"/>')
        out.append(f'<text x="{x(mib)}" y="{PANEL_HEIGHT + 18}" text-anchor="middle">{mib}</text>')
    labels = sorted((y(line[-1][1]), name) for name, line in lines.items())
    placed: dict[str, float] = {}
    next_free = float("-inf")
    for at, name in labels:
        placed[name] = max(at, next_free)
        next_free = placed[name] + 14
    # The first one, the dashed floor, last: where another lies on it, both are seen.
    for (colour, dashes), (name, line) in reversed(list(zip(STYLES, lines.items()))):
        path = " ".join(f"{x(mib)},{y(cost)}" for mib, cost in line)
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        for mib, cost in line:
            tip = f"{name}, {mib} MiB: {cost:.2f} M"
            radius = 2.5 if dashes else 4
            mark = f'<circle cx="{x(mib)}" cy="{y(cost)}" r="{radius}" fill="{colour}">'
            out.append(f"{mark}<title>{escape(tip)}</title></circle>")
        out.append(f'<text x="{PANEL_WIDTH + 8}" y="{placed[name] + 4}" fill="{colour}">{escape(name)}</text>')
    return out
