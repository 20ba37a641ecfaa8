# SPDX-License-Identifier: BSD-2-Clause
"""The end of a boot that cannot go on, on BIOS: the sentence is on the screen and on the serial port, and the machine
goes on with its next boot device. And the way back from core to the BIOS, without which TB20 to TB31 could not do that.
"""

import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Callable, Optional
from unittest import mock

import pytest

import qemu
from faults.damage import NEED_CONTRACT, Image, needs
from faults.workshop import Edit, Workshop
from lab import Build
from qemu import DISKS, Machine, boot
from qmp import Qmp

SLOW = pytest.mark.all
HELLO = r"^hello from "
SECONDS_TO_READ = 10
DISKS["second"] = ["-device", "ide-hd,drive=disk,bus=ide.0,bootindex=1"]


def damage_loader(image: Image) -> None:
    image.flip(image.table + 4096)


def damage_load_table(image: Image) -> None:
    image.flip(image.table + 24)
    image.fix_sum()


def damage_kernel(image: Image) -> None:
    image.flip(image.kernel + 0x1010)


# Who finds the damage: the boot sector, the loader, core in long mode.
DAMAGES: dict[str, Callable[[Image], None]] = {
    "TB00": damage_loader,
    "TB04": damage_load_table,
    "TB21": damage_kernel,
    "TB28": needs(NEED_CONTRACT, 99),
}


def damaged(workshop: Workshop, scratch: Path, code: str) -> Path:
    image = Image(workshop.image, workshop.kernel)
    DAMAGES[code](image)
    return image.write(scratch / "damaged.img")


def and_a_cd(image: Path) -> tuple[str, ...]:
    """SeaBIOS has one boot entry for all hard disks together: the next device must be of another kind."""
    drive = f"if=none,id=next,format=raw,snapshot=on,file={image}"
    return ("-drive", drive, "-device", "ide-cd,drive=next,bus=ide.1,bootindex=1")


def press_a_key(qmp_socket: Path) -> None:
    """Once the sentence is on the screen too: keys that were pressed before do not count."""
    time.sleep(1)
    deadline = time.monotonic() + 5  # the machine may be gone
    qmp = Qmp(qmp_socket, lambda: time.monotonic() < deadline)
    qmp.command("send-key", keys=[{"type": "qcode", "data": "a"}])
    qmp.close()


def goes_on(first: Path, machine: Machine, code: str, keyboard: Optional[Path] = None) -> float:
    """Seconds from the sentence to the kernel of the next boot device. With `keyboard`, where a second QMP socket can
    be made, a key is pressed between them."""
    seen: dict[str, float] = {}

    def look(line: str) -> None:
        if code in line:
            seen[code] = time.monotonic()
            if keyboard is not None:
                press_a_key(keyboard)
        if re.search(HELLO, line):
            seen[HELLO] = time.monotonic()

    if keyboard is not None:
        machine = replace(machine, extra=(*machine.extra, "-qmp", f"unix:{keyboard},server=on,wait=off"))
    with mock.patch.object(qemu, "LOADER_ERROR", r"(?!)"):  # boot() would end at the sentence
        result = boot("bios", first, machine, on_line=look)
    assert re.search(rf"^twinboot: {code}: ", result.transcript, re.MULTILINE), str(result)
    assert result.ended == "success" and HELLO in seen, str(result)
    return seen[HELLO] - seen[code]


@pytest.mark.parametrize(
    "code", [pytest.param("TB00", marks=SLOW), pytest.param("TB04", marks=SLOW), "TB21", pytest.param("TB28", marks=SLOW)]
)
def test_next_device_after_ten_seconds(workshop: Workshop, scratch: Path, code: str) -> None:
    machine = Machine(extra=and_a_cd(workshop.image))
    took = goes_on(damaged(workshop, scratch, code), machine, code)
    assert SECONDS_TO_READ - 1 < took < SECONDS_TO_READ + 15, f"{took:.1f} s"


@pytest.mark.parametrize("code", ["TB00", pytest.param("TB04", marks=SLOW), "TB28"])
def test_next_device_at_a_key(workshop: Workshop, scratch: Path, code: str) -> None:
    machine = Machine(extra=and_a_cd(workshop.image))
    took = goes_on(damaged(workshop, scratch, code), machine, code, scratch / "keyboard")
    assert took < SECONDS_TO_READ - 2, f"{took:.1f} s"


BOCHS_BIOS = Path("/usr/share/bochs/BIOS-bochs-latest")


@SLOW
@pytest.mark.skipif(not BOCHS_BIOS.exists(), reason="the package bochsbios is not there")
@pytest.mark.parametrize("code", ["TB00", "TB21"])
def test_next_device_of_bochs_bios(workshop: Workshop, scratch: Path, code: str) -> None:
    """Without a local APIC: with QEMU's, this BIOS gets no timer interrupts."""
    extra = ("-bios", str(BOCHS_BIOS), "-boot", "order=cd", *and_a_cd(workshop.image))
    machine = Machine(machine="pc", cpu="max,-apic", disk="ide", extra=extra)
    goes_on(damaged(workshop, scratch, code), machine, code)


