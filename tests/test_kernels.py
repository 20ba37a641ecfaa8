# SPDX-License-Identifier: BSD-2-Clause
"""Kernels from other people's tools boot on both firmwares and find themselves whole."""

import pytest

from lab import FIRMWARES, Lab
from probes import DEFAULT, PROBES
from qemu import Result
from transcript import values

KERNELS = [pytest.param(name, marks=[] if name in DEFAULT else pytest.mark.all) for name in PROBES]


@pytest.mark.parametrize("firmware", FIRMWARES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_probe(booted: Result, kernel: str) -> None:
    found = {
        key.removeprefix("probe."): value
        for key, value in values(booted.transcript).items()
        if key.startswith("probe.")
    }
    assert found == dict(PROBES[kernel].findings), str(booted)
    assert booted.ended == "success", str(booted)


def test_writable_code_is_warned_of(lab: Lab) -> None:
    messages = lab.build("writable_code").messages
    assert "writable and executable" in messages, messages
