# SPDX-License-Identifier: BSD-2-Clause
"""Kernels that must be refused: one good kernel, written by hand, and what can be wrong with it."""

import struct
from dataclasses import dataclass, field, replace
from typing import Callable, NamedTuple, Optional

from elf import ET_DYN, ET_EXEC, PAGE, PF_R, PF_W, PF_X, PT_LOAD
from formats import round_up

EM_386, EM_X86_64, EM_AARCH64 = 3, 62, 183
PT_DYNAMIC, PT_INTERP, PT_NOTE = 2, 3, 4
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SYMTAB, DT_RELA, DT_RELASZ, DT_RELAENT, DT_STRSZ, DT_SYMENT = (
    0,
    1,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
)
SHT_PROGBITS, SHT_STRTAB = 1, 3
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
R_X86_64_64 = 1

BASE = 0xFFFFFFFF80000000
CODE = BASE + PAGE
DATA = BASE + 2 * PAGE
HALT = b"\xfa\xf4\xeb\xfd".ljust(64, b"\x90")  # cli; hlt; jmp back


class Segment(NamedTuple):
    type: int
    flags: int
    vaddr: int
    content: bytes
    memsz: int


@dataclass(frozen=True)
class Kernel:
    """An ELF64 kernel with sections .text and .data. Each field is something that can be wrong."""

    type: int = ET_EXEC
    machine: int = EM_X86_64
    entry: int = CODE
    text: bytes = HALT  # what .text holds; the executable segment has at least a page
    segments: tuple[Segment, ...] = field(
        default=(
            Segment(PT_LOAD, PF_R | PF_X, CODE, HALT, PAGE),
            Segment(PT_LOAD, PF_R | PF_W, DATA, b"data" * 16, PAGE),
        )
    )

    def bytes(self, order: str = "<") -> bytes:
        """The file. Segments lie at multiples of 4096 in it, the section headers behind them."""
        headers, body = [], b""
        for segment in self.segments:
            body = body.ljust(round_up(len(body), PAGE), b"\0")
            sizes = (len(segment.content), segment.memsz)
            place = (
                PAGE + len(body),
                segment.vaddr,
                segment.vaddr,
                *sizes,
                PAGE if segment.type == PT_LOAD else 8,
            )
            headers.append(struct.pack(order + "IIQQQQQQ", segment.type, segment.flags, *place))
            body += segment.content
        body = body.ljust(round_up(len(body), 8), b"\0")
        names = b"\0.text\0.data\0.shstrtab\0"
        rows = [
            (0, 0, 0, 0, 0, 0),
            (1, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, CODE, PAGE, len(self.text)),
            (7, SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, DATA, 2 * PAGE, 64),
            (13, SHT_STRTAB, 0, 0, PAGE + len(body) + 4 * 64, len(names)),
        ]
        sections = b"".join(struct.pack(order + "IIQQQQIIQQ", *row, 0, 0, 1, 0) for row in rows)
        ident = b"\x7fELF\x02" + (b"\x01" if order == "<" else b"\x02") + b"\x01" + bytes(9)
        where = (self.entry, 64, PAGE + len(body), 0, 64, 56, len(headers), 64, 4, 3)
        header = ident + struct.pack(order + "HHIQQQIHHHHHH", self.type, self.machine, 1, *where)
        return (header + b"".join(headers)).ljust(PAGE, b"\0") + body + sections + names

    def plus(self, *segments: Segment, **changes: object) -> "Kernel":
        return replace(self, segments=self.segments + segments, **changes)


GOOD = Kernel()
CODE_SEGMENT, DATA_SEGMENT = GOOD.segments


def _dynamic(*entries: tuple[int, int], extra: bytes = b"") -> Kernel:
    """The good kernel with a dynamic section at DATA, and `extra` 256 bytes behind it."""
    table = (
        b"".join(struct.pack("<QQ", *entry) for entry in (*entries, (DT_NULL, 0))).ljust(256, b"\0") + extra
    )
    data = DATA_SEGMENT._replace(content=table, memsz=PAGE)
    dynamic = Segment(PT_DYNAMIC, PF_R | PF_W, DATA, table, len(table))
    return replace(GOOD, type=ET_DYN, segments=(CODE_SEGMENT, data, dynamic))


