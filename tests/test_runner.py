# SPDX-License-Identifier: BSD-2-Clause
"""`run` and `test`, the runner's two verbs: every end has its name, every format says the same, bad input gets a sentence."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Iterator

import pytest

import cases
import tap
from lab import ROOT, compiled_already
from probes import FLAGS
from sectors import BY_CHANCE, EXIT_FAILURE, EXIT_SUCCESS, HALT, POWER_OFF, TRIPLE_FAULT, WAIT, disk
from symbols import Symbols

RUNNER = [sys.executable, str(ROOT / "runner")]
GOOD_TAP = "TAP version 14\n1..2\nok 1 - adds\nok 2 - multiplies # SKIP no multiplier\n"


@pytest.fixture
def here(scratch: Path) -> Iterator[dict[str, str]]:
    """An environment with a cache of its own."""
    yield {**os.environ, "TWINBOOT_CACHE": str(scratch / "cache"), "TWINBOOT_KVM": "0"}


def call(here: dict[str, str], *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [*RUNNER, *map(str, arguments)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=here)


def image(scratch: Path, name: str, code: bytes, text: str = "key=value\n") -> Path:
    path = scratch / f"{name}.img"
    path.write_bytes(disk(code, text))
    return path


SPINS = bytes.fromhex("90 eb fd")
ENDS = {
    "good": (EXIT_SUCCESS, "", True, r"success \(0x10\)"),
    "bad": (EXIT_FAILURE, "", False, "failure code 0x11"),
    "triple": (TRIPLE_FAULT, "", False, "triple fault: #GP"),
    "halted": (HALT, "", False, r"hang after 2 s: CPU 0 halted in 0x7c\w\w"),
    "off": (POWER_OFF, "", False, "switched off without a result"),
    "loader": (HALT, "twinboot: TB05: cannot read\n", False, "TB05: cannot read"),
    "tap": (HALT, GOOD_TAP, True, "2 tests"),
    "tap-and-code": (EXIT_SUCCESS, GOOD_TAP.replace("ok 1", "not ok 1"), False, "1 of 2 tests failed: adds"),
    "tap-short": (EXIT_SUCCESS, GOOD_TAP.replace("1..2", "1..3"), False, "2 tests of 3"),
    "bails-out": (HALT, "1..9\nBail out! no memory\n", False, "bailed out: no memory"),
}


def test_every_end_has_its_name(here: dict[str, str], scratch: Path) -> None:
    files = [image(scratch, name, code, text or "x\n") for name, (code, text, _, _) in ENDS.items()]
    done = call(here, "test", "--bios", "--timeout", "2", *files)
    lines = done.stdout.splitlines()
    for name, (_, _, ok, says) in ENDS.items():
        (line,) = [line for line in lines if f" {name}: bios" in line]
        assert line.startswith("ok  " if ok else "FAIL") and re.search(f": {says}", line), done.stdout
    assert lines[-1].startswith("2 passed, 8 failed in ") and done.returncode == 1, done.stdout
    log = re.search(r"log: (\S+bad\S+)", done.stdout)
    assert log and Path(log[1]).read_text() == "x\n", done.stdout


def kernel(scratch: Path, needs: str = "0") -> Path:
    path = scratch / f"ends-{needs}.elf"
    command = ["gcc", *FLAGS, "-fpie", "-static-pie", f"-I{ROOT / 'include'}", f"-DNEEDS={needs}"]
    command += ["-Wl,-e,kernel_main", "-o", str(path), str(ROOT / "tests/kernels/ends.c")]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def with_loaders(here: dict[str, str]) -> dict[str, str]:
    compiled_already(Path(here["TWINBOOT_CACHE"]) / "loaders")
    return here


def test_a_death_is_told_by_function_and_line(with_loaders: dict[str, str], scratch: Path) -> None:
    """From the exception net, and from QEMU's log where the kernel wants none."""
    source = (ROOT / "tests/kernels/ends.c").read_text().splitlines()
    line = 1 + next(number for number, text in enumerate(source) if "the line that the test looks for" in text)
    place = rf"#PF at strike \(\S*ends\.c:{line}\)"
    net = call(with_loaders, "run", "--bios", kernel(scratch))
    assert net.returncode == 1 and re.search(f"{place}, before the kernel had an IDT", net.stdout), net
    without = call(with_loaders, "test", "--bios", kernel(scratch, "TWINBOOT_NO_EXCEPTION_NET"))
    assert without.returncode == 1 and re.search(f"triple fault: {place}", without.stdout), without


def test_arguments_are_the_command_line(with_loaders: dict[str, str], scratch: Path) -> None:
    done = call(with_loaders, "run", "--bios", kernel(scratch), "--one", "two words", "$3")
    assert done.returncode == 0 and 'bios| command line: --one "two words" $3\n' in done.stdout, done


