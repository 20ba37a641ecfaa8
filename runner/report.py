# SPDX-License-Identifier: BSD-2-Clause
"""Outcomes for people and for other programs: a line each, TAP, JUnit's XML, a page of HTML. Files appear whole or not at all."""

import base64
import html
import os
import sys
import tempfile
from pathlib import Path
from typing import Sequence
from xml.sax.saxutils import escape, quoteattr

import tap
from cases import Outcome
from common import bad_input

GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


def can_be_written(file: Path) -> None:
    """Asked before anything is run."""
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        bad_input(f"{file}: cannot be written: {error.strerror}; choose another place")
    if file.is_dir():
        bad_input(f"{file}: is a directory; give the name of a file")


def write(file: Path, text: str) -> None:
    try:
        with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}-", delete=False) as part:
            try:
                part.write(text)
                part.flush()
                os.chmod(part.name, 0o644)
                os.replace(part.name, file)
            except BaseException:
                os.unlink(part.name)
                raise
    except OSError as error:
        bad_input(f"{file}: cannot be written: {error.strerror}; choose another place")


def line(outcome: Outcome, coloured: bool) -> str:
    word = "ok  " if outcome.ok else "FAIL"
    if coloured:
        word = f"{GREEN if outcome.ok else RED}{word}{PLAIN}"
    count = f", {outcome.instructions} instructions" if outcome.instructions is not None else ""
    log = "" if outcome.ok or outcome.log is None else f"\n       log: {outcome.log}"
    return f"{word} {outcome.case}, {outcome.seconds:.1f} s{count}: {outcome.says}{log}"


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    passed = sum(outcome.ok for outcome in outcomes)
    return f"{passed} passed, {len(outcomes) - passed} failed in {seconds:.1f} s"


def as_tap(outcomes: Sequence[Outcome]) -> str:
    lines = ["TAP version 14", f"1..{len(outcomes)}"]
    for number, outcome in enumerate(outcomes, 1):
        name = str(outcome.case).replace("#", r"\#")
        lines.append(f"{'' if outcome.ok else 'not '}ok {number} - {name}")
        lines.append(f"# {outcome.says}")
    return "\n".join(lines)


def as_junit(outcomes: Sequence[Outcome]) -> str:
    """A case is a test; each line of its TAP is one more."""
    rows, failures = [], 0
    for outcome in outcomes:
        transcript = outcome.results[-1].transcript
        rows.append(_junit_case(outcome.case.name, str(outcome.case), outcome.ok, outcome.says, outcome.seconds))
        rows[-1] += f"<system-out>{escape(transcript)}</system-out></testcase>"
        failures += not outcome.ok
        for point in tap.read(transcript).points:
            rows.append(_junit_case(str(outcome.case), point.name, point.ok, "not ok", 0.0, point.note) + "</testcase>")
            failures += not point.ok
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites><testsuite name="twinboot" tests="{len(rows)}" failures="{failures}">\n'
        + "\n".join(rows)
        + "\n</testsuite></testsuites>\n"
    )


def _junit_case(group: str, name: str, ok: bool, says: str, seconds: float, note: str = "") -> str:
    head = f'<testcase classname={quoteattr(group)} name={quoteattr(name)} time="{seconds:.3f}">'
    skipped = "<skipped/>" if note == "skip" else ""
    return head + skipped + ("" if ok else f"<failure message={quoteattr(says)}/>")


STYLE = """body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.25em .7em;text-align:left;border-bottom:1px solid #ddd}
.ok{background:#dff3df}.bad{background:#f9dada}a{color:inherit}pre{background:#f4f4f4;padding:.8em;overflow:auto;max-height:30em}
.screens{display:flex;gap:1em;flex-wrap:wrap}figure{margin:0;flex:1 1 24em}img{width:100%;border:1px solid #999}
.bar{background:#eee;height:1.1em;position:relative;margin:.3em 0}.bar span{position:absolute;height:100%;background:#7aa6d8;min-width:2px}
h3{margin:2em 0 .3em}figcaption,small{color:#666}"""


