# SPDX-License-Identifier: BSD-2-Clause
"""A network of the tests' own: a namespace with one tap device, dnsmasq and an HTTP server as docs/netboot.md has them,
and a TFTP server that behaves badly."""

import ctypes
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, Optional

from lab import ROOT

CLONE_NEWNET = 0x40000000
SERVER = "192.168.77.1"  # as in docs/netboot.md
TAP = "tap0"


def missing() -> Optional[str]:
    """Why there can be no network here, if so."""
    if os.geteuid() != 0:
        return "a network namespace with a tap device needs root"
    if not Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun"
    for program in ("dnsmasq", "ip"):
        if shutil.which(program) is None:
            return f"{program} is missing (packages dnsmasq-base, iproute2)"
    return None


def _libc(function: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), function)


@contextmanager
def namespace() -> Iterator[None]:
    """This thread, and what it starts, is on a network of its own, which is gone with the last of them."""
    outside = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
    _libc("unshare", CLONE_NEWNET)
    try:
        for command in (
            "ip link set lo up",
            f"ip tuntap add {TAP} mode tap",
            f"ip address add {SERVER}/24 dev {TAP}",
            f"ip link set {TAP} up",
        ):
            subprocess.run(command.split(), check=True)
        yield
    finally:
        _libc("setns", outside, CLONE_NEWNET)
        os.close(outside)


def documented(kind: str) -> str:
    """The configuration of that name in docs/netboot.md."""
    text = (ROOT / "docs/netboot.md").read_text()
    found = re.search(rf"<!-- {kind} -->\n```\w*\n(.*?)```", text, re.DOTALL)
    assert found, f"docs/netboot.md has no {kind}"
    return found[1]


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        try:
            time.sleep(0.5)
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()
            process.wait()


@contextmanager
def dnsmasq(files: Path, scratch: Path, without: str = "") -> Iterator[None]:
    """As documented, on our device and for our files, but for the lines that have `without`."""
    lines = documented("dnsmasq").replace("eth0", TAP).replace("/srv/twinboot", str(files)).splitlines()
    if without:
        lines = [line for line in lines if without not in line]
    configuration = scratch / "dnsmasq.conf"
    configuration.write_text("\n".join(lines) + "\n")
    command = ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--user=root", f"--conf-file={configuration}"]
    command += [f"--dhcp-leasefile={scratch}/leases", "--pid-file="]
    with running(command, scratch / "dnsmasq.log"):
        yield


@contextmanager
def http(files: Path, scratch: Path) -> Iterator[None]:
    with running(documented("http").strip().replace("/srv/twinboot", str(files)).split(), scratch / "http.log"):
        yield


# A TFTP server (RFC 1350, 2347, 2348, 2349).

RRQ, DATA, ACK, ERROR, OACK = 1, 3, 4, 5, 6


@dataclass
class Tftp:
    """Serves `files`; of twinboot.payload and BOOTX64.EFI it loses packets, or after `stop_after` blocks it says that
    the file is gone (`vanishes`) or says nothing any more."""

    files: Path
    loss: float = 0.0  # of what it sends
    deafness: float = 0.0  # of what it is sent
    stop_after: Optional[int] = None
    vanishes: bool = False
    largest_block: int = 65464
    asked: list[tuple[str, int]] = field(default_factory=list)  # file, block size agreed upon
    lost: int = 0

    @contextmanager
    def serving(self) -> Iterator["Tftp"]:
        self._random = random.Random(1)
        self._stopped = threading.Event()
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind((SERVER, 69))
        listener.settimeout(0.2)
        # Sockets belong to the namespace of the thread that makes them.
        self._spare = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(64)]
        thread = threading.Thread(target=self._listen, args=(listener,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            thread.join()
            listener.close()
            for spare in self._spare:
                spare.close()

    def _listen(self, listener: socket.socket) -> None:
        while not self._stopped.is_set():
            try:
                request, client = listener.recvfrom(2048)
            except TimeoutError:
                continue
            if struct.unpack_from("!H", request)[0] == RRQ and self._spare:
                transfer = self._spare.pop()
                threading.Thread(target=self._send, args=(transfer, client, request[2:]), daemon=True).start()

    def _send(self, transfer: socket.socket, client: tuple[str, int], request: bytes) -> None:
        with transfer:
            words = [word.decode() for word in request.split(b"\0")[:-1]]
            name, options = words[0], dict(zip(words[2::2], words[3::2]))
            path, bad = self.files / name.lstrip("/"), name.endswith(("twinboot.payload", "BOOTX64.EFI"))
            if not path.is_file():
                transfer.sendto(struct.pack("!HH", ERROR, 1) + b"not found\0", client)
                return
            data = path.read_bytes()
            accepted = {}
            size = 512
            if "blksize" in options:
                size = min(int(options["blksize"]), self.largest_block)
                accepted["blksize"] = size
            if "tsize" in options:
                accepted["tsize"] = len(data)
            self.asked.append((name, size))
            if accepted:
                answer = b"".join(f"{key}\0{value}\0".encode() for key, value in accepted.items())
                if not self._deliver(transfer, client, struct.pack("!H", OACK) + answer, 0, bad):
                    return
            for number in range(len(data) // size + 1):
                if bad and self.stop_after is not None and number >= self.stop_after:
                    if self.vanishes:
                        transfer.sendto(struct.pack("!HH", ERROR, 1) + b"gone\0", client)
                    return
                block = (number + 1) & 0xFFFF
                packet = struct.pack("!HH", DATA, block) + data[number * size : (number + 1) * size]
                if not self._deliver(transfer, client, packet, block, bad):
                    return

    def _deliver(
        self, transfer: socket.socket, client: tuple[str, int], packet: bytes, block: int, bad: bool
    ) -> bool:
        """Sends until it is acknowledged."""
        transfer.settimeout(0.3)
        for _ in range(40):
            if self._stopped.is_set():
                return False
            if bad and self._random.random() < self.loss:
                self.lost += 1
            else:
                transfer.sendto(packet, client)
            deadline = time.monotonic() + 0.3
            while time.monotonic() < deadline:
                try:
                    answer = transfer.recv(2048)
                except TimeoutError:
                    break
                if bad and self._random.random() < self.deafness:
                    self.lost += 1
                    continue
                operation, number = struct.unpack_from("!HH", answer)
                if operation == ERROR:
                    return False
                if operation == ACK and number == block:
                    return True
        return False
