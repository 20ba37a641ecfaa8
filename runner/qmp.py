# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's machine protocol (QMP): commands as JSON lines over a unix socket, with events in between."""

import json
import socket
import time
from pathlib import Path
from typing import Any, Callable

PATIENCE = 20.0  # seconds for one answer


class Qmp:
    """A connection to one QEMU. It answers once the machine has been built, not before."""

    def __init__(self, path: Path, alive: Callable[[], bool]) -> None:
        self.events: list[dict[str, Any]] = []
        self._socket = _connect(path, alive)
        self._stream = self._socket.makefile("r", encoding="utf-8")
        self._receive()  # the greeting
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments: Any) -> Any:
        """Runs one command and gives what it returns."""
        line = json.dumps({"execute": name, "arguments": arguments}) + "\n"
        self._socket.sendall(line.encode())
        while True:
            message = self._receive()
            if "error" in message:
                raise RuntimeError(f"QMP {name}: {message['error']['desc']}")
            if "return" in message:
                return message["return"]

    def drain(self) -> None:
        """Takes in what QEMU said before it ended."""
        try:
            while True:
                self._receive()
        except OSError:
            pass

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def _receive(self) -> dict[str, Any]:
        line = self._stream.readline()
        if not line:
            raise ConnectionError("QEMU closed its QMP socket")
        message: dict[str, Any] = json.loads(line)
        if "event" in message:
            self.events.append(message)
        return message


def _connect(path: Path, alive: Callable[[], bool]) -> socket.socket:
    """QEMU makes the socket early, but not before we look."""
    while True:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        try:
            connection.connect(str(path))
            return connection
        except OSError:
            connection.close()
            if not alive():
                raise
            time.sleep(0.01)
