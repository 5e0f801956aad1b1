"""Somebody with a bare link to the server of a bench, and the CER to say who."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from diameter import Message, encode
from diameter._node.memory import MemoryLink
from diameter.transport.link import Address, Link
from helpers.nodes import LEFT, REALM, Bench, dictionary, split

CER: dict[str, Any] = {
    "Origin-Host": LEFT,
    "Origin-Realm": REALM,
    "Host-IP-Address": ip_address("127.0.0.1"),
    "Vendor-Id": 0,
    "Product-Name": "test",
    "Auth-Application-Id": 0xFFFFFFFF,
}


class Stranger:
    """Somebody with a bare link to the server of a bench: writes octets, keeps what comes back."""

    def __init__(self, bench: Bench) -> None:
        self.back = b""
        self.lost: str | None = None
        self.bench = bench
        link = bench.pair.wire.join(self, "127.0.0.1", 3868, "nobody", 1 << 20)
        assert link is not None
        self.link: MemoryLink = link

    def say(self, *messages: Message | bytes) -> list[Message]:
        """Send; what came back meanwhile."""
        self.back = b""
        for one in messages:
            self.link.write(encode(one) if isinstance(one, Message) else one)
        self.bench.pass_time(0.1)
        return split(self.back)

    def link_up(self, link: Link) -> None: ...

    def link_received(self, link: Link, data: bytes) -> None:
        self.back += data

    def link_messages(self, link: Link, messages: Sequence[bytes]) -> None: ...

    def link_note(self, link: Link, text: str) -> None: ...

    def link_unsent(self, link: Link, messages: Sequence[bytes]) -> None: ...

    def link_worn(self, link: Link) -> None: ...

    def link_lost(self, link: Link, reason: str) -> None:
        self.lost = reason

    def link_congested(self, link: Link) -> None: ...

    def link_drained(self, link: Link) -> None: ...

    def link_refused(self, transport: str, remote: Address, reason: str) -> None: ...


def cer(**changes: Any) -> Message:
    avps = {**CER, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return dictionary().request("Capabilities-Exchange", avps, hop_by_hop=1, end_to_end=1)


def listening(**options: Any) -> Bench:
    """A server that listens; its client never starts."""
    bench = Bench(opened=False, **options)
    bench.pair.wait(bench.pair.right.start())
    return bench
