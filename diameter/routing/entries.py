"""Rows of the peer table (RFC 6733 section 2.6) and of the routing table (section 2.7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from diameter.routing.balance import Balance

RELAY: Final = 0xFFFFFFFF
"""The application id a relay advertises (section 2.4)."""
ANY: Final = -1
"""In a route: every application."""
ANY_REALM: Final = "*"
"""In a route: every realm that no other route is for, which makes it the default route."""


class Source(StrEnum):
    """Where a row comes from: `ACCEPTED` is a peer that nobody configured and a lab lets in."""

    CONFIGURED = "configured"
    DISCOVERED = "discovered"
    REDIRECT = "redirect"
    ACCEPTED = "accepted"


class PeerEntry:
    """One row of the peer table; the node keeps `state` and `applications` in step with the peer layer.

    `state`: the word for people ("I-OPEN", "SUSPECT", "CLOSED"); `usable`: open and not suspect; `link`: id of the open
    connection, 0 without; `trouble`: why the last attempt to open failed; `applications`: common application ids of
    the capabilities exchange.  `source`: where the row comes from; `static`: the configuration has it, and still does.
    `weight`: its share where peers share requests; `load`: the Load value it last reported (RFC 8583, 0 to 65535,
    higher is less loaded), None when it reports none.
    """

    __slots__ = (
        "_applications", "_realm", "host", "link", "load", "moved", "source", "state", "static", "trouble", "usable",
        "weight",
    )  # fmt: skip

    def __init__(self, host: str, realm: str, *, source: Source = Source.CONFIGURED, weight: int = 1) -> None:
        self.host = host
        self._realm = realm
        self.source = source
        self.static = source is Source.CONFIGURED
        self.weight = weight
        self.load: int | None = None
        self.state = "CLOSED"
        self.usable = False
        self.trouble = ""
        self.link = 0
        self._applications: frozenset[int] = frozenset()
        self.moved: Callable[[], None] = lambda: None
        """Called when the realm changes, or whether it is a relay; the table sets it."""

    @property
    def realm(self) -> str:
        """Its Origin-Realm: as configured, later as it said."""
        return self._realm

    @realm.setter
    def realm(self, realm: str) -> None:
        before, self._realm = self._realm, realm
        if before.lower() != realm.lower():
            self.moved()

    @property
    def serves_realm(self) -> bool:
        """True for a peer that takes requests of its realm by being there.  One that DNS found takes them by the route
        that was found with it, as long as that holds; one that a redirect named, what the redirect is for.
        """
        return self.source in (Source.CONFIGURED, Source.ACCEPTED)

    @property
    def applications(self) -> frozenset[int]:
        """Common application ids."""
        return self._applications

    @applications.setter
    def applications(self, applications: frozenset[int]) -> None:
        before, self._applications = self.is_relay, applications
        if before is not self.is_relay:
            self.moved()

    @property
    def is_relay(self) -> bool:
        """True when the peer advertises the relay application."""
        return RELAY in self._applications

    def offers(self, application: int) -> bool:
        """True when a request of `application` may be sent to this peer (section 2.7, last paragraph)."""
        return application in self._applications or RELAY in self._applications


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Requests of `application` (ANY: all) for `realm` (ANY_REALM: any other) go to `hosts`, shared by `balance`.

    `source`: CONFIGURED, or DISCOVERED, which ends at `expires` (seconds of the node's clock) unless it is renewed.
    """

    realm: str
    hosts: tuple[str, ...]
    application: int = ANY
    balance: Balance = Balance.ORDER
    source: Source = Source.CONFIGURED
    expires: float | None = None
