# SPDX-License-Identifier: BSD-2-Clause
"""docs/errors.md lists the codes that the loader can show, and no others."""

import re

from lab import ROOT


def test_list_and_code_agree() -> None:
    sources = [ROOT / "common/errors.h", ROOT / "legacy/boot.S"]
    shown = [code for source in sources for code in re.findall(r'"(?:twinboot: )?(TB\d\d):', source.read_text())]
    listed = re.findall(r"^\| (TB\d\d) \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    assert listed == sorted(set(shown)), set(listed) ^ set(shown)
    assert len(listed) == len(set(listed))
