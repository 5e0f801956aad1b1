"""An SCS that knows domains and no hosts: before it asks, DNS has led to an MTC-IWF of each domain, or says why not.

A trigger that leaves before has no way and fails at once, although its MTC-IWF is found a moment later; with two
domains the one whose peer opens first says nothing of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as TookTooLong

from diameter.errors import Undeliverable
from diameter.node import Node, log_observer
from diameter.trace import Point


class ByDomain:
    """The searches of a node that `observe`s for it.  realms: those that it looks into.  clock: IReactorTime."""

    def __init__(self, realms: Iterable[str], clock: Any) -> None:
        self._realms = frozenset(realm.lower() for realm in realms)
        self._clock = clock
        self._hosts: dict[str, tuple[str, ...]] = {}
        self._why: dict[str, str] = {}
        self._waiting: dict[str, Deferred[None]] = {}

    def observe(self, point: Point, fields: Mapping[str, Any]) -> None:
        """Take a trace point, and log it as ever."""
        log_observer(point, fields)
        realm = str(fields.get("realm", "")).lower()
        if point is Point.DISCOVERY_FAILED:
            self._why[realm] = str(fields["reason"])
        elif point is Point.DISCOVERED:
            self._hosts[realm] = tuple(str(fields["reason"]).split(", "))
        else:
            return
        if realm in self._waiting:
            self._waiting.pop(realm).callback(None)

    def looked_into(self, domains: Iterable[str]) -> list[str]:
        """Which of these domains are searched."""
        return sorted({domain.lower() for domain in domains} & self._realms)

    async def until_open(self, node: Node, realm: str, timeout_s: float) -> None:
        """Wait until one of the MTC-IWFs found for a realm takes requests.  Raises Undeliverable, which says why."""
        until = self._clock.seconds() + timeout_s
        if realm not in self._hosts and realm not in self._why:
            waiting = self._waiting[realm] = Deferred()
            try:
                await waiting.addTimeout(timeout_s, self._clock)
            except TookTooLong:
                del self._waiting[realm]
        if realm not in self._hosts:
            why = self._why.get(realm, f"no answer within {timeout_s:g} s")
            raise Undeliverable(f"no MTC-IWF of {realm} by DNS: {why}")
        left_s = max(0.0, until - self._clock.seconds())
        opening = [node.when_open(host, left_s) for host in self._hosts[realm]]
        done: Any = await DeferredList(opening, fireOnOneCallback=True, consumeErrors=True)
        if isinstance(done, list):  # else one of them, with its place
            raise Undeliverable("; ".join(str(failure.value) for _, failure in done))
