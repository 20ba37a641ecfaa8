# SPDX-License-Identifier: BSD-2-Clause
"""make: the same bytes every time, and nothing done that need not be done."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import ARTEFACTS, Build, build, make, whole
from probes import PROBES, Probe

COMPILED = ("x86_64", "i686", "efi", "host")  # where `out` keeps what was compiled


def test_two_builds_give_the_same_bytes(reference: Build, scratch: Path) -> None:
    again = Build(scratch / "in/another/place", whole(make(scratch / "in/another/place")))
    different = [name for name in ARTEFACTS if reference.read(name) != again.read(name)]
    assert not different


def times(directory: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file()}


def test_a_second_make_does_nothing(scratch: Path) -> None:
    build(scratch)
    assert make(scratch, "-q").returncode == 0
    before = times(scratch)
    build(scratch)
    assert not [str(path) for path, when in times(scratch).items() if when != before.get(path)]


def test_another_kernel_rebuilds_only_what_holds_it(scratch: Path) -> None:
    out, kernel = scratch / "out", scratch / "kernel.elf"
    PROBES["gcc_at_2_mib"].build(kernel)
    first = build(out, f"KERNEL={kernel}")
    old = {name: first.read(name) for name in ARTEFACTS}
    before = times(out)
    assert all((out / room).is_dir() for room in COMPILED), "this test looks in the wrong place"

    PROBES["gcc_at_1_mib"].build(kernel)
    started = time.monotonic()
    second = build(out, f"KERNEL={kernel}")
    assert time.monotonic() - started < 5, "it takes under a second, but boots run beside this"

    assert not [name for name in ARTEFACTS if second.read(name) == old[name]], "the new kernel did not get in"
    again = {path.relative_to(out) for path, when in times(out).items() if when != before.get(path)}
    compiled = [str(path) for path in again if path.suffix == ".o" and path.parts[0] in COMPILED]
    assert not compiled


def test_another_command_line_is_taken_up(scratch: Path) -> None:
    first = build(scratch, "CMDLINE=one").read("twinboot.img")
    assert build(scratch, "CMDLINE=two").read("twinboot.img") != first


def test_what_is_not_the_kernel_needs_no_link(out: Path, scratch: Path) -> None:
    """Modules and command line are not linked: the linked loaders are not even made again."""
    linked = ("legacy.elf", "legacy.bin", "efi.so", "linked.EFI", "libkernel_bin.a")
    build(out)  # the kernel's path has changed with the directory
    before = [(out / name).stat().st_mtime_ns for name in linked]
    (scratch / "module").write_bytes(b"a module" * 1000)
    image = build(out, "CMDLINE=another", f"MODULES={scratch}/module").read("twinboot.img")
    assert before == [(out / name).stat().st_mtime_ns for name in linked]
    assert b"another" in image and b"a module" * 1000 in image


MEASURE = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10)"""


def test_no_step_holds_the_payload_twice(reference: Build, scratch: Path) -> None:
    payload = 32 << 20
    kernel, stripped, padded = (scratch / f"kernel.{kind}" for kind in ("elf", "stripped", "padded"))
    Probe("gcc", PROBES["gcc_at_2_mib"].options, data=payload).build(kernel)
    manifest = ["manifest", "--kernel", padded, scratch]
    for step in (["strip", kernel, stripped], ["pad", stripped, padded, kernel], manifest):
        # In a small process of its own: a child's peak begins with its parent's.
        command = [sys.executable, "-c", MEASURE, reference.out / "twinboot", "step", *step]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0 and int(done.stdout) < 1.5 * payload, (step, done)


@pytest.fixture
def out(reference: Build, scratch: Path) -> Path:
    """The reference build without its image."""
    shutil.copytree(reference.out, scratch / "out", ignore=shutil.ignore_patterns("*.img"))
    return scratch / "out"


def test_any_name_and_any_text(reference: Build, out: Path, scratch: Path) -> None:
    """Whatever a file may be called, and whatever a command line may hold."""
    kernel = scratch / "-a b,c:d'e\"f$g#h%i;j*k[l]m\\n(o)=p~q|r&s`t`\u00e4.elf"
    kernel.write_bytes(reference.read("kernel.elf"))
    command_line = "two  words 'a' \"b\" \\c $HOME `id` $(id) %s #\u00e4\na new line;\\"
    path = str(kernel).replace("\\", "\\\\").replace('"', '\\"')
    variables = {"KERNEL": str(kernel), "CMDLINE": command_line, "MODULES": f'"{path}":"a name":{kernel.name[4:7]}'}
    given = [f"{name}={text}" for name, text in variables.items()]
    said = make(out, *given, "inspect")
    assert said.returncode == 0 and said.stderr == "", said
    assert f"command line  {command_line}\n" in said.stdout, said.stdout
    assert re.search(r"^module +a name, \d+ bytes: ,c:$", said.stdout, re.MULTILINE), said.stdout
    kernel.write_bytes(b"")
    assert "is empty" in make(out, *given).stderr, "it is not looked at again"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("KERNEL=", "KERNEL is empty"),
        ("KERNEL=/usr", "/usr: is a directory"),
        ("KERNEL=/dev/null", "/dev/null: is not a regular file"),
        ("KERNEL=/nonexistent", "/nonexistent: does not exist"),
        ("KERNEL={out}/cut.elf", "cut.elf: is truncated"),
        ("KERNEL={out}/empty", "empty: is empty"),
        ("KERNEL={out}/kernel.padded", "is made from the kernel"),
        ("KERNEL=a\nb", "KERNEL has a line break"),
        ("CMDLINE={long}", "a command line of 10000 bytes, at most 4095"),
        ("MODULES=/usr", "/usr: is a directory"),
        ("MODULES=/nonexistent", "/nonexistent: does not exist"),
        ('MODULES=README.md:a:"b', "MODULES: has a double quote without a second one"),
        ("TABLE=mbr gpt", "--table mbr gpt: there are mbr and gpt"),
        ("OUT={out}/a b", "a b: is not a name that make and the shell take"),
        ("OUT=", "OUT=: is not a name"),
    ],
)
def test_one_sentence_and_no_image(out: Path, given: str, says: str) -> None:
    (out / "cut.elf").write_bytes((out / "kernel.elf").read_bytes()[:5000])
    (out / "empty").touch()
    done = make(out, given.replace("{out}", str(out)).replace("{long}", "x" * 10000))
    assert done.returncode != 0, done
    sentences = [line for line in done.stderr.splitlines() if not re.match(r"make: \*\*\* (\[|Waiting)", line)]
    assert len(sentences) == 1 and says in sentences[0], done
    assert not [path for path in out.iterdir() if path.suffix in (".img", ".tmp")]
