# SPDX-License-Identifier: BSD-2-Clause
"""Whether KVM runs this machine here. /dev/kvm can exist, open, and still run no guest, or one with another CPU only, or only now
and then (nested virtualisation): a guest of one sector must come to its end, twice. TWINBOOT_KVM=0 does without."""

import os
import subprocess
import tempfile
from pathlib import Path

import qemu
import started

PATIENCE = 3.0  # seconds; it takes a fifth of one
TRIES = 2
# mov dx, 0f4h; mov al, 10h; out dx, al; hlt
ENDS_QEMU = bytes.fromhex("ba f4 00 b0 10 ee f4").ljust(510, b"\0") + b"\x55\xaa"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def runs(machine: qemu.Machine, cache: Path) -> bool:
    """Tried once for each QEMU and machine since this host was booted; `cache` remembers the answer."""
    if os.environ.get("TWINBOOT_KVM") == "0" or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    facts = (started.programs(qemu.QEMU), BOOT_ID.read_text(), machine.machine, machine.cpu, machine.cpus)
    answer = cache / f"kvm-{started.name(*facts)}"
    try:
        return answer.read_text() == "yes"
    except OSError:
        pass
    works = all(_try(machine) for _ in range(TRIES))
    try:
        cache.mkdir(parents=True, exist_ok=True)
        answer.write_text("yes" if works else "no")
    except OSError:
        pass  # then it is tried again
    return works


def _try(machine: qemu.Machine) -> bool:
    with tempfile.NamedTemporaryFile(prefix="twinboot-") as disk:
        disk.write(ENDS_QEMU)
        disk.flush()
        command = [qemu.QEMU, "-nodefaults", "-display", "none", "-machine", f"{machine.machine},accel=kvm"]
        command += ["-cpu", machine.cpu, "-smp", str(machine.cpus), "-drive", f"format=raw,file={disk.name}"]
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        try:
            return subprocess.run(command, stderr=subprocess.DEVNULL, timeout=PATIENCE).returncode == 0x10 << 1 | 1
        except (OSError, subprocess.TimeoutExpired):
            return False
