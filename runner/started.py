# SPDX-License-Identifier: BSD-2-Clause
"""Started firmware, kept. OVMF takes seconds to its first disk read, and always the same ones: the first boot of a machine is
stopped there, its state is saved, and it goes on; later boots begin with that state and a disk image of their own.

QEMU stops by itself: blkdebug fails the first read that the guest asks for, once, and rerror=stop keeps that request and
stops the machine. `cont` repeats the request, in this QEMU or in another one that has loaded the state."""

import hashlib
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Iterator, Optional

from qmp import Qmp

LIMIT = 1 << 30  # bytes of states in one directory: about 24 machines of 512 MiB
PATIENCE = 60.0  # seconds for the firmware to come to its first read, and for a state to be loaded
SAVING_PATIENCE = 30.0  # seconds in which QEMU must go on writing
POLL = 0.01  # seconds between two looks at QEMU's state
NO_LIMIT = 1 << 40  # bytes a second: migration is throttled to 128 MiB/s otherwise


class Refused(Exception):
    """QEMU does not take the saved state."""


class Store:
    """A directory of saved states, for any number of processes at once. A state appears there whole or not at all; the ones
    that were not used for the longest time make room for others."""

    def __init__(self, directory: Path, limit: int = LIMIT) -> None:
        self.directory, self.limit = directory, limit

    def find(self, name: str) -> Optional[Path]:
        file = self.directory / name
        if not file.is_file():
            return None
        with suppress(OSError):
            os.utime(file)
        return file

    def drop(self, name: str) -> None:
        with suppress(OSError):
            (self.directory / name).unlink()

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """A file that gets its name only if nothing is raised while it is open."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.directory, prefix="part-", delete=False) as file:
            try:
                yield file
                file.flush()
                os.replace(file.name, self.directory / name)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        self._trim()

    def _trim(self) -> None:
        """Also what a killed process left half-written is old some day."""
        left = self.limit
        with os.scandir(self.directory) as entries:
            files = [(entry.stat(), entry.path) for entry in entries]
        for stat, path in sorted(files, key=lambda file: -file[0].st_mtime_ns):
            left -= stat.st_size
            if left < 0:
                Path(path).unlink(missing_ok=True)


def name(*facts: object) -> str:
    """For a state: another one for whatever of the facts is different."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


@lru_cache(maxsize=None)
def programs(qemu: str) -> tuple[tuple[str, int, int], ...]:
    """QEMU itself and the ROMs that it may load, SeaBIOS among them: path, size and time of change of each."""
    program = Path(shutil.which(qemu) or qemu).resolve()
    said = subprocess.run([program, "-L", "help"], capture_output=True, text=True).stdout
    roms = [file for folder in said.splitlines() for file in sorted(Path(folder).glob("*")) if file.is_file()]
    return tuple(identity(file) for file in (program, *roms))


def identity(file: Path) -> tuple[str, int, int]:
    stat = file.stat()
    return str(file), stat.st_size, stat.st_mtime_ns


def drive(image: Path) -> str:
    """The options of a drive whose first read for the guest stops the machine. The read before it is QEMU's own: disks guess
    their geometry from the partition table."""
    escaped = str(image).replace(",", ",,")
    return (
        f"driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename={escaped},"
        "file.set-state.0.event=read_aio,file.set-state.0.state=1,file.set-state.0.new_state=2,"
        "file.inject-error.0.event=read_aio,file.inject-error.0.state=2,file.inject-error.0.once=on,"
        "file.inject-error.0.errno=5,rerror=stop"
    )


def incoming(state: Path) -> list[str]:
    """QEMU would wait for ever for the first byte of a file that is gone or empty; a line that is no state, it refuses."""
    return ["-incoming", f"exec:cat {shlex.quote(str(state))}; echo"]


def resume(qmp: Qmp) -> None:
    """Waits until the state is loaded, and lets the machine run."""
    deadline = time.monotonic() + PATIENCE
    try:
        while qmp.command("query-status")["status"] == "inmigrate":
            if time.monotonic() > deadline:
                raise Refused
            time.sleep(POLL)
        qmp.command("cont")
    except (OSError, RuntimeError) as error:
        raise Refused from error


def save(qmp: Qmp, store: Store, state: str, directory: Path) -> None:
    """Waits for the first read, saves the machine as it is then, and lets it go on. What cannot be saved is no error: the
    boot goes on all the same."""
    deadline = time.monotonic() + PATIENCE
    try:
        while qmp.command("query-status")["running"]:
            if time.monotonic() > deadline:
                return
            time.sleep(POLL)
        if _nothing_was_read(qmp):
            with suppress(OSError, RuntimeError), store.writing(state) as file:
                _migrate(qmp, directory / "state", file)
        while qmp.command("query-migrate").get("status") in ("setup", "active", "device", "cancelling"):
            time.sleep(POLL)
        qmp.command("cont")
    except OSError:
        pass  # QEMU has ended; whoever reads the serial port sees how


def _nothing_was_read(qmp: Qmp) -> bool:
    """A state with something of this image in it would be wrong for others."""
    disks = [disk for disk in qmp.command("query-blockstats") if disk["device"] == "disk"]
    return all(disk["stats"]["rd_operations"] == 0 for disk in disks)


def _migrate(qmp: Qmp, path: Path, file: IO[bytes]) -> None:
    """Through a socket, so that nothing but this process writes to the file, and a full disk is seen here."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        listener.settimeout(SAVING_PATIENCE)
        qmp.command("migrate-set-parameters", **{"max-bandwidth": NO_LIMIT})
        qmp.command("migrate", uri=f"unix:{path}")
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(SAVING_PATIENCE)
            while data := connection.recv(1 << 20):
                file.write(data)
    while (status := qmp.command("query-migrate")["status"]) not in ("completed", "failed", "cancelled"):
        time.sleep(POLL)
    if status != "completed":
        raise OSError(f"the state could not be saved: {status}")
