"""Zones of DNS for tests of discovery, without a server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from diameter.routing.discovery import (
    QUERIES,
    Discovery,
    HostAddress,
    Naptr,
    Query,
    Record,
    Srv,
    discover,
)

TSP = 16777309
REALM = "operator.example"
Zone = dict[tuple[str, str], Sequence[Record] | Exception]


def naptr(order: int, preference: int, flags: str, service: str, replacement: str, **more: Any) -> Naptr:
    more.setdefault("ttl_s", 300)
    return Naptr(
        order=order, preference=preference, flags=flags, service=service, replacement=replacement, **more
    )  # fmt: skip


def srv(target: str, port: int = 5868, priority: int = 0, weight: int = 0, ttl_s: int = 300) -> Srv:
    return Srv(priority=priority, weight=weight, port=port, target=target, ttl_s=ttl_s)


def at(address: str, ttl_s: int = 300) -> HostAddress:
    return HostAddress(address=address, ttl_s=ttl_s)


def low(low: float, _high: float) -> float:
    return low


def run(
    zone: Zone,
    transports: Sequence[str] = ("tls",),
    applications: Iterable[int] | None = (TSP,),
    asked: list[Query] | None = None,
) -> Discovery:
    """Discover the peers of REALM in a zone; names without records have none.  `asked` gets the questions."""
    asked = [] if asked is None else asked
    steps = discover(REALM, applications, transports, low)
    try:
        query = next(steps)
        while True:
            asked.append(query)
            answer = zone.get((query.kind, query.name), ())
            query = steps.throw(answer) if isinstance(answer, Exception) else steps.send(answer)
    except StopIteration as end:
        result: Discovery = end.value
        assert len(asked) <= QUERIES
        return result


def hosts(result: Discovery) -> list[str]:
    return [each.host for each in result.found]


IWF1, IWF2 = f"iwf1.{REALM}", f"iwf2.{REALM}"
ADDRESSES: Zone = {("A", IWF1): [at("192.0.2.1")], ("AAAA", IWF2): [at("2001:db8::2")]}
