# SPDX-License-Identifier: BSD-2-Clause
"""Every code of docs/errors.md is provoked: by damage, by a poor machine, or by rude firmware.
And what can be borne is borne: the same firmware, less rude, boots."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from faults.damage import NEED_CONTRACT, NEED_FLAGS, NEED_STACK, TABLE_ENTRY, Image, needs
from faults.workshop import Edit, Workshop
from lab import ROOT, Build, Lab, build
from qemu import Machine, Result, boot
from verdicts import ends_in, refused

HELLO = r"^hello from "

BIOS, UEFI = "bios", "uefi"
SLOW = pytest.mark.all


def must_end_in(result: Result, says: str) -> None:
    """With the right sentence, and without a kernel."""
    ends_in(result, says)
    assert not re.search(HELLO, result.transcript, re.MULTILINE), str(result)


# From outside.


@dataclass(frozen=True)
class Outside:
    """A damaged image, or a machine that lacks something."""

    says: str  # begins with the code
    damage: Callable[[Image], None]
    machine: Machine = Machine()
    firmware: str = BIOS


def nothing(_: Image) -> None:
    pass


def loader(image: Image) -> None:
    image.flip(image.table + 4096)


def load_table(image: Image) -> None:
    image.flip(image.table + 24)
    image.fix_sum()


def cut_off_in_the_payload(image: Image) -> None:
    del image.data[image.kernel & ~4095 :]


def file_replaced(image: Image) -> None:
    image.flip(image.word(image.table + TABLE_ENTRY, "<Q") + 28)  # the file's size


def manifest(image: Image) -> None:
    image.flip(image.manifest + 60)


def command_line(image: Image) -> None:
    image.flip(image.data.index(b"a command line", image.manifest))


def kernel(image: Image) -> None:
    image.flip(image.kernel + 0x1010)


def module(image: Image) -> None:
    image.flip(image.data.index(b"a module's bytes"))


def elf_header(image: Image) -> None:
    image.put(image.kernel + 54, 55, "<H")  # e_phentsize
    image.fix_payload()


def efi_text(image: Image) -> None:
    image.flip(image.data.index(b"ExitBootServices failed", image.efi))


OUTSIDE = {
    "loader-damaged": Outside("TB00: cannot read loader", loader),
    "32-bit-processor": Outside("TB01: .*64-bit", nothing, Machine(cpu="qemu32")),
    "load-table": Outside("TB04: the load table, ", load_table),
    "cut-off": Outside("TB05: .*drive 0x80, sector [0-9]+, status 0x", cut_off_in_the_payload),
    "file-replaced": Outside("TB09: ", file_replaced),
    "manifest": Outside("TB20: ", manifest),
    "command-line": Outside("TB20: ", command_line),
    "kernel": Outside("TB21: ", kernel),
    "module": Outside("TB22: ", module),
    "elf-header": Outside("TB23: .*headers", elf_header),
    "stacks": Outside("TB24: .* KiB needed", needs(NEED_STACK, 16 << 20), Machine(memory="12M")),
    "in-place": Outside("TB25: .*address 0xffffffff80000000", needs(NEED_FLAGS, 1 << 2)),
    "framebuffer": Outside("TB26: ", needs(NEED_FLAGS, 1 << 0), Machine(display="none")),
    "five-levels": Outside("TB27: ", needs(NEED_FLAGS, 1 << 4), Machine(cpu="qemu64")),
    "no-sse": Outside("TB31: ", nothing, Machine(cpu="max,-sse,-sse2,-fxsr")),
    "contract": Outside("TB28: .*contract version 99", needs(NEED_CONTRACT, 99)),
}
MORE_OUTSIDE = {
    f"{name}-uefi": Outside(OUTSIDE[name].says, OUTSIDE[name].damage, OUTSIDE[name].machine, UEFI)
    for name in (
        "manifest",
        "command-line",
        "kernel",
        "module",
        "elf-header",
        "in-place",
        "framebuffer",
        "five-levels",
        "contract",
    )
}
MORE_OUTSIDE["efi-itself"] = Outside("TB43: the loader itself is damaged in .rodata", efi_text, firmware=UEFI)
MORE_OUTSIDE["stacks-uefi"] = Outside(
    "TB24: ", needs(NEED_STACK, 16 << 20), Machine(memory="64M", cpus=16), UEFI
)


@pytest.mark.parametrize("name", [*OUTSIDE, *(pytest.param(name, marks=SLOW) for name in MORE_OUTSIDE)])
def test_outside(workshop: Workshop, scratch: Path, name: str) -> None:
    case = {**OUTSIDE, **MORE_OUTSIDE}[name]
    image = Image(workshop.image, workshop.kernel)
    case.damage(image)
    result = boot(case.firmware, image.write(scratch / "damaged.img"), case.machine)
    must_end_in(result, f"^twinboot: {case.says}")


def test_too_little_memory(lab: Lab) -> None:
    refused(lab.build("bss_64_mib").image, "^twinboot: TB08: not enough memory", Machine(memory="32M"))


def test_the_sector_that_a_cut_disk_lacks_is_named(lab: Lab, scratch: Path) -> None:
    cut = scratch / "cut.img"
    cut.write_bytes(lab.build("data_16_mib").image.read_bytes()[: 8 << 20])
    result = refused(cut, "^twinboot: TB05: .*sector [0-9]+")
    sector = re.search(r"sector (\d+)", result.transcript)
    assert sector and int(sector[1]) * 512 <= 8 << 20 < (int(sector[1]) + 256) * 512, str(result)


def test_whole_image_boots(workshop: Workshop) -> None:
    """Else the tests above would show little."""
    assert boot(BIOS, workshop.image).ended == "success"


# By a firmware that is rude.


@dataclass(frozen=True)
class Rude:
    edits: tuple[Edit, ...]
    says: str = ""  # begins with the code; empty: it boots all the same
    firmware: str = BIOS
    machine: Machine = Machine()
    shows: str = ""  # a line of the loader's log


TURN_A20_OFF = "out8(0x92, in8(0x92) & 0xfc);\n\t"
A20_ASKED = "a20_require(); /* a BIOS'"
A20_OFF = Edit("legacy/main.c", A20_ASKED, TURN_A20_OFF + A20_ASKED)
A20_OFF_LATE = Edit("legacy/main.c", "\tnetwork_stop();\n", "\tnetwork_stop();\n\t" + TURN_A20_OFF + "\n")
A20_NOT_BY_BIOS = Edit("legacy/a20.c", "bios_call(BIOS_SYSTEM, &r);", "(void)r;")
A20_NOT_BY_KEYBOARD = Edit("legacy/a20.c", "&& keyboard_ready(); i++)", "&& 0; i++)")
BIOS_MAP_CALL = "bios_call(BIOS_SYSTEM, &r);\n\t\t/* CF is looked at first"
READ_MAP = "bs->GetMemoryMap(&size, map.descriptors, key, &descriptor_size, &version);"
EXIT = "status = bs->ExitBootServices(image, key);"
# One page each of two types, so that no two entries of the map can be one.
GROW = (
    "for (UINTN n = 0; n < %s; n++) { EFI_PHYSICAL_ADDRESS a; bs->AllocatePages(AllocateAnyPages, "
    "n %% 2 ? EfiBootServicesData : EfiRuntimeServicesData, 1, &a); }\n\t\t"
)
LOUD = Edit("common/log.c", "if (LOG && machine->serial)", "if (machine->serial)")

# No emulator here plays a confidential guest: its CPUID is put in.
TDX_GUEST = Edit(
    "core/cpu.c",
    "struct cpuid tdx = basic_leaf(0x21);",
    "struct cpuid tdx = {0, 0x65746e49, 0x20202020, 0x5844546c};",
)

RUDE = {
    "confidential": Rude((TDX_GUEST,), "TB32: .*Intel TDX"),
    # The MADT names a processor that is not there.
    "cpu-never-answers": Rude(
        (
            LOUD,
            Edit(
                "core/cpus.c",
                "\treturn count;",
                "\tif (cpus != NULL)\n\t\tcpus[count].apic_id = 77;\n\treturn count + 1;",
            ),
        ),
        machine=Machine(cpus=2),
        shows="CPUs: 3, of which 1 parked",
    ),
    "init-is-ignored": Rude(
        (LOUD, Edit("core/cpus.c", "send_to_silent(boot, COMMAND_INIT);", "")),
        machine=Machine(cpus=2),
        shows="CPUs: 2, of which 0 parked",
    ),
    "a20-stays-off": Rude(
        (Edit("legacy/a20.c", "on = *high != saved + i;", "on = 0 && *high != saved + i;"),), "TB02: "
    ),
    "a20-off": Rude((A20_OFF,)),
    # What a machine without A20 has at odd megabytes the example kernel would not notice: it stops here.
    "a20-off-by-the-last-service": Rude(
        (
            A20_OFF_LATE,
            Edit(
                "legacy/long_mode.c",
                "\treturn long_mode_call(",
                "\twhile (!(in8(0x92) & 2))\n\t\t__asm__ volatile(\"hlt\");\n\treturn long_mode_call(",
            ),
        ),
    ),
    "a20-off-by-each-read": Rude(
        (
            Edit("legacy/disk.c", '#include "legacy.h"\n', '#include "legacy.h"\n#include "common/port.h"\n'),
            Edit("legacy/disk.c", "\t\tif (!carry(&r))\n", "\t\t" + TURN_A20_OFF + "\tif (!carry(&r))\n"),
            Edit(
                "legacy/disk.c",
                "\t__asm__ volatile(\"rep movsl\"",
                "\twhile (!(in8(0x92) & 2))\n\t\t__asm__ volatile(\"hlt\");\n\t__asm__ volatile(\"rep movsl\"",
            ),
        ),
    ),
    "random-numbers-all-ones": Rude(
        (
            LOUD,
            Edit("core/cpu.c", "__builtin_ia32_rdrand64_step(&got)", '({ __asm__("" : "=r"(got) : "0"(UINT64_MAX)); 1; })'),
            Edit("core/cpu.c", "__builtin_ia32_rdseed_di_step(&got)", '({ __asm__("" : "=r"(got) : "0"(UINT64_MAX)); 1; })'),
            Edit("core/handoff.c", "\treturn handoff;", "\tlog_line(machine, \"entropy: %x\", (uint64_t)handoff->entropy_source);\n\treturn handoff;"),
        ),
        shows="entropy: 0x8",
    ),
    "a20-off-no-bios": Rude((A20_OFF, A20_NOT_BY_BIOS)),
    "little-base-memory": Rude(
        (Edit("legacy/memory.c", "(r.eax & 0xffff) * 1024u", "256u * 1024u"),), "TB03: the BIOS leaves 256 KiB"
    ),
    # A usable row that begins at 0, with a hole in the payload's place.
    "nested-map": Rude(
        (
            Edit(
                "legacy/memory.c",
                "\n\treserve_ebda(machine);",
                "\n\tmachine->region_count = 0;\n\tadd(machine, 0, 64 << 20, TWINBOOT_MEMORY_USABLE);"
                "\n\tadd(machine, 0x201000, 0x1000, TWINBOOT_MEMORY_RESERVED);\n\treserve_ebda(machine);",
            ),
        ),
    ),
    "odd-sectors": Rude(
        (Edit("legacy/disk.c", "uint32_t size = 0;", "uint32_t size = 0;\n\tfill(a + 512, 0xff, 8);"),),
        "TB10: ",
    ),
    "no-map": Rude(
        (
            Edit(
                "legacy/memory.c",
                BIOS_MAP_CALL,
                BIOS_MAP_CALL.replace("\n", "\n\t\tr.flags |= FLAG_CARRY;\n", 1),
            ),
        ),
        "TB07: .*not supported",
    ),
    "map-breaks-off": Rude(
        (Edit("legacy/memory.c", "if (r.eax != SMAP)", "if (r.eax != SMAP || machine->region_count == 3)"),),
        "TB07: .*breaks off",
    ),
    "map-ends-with-carry": Rude(
        (Edit("legacy/memory.c", "next = r.ebx;", "next = r.ebx != 0 ? r.ebx : 0x7777;"),)
    ),
    "map-too-long": Rude(
        (Edit("legacy/main.c", "#define REGIONS_MAX 1024", "#define REGIONS_MAX 4"),), "TB29: "
    ),
    "exception": Rude(
        (
            Edit(
                "core/boot.c",
                "core_catch_exceptions(machine);",
                "core_catch_exceptions(machine);\n\t*(volatile char *)0x400000001230 = 0;",
            ),
        ),
        "TB30: exception 14 .*CR2 0x400000001230",
    ),
    # The sentence is not lost where it cannot be drawn.
    "exception-while-drawing": Rude(
        (
            Edit(
                "core/boot.c",
                "core_catch_exceptions(machine);",
                "core_catch_exceptions(machine);\n\tmachine->framebuffer.base = 0x500000000000;"
                "\n\t*(volatile char *)0x400000001230 = 0;",
            ),
        ),
        "TB30: exception 14 .*CR2 0x400000001230",
    ),
    "null-pointer": Rude(
        (
            Edit(
                "core/boot.c",
                "core_catch_exceptions(machine);",
                "core_catch_exceptions(machine);\n\t__asm__ volatile(\"movb 8, %%al\" : : : \"al\");",
            ),
        ),
        "TB30: exception 14 .*error code 0x0,.*CR2 0x8",
    ),
    "writes-to-itself": Rude(
        (
            Edit(
                "core/boot.c",
                "core_catch_exceptions(machine);",
                "core_catch_exceptions(machine);\n\t*(volatile char *)(uintptr_t)core_prepare = 0;",
            ),
        ),
        "TB30: exception 14 .*error code 0x3,",
    ),
}
MORE_RUDE = {
    "confidential-uefi": Rude((TDX_GUEST,), "TB32: .*Intel TDX", UEFI),
    "no-memory": Rude(
        (
            Edit(
                "efi/memory.c",
                "EFI_STATUS status = bs->AllocatePages(",
                "pages += (UINTN)1 << 40;\n\tEFI_STATUS status = bs->AllocatePages(",
            ),
        ),
        "TB40: ",
        UEFI,
    ),
    "outdated-key": Rude((Edit("efi/main.c", EXIT, EXIT.replace("key", "key + (i < 5)")),), firmware=UEFI),
    "a20-off-no-bios-no-keyboard": Rude((A20_OFF, A20_NOT_BY_BIOS, A20_NOT_BY_KEYBOARD)),
    "exception-uefi": Rude(RUDE["exception"].edits, RUDE["exception"].says, UEFI),
    "map-not-readable": Rude(
        (Edit("efi/memory.c", READ_MAP, "EFI_DEVICE_ERROR;\n\t*key = descriptor_size = version = 0;"),),
        "TB41: ",
        UEFI,
    ),
    "map-outgrows": Rude((Edit("efi/main.c", EXIT, GROW % "200" + EXIT),), "TB41: ", UEFI),
    # Nothing but memory, the image's own protocol, and the way out; the system table's clock, too.
    "no-protocols": Rude(
        (
            Edit(
                "efi/main.c",
                "EFI_STATUS efi_main(",
                "static EFI_STATUS EFIAPI refuse(void)\n{\n\treturn EFI_UNSUPPORTED;\n}\n\nEFI_STATUS efi_main(",
            ),
            Edit(
                "efi/main.c",
                "bs = st->BootServices;",
                "static EFI_BOOT_SERVICES poor;\n\tpoor = *st->BootServices;\n\tbs = &poor;\n"
                + "".join(
                    f"\tpoor.{service} = (void *)refuse;\n"
                    for service in ("LocateProtocol", "LocateHandleBuffer", "SetWatchdogTimer")
                )
                + "\tst->RuntimeServices->GetTime = (void *)refuse;",
            ),
            Edit("efi/main.c", "\tidentity_find(", "\tbs->HandleProtocol = (void *)refuse;\n\tidentity_find("),
        ),
        firmware=UEFI,
    ),
    "image-cut-off": Rude(
        (Edit("efi/payload.c", "loaded->ImageSize}", "loaded->ImageSize - 4096}"),), "TB45: ", UEFI
    ),
    "small-framebuffer": Rude(
        (
            LOUD,
            Edit("efi/video.c", "gop->Mode->FrameBufferSize / pitch < height", "height == 800"),
        ),
        firmware=UEFI,
        shows="framebuffer: 1024 x 768",
    ),
    "framebuffer-without-its-last-lines": Rude(
        (LOUD, Edit("efi/video.c", "*last = other;", "if (f->height != 800)\n\t\t*last = other;")),
        firmware=UEFI,
        shows="framebuffer: 1024 x 768",
    ),
    "wild-acpi-pointer": Rude(
        (
            Edit(
                "common/acpi.c",
                "return physical;",
                "return physical | (index == 0 ? UINT64_C(1) << 63 : 0);",
            ),
        ),
        firmware=UEFI,
    ),
    "map-grows": Rude((Edit("efi/main.c", EXIT, GROW % "8 * (i < 3)" + EXIT),), firmware=UEFI),
    "key-never-right": Rude((Edit("efi/main.c", EXIT, EXIT.replace("key", "key + 1")),), "TB42: ", UEFI),
}


# Each is a build of its own: two in the default set.
QUICK_RUDE = ("cpu-never-answers", "writes-to-itself")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK_RUDE else SLOW) for name in (*RUDE, *MORE_RUDE)],
)
def test_rude_firmware(workshop: Workshop, name: str) -> None:
    case = {**RUDE, **MORE_RUDE}[name]
    result = boot(case.firmware, workshop.rude(case.edits), case.machine)
    if case.says:
        must_end_in(result, f"^twinboot: {case.says}")
    else:
        assert result.ended == "success" and re.search(HELLO, result.transcript, re.MULTILINE), str(result)
        assert case.shows in result.transcript, str(result)


# None is left out.


def strings(file: Path) -> str:
    """The texts in a Python file that are not there for its readers."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in told)
    return "\n".join(text for text in texts if isinstance(text, str))


