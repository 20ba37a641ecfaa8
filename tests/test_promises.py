# SPDX-License-Identifier: BSD-2-Clause
"""The contract and what proves it are one list: each promise in docs/contract.md ends with the names of its checks, each name
there is a check, and each check of the reference kernel stands behind a promise. And no test leans on another."""

import re

from lab import ROOT

FIRST = "## The file"  # the first section that promises
NO_CHECK = "no check"
# Of the reference kernel, about itself.
OF_ITSELF = {"deliberate_failure", "fault_catching_works", "no_unexpected_fault"}
NAMES = re.compile(rf"\[((?:\w+(?:, )?)+|{NO_CHECK})\](?!\()")


def sources(*patterns: str) -> str:
    return "\n".join(file.read_text() for pattern in patterns for file in sorted(ROOT.glob(pattern)))


def kernel_checks() -> set[str]:
    """Every key that check() gets, through whichever function; %u stands as N."""
    text = sources("kernel/*.c", "kernel/*.h")
    takers = set(re.findall(r"\b(\w+)\(const char \*key", text))
    takers -= {taker for taker in takers if taker.startswith("fact")} | {"report_range", "count_failure"}
    keys = set(re.findall(rf'\b(?:{"|".join(takers)})\(\s*"([a-z]\w+)"', text))
    numbered = re.findall(r'format_text\(key, sizeof\(key\), "([^"]+)"[^;]*;\s*(?:if \()?check', text)
    return keys | {key.replace("%u", "N") for key in numbered}


def facts_that_tests_compare() -> set[str]:
    """What differs between the firmwares is no proof."""
    facts = set(re.findall(r'\bfact(?:_start|_bytes)?\(\s*"([a-z]\w+)"', sources("kernel/*.c")))
    may_differ = (ROOT / "tests/may_differ.txt").read_text().splitlines()
    return facts - {line.split("\t")[0] for line in may_differ}


def cases() -> set[str]:
    boots = re.findall(r"^def (test_\w+)\(", sources("tests/test_*.py"), re.MULTILINE)
    return {*boots, *re.findall(r"(?:cmocka_unit_test(?:_\w+)?|\bTEST)\((\w+)", sources("tests/unit/*.c"))}


def blocks(text: str) -> list[str]:
    """Paragraphs, list items and table rows, without code, headings and the tables' own heads."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^(?:    .*|#.*|\|.*\n\|---.*)$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^(?=- |\|)", "\n", text, flags=re.MULTILINE)
    return [block.strip() for block in text.split("\n\n") if block.strip()]


def promises() -> dict[str, list[str]]:
    """Each block that promises, and the names behind it. One that ends with a colon leaves that to what follows."""
    text = (ROOT / "docs/contract.md").read_text()
    found = {}
    for block in blocks(text[text.index(FIRST) :]):
        if not block.endswith(":"):
            names = NAMES.findall(re.sub(r"`[^`]*`", "", block))
            found[block] = [name for part in names for name in part.split(", ")]
    return found


def named() -> set[str]:
    return {name for names in promises().values() for name in names} - {NO_CHECK}


def test_each_promise_names_what_proves_it() -> None:
    assert len(promises()) > 100, "the contract is not read as it is written"
    without = [block[:100] for block, names in promises().items() if not names]
    assert not without, f"end them with [the check's name] or [{NO_CHECK}]:\n" + "\n".join(without)


def test_each_name_is_a_check() -> None:
    unknown = named() - kernel_checks() - facts_that_tests_compare() - cases()
    assert not unknown, f"neither a check of the kernel, nor a value that tests compare, nor a test: {sorted(unknown)}"


def test_each_check_of_the_kernel_proves_a_promise() -> None:
    checks = kernel_checks() - OF_ITSELF
    assert len(checks) > 100 and OF_ITSELF < kernel_checks(), "the kernel's sources are not read as they are written"
    assert not checks - named(), f"in no promise of docs/contract.md: {sorted(checks - named())}"


def test_no_test_imports_another() -> None:
    guilty = re.findall(r"^(?:from|import) (test_\w+)", sources("tests/*.py", "tests/faults/*.py"), re.MULTILINE)
    assert not guilty, f"what two tests share has a module of its own: {guilty}"