def _elf32() -> bytes:
    ident = b"\x7fELF\x01\x01\x01" + bytes(9)
    header = ident + struct.pack(
        "<HHIIIIIHHHHHH", ET_EXEC, EM_386, 1, 0x100000, 52, 0, 0, 52, 32, 1, 40, 0, 0
    )
    load = struct.pack(
        "<IIIIIIII", PT_LOAD, PAGE, 0x100000, 0x100000, len(HALT), len(HALT), PF_R | PF_X, PAGE
    )
    return (header + load).ljust(PAGE, b"\0") + HALT


SYMBOLS = bytes(24) + struct.pack("<IBBHQQ", 1, 0x10, 0, 0, 0, 0)  # the null symbol, an undefined one


class Case(NamedTuple):
    """A file that must be refused, and what the sentence about it must say (a regular expression)."""

    content: Callable[[], Optional[bytes]]  # None: there is no file
    says: str


CASES = {
    "missing": Case(lambda: None, r"no such file|does not exist|cannot be (opened|read)"),
    "empty": Case(lambda: b"", r"empty"),
    "not_elf": Case(lambda: b"#!/bin/sh\necho not a kernel\n" * 100, r"not an ELF file"),
    "truncated_in_the_header": Case(lambda: GOOD.bytes()[:40], r"truncated"),
    "truncated_in_a_segment": Case(lambda: GOOD.bytes()[: 2 * PAGE + 8], r"truncated"),
    "truncated_in_the_section_headers": Case(lambda: GOOD.bytes()[:-60], r"truncated"),
    "32_bit": Case(_elf32, r"32-bit"),
    "other_machine": Case(lambda: replace(GOOD, machine=EM_AARCH64).bytes(), r"AArch64|machine"),
    "big_endian": Case(lambda: replace(GOOD, machine=22).bytes(">"), r"big-endian"),
    "object_file": Case(lambda: replace(GOOD, type=1).bytes(), r"link"),
    "interpreter": Case(
        lambda: GOOD.plus(
            Segment(PT_INTERP, PF_R, DATA, b"/lib64/ld-linux-x86-64.so.2\0", 28), type=ET_DYN
        ).bytes(),
        r"interpreter|PT_INTERP|dynamic",
    ),
    "needed_library": Case(
        lambda: _dynamic(
            (DT_NEEDED, 1), (DT_STRTAB, DATA + 256), (DT_STRSZ, 9), extra=b"\0libc.so\0"
        ).bytes(),
        r"librar|DT_NEEDED|dynamic",
    ),
    "symbolic_relocation": Case(
        lambda: _dynamic(
            (DT_SYMTAB, DATA + 256),
            (DT_SYMENT, 24),
            (DT_RELA, DATA + 256 + len(SYMBOLS)),
            (DT_RELASZ, 24),
            (DT_RELAENT, 24),
            extra=SYMBOLS + struct.pack("<QQq", DATA + 512, 1 << 32 | R_X86_64_64, 0),
        ).bytes(),
        r"relocation",
    ),
    "no_load_segment": Case(
        lambda: replace(GOOD, segments=tuple(part._replace(type=PT_NOTE) for part in GOOD.segments)).bytes(),
        r"PT_LOAD",
    ),
    "empty_text": Case(lambda: replace(GOOD, text=b"").bytes(), r"code|\.text"),
    "overlapping_segments": Case(
        lambda: replace(GOOD, segments=(CODE_SEGMENT, DATA_SEGMENT._replace(vaddr=CODE + 32))).bytes(),
        r"overlap",
    ),
    "entry_in_data": Case(lambda: replace(GOOD, entry=DATA).bytes(), r"entry"),
    "entry_nowhere": Case(lambda: replace(GOOD, entry=BASE + (1 << 24)).bytes(), r"entry"),
    "in_page_0": Case(
        lambda: replace(GOOD, segments=(CODE_SEGMENT, DATA_SEGMENT._replace(vaddr=0))).bytes(),
        r"page 0|apart",
    ),
    "not_canonical": Case(
        lambda: replace(GOOD, segments=(CODE_SEGMENT, DATA_SEGMENT._replace(vaddr=1 << 60))).bytes(),
        r"canonical",
    ),
    "wide_gap": Case(
        lambda: replace(GOOD, segments=(CODE_SEGMENT, DATA_SEGMENT._replace(vaddr=CODE + (1 << 30)))).bytes(),
        r"apart|gap|limit",
    ),
    "too_large": Case(
        lambda: replace(GOOD, segments=(CODE_SEGMENT, DATA_SEGMENT._replace(memsz=(1 << 30)))).bytes(),
        r"large|limit",
    ),
}