def test_formats_say_the_same(here: dict[str, str], scratch: Path) -> None:
    files = [image(scratch, name, *ENDS[name][:2]) for name in ("good", "bad", "tap-and-code")]
    junit, page = scratch / "junit.xml", scratch / "page.html"
    done = call(here, "test", "--bios", "--tap", "--junit", junit, "--html", page, *files)
    assert done.returncode == 1, done
    assert done.stdout.splitlines()[:2] == ["TAP version 14", "1..3"]
    assert re.findall(r"^(?:not )?ok .*$", done.stdout, re.MULTILINE) == [
        "ok 1 - good: bios",
        "not ok 2 - bad: bios",
        "not ok 3 - tap-and-code: bios",
    ]
    suite = xml.parse(junit).getroot()[0]
    failed = {test.get("name"): test.find("failure") is not None for test in suite}
    assert failed == {
        "good: bios": False,
        "bad: bios": True,
        "tap-and-code: bios": True,
        "adds": True,
        "multiplies": False,
    }
    assert (suite.get("tests"), suite.get("failures")) == ("5", "3")
    text = page.read_text()
    assert text.count("data:image/png;base64,") == 3 and "failure code 0x11" in text and "1 passed, 2 failed" in text
    assert "http" not in text, "it must need no network"


def test_a_flake_is_named(here: dict[str, str], scratch: Path) -> None:
    done = call(here, "test", "--bios", "--repeat", "24", image(scratch, "chance", BY_CHANCE + HALT))
    assert done.returncode == 1, done
    assert re.search(r"FAIL chance: bios.*: flaky: \d+ of 24 boots failed: failure code 0x11", done.stdout), done.stdout


def loops(times: int) -> bytes:
    return b"\x66\xb9" + times.to_bytes(4, "little") + bytes.fromhex("67 e2 fd")  # mov ecx, times; loop with ecx


def test_a_slowdown_is_named(here: dict[str, str], scratch: Path) -> None:
    """SeaBIOS takes 16 million; 2 % of that are a third of a million."""
    counts = scratch / "counts"
    file = image(scratch, "work", EXIT_SUCCESS)
    assert call(here, "test", "--bios", f"--count={counts}", file).returncode == 0
    number, case = counts.read_text().strip().split(" ", 1)
    assert case == "work: bios" and 10**7 < int(number) < 10**8
    assert call(here, "test", "--bios", "--repeat=3", "--against", counts, file).returncode == 0
    image(scratch, "work", loops(int(number) // 10) + EXIT_SUCCESS)
    done = call(here, "test", "--bios", "--against", counts, file)
    assert done.returncode == 1 and re.search(r"FAIL work: bios: [89]\.|FAIL work: bios: 1\d\.", done.stdout), done.stdout
    assert "% more instructions" in done.stdout


def test_a_matrix_from_a_file(here: dict[str, str], scratch: Path) -> None:
    matrix = scratch / "matrix"
    matrix.write_text("firmware=bios cpus=1,2 # both\n\nfirmware=bios machine=pc cpu=qemu64,+la57,max,nx=off\n")
    done = call(here, "test", "--matrix", matrix, image(scratch, "good", EXIT_SUCCESS))
    assert done.returncode == 0, done
    found = sorted(re.findall(r"^ok   (.*?), \d", done.stdout, re.MULTILINE))
    assert found == [
        "good: bios",
        "good: bios cpus=2",
        "good: bios machine=pc cpu=max,nx=off",
        "good: bios machine=pc cpu=qemu64,+la57",
    ], done.stdout


def test_a_page_for_people(here: dict[str, str], scratch: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    page, picture = scratch / "page.html", scratch / "page.png"
    call(here, "test", "--bios", "--html", page, image(scratch, "good", EXIT_SUCCESS))
    command = ["chromium", "--headless", "--no-sandbox", f"--screenshot={picture}", f"file://{page}"]
    subprocess.run(command, check=True, capture_output=True)
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["run"], 2, "usage"),
        (["run", "--no-such-option", "{image}"], 2, "--no-such-option"),
        (["run", "--memory", "much", "{image}"], 3, "memory 'much': is not a number"),
        (["run", "--cpus", "1,2", "{image}"], 3, "run takes one machine"),
        (["run", "{image}", "argument"], 3, "is an image"),
        (["run", "/nonexistent"], 3, "/nonexistent: No such file"),
        (["run", "/usr"], 3, "/usr: Is a directory"),
        (["run", "{text}"], 3, "is neither an ELF file nor a disk image"),
        (["run", "--bios", "--cpu", "none-such", "{image}"], 3, "none-such"),
        (["run", "--gdb", "--bios", "{image}"], 2, "has no symbols"),
        (["test", "--firmware", "coreboot", "{image}"], 3, "there are bios and uefi"),
        (["test", "--matrix", "{text}", "{image}"], 3, "'hello' is no setting"),
        (["test", "--junit", "/nonexistent/x", "{image}"], 3, "/nonexistent/x: cannot be written"),
        (["test", "--html", "/proc/x", "{image}"], 3, "/proc/x: cannot be written"),
        (["test", "--against", "{text}", "{image}"], 3, "is not a file of --count"),
    ],
)
def test_bad_input(here: dict[str, str], scratch: Path, arguments: list[str], code: int, says: str) -> None:
    text = scratch / "text"
    text.write_text("hello\n" * 200)
    places = {"image": image(scratch, "good", EXIT_SUCCESS), "text": text}
    done = call(here, *(argument.format(**places) for argument in arguments))
    assert done.returncode == code and says in done.stderr + done.stdout, done
    assert "Traceback" not in done.stderr, done


