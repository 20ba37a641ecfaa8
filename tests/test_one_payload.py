# SPDX-License-Identifier: BSD-2-Clause
"""One payload went in: the same bytes in the archive, in both loaders and in kernel.padded."""

import hashlib
import subprocess

from elf import PAGE, Elf
from formats import Pe, ar_members
from lab import Build


def archived_kernel(build: Build) -> Elf:
    members = list(ar_members(build.read("libkernel_bin.a")))
    assert len(members) == 1, [name for name, _ in members]
    return Elf(members[0][1])


def test_same_bytes_everywhere(reference: Build) -> None:
    archive, legacy = archived_kernel(reference), Elf(reference.read("legacy.elf"))
    efi = Pe(reference.read("BOOTX64.EFI"))
    kernels = {
        "kernel.padded": reference.read("kernel.padded"),
        "libkernel_bin.a": archive.contents(archive.section(".kernel")),
        "legacy.elf": legacy.contents(legacy.section(".kernel")),
        "BOOTX64.EFI": efi.loaded(efi.section(".kernel")),
    }
    digests = {
        name: f"{hashlib.sha256(data).hexdigest()} of {len(data)} bytes" for name, data in kernels.items()
    }
    assert len(set(digests.values())) == 1, digests


def test_symbols_have_generic_names(reference: Build) -> None:
    archive = archived_kernel(reference)
    symbols = {symbol.name: symbol.value for symbol in archive.symbols if symbol.name and symbol.section != 0}
    symbols.pop(".kernel", None)  # a section symbol, if objcopy makes one
    assert set(symbols) == {"_kernel_start_addr", "_kernel_end_addr", "_kernel_size"}
    assert symbols["_kernel_end_addr"] - symbols["_kernel_start_addr"] == symbols["_kernel_size"]
    assert symbols["_kernel_size"] == len(reference.read("kernel.padded"))


def test_padded_kernel_is_its_own_memory_image(reference: Build) -> None:
    padded = Elf(reference.read("kernel.padded"))
    first = padded.loads[0]
    for load in padded.loads:
        assert load.filesz == load.memsz
        assert load.offset - first.offset == load.vaddr - first.vaddr
        assert load.offset % PAGE == load.vaddr % PAGE
        assert load.align == PAGE
        assert load.offset + load.filesz <= len(padded.data)


def test_readelf_reads_the_padded_kernel(reference: Build) -> None:
    path = reference.out / "kernel.padded"
    done = subprocess.run(["readelf", "-hlW", path], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and "warning" not in done.stdout.lower(), done