def as_html(outcomes: Sequence[Outcome], seconds: float) -> str:
    """One file that needs nothing from elsewhere."""
    failed = sum(not outcome.ok for outcome in outcomes)
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>twinboot: {failed} failed of {len(outcomes)}</title><style>{STYLE}</style>",
        f"<h1>{html.escape(summary(outcomes, seconds))}</h1>",
        _matrix(outcomes),
    ]
    for group in _groups(outcomes).values():
        parts += _detail(group)
    return "\n".join(parts) + "\n"


def _groups(outcomes: Sequence[Outcome]) -> dict[tuple[str, ...], list[Outcome]]:
    """The same kernel on the same machine, whatever the firmware: what is compared side by side."""
    groups: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in outcomes:
        key = (outcome.case.name, *list(outcome.case.settings.values())[1:])
        groups.setdefault(key, []).append(outcome)
    return groups


def _matrix(outcomes: Sequence[Outcome]) -> str:
    firmwares = sorted({outcome.case.firmware for outcome in outcomes})
    head = "".join(f"<th>{name}</th>" for name in ("kernel", "machine", "CPUs", "memory", "CPU", "display", *firmwares))
    rows = []
    for key, group in _groups(outcomes).items():
        cells = {outcome.case.firmware: _cell(outcome) for outcome in group}
        values = "".join(f"<td>{html.escape(value)}</td>" for value in key)
        rows.append(f"<tr>{values}{''.join(cells.get(firmware, '<td></td>') for firmware in firmwares)}</tr>")
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _cell(outcome: Outcome) -> str:
    kind, word = ("ok", "ok") if outcome.ok else ("bad", outcome.says)
    return f'<td class="{kind}"><a href="#{_anchor(outcome)}">{html.escape(word)}</a> <small>{outcome.seconds:.1f} s</small></td>'


def _anchor(outcome: Outcome) -> str:
    return html.escape(str(outcome.case).replace(" ", "-"), quote=True)


def _detail(group: Sequence[Outcome]) -> list[str]:
    parts, pictures = [], []
    for outcome in group:
        result = outcome.results[-1]
        parts.append(f'<h3 id="{_anchor(outcome)}">{html.escape(str(outcome.case))}</h3>')
        parts.append(f"<p>{html.escape(outcome.says)}</p>{_timeline(outcome)}")
        points = "".join(
            f'<li class="{"ok" if point.ok else "bad"}">{html.escape(point.name)} {point.note}</li>'
            for point in tap.read(result.transcript).points
        )
        parts.append(f"<ol>{points}</ol>" if points else "")
        stamped = zip(result.times, result.transcript.splitlines())
        log = "\n".join(f"{when:8.3f}  {text}" for when, text in stamped)
        parts.append(f"<details><summary>serial log</summary><pre>{html.escape(log)}</pre></details>")
        if outcome.screen is not None and outcome.screen.exists():
            data = base64.b64encode(outcome.screen.read_bytes()).decode()
            picture = f'<img alt="screen of {_anchor(outcome)}" src="data:image/png;base64,{data}">'
            pictures.append(f"<figure>{picture}<figcaption>{html.escape(str(outcome.case))}</figcaption></figure>")
    return [*parts, f'<div class="screens">{"".join(pictures)}</div>' if pictures else ""]


def _timeline(outcome: Outcome) -> str:
    """Each line of the serial port as a mark from QEMU's start to the end."""
    result = outcome.results[-1]
    whole = max(result.seconds, *result.times, 0.001)
    marks = "".join(f'<span style="left:{100 * when / whole:.2f}%"></span>' for when in result.times)
    first = f"first line after {result.times[0]:.2f} s, " if result.times else ""
    started = ", firmware started before" if result.saved else ""
    return f'<div class="bar">{marks}</div><small>{first}end after {result.seconds:.2f} s{started}</small>'


def tell(outcome: Outcome, coloured: bool, quiet: bool) -> None:
    if not quiet or not outcome.ok:
        print(line(outcome, coloured), flush=True)


def wants_colour(choice: str) -> bool:
    return choice == "always" or (choice == "auto" and sys.stdout.isatty() and "NO_COLOR" not in os.environ)
