"""Attempts to connect: one for each peer at most, each with an end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from diameter._node.finding import Names
from diameter.config import PeerConfig
from diameter.peer.peer import Peer
from diameter.transport.link import Link


class Attempt(Protocol):
    """An attempt to connect, a Deferred of a Link for those who know Twisted."""

    def addBoth(self, callback: Callable[[Any], Any]) -> Any: ...

    def cancel(self) -> None: ...


class Dialling(Names, Protocol):
    """Where links come from (`diameter.transport.endpoints.Links`)."""

    def connect(self, peer: PeerConfig, /) -> Attempt: ...


class Dialler:
    """The attempts of one node."""

    def __init__(
        self, links: Dialling, wake: Callable[[Callable[[], None]], None], failed: Callable[[Peer, str], None]
    ) -> None:
        """`failed`: told, in a wake-up, why no link came."""
        self._links = links
        self._wake = wake
        self._failed = failed
        self._attempts: dict[str, Attempt] = {}

    def dial(self, peer: Peer, config: PeerConfig) -> None:
        """Try to connect."""
        key = peer.host.lower()
        attempt = self._links.connect(config)
        self._attempts[key] = attempt

        def settled(result: Any) -> None:
            """A failure goes to the state machine; success has come as `link_up` already."""
            if self._attempts.get(key) is not attempt:
                return
            del self._attempts[key]
            if not isinstance(result, Link):
                text = result.getErrorMessage()
                self._wake(lambda: self._failed(peer, text))

        _ = attempt.addBoth(settled)

    def cancel(self, peer: Peer) -> None:
        """Try no longer."""
        attempt = self._attempts.pop(peer.host.lower(), None)
        if attempt is not None:
            attempt.cancel()

    def cancel_all(self) -> None:
        """Try nothing any more."""
        for attempt in list(self._attempts.values()):
            attempt.cancel()
