# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Linux with a small initrd that says what it finds, started by twinboot's Linux adapter."""

import lzma
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import debian
from lab import FIRMWARES, Build, build
from qemu import Machine, Result, boot

PAGE = 4096
# The cloud flavour is the smallest; 6.12 is packed with zstd, which unpacks six times as fast as 6.1's xz.
KERNEL_PACKAGES = ("linux-image-6.12-cloud-amd64", "linux-image-cloud-amd64")
KERNEL_PATTERN = r"linux-image-\d\S*-cloud-amd64"
COMMAND_LINE = "console=ttyS0 retain_initrd"
END = "twinboot-linux=end"

# Words on the kernel's command line: `dmesg` prints the kernel's log as well.
INIT = f"""#!/bin/busybox sh
bb=/bin/busybox
$bb mkdir -p /proc /sys /dev
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs dev /dev
exec >/dev/ttyS0 2>&1
say() {{ echo "$1=$2"; }}
first() {{ $bb head -n 1 "$1" 2>/dev/null || echo none; }}
hash() {{ $bb sha256sum <"$1" | $bb cut -d ' ' -f 1; }}
echo
say linux_command_line "$(first /proc/cmdline)"
say linux_initrd_sha256 "$(hash /sys/firmware/initrd)"
say linux_second_initrd "$(first /second)"
say linux_cpus "$($bb nproc)"
say linux_memory_kib "$($bb awk '/MemTotal/ {{ print $2 }}' /proc/meminfo)"
say linux_framebuffer "$(first /proc/fb)"
say linux_mode "$(first /sys/class/graphics/fb0/virtual_size)"
say linux_level5 "$($bb grep -cw la57 /proc/cpuinfo)"
say linux_acpi_tables "$($bb ls /sys/firmware/acpi/tables | $bb grep -c '^[A-Z]')"
say linux_efi_word_size "$(first /sys/firmware/efi/fw_platform_size)"
$bb insmod /efivarfs.ko 2>/dev/null && $bb mount -t efivarfs efivarfs /sys/firmware/efi/efivars 2>/dev/null
say linux_efi_variables "$($bb ls /sys/firmware/efi/efivars 2>/dev/null | $bb wc -l)"
say linux_efi_setup_mode "$($bb od -An -tx1 /sys/firmware/efi/efivars/SetupMode-* 2>/dev/null | $bb tr -d ' \\n')"
case " $(first /proc/cmdline) " in *" dmesg "*) $bb dmesg;; esac
echo {END}
$bb poweroff -f
"""


def cpio(files: dict[str, tuple[int, bytes]]) -> bytes:
    """An archive in the format that Linux unpacks ("newc"), of names, modes and contents."""
    archive = bytearray()
    entries = list(files.items()) + [("TRAILER!!!", (0, b""))]
    for number, (name, (mode, data)) in enumerate(entries, 1):
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        archive += b"070701" + b"".join(b"%08X" % field for field in fields) + path
        archive += bytes(-len(archive) % 4) + data
        archive += bytes(-len(archive) % 4)
    return bytes(archive)


def one_file(name: str, content: bytes) -> bytes:
    return cpio({name: (stat.S_IFREG | 0o644, content)})


def as_one(initrds: list[bytes]) -> bytes:
    """What Linux sees of several: each begins at a page."""
    joined = bytearray()
    for initrd in initrds:
        joined += bytes(-len(joined) % PAGE) + initrd
    return bytes(joined)


@dataclass(frozen=True)
class Debian:
    """Debian's kernel, and an initrd that goes with it."""

    kernel: Path
    initrd: bytes


def debian_kernel() -> Debian:
    """Raises debian.Unreachable where the packages cannot be had."""
    package = debian.unpacked(debian.newest(KERNEL_PACKAGES, KERNEL_PATTERN))
    (kernel,) = package.glob("boot/vmlinuz-*")
    (efivarfs,) = package.glob("lib/modules/*/kernel/fs/efivarfs/efivarfs.ko.xz")
    busybox = debian.unpacked("busybox-static") / "bin/busybox"
    return Debian(
        kernel,
        cpio(
            {
                "bin": (stat.S_IFDIR | 0o755, b""),
                "dev": (stat.S_IFDIR | 0o755, b""),
                "bin/busybox": (stat.S_IFREG | 0o755, busybox.read_bytes()),
                "efivarfs.ko": (stat.S_IFREG | 0o644, lzma.decompress(efivarfs.read_bytes())),
                "init": (stat.S_IFREG | 0o755, INIT.encode()),
            }
        ),
    )


def build_linux(out: Path, kernel: Path, initrds: list[bytes], command_line: str = COMMAND_LINE) -> Build:
    """An image of a Linux kernel and initrds."""
    out.mkdir(parents=True, exist_ok=True)
    names = []
    for number, initrd in enumerate(initrds):
        (out / f"initrd{number}").write_bytes(initrd)
        names.append(f"{out}/initrd{number}")
    return build(out, f"KERNEL={kernel}", f"INITRD={' '.join(names)}", f"CMDLINE={command_line}")


def boot_linux(image: Path, machine: Machine, firmwares: tuple[str, ...] = FIRMWARES) -> dict[str, Result]:
    """Boots on the firmwares at the same time; the kernel itself switches the machine off."""
    machine = replace(machine, debug_exit=False)
    with ThreadPoolExecutor(len(firmwares)) as pool:
        # Its variables and clock are looked at: the firmware starts anew.
        boots = {
            name: pool.submit(boot, name, image, machine, timeout=120, cold=True) for name in firmwares
        }
        return {name: each.result() for name, each in boots.items()}
