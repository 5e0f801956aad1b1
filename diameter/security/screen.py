"""A chain of checks on messages: Message in, Message or fault out.

The checks of one direction run in the order of their `cost`, cheapest first, and the first refusal ends the run: a
flood of requests that a name comparison refuses must not cost a look-up each.  Each refusal is reported with the name
of its rule.  A check in OBSERVE mode reports and lets pass, to try a new rule on live traffic.

The chain has the two methods of `diameter.app.Screen`, so a node takes it as one of its `screens`.  What it knows of
the sender is the node's `Neighbour`: the adjacent peer, as proved, not what the message claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from diameter.config import PeerConfig
from diameter.errors import ApplicationFault, ResultCode
from diameter.message.message import Message
from diameter.security.identity import may_send, plain


class Neighbour(Protocol):
    """The adjacent peer, as the node knows it."""

    @property
    def host(self) -> str:
        """Its Origin-Host, proved by CER and certificate."""

    @property
    def realm(self) -> str:
        """Its Origin-Realm."""


class Check(Protocol):
    """One rule.  `rule` names it in events; `cost` orders it, by convention 0 for comparing what the message holds,
    10 for tables in memory, 100 for asking somebody else.
    """

    @property
    def rule(self) -> str: ...

    @property
    def cost(self) -> int: ...

    def __call__(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        """Return the message, maybe edited, to let it pass."""


class Mode(Enum):
    """What follows from a refusal."""

    REFUSE = "refuse"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One check said no.  No field is a value of the message, so none names a subscriber; `text` is the check's."""

    rule: str
    refused: bool
    outgoing: bool
    peer: str
    application: str
    command: str
    code: int
    vendor: int
    text: str


class Chain:
    """Checks for what comes in and for what goes out, see the module.  `modes`: rule to mode, REFUSE when not named."""

    def __init__(
        self,
        inbound: Iterable[Check] = (),
        outbound: Iterable[Check] = (),
        *,
        report: Callable[[Refusal], None],
        modes: Mapping[str, Mode] | None = None,
    ) -> None:
        self._inbound = tuple(sorted(inbound, key=lambda check: check.cost))
        self._outbound = tuple(sorted(outbound, key=lambda check: check.cost))
        self._report = report
        self._modes = dict(modes or {})
        self.refused: dict[str, int] = {check.rule: 0 for check in (*self._inbound, *self._outbound)}

    def inbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        """Look at a request from `neighbour`; a fault is its answer, and nothing goes further."""
        return self._run(self._inbound, message, neighbour, outgoing=False)

    def outbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        """Look at what goes to `neighbour`; a fault holds it back."""
        return self._run(self._outbound, message, neighbour, outgoing=True)

    def _run(
        self, checks: tuple[Check, ...], message: Message, neighbour: Neighbour, *, outgoing: bool
    ) -> Message | ApplicationFault:
        for check in checks:
            outcome = check(message, neighbour)
            if not isinstance(outcome, ApplicationFault):
                message = outcome
                continue
            refused = self._modes.get(check.rule, Mode.REFUSE) is Mode.REFUSE
            self.refused[check.rule] += 1
            self._report(
                Refusal(
                    rule=check.rule,
                    refused=refused,
                    outgoing=outgoing,
                    peer=neighbour.host,
                    application=message.application,
                    command=message.command,
                    code=outcome.code,
                    vendor=outcome.vendor,
                    text=str(outcome),
                )
            )
            if refused:
                return outcome
        return message


class OriginCheck:
    """Rule 3 of `security.identity`: a request comes from the adjacent peer itself, or through a configured agent."""

    rule = "origin"
    cost = 0

    def __init__(self, peers: Iterable[PeerConfig]) -> None:
        self._peers = {plain(peer.host): peer for peer in peers}

    def __call__(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        """Return the message, or 5003 when its origin is not one that this neighbour may bring."""
        peer = self._peers.get(plain(neighbour.host))
        if peer is None:
            return ApplicationFault(ResultCode.UNKNOWN_PEER, f"{neighbour.host} is not a configured peer")
        origin = message.text("Origin-Host"), message.text("Origin-Realm")
        route_record = [str(hop) for hop in message.all("Route-Record")]
        complaint = may_send(peer, *origin, route_record)
        return message if complaint is None else ApplicationFault(complaint.code, complaint.text)