def test_a_missing_tool(here: dict[str, str], scratch: Path) -> None:
    done = call({**here, "PATH": "/nonexistent"}, "run", "--bios", image(scratch, "good", EXIT_SUCCESS))
    assert done.returncode == 4 and "qemu-system-x86" in done.stderr, done


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_all(here: dict[str, str], scratch: Path, number: int, code: int) -> None:
    file = image(scratch, "halted", HALT)
    command = [*RUNNER, "test", "--bios", "--cpus", "1,2,3", "-j", "2", "--timeout", "100", str(file)]
    process = subprocess.Popen(command, env=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while len(machines(file)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert machines(file)
    process.send_signal(number)
    output = process.communicate(timeout=20)
    assert process.returncode == code and "Traceback" not in output[1], output
    assert not machines(file)


def machines(file: Path) -> list[Path]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"qemu-system" in command.split(b"\0")[0] and str(file).encode() in command:
            found.append(process)
    return found


def test_a_terminal_is_the_kernels(here: dict[str, str], scratch: Path) -> None:
    """What is typed arrives, and comes back by the kernel's own doing alone."""
    file = image(scratch, "echo", WAIT + EXIT_SUCCESS, "type\n")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(RUNNER[0], [*RUNNER, "run", "--bios", str(file)], here)
    said = read_until(terminal, b"type\r\n")
    os.write(terminal, b"x")
    said += read_until(terminal, b"with success")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said
    assert said.split(b"type\r\n")[1].split(b"==")[0].strip(b"\0\r\n") == b"x", said


def read_until(terminal: int, end: bytes) -> bytes:
    said = b""
    while end not in said:
        try:
            said += os.read(terminal, 4096)
        except OSError:
            break
    return said


def test_gdb_command(here: dict[str, str], with_loaders: dict[str, str], scratch: Path) -> None:
    """It is printed before QEMU waits for it, with the address at which a static PIE runs."""
    command = [*RUNNER, "run", "--gdb", "--bios", str(kernel(scratch))]
    process = subprocess.Popen(command, env=here, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert re.search(r"gdb -ex 'target remote 127\.0\.0\.1:\d+' .*-o 0xffffffff80000000' .*hbreak \*0xffffffff8", lines[1])
    finally:
        process.terminate()
        process.wait()


# The parts that need no machine.


def test_tap_without_a_version_or_plan_is_none() -> None:
    assert not tap.read("ok 1 - not meant so\n").spoken


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD_TAP, ""),
        ("TAP version 13\nok\nok 2\n1..2\n", ""),
        ("1..1\nnot ok 1 - later # TODO soon\n", ""),
        ("1..1\n    not ok 1 - of a subtest\nok 1 - parent\n", ""),
        ("1..0 # skipped\n", ""),
        ("1..1\nnot ok 1 - adds\n", "1 of 1 tests failed: adds"),
        ("TAP version 14\nok 1\n", "1 tests, and no plan (1..N) that says that these are all"),
        ("1..3\nok 1\n", "1 tests of 3"),
        ("1..3\nok 1\nBail out! fire\n", "bailed out: fire"),
    ],
)
def test_tap(text: str, problem: str) -> None:
    assert tap.read(text).problem == problem


@pytest.mark.parametrize("start", [b"\x7fELF\x01\x01", b"MZ", b""])
def test_without_an_elf64_file_addresses_stay_numbers(scratch: Path, start: bytes) -> None:
    file = scratch / "kernel"
    file.write_bytes(start)
    assert Symbols(file).where(0x1234) == Symbols(None).where(0x1234) == "0x1234"


def test_lists_with_options() -> None:
    assert cases.split("max,nx=off,qemu64,+la57,-apic,host") == ["max,nx=off", "qemu64,+la57,-apic", "host"]
