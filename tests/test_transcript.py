# SPDX-License-Identifier: BSD-2-Clause
"""The comparison of transcripts can fail: one test for each way."""

from pathlib import Path

import pytest

from transcript import Line, compare, parse, read_may_differ

REPORT = [Line("entry", "0x200000"), Line("memory", "a"), Line("memory", "b"), Line("firmware", "SeaBIOS")]
OTHER = REPORT[:3] + [Line("firmware", "EDK II")]
MAY_DIFFER = {"firmware": "each names itself"}


def test_listed_keys_may_differ() -> None:
    assert compare(REPORT, OTHER, MAY_DIFFER) == []


def test_unlisted_key_differs_and_both_lines_are_shown() -> None:
    assert compare(REPORT, OTHER, {}) == ["differs:\n  BIOS firmware=SeaBIOS\n  UEFI firmware=EDK II"]


def test_missing_line() -> None:
    assert compare(REPORT, OTHER[1:], MAY_DIFFER) == ["only BIOS has: entry=0x200000"]
    assert compare(REPORT[1:], OTHER, MAY_DIFFER) == ["only UEFI has: entry=0x200000"]


def test_one_repetition_less() -> None:
    assert compare(REPORT, OTHER[:2] + OTHER[3:], MAY_DIFFER) == ["only BIOS has: memory=b"]


def test_repeated_key_differs_in_one_place() -> None:
    changed = [OTHER[0], OTHER[1], Line("memory", "c"), OTHER[3]]
    assert compare(REPORT, changed, MAY_DIFFER) == ["differs:\n  BIOS memory=b\n  UEFI memory=c"]


def test_order() -> None:
    swapped = [OTHER[1], OTHER[0], *OTHER[2:]]
    assert compare(REPORT, swapped, MAY_DIFFER) == ["order differs:\n  BIOS entry=0x200000\n  UEFI memory=a"]


def test_listed_key_on_one_side_only() -> None:
    assert compare(REPORT, OTHER[:3], MAY_DIFFER) == ["firmware may differ, but only BIOS has it"]


def test_listed_key_never_seen() -> None:
    problems = compare(REPORT, OTHER, {**MAY_DIFFER, "gone": "was there once"})
    assert problems == ["stale entry: gone may differ, but neither report has it"]


def test_empty_reports_do_not_agree() -> None:
    assert compare([], [], {}) == ["no report: 0 lines from BIOS, 0 from UEFI"]


def test_parse_leaves_out_other_lines() -> None:
    text = "BdsDxe: starting Boot0001\nentry=0x200000\r\nnot a line = of ours\ncommand_line=a=b c\n"
    assert parse(text) == [Line("entry", "0x200000"), Line("command_line", "a=b c")]


def test_a_key_without_a_reason_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "may_differ.txt"
    path.write_text("# comment\n\nfirmware\teach names itself\n")
    assert read_may_differ(path) == MAY_DIFFER
    path.write_text("firmware\n")
    with pytest.raises(ValueError, match="may_differ.txt:1: a key needs a tab and a reason"):
        read_may_differ(path)