VGA_TEXT, VGA_BYTES = 0xB8000, 80 * 25 * 2


def text_on_screen(qmp: Qmp, scratch: Path) -> str:
    """What stands in VGA's text memory; a graphics mode shows other things."""
    file = scratch / "text"
    qmp.command("pmemsave", val=VGA_TEXT, size=VGA_BYTES, filename=str(file))
    qmp.command("screendump", filename=str(scratch / "screen.ppm"))
    size = (scratch / "screen.ppm").read_bytes().split(b"\n", 2)[1]
    assert size in (b"720 400", b"640 400"), size
    return file.read_bytes()[::2].decode("ascii", "replace")


@pytest.mark.parametrize("code", ["TB21"])
def test_sentence_is_on_the_screen_in_text_mode(workshop: Workshop, scratch: Path, code: str) -> None:
    """core finds this damage after the video mode was set."""
    shown: list[str] = []
    result = boot(
        "bios",
        damaged(workshop, scratch, code),
        until=code,
        look=lambda qmp: shown.append(text_on_screen(qmp, scratch)),
    )
    assert f"twinboot: {code}: " in shown[0], f"{shown} {result}"


# From core back to the BIOS.

# The BIOS' own bits of CR4 and EFER (here DE and NXE) are there again afterwards, and its services work.
ROUND_TRIPS = Edit(
    "legacy/main.c",
    "\tif (!core_call(core_prepare, &machine))\n",
    """
	uint32_t cr0, cr4, efer, cr0_after, cr4_after, efer_after;
	__asm__ volatile("mov %%cr4, %%eax\\n\\tor $8, %%eax\\n\\tmov %%eax, %%cr4" ::: "eax");
	__asm__ volatile("wrmsr" : : "a"(1u << 11), "d"(0), "c"(0xc0000080));
	for (int i = 0; i < 100; i++) {
		__asm__ volatile("mov %%cr0, %0\\n\\tmov %%cr4, %1" : "=r"(cr0), "=r"(cr4));
		__asm__ volatile("rdmsr" : "=a"(efer) : "c"(0xc0000080) : "edx");
		if (!core_call(core_prepare, &machine))
			give_up(machine.error);
		__asm__ volatile("mov %%cr0, %0\\n\\tmov %%cr4, %1" : "=r"(cr0_after), "=r"(cr4_after));
		__asm__ volatile("rdmsr" : "=a"(efer_after) : "c"(0xc0000080) : "edx");
		if (cr0_after != cr0 || cr4_after != cr4 || efer_after != efer || !(cr4 & 8) || efer != 1u << 11)
			die("CR0 %x %x, CR4 %x %x, EFER %x %x", (uint64_t)cr0, (uint64_t)cr0_after, (uint64_t)cr4,
			    (uint64_t)cr4_after, (uint64_t)efer, (uint64_t)efer_after);
		if (clock_read() < 1000000000)
			die("no time");
	}
	if (!core_call(core_prepare, &machine))
""",
)


def test_a_hundred_round_trips(workshop: Workshop) -> None:
    result = boot("bios", workshop.rude((ROUND_TRIPS,)), timeout=20)
    assert result.ended == "success", str(result)


# As some services leave COM1: in loop-back mode, in which it says nothing.
LAST_SERVICE_TAKES_COM1 = Edit(
    "legacy/main.c", "\tnetwork_stop();\n", "\tnetwork_stop();\n\tout8(COM_MODEM_CONTROL, 0x10);\n"
)


def test_the_kernel_finds_com1_as_promised(workshop: Workshop) -> None:
    result = boot("bios", workshop.rude((LAST_SERVICE_TAKES_COM1,)))
    assert result.ended == "success" and re.search(HELLO, result.transcript, re.MULTILINE), str(result)


# Where the only RSDP can be, besides E0000h to 100000h.

# As machines have it that keep much there.
EBDA_AT_496_KIB = """
	for (uint32_t i = 0; i < 1024; i++)
		((uint8_t *)fixed(0x7c000))[i] = *(uint8_t *)fixed(0x9fc00 + i);
	*(uint16_t *)fixed(0x40e) = 0x7c00;
	uint32_t to = 0x7c200;
"""
ACPI_MEMORY = """
	struct twinboot_region *rows = fixed((uint32_t)machine.regions);
	rows[machine.region_count++] =
		(struct twinboot_region){0x10000008, 0x1000, TWINBOOT_MEMORY_ACPI_RECLAIMABLE, 0};
	uint32_t to = 0x10000100;
"""
COPY_RSDP = """
	for (uint32_t from = 0xe0000; from < 0x100000; from += 16)
		if (*(uint64_t *)fixed(from) == 0x2052545020445352) /* "RSD PTR " */
			for (uint32_t i = 0; i < 36; i++)
				((uint8_t *)fixed(to))[i] = *(uint8_t *)fixed(from + i);
	tables_find(&machine);"""
