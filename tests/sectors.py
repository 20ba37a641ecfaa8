# SPDX-License-Identifier: BSD-2-Clause
"""Boot sectors written by hand, so that the tests of the runner do not depend on the loaders."""

HALT = bytes.fromhex("f4 eb fd")  # hlt; jmp back
EXIT_SUCCESS = bytes.fromhex("ba f4 00 b0 10 ee") + HALT  # out 0xf4, 0x10
EXIT_FAILURE = bytes.fromhex("ba f4 00 b0 11 ee") + HALT
TRIPLE_FAULT = bytes.fromhex("0f 01 1e f0 7d cc") + HALT  # lidt of zeros at 7df0h; int3
POWER_OFF = bytes.fromhex("ba 04 06 b8 00 20 ef") + HALT  # ACPI's S5 through q35's PM1a control

WAIT = bytes.fromhex("ba fd 03 ec a8 01 74 fb ba f8 03 ec ee")  # reads a byte from COM1 and sends it back
BY_CHANCE = bytes.fromhex("0f 31 f6 c4 04 b0 10 74 02 b0 11 ba f4 00 ee")  # success or failure, by a bit of the TSC

TEXT = "\x1b[2J\x1b[01;01Hkey=value\r\ntwinboot-kernel=end result=ok\n"


def disk(code: bytes, text: str = TEXT) -> bytes:
    """A disk whose boot sector writes `text` to COM1 and then runs `code`."""
    # xor ax, ax; mov ds, ax; cld; mov dx, 3f8h; mov si, text; next: lodsb; out dx, al; test al, al; jnz next
    start, loop = bytes.fromhex("31c0 8ed8 fc ba f803 be"), bytes.fromhex("ac ee 84c0 75fa")
    at = 0x7C00 + len(start) + 2 + len(loop) + len(code)
    program = start + at.to_bytes(2, "little") + loop + code + text.encode() + b"\0"
    return program.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20)
