"""The minimal peer where no C compiler is: prepared octets, no codec; the arguments of bench/raw/raw_peer.c."""

from __future__ import annotations

import random
import select
import socket
import sys
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nfs.cli._bench.messages import session
from nfs.cli._bench.programs.said import end, say

SESSION: Final = slice(28, 28 + len(session(0)))
"""Where the Session-Id stands in a request and in an answer."""
SUCCESS: Final = b"\0\0\1\x0c\x40\0\0\x0c\0\0\x07\xd1"
UPDATE: Final = b"\0\1\x3c"
UNKNOWN: Final = b"\0\0\xfd\xe8\x40\0\0\x08"
DRAIN_S: Final = 3.0


class Wire:
    """A link: whole messages in, octets out, the peer layer's requests answered."""

    def __init__(self, link: socket.socket, folder: Path) -> None:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.link = link
        self.request, self.answer, self.cer, self.cea, self.dwa = (
            (folder / f"{name}.bin").read_bytes() for name in ("request", "answer", "cer", "cea", "dwa")
        )
        self._rest = b""

    def read(self) -> list[bytes]:
        """The messages of one read that are the load's."""
        data = self.link.recv(262144)
        if not data:
            raise SystemExit("closed")
        data, at, found = self._rest + data, 0, []
        while at + 4 <= len(data) and (stop := at + int.from_bytes(data[at + 1 : at + 4])) <= len(data):
            found.append(data[at:stop])
            at = stop
        self._rest = data[at:]
        return [one for one in found if not self._base(one)]

    def _base(self, octets: bytes) -> bool:
        if octets[5:8] == UPDATE or not octets[4] & 0x80:
            return False
        ours = self.cea if octets[5:8] == b"\0\1\1" else self.dwa
        self.link.sendall(ours[:5] + octets[5:8] + ours[8:12] + octets[12:20] + ours[20:])
        return True


def serve(port: int, folder: Path, how: str) -> None:
    """Answer one link after the other."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            link, _ = listener.accept()
            with link:
                try:
                    _serve(Wire(link, folder), how)
                except (SystemExit, OSError):  # it went
                    continue


def _serve(wire: Wire, how: str) -> None:
    head, tail = wire.answer[:12], wire.answer[SESSION.stop :]
    label = wire.answer[20 : SESSION.start]
    if how == "avp":
        head, tail = head[:1] + (len(wire.answer) + len(UNKNOWN)).to_bytes(3) + head[4:], tail + UNKNOWN
    while True:
        parts: list[bytes] = []
        for one in wire.read():
            name = one[SESSION] if how != "session" else one[SESSION].replace(b";0", b";9", 1)
            parts += (head, one[12:20], label, name, tail)
        wire.link.sendall(b"".join(parts))


class Load:
    """Requests out, answers counted."""

    def __init__(self, wire: Wire) -> None:
        self.times = array("d")
        self.bad = 0
        self.octets = 0
        self._wire = wire
        self.asked: dict[int, float] = {}
        self._next = 1000

    def ask(self, due: list[float]) -> None:
        """A request for each of these times."""
        wire = self._wire
        parts: list[bytes] = []
        for at in due:
            self._next += 1
            self.asked[self._next] = at
            both = self._next.to_bytes(4) * 2
            whole = wire.request
            parts += (whole[:12], both, whole[20 : SESSION.start], session(self._next).encode(), whole[SESSION.stop :])
        wire.link.sendall(b"".join(parts))

    def take(self, wait_s: float) -> int:
        """Answers that have come, waiting for so long at most."""
        if not select.select([self._wire.link], [], [], max(wait_s, 0.0))[0]:
            return 0
        found = self._wire.read()
        now = time.perf_counter()
        for one in found:
            number = int.from_bytes(one[12:16])
            asked = self.asked.pop(number, None)
            right = one[16:20] == one[12:16] and one[SESSION] == session(number).encode() and SUCCESS in one
            self.bad += asked is None or not right or one[4] & 0xA0 != 0
            self.times.append(now - (asked or now))
            self.octets = len(one)
        return len(found)


def _gaps(rate: float) -> Iterator[float]:
    chance = random.Random(1)  # the same each time
    while True:
        yield chance.expovariate(rate)


def load(port: int, folder: Path, window: int, seconds: float, warm_s: float, settle_s: float, rate: int) -> None:
    """Connect, load, end."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as link:
        wire = Wire(link, folder)
        link.sendall(wire.cer)
        while not (found := wire.read()):
            pass
        if SUCCESS not in found[0]:
            raise SystemExit("our CER was refused")
        made = Load(wire)
        until = time.perf_counter() + settle_s
        while (now := time.perf_counter()) < until:
            made.take(until - now)
        pace = _run(made, window, rate, warm_s)
        say("BEGIN")
        begin = time.perf_counter()
        made.times = array("d")
        _run(made, 0, rate, seconds, pace)
        wall, count = time.perf_counter() - begin, len(made.times)
        say("STOP")
        until = time.perf_counter() + DRAIN_S
        while made.asked and (now := time.perf_counter()) < until:
            made.take(until - now)
        say(end(wall, made.times, bad=made.bad, octets=made.octets, count=count, lost=len(made.asked)))
        sys.stdin.read()


def _run(made: Load, window: int, rate: int, seconds: float, due: float = 0.0) -> float:
    """Load for so long; when the next request is due, with a rate."""
    gaps = _gaps(rate or 1)
    now = time.perf_counter()
    stop, due = now + seconds, due or now
    if window and not rate:
        made.ask([now] * window)
    while (now := time.perf_counter()) < stop:
        answers = made.take((due if rate else stop) - now)
        if not rate:
            made.ask([time.perf_counter()] * answers)
            continue
        late = []
        while due <= time.perf_counter():
            late.append(due)
            due += next(gaps)
        if late:
            made.ask(late)
    return due


def main(role: str, port: str, folder: str, *more: str) -> None:
    """As raw_peer.c; idle links are made by programs.many in Python."""
    if role == "server":
        serve(int(port), Path(folder), more[0] if more else "")
    elif role == "client":
        window, seconds, warm_s, settle_s, rate = more
        load(int(port), Path(folder), int(window), float(seconds), float(warm_s), float(settle_s), int(rate))
    else:
        raise SystemExit(f"{role}: only the peer in C can do this")


if __name__ == "__main__":
    main(*sys.argv[1:])
