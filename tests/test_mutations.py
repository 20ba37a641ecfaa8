# SPDX-License-Identifier: BSD-2-Clause
"""Each guarantee, broken on purpose: what mutations.txt lists is built and booted, and must be seen.

Where the loader has changed so that a mutation no longer finds its text, that is a failure too: whoever changed it says
in mutations.txt how the guarantee would be broken now.
"""

import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

import pytest

from lab import ROOT, TOLD, compiled_already, copy_sources
from linuxprobe import LinuxProbe
from qemu import Machine, Result, boot
from transcript import values

MACHINE = Machine(memory="256M", cpus=3)
TIMEOUT = 15.0
# By the flag that asks for them.
KERNELS = {"low": "kernel-low", "linux": "vmlinuz"}
COMMAND_LINE = "mutant or not"


@dataclass
class Mutation:
    guarantee: str
    shows: str = ""
    firmware: str = "bios"
    quick: bool = False
    kernel: str = "kernel"
    changes: list[tuple[str, str, str]] = field(default_factory=list)  # file, old text, new text

    def __str__(self) -> str:
        return re.sub(r"\W+", "_", self.guarantee)


def read_mutations(path: Path) -> list[Mutation]:
    """Its format stands at its beginning."""
    mutations: list[Mutation] = []
    file, before = "", ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        kind, text = line[:1], line[1:]
        if kind == "=":
            mutations.append(Mutation(text.strip()))
        elif kind == "?":
            mutations[-1].shows, *flags = text.strip().split(", ")
            mutations[-1].quick = "quick" in flags
            mutations[-1].firmware = "uefi" if "uefi" in flags else "bios"
            mutations[-1].kernel = next((kernel for flag, kernel in KERNELS.items() if flag in flags), "kernel")
        elif kind == "@":
            file = text.strip()
        elif kind in ("-", "+"):
            changes = mutations[-1].changes
            if kind == "-" and before != "-":
                changes.append((file, text, ""))
            elif kind == "-":
                changes[-1] = (file, changes[-1][1] + "\n" + text, "")
            else:
                assert before in ("-", "+"), f"{path}:{number}: + without -"
                changes[-1] = (*changes[-1][:2], changes[-1][2] + "\n" * (before == "+") + text)
        else:
            assert kind in ("", "#"), f"{path}:{number}: {line}"
        before = kind
    return mutations


MUTATIONS = read_mutations(Path(__file__).with_name("mutations.txt"))


def find(old: str, text: str) -> list[re.Match[str]]:
    """White space may differ: lines are broken where clang-format likes."""
    return list(re.finditer(r"\s+".join(map(re.escape, old.split())), text))