# What no boot can show, since the build refuses the cause, or no emulator is such a machine.
UNPROVOKED = {
    "TB61": "the build refuses such a file",
    "TB62": "core has planned the memory: TB34 comes first",
    "TB63": "the build refuses such a kernel",
    "TB66": "core's arena would not fit either: TB24 comes first",
    "TB67": "a processor that parks and then stays away",
    "TB68": "a processor that cannot leave x2APIC mode; TCG has no x2APIC",
    "TB71": "the room is computed from the same facts",
}


@pytest.mark.parametrize("adapter, code", [("linux", "TB60"), ("limine", "TB65"), ("multiboot", "TB70")])
def test_adapter_without_a_kernel(reference: Build, scratch: Path, adapter: str, code: str) -> None:
    """An adapter is a kernel like any other: alone, it says what is missing."""
    (kernel,) = reference.out.rglob(f"adapters/{adapter}.elf")
    result = boot("bios", build(scratch / "build", f"KERNEL={kernel}").image, timeout=15)
    assert result.ended == "loader-error" and f"twinboot: {code}: " in result.transcript, str(result)


def test_every_code_is_provoked() -> None:
    """Here, or where another test waits for its sentence."""
    listed = re.findall(r"^\| (TB\d\d) \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    others = [file for file in (ROOT / "tests").glob("test_*.py") if file != Path(__file__)]
    provoked = {code for file in others for code in re.findall(r"\bTB\d\d\b", strings(file))}
    cases = (*OUTSIDE.values(), *MORE_OUTSIDE.values(), *RUDE.values(), *MORE_RUDE.values())
    provoked |= {case.says[:4] for case in cases if case.says} | {"TB08"}  # test_too_little_memory
    provoked |= {"TB60", "TB65", "TB70"}  # test_adapter_without_a_kernel
    assert not provoked & set(UNPROVOKED), f"{provoked & set(UNPROVOKED)} are provoked"
    provoked |= set(UNPROVOKED)
    assert set(listed) == provoked, f"{set(listed) - provoked} are not provoked, {provoked - set(listed)} not listed"
