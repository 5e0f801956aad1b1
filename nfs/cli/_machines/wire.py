"""The network between the machines of a lab: packets from one namespace to another, late, lost or not at all.

Each machine is a namespace with a TUN device whose other end is here; this process makes and holds both.  A packet goes
to the machine that has its destination address, after the delay of the link between both, unless it is drawn to be lost
or the link is cut.  Packets of one direction of a link keep their order.  Not `tc netem`: not every kernel has it, and
this does the same on each that has TUN.

    python -m nfs.cli._machines.wire PLAN.json      {"socket", "spaces", "seed",
                                                     "machines": {name: {address, prefix}},
                                                     "links": [{between, delay_ms, jitter_ms, loss}]}

`spaces` is the file in which it says where the namespaces are, before it says that it is ready.

One line of JSON on the socket sets a link, {"between": [a, b], "cut": true}; the answer is the state of all links.
"""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, NoReturn

from nfs.cli._machines import spaces

DEVICE: Final = "lab0"
MTU: Final = 1500
AT_ONCE: Final = 20_000
"""Packets on their way in one direction of a link; more are lost."""
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN_NO_PI: Final = 0x1001


@dataclass(slots=True)
class Link:
    """One direction of a link; delays in seconds."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    cut: bool = False
    packets: int = 0
    lost: int = 0
    waiting: int = 0
    last: float = 0.0


@dataclass(slots=True)
class Network:
    """What becomes of packets; knows no device and no clock.  machines: name to address in 4 octets."""

    machines: dict[str, bytes]
    random: Random
    links: dict[tuple[str, str], Link] = field(default_factory=dict)
    _queue: list[tuple[float, int, str, bytes, Link]] = field(default_factory=list)
    _sent: int = 0

    def __post_init__(self) -> None:
        names = self.machines
        self.links = {(one, other): Link() for one in names for other in names if one != other}
        self._names = {address: name for name, address in names.items()}

    _names: dict[bytes, str] = field(init=False)

    def send(self, source: str, packet: bytes, now: float) -> None:
        """Take an IPv4 packet of a machine on its way, or lose it."""
        target = self._names.get(packet[16:20]) if len(packet) >= 20 and packet[0] >> 4 == 4 else None
        link = None if target is None else self.links.get((source, target))
        if target is None or link is None:
            return
        link.packets += 1
        if link.cut or link.waiting >= AT_ONCE or (link.loss and self.random.random() < link.loss):
            link.lost += 1
            return
        jitter_s = self.random.uniform(0, link.jitter_s) if link.jitter_s else 0.0
        link.last = max(link.last, now + link.delay_s + jitter_s)
        link.waiting += 1
        self._sent += 1
        heapq.heappush(self._queue, (link.last, self._sent, target, packet, link))

    def due(self, now: float) -> list[tuple[str, bytes]]:
        """(Machine, packet) of what arrives now; what was on a link when it was cut is lost."""
        arrived = []
        while self._queue and self._queue[0][0] <= now:
            _, _, target, packet, link = heapq.heappop(self._queue)
            link.waiting -= 1
            if link.cut:
                link.lost += 1
            else:
                arrived.append((target, packet))
        return arrived

    def next_at(self) -> float | None:
        """When `due` has something."""
        return self._queue[0][0] if self._queue else None

    def set(self, between: list[str], wanted: dict[str, Any]) -> None:
        """Change both directions of a link: cut, delay_ms, jitter_ms, loss.  Raises KeyError for no link."""
        one, other = between
        for link in (self.links[one, other], self.links[other, one]):
            link.cut = bool(wanted.get("cut", link.cut))
            link.loss = float(wanted.get("loss", link.loss))
            link.delay_s = float(wanted.get("delay_ms", link.delay_s * 1000)) / 1000
            link.jitter_s = float(wanted.get("jitter_ms", link.jitter_s * 1000)) / 1000

    def state(self) -> list[dict[str, Any]]:
        """All links, each once."""
        found = []
        for (one, other), link in self.links.items():
            if one < other:
                back = self.links[other, one]
                shape = {"delay_ms": link.delay_s * 1000, "jitter_ms": link.jitter_s * 1000, "loss": link.loss}
                counts = {"packets": link.packets + back.packets, "lost": link.lost + back.lost}
                found.append({"between": [one, other], **shape, "cut": link.cut, **counts})
        return found


def _machine(address: str, prefix: int) -> tuple[int, int]:
    """A namespace with a TUN device: the file descriptors of our end of that, and of the namespace."""
    with spaces.made() as space:
        handle = os.open(spaces.TUN, os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN_NO_PI))
        spaces.ip("addr", "add", f"{address}/{prefix}", "dev", DEVICE)
        spaces.ip("link", "set", DEVICE, "mtu", str(MTU), "txqueuelen", "5000", "up")
    return handle, space


class _Wire:
    """Network, devices and the socket on which links are set."""

    def __init__(self, plan: dict[str, Any]) -> None:
        machines = plan["machines"]
        addresses = {name: socket.inet_aton(each["address"]) for name, each in machines.items()}
        self.network = Network(addresses, Random(plan["seed"]))
        for link in plan["links"]:
            self.network.set(link["between"], link)
        made = {name: _machine(each["address"], each["prefix"]) for name, each in machines.items()}
        self.handles = {name: handle for name, (handle, _) in made.items()}
        places = {name: spaces.place(space) for name, (_, space) in made.items()}
        Path(plan["spaces"]).write_text(json.dumps(places), encoding="utf-8")
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.control.bind(plan["socket"])
        os.chmod(plan["socket"], 0o600)
        self.control.listen(8)

    def run(self) -> NoReturn:
        """For as long as it lives."""
        chosen = selectors.DefaultSelector()
        chosen.register(self.control, selectors.EVENT_READ, "")
        for name, handle in self.handles.items():
            chosen.register(handle, selectors.EVENT_READ, name)
        while True:
            at = self.network.next_at()
            wait = None if at is None else max(0.0, at - time.monotonic())
            for key, _ in chosen.select(wait):
                if key.data:
                    self._take(key.data)
                else:
                    self._asked()
            for name, packet in self.network.due(time.monotonic()):
                try:
                    os.write(self.handles[name], packet)
                except OSError:  # its queue is full, or the packet is none: lost, as on any wire
                    continue

    def _take(self, name: str) -> None:
        handle = self.handles[name]
        for _ in range(64):
            try:
                packet = os.read(handle, 65536)
            except BlockingIOError:
                return
            self.network.send(name, packet, time.monotonic())

    def _asked(self) -> None:
        asking, _ = self.control.accept()
        with asking:
            asking.settimeout(5)
            try:
                wanted = json.loads(asking.recv(65536) or b"{}")
                if wanted:
                    self.network.set(wanted["between"], wanted)
                answer: dict[str, Any] = {"links": self.network.state()}
            except (OSError, ValueError, KeyError, TypeError) as error:
                answer = {"links": [], "error": [str(error)]}
            try:
                asking.sendall(json.dumps(answer).encode())
            except OSError:  # whoever asked is gone
                return


def ask(path: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """The state of all links, after one was set.  Raises OSError where no wire listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(10)
        link.connect(path)
        link.sendall(json.dumps(wanted).encode())
        link.shutdown(socket.SHUT_WR)
        octets = b"".join(iter(lambda: link.recv(65536), b""))
    found: list[dict[str, Any]] = json.loads(octets)["links"]
    return found


def main(path: str) -> NoReturn:
    """Carry packets until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    wire = _Wire(json.loads(Path(path).read_text(encoding="utf-8")))
    sys.stdout.write("wire ready\n")
    sys.stdout.flush()
    wire.run()


if __name__ == "__main__":
    main(sys.argv[1])
