# SPDX-License-Identifier: BSD-2-Clause
"""What all tests share: one lab, and the reference kernel's build and reports."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Iterator, Optional

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "runner"))
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # what tests run is not part of the make that runs them
    os.environ.pop(name, None)

import pytest  # noqa: E402

import qemu  # noqa: E402
from faults.workshop import Workshop  # noqa: E402
from lab import FIRMWARES, SHARED, Build, Lab  # noqa: E402
from probes import MissingTool  # noqa: E402
from qemu import Result  # noqa: E402
from started import Store  # noqa: E402

_lab: Optional[Lab] = None  # from the end of the collection on


def pytest_configure(config: pytest.Config) -> None:
    """With several processes (pytest -n), the first one makes the directory that all share."""
    if SHARED not in os.environ:
        directory = tempfile.TemporaryDirectory(prefix="twinboot-tests-")
        os.environ[SHARED] = directory.name
        config.add_cleanup(directory.cleanup)
    # Kept for the next run: COLD=1 does without, as it does for make run.
    if os.environ.get("COLD", "0") in ("", "0"):
        qemu.STORE = Store(ROOT / "build/started")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Starts the boots that the selected tests will ask for, in their order; one of several processes does not know which
    tests will be its own."""
    global _lab
    if session.config.option.collectonly:
        return
    _lab = Lab()
    session.config.add_cleanup(_lab.close)
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    for item in session.items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if "reports" in item.fixturenames:  # type: ignore[attr-defined]
            for firmware in FIRMWARES:
                _lab.start("reference", firmware)
        elif "row" in parameters:
            for firmware in FIRMWARES:
                _lab.start(parameters["row"].kernel, firmware, parameters["row"].machine)
        elif "booted" in item.fixturenames:  # type: ignore[attr-defined]
            _lab.start(parameters["kernel"], parameters["firmware"])


@pytest.fixture(scope="session")
def lab() -> Lab:
    assert _lab is not None
    return _lab


@pytest.fixture(scope="session")
def reference(lab: Lab) -> Build:
    """The default build, with the reference kernel."""
    return lab.build("reference")


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    with tempfile.TemporaryDirectory(prefix="twinboot-workshop-") as directory:
        yield Workshop(Path(directory))


@pytest.fixture(scope="session")
def reports(lab: Lab) -> dict[str, Result]:
    """The reference kernel's boot on each firmware."""
    return {firmware: lab.boot("reference", firmware) for firmware in FIRMWARES}


@pytest.fixture
def booted(lab: Lab, kernel: str, firmware: str) -> Result:
    """The boot of the parameters `kernel` and `firmware`."""
    try:
        return lab.boot(kernel, firmware)
    except MissingTool as missing:
        pytest.skip(str(missing))


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory that is gone after the test: images are large, and pytest keeps its own for a while."""
    with tempfile.TemporaryDirectory(prefix="twinboot-test-") as directory:
        yield Path(directory)