ELSEWHERE = {"0x7c200": EBDA_AT_496_KIB, "0x10000100": ACPI_MEMORY}


@pytest.mark.parametrize("place", ELSEWHERE)
def test_rsdp_elsewhere(workshop: Workshop, place: str) -> None:
    edits = (
        Edit("legacy/main.c", "\ttables_find(&machine);", ELSEWHERE[place] + COPY_RSDP),
        Edit("legacy/tables.c", "#define BIOS_AREA     0xe0000u", "#define BIOS_AREA     AREA_END"),
        Edit("common/log.c", "if (LOG && machine->serial)", "if (machine->serial)"),
    )
    result = boot("bios", workshop.rude(edits))
    assert result.ended == "success" and f"tables: ACPI at {place}," in result.transcript, str(result)


# Option ROMs: what runs on a machine before the boot sector.


def option_rom(scratch: Path, code: str) -> tuple[str, ...]:
    """Assembles a ROM of 512 bytes whose initialisation is `code`, and gives QEMU's arguments for it."""
    source, made, rom = scratch / "rom.S", scratch / "rom.o", scratch / "rom.bin"
    source.write_text(f".code16\nrom: .byte 0x55, 0xaa, 1\n{code}")
    subprocess.run(["gcc", "-c", "-m32", "-o", made, source], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", made, rom], check=True)
    data = bytearray(rom.read_bytes().ljust(512, b"\0"))
    data[-1] = -sum(data) & 0xFF
    assert len(data) == 512
    rom.write_bytes(data)
    return ("-option-rom", str(rom))


# Its data is written when the BIOS boots (INT 19h): SeaBIOS clears base memory before that.
TAKES_BASE_MEMORY = """
    push %ds
    push $0
    pop  %ds
    movw $300, 0x413 /* KiB that are left */
    mov  0x19 * 4, %eax
    mov  %eax, %cs:(bios - rom)
    movw $(boot - rom), 0x19 * 4
    mov  %cs, 0x19 * 4 + 2
    pop  %ds
    lret
boot:
    push %ds
    push $300 * 64
    pop  %ds
    movl $0x4d4f5221, 0
    pop  %ds
    ljmp *%cs:(bios - rom)
bios: .long 0
"""


def test_base_memory_that_a_rom_has_taken_is_left_alone(reference: Build, scratch: Path) -> None:
    """TB03 comes before the loader's .bss is cleared."""
    kept: list[bytes] = []

    def look(qmp: Qmp) -> None:
        qmp.command("pmemsave", val=300 << 10, size=4, filename=str(scratch / "kept"))
        kept.append((scratch / "kept").read_bytes())

    machine = Machine(extra=option_rom(scratch, TAKES_BASE_MEMORY))
    result = boot("bios", reference.image, machine, until="TB03: the BIOS leaves 300 KiB", look=look)
    assert kept == [b"!ROM"], str(result)


# Each call of INT 14h is a line of the transcript.
SERIAL_PORT = """
    push %ds
    push $0
    pop  %ds
    movw $(handler - rom), 0x14 * 4
    mov  %cs, 0x14 * 4 + 2
    pop  %ds
    lret
handler:
    push %ax
    push %dx
    mov  $0x3f8, %dx
    mov  $'T', %al
    out  %al, %dx
    mov  $'\n', %al
    out  %al, %dx
    pop  %dx
    pop  %ax
"""
TIMES_OUT = SERIAL_PORT + "mov $0x80, %ah\niret\n"
HANGS = SERIAL_PORT + "jmp .\n"


@pytest.mark.parametrize("rom", [TIMES_OUT, HANGS], ids=["times-out", "hangs"])
def test_sentence_of_the_boot_sector_does_not_wait_for_com1(workshop: Workshop, scratch: Path, rom: str) -> None:
    """It is on the screen first, and COM1 gets no second chance to let the machine wait."""
    shown: list[str] = []
    result = boot(
        "bios",
        damaged(workshop, scratch, "TB00"),
        Machine(extra=option_rom(scratch, rom)),
        until="^T$",
        look=lambda qmp: shown.append(text_on_screen(qmp, scratch)),
    )
    assert shown and "twinboot: TB00: cannot read loader; attach as hard disk or write image again" in shown[0], str(result)
    assert result.transcript.split() == ["T"], str(result)


# A network boot ROM gets the machine back from core, too.


def test_network_boot_rom_goes_on(workshop: Workshop, scratch: Path) -> None:
    """The network is still up when core finds the damage: the ROM can use it, or try its next device."""
    image = workshop.rude((), "netboot")
    payload = bytearray((image.parent / "twinboot.payload").read_bytes())
    payload[payload.index(workshop.kernel[0x1000:0x1040]) + 0x20] ^= 1
    (image.parent / "twinboot.payload").write_bytes(payload)
    network = f"user,id=n,tftp={image.parent},bootfile=twinboot.0"
    extra = ("-netdev", network, "-device", "e1000,netdev=n,bootindex=0")
    goes_on(workshop.image, Machine(disk="second", extra=extra), "TB21", scratch / "keyboard")
