"""The node: the only glue of links, peers, routing, screens and applications.

A node in under thirty lines:

    from diameter import Dictionary, Message
    from diameter.app import Application, answers
    from diameter.node import run

    class Tsp(Application):
        dictionary = "ts29368_tsp"

        @answers("Device-Action-Request")
        def device_action(self, request: Message) -> Message:
            reference = request["Device-Action"]["Reference-Number"]
            return request.answer(2001, {"Device-Notification": {"Reference-Number": reference}})

    run(
        Tsp(),
        identity="iwf.example.org",
        realm="example.org",
        listen="tcp:127.0.0.1:3868",
        physical_protection="lab, loopback only",
    )

Signatures only for now: the body follows.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from diameter._node.stats import Stats
from diameter.app import Application, Later, Neighbour, Screen
from diameter.config import NodeConfig
from diameter.peer.inputs import DisconnectCause
from diameter.routing.refusal import Refused

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from diameter.message import Dictionary, Message

T = TypeVar("T")


class Node:
    """One Diameter identity with its peers and applications.

    `reactor`: Twisted's, or anything with time and TCP.  `screens`: run in order on every inbound request before its handler, and on
    every outbound request and answer of an application (see `diameter.app.Screen`).  `audit`: called with a `Refused` for each refusal.
    `tap`: an object with `message(time, outgoing, link, octets)` and `event(time, link, name, text)`, e.g. a CaptureWriter.
    `stats`: plain counters.  Raises LocalError (ConfigError, DictionaryError) for what cannot work.
    """

    stats: Stats

    def __init__(
        self,
        config: NodeConfig,
        applications: Sequence[Application],
        dictionary: Dictionary,
        *,
        reactor: Any,
        screens: Sequence[Screen] = (),
        tap: Any = None,
        audit: Callable[[Refused], None] | None = None,
        links: Callable[..., Any] | None = None,
    ) -> None: ...

    def start(self) -> Deferred[None]:
        """Listen, and begin to connect to the peers configured so.  Fails with a LocalError of one line (port in use, ...)."""
        raise SystemError

    def stop(self, cause: DisconnectCause = DisconnectCause.REBOOTING) -> Deferred[None]:
        """Take no new requests, finish those in work, DPR to every peer, close; `drain_s` of the configuration at most."""
        raise SystemError

    def when_open(self, host: str | None = None, timeout_s: float = 10.0) -> Deferred[Neighbour]:
        """Fires once peer `host` (None: any) takes requests; fails with Undeliverable that says what is in the way."""
        raise SystemError

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> Later[T]:
        """Run a coroutine that may await requests, Deferreds and `Later`s."""
        raise SystemError

    def run(self, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
        """As `spawn`, for callers who live with Deferreds (an HTTP resource)."""
        raise SystemError

    @property
    def listening(self) -> tuple[tuple[str, Any], ...]:
        """(transport, address) of each open listener, with the real port."""
        raise SystemError

    def reload(self, config: NodeConfig) -> None:
        """Take over what may change while running: certificates and revocation lists now; raises ConfigError and keeps the old."""


def run(*applications: Application, identity: str, realm: str, **more: Any) -> None:
    """Run a node until SIGTERM or Ctrl-C."""
    raise SystemError(applications, identity, realm, more)


def as_deferred(later: Later[T]) -> Deferred[T]:
    """A Deferred with the same outcome."""
    raise SystemError(later)


_ = Mapping
