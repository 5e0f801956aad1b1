"""Both ends of a link alone: no node and no codec, only what carries messages and, on a byte stream, cuts them out.

Arguments: "server" or "client", and JSON with `port`, `transport`, `tls`, for a client also `window`, `seconds`,
`warm_s`.  A request is 420 octets, an answer 256; an answer counts when it is whole and brings the number of a request
that waits.  What a client says stands in `said`.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Callable, Sequence
from json import loads
from typing import Any, Final

from twisted.internet import stdio, task
from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner, textFileLogObserver

from diameter.config import ASSOCIATIONS, CERTIFIED, ListenConfig, NodeTable, PeerConfig
from diameter.transport.endpoints import Links
from diameter.transport.link import Address, Link
from diameter.wire import header
from diameter.wire.framing import Framer
from nfs.cli._bench.messages import APPLICATION, CLIENT, REALM, SERVER
from nfs.cli._bench.programs.client import Ending
from nfs.cli._bench.programs.said import end, say
from nfs.cli._bench.programs.server import WHY, tls_of

REQUEST, ANSWER = (
    header.build(flags, 316, APPLICATION, 0, 0, bytes(size - 20)) for flags, size in ((192, 420), (64, 256))
)
PLACE: Final = slice(12, 16)
"""Of the Hop-by-Hop Identifier, which is the number of a request here."""
HOST: Final = "127.0.0.1"


class Owner:
    """A `LinkOwner` that hands over whole messages, whatever carries them."""

    def __init__(self, take: Callable[[Link, bytes], None]) -> None:
        self._take = take
        self._framers: dict[int, Framer] = {}

    def link_up(self, link: Link) -> None:
        """A link."""
        self._framers[link.id] = Framer()

    def link_received(self, link: Link, data: bytes) -> None:
        """Octets of a stream."""
        self.link_messages(link, self._framers[link.id].feed(data))

    def link_messages(self, link: Link, messages: Sequence[bytes]) -> None:
        """Messages of an association."""
        for data in messages:
            self._take(link, data)

    def link_lost(self, link: Link, reason: str) -> None:
        """Its end."""
        del self._framers[link.id]

    def link_refused(self, transport: str, remote: Address, reason: str) -> None:
        """Said, since nothing will be measured then."""
        sys.stderr.write(f"{transport} {remote}: {reason}\n")

    def _nothing(self, link: Link, *_: object) -> None:
        """A link goes on."""

    link_congested = link_drained = link_note = link_unsent = link_worn = _nothing


def answer(link: Link, data: bytes) -> None:
    """The server's part."""
    link.write(ANSWER[:12] + data[PLACE] + ANSWER[16:], ordered=False)


class Load:
    """Asks again whenever an answer comes."""

    def __init__(self, seconds: float, warm_s: float) -> None:
        self._seconds, self._warm_s = seconds, warm_s
        self._next = self._bad = 0
        self._asked: dict[bytes, float] = {}
        self._times = array("d")
        self._begin = self._end = 0.0
        self._said = False

    def begin(self, link: Link, window: int) -> None:
        """The warm-up begins."""
        self._end = time.perf_counter() + self._warm_s
        for _ in range(window):
            self._ask(link)

    def _ask(self, link: Link) -> None:
        self._next += 1
        number = self._next.to_bytes(4)
        self._asked[number] = time.perf_counter()
        link.write(REQUEST[:12] + number + REQUEST[16:], ordered=False)

    def take(self, link: Link, data: bytes) -> None:
        """An answer."""
        now = time.perf_counter()
        asked = self._asked.pop(data[PLACE], None)
        if asked is None or len(data) != len(ANSWER):
            self._bad += 1
            return
        self._times.append(now - asked)
        if now < self._end:
            self._ask(link)
        elif not self._begin:
            del self._times[:]
            self._begin, self._end = now, now + self._seconds
            say("BEGIN")
            self._ask(link)
        elif not self._said:
            self._said = True
            say("STOP")
            say(end(now - self._begin, self._times, bad=self._bad, octets=len(data)))


def _table(told: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a listener and a peer have in common; SCTP is that of user space, over UDP."""
    table = {"transport": told["transport"], "port": told["port"], **more}
    if told["transport"] in ASSOCIATIONS:
        table["sctp"] = "usrsctp-udp"
    if told["transport"] not in CERTIFIED:
        table |= {"physical_protection": True, "physical_protection_reason": WHY}
    return table


def _links(reactor: Any, told: dict[str, Any], name: str, owner: Owner, *listen: ListenConfig) -> Links:
    tls = tls_of(told["tls"]) if told["tls"] else None
    return Links(reactor, NodeTable(origin_host=name, origin_realm=REALM, tls=tls, listen=listen), owner)


def server(reactor: Any, told: dict[str, Any]) -> Deferred[None]:
    """Answer until standard input ends."""
    ended: Deferred[None] = Deferred()
    stdio.StandardIO(Ending(ended))  # type: ignore[no-untyped-call]  # Twisted's
    listener = ListenConfig.model_validate(_table(told, host=HOST))
    return _links(reactor, told, SERVER, Owner(answer), listener).listen().addCallback(lambda _: ended)


def client(reactor: Any, told: dict[str, Any]) -> Deferred[None]:
    """Connect, load, end with standard input."""
    ended: Deferred[None] = Deferred()
    stdio.StandardIO(Ending(ended))  # type: ignore[no-untyped-call]  # Twisted's
    load = Load(told["seconds"], told["warm_s"])
    row = _table(told, host=SERVER, realm=REALM, connect=True, addresses=(HOST,))
    if told["transport"] in ASSOCIATIONS:
        row["association"] = {"udp_port": 0}
    links = _links(reactor, told, CLIENT, Owner(load.take))

    def made(link: Link) -> Deferred[None]:
        load.begin(link, told["window"])
        return ended

    return links.connect(PeerConfig.model_validate(row)).addCallback(made)


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    task.react({"server": server, "client": client}[sys.argv[1]], (loads(sys.argv[2]),))