class Workshop:
    """A copy of the source tree in which loaders are broken, one after the other."""

    def __init__(self, directory: Path) -> None:
        self.tree, self.out = directory / "tree", directory / "build"
        copy_sources(self.tree)
        compiled_already(self.out)
        self.modules = [directory / "first", directory / "second"]
        self.modules[0].write_bytes(bytes(range(1, 256)) * 32)
        self.modules[1].write_bytes(b"")
        self._intact: dict[tuple[str, str, bool], tuple[Result, bytes]] = {}

    def make(self, *arguments: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in TOLD}
        # What a mutation leaves unused is no error.
        command = ["make", "-s", "-C", str(self.tree), "WARN=", f"OUT={self.out}", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def build(self, kernel: str) -> None:
        files = " ".join(map(str, self.modules))
        if kernel == KERNELS["linux"]:
            self.out.mkdir(exist_ok=True)
            given = [f"KERNEL={LinuxProbe().build(self.out / kernel)}", f"INITRD={files}"]
        else:
            given = [f"KERNEL={self.out}/{kernel}.elf", f"MODULES={files}"]
        self.make(f"CMDLINE={COMMAND_LINE}", *given)

    def failed_units(self, test: str) -> set[str]:
        """The cases of this host test that fail, or end it."""
        program = self.out / "unit" / test
        self.make(str(program))
        done = subprocess.run([program], capture_output=True, text=True)
        begun, passed = (
            set(re.findall(rf"^\[ +{word} +\] (\w+)", done.stdout, re.MULTILINE)) for word in ("RUN", "OK")
        )
        return begun - passed

    def boot(self, firmware: str, with_screen: bool) -> tuple[Result, bytes]:
        screen = self.out / "screen.png" if with_screen else None
        result = boot(firmware, self.out / "twinboot.img", MACHINE, timeout=TIMEOUT, screen=screen)
        return result, screen.read_bytes() if screen is not None and screen.exists() else b""

    def intact(self, kernel: str, firmware: str, with_screen: bool) -> tuple[Result, bytes]:
        """What the loader does as it is, from one boot."""
        key = (kernel, firmware, with_screen)
        if key not in self._intact:
            self.build(kernel)
            result, picture = self.boot(firmware, with_screen)
            assert result.ended == ("seen" if with_screen else "success"), str(result)
            self._intact[key] = result, picture
        return self._intact[key]

    @contextmanager
    def mutant(self, mutation: Mutation) -> Iterator[None]:
        """The sources are broken for a while."""
        texts = {self.tree / file: (self.tree / file).read_text() for file, _, _ in mutation.changes}
        try:
            for file, old, new in mutation.changes:
                path = self.tree / file
                text = path.read_text()
                places = find(old, text)
                assert (
                    len(places) == 1
                ), f"mutations.txt, {mutation.guarantee}: {len(places)} places in {file}"
                path.write_text(text[: places[0].start()] + new + text[places[0].end() :])
            yield
        finally:
            for path, text in texts.items():
                path.write_text(text)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    directory = tmp_path_factory.mktemp("mutants")
    yield Workshop(directory)
    shutil.rmtree(directory)


def is_seen(mutation: Mutation, mutant: Result, intact: Result) -> bool:
    said, shows = values(mutant.transcript), mutation.shows
    if shows.startswith(":"):
        return mutant.ended == shows[1:]
    if re.fullmatch(r"TB\d\d", shows):
        return f"twinboot: {shows}: " in mutant.transcript and "twinboot-kernel" not in said
    if shows.endswith("="):
        key = shows[:-1]
        return said.get(key) != values(intact.transcript)[key]
    return said.get(shows, "").startswith("FAIL") and mutant.ended == "failure"


@pytest.mark.parametrize(
    "mutation",
    [m if m.quick else pytest.param(m, marks=pytest.mark.all) for m in MUTATIONS],
    ids=str,
)
def test_mutation_is_seen(workshop: Workshop, mutation: Mutation) -> None:
    if mutation.shows.startswith("unit/"):
        _, test, case = mutation.shows.split("/")
        assert not workshop.failed_units(test)
        with workshop.mutant(mutation):
            assert case in workshop.failed_units(test)
        return
    intact, picture = workshop.intact(mutation.kernel, mutation.firmware, mutation.shows == "screen")
    with workshop.mutant(mutation):
        workshop.build(mutation.kernel)
        mutant, mutant_picture = workshop.boot(mutation.firmware, mutation.shows == "screen")
    if mutation.shows == "screen":
        assert mutant.ended == "seen" and mutant_picture != picture, str(mutant)
    else:
        assert is_seen(mutation, mutant, intact), f"{mutation.shows} does not show it\n{mutant}"


def test_every_mutation_finds_its_text() -> None:
    """Also without building them all."""
    lost = [
        f"{mutation.guarantee}: {file}"
        for mutation in MUTATIONS
        for file, old, _ in mutation.changes
        if len(find(old, (ROOT / file).read_text())) != 1
    ]
    assert not lost, "not found exactly once:\n" + "\n".join(lost)
    names = [str(mutation) for mutation in MUTATIONS]
    assert len(names) == len(set(names)) and all(m.shows and m.changes for m in MUTATIONS)
