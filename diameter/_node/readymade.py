"""A request that is there already goes out as it is: only its identifiers are made anew."""

from __future__ import annotations

from diameter._node.core import Core
from diameter._node.requests import NoWay, Requests
from diameter.app import Later
from diameter.errors import ApplicationFault, Undeliverable
from diameter.message import Message
from diameter.routing.identifiers import Identifiers
from diameter.routing.pending import Pending
from diameter.trace import Point


def send(
    core: Core, requests: Requests, identifiers: Identifiers, message: Message, to: str | None, timeout_s: float | None
) -> Later[Message]:
    """See `Node.send`."""
    later: Later[Message] = Later()
    application = message.application_id
    line = requests.way((application, to, None))
    if isinstance(line, NoWay):
        return _failed(core, later, message, line.reason)
    assert line.entry is not None
    screened = requests._screen(line, message)
    if isinstance(screened, ApplicationFault):
        return _failed(core, later, message, f"refused by a screen: {screened}")
    hop, end = identifiers.hop_by_hop.next(), identifiers.end_to_end.next(core.now)
    octets = screened.with_identifiers(hop, end).octets
    destination = application, to, line.entry.realm
    requests.dispatch(line, Pending(hop, end, line.link.id, line.entry.host, octets, destination, later), timeout_s)
    return later


def _failed(core: Core, later: Later[Message], message: Message, reason: str) -> Later[Message]:
    core.stats.undeliverable += 1
    core.say(Point.UNDELIVERABLE, command=message.command, reason=reason)
    later.fail(Undeliverable(f"{message.command}: {reason}"))
    return later
