"""The pages of one node as plain values, which its port sends and a worker tells its parent."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from diameter._node import shown
from diameter.admin.alarms import of_node, ordered
from diameter.capture.masking import masked
from diameter.capture.recent import Recent
from diameter.message import Message, decode
from diameter.metrics import Figures, exposition, figures, pieces
from diameter.node import Node
from diameter.routing.table import ANY, PeerEntry
from diameter.standing import NOTHING, Queue, Standing

T = TypeVar("T")
PENDING_SHOWN: Final = 1000
"""Requests listed; `count` says how many there are."""
PEERS_AT_ONCE: Final = 100
"""Peers in one piece of the list: a millisecond or two."""
TRAFFIC: Final = ("requests_in", "answers_out", "requests_out", "answers_in", "relayed", "timeouts", "undeliverable")
"""Counters that the page makes rates of."""
PAGES: Final = ("health", "peers", "security", "routes", "pending", "faults", "standing", "recent")
"""Names of the pages; "recent" is for the ladder only."""


class OfNode:
    """The pages of one node."""

    def __init__(self, node: Node, clock: Any, standing: Standing = NOTHING) -> None:
        """`standing`: what the function has to show beside its node."""
        self._node = node
        self._clock = clock
        self._standing = standing
        self.steer: Callable[[bytes | None], dict[str, Any]] | None = None
        """Of a simulator: its page, or what came of an order; raises ConfigError."""
        self._since = clock.seconds()

    def page(self, what: str) -> dict[str, Any]:
        """A page by name."""
        pages = {"health": self._health, "peers": self._peers, "routes": self._routes, "pending": self._pending}
        pages |= {"faults": self._shown, "security": self._security}
        pages |= {"standing": self._stands, "recent": self._recent}
        return pages[what]()

    def metrics(self) -> bytes:
        """What Prometheus reads."""
        return exposition(self._node, self._stands())

    def figures(self) -> Figures:
        """The same as values."""
        return figures(self._node) | {"standing": self._stands()}

    def pieces(self, what: str) -> Iterator[bytes]:
        """The page "peers", "security" or "metrics", as things are when each piece is asked for."""
        if what == "metrics":
            return pieces(self._node, self._stands())
        if what == "security":
            page = shown.head(self._node._core, self._node.papers())
            return self._listed(page, tuple(self._node._core.lines.values()), shown.row)
        return self._listed({"peers": []}, self._node.peers, self._peer)

    def _listed(
        self, page: dict[str, Any], entries: Sequence[T], row: Callable[[T], dict[str, Any]]
    ) -> Iterator[bytes]:
        """A page that ends with an empty JSON array, and its rows in it, PEERS_AT_ONCE in a piece."""
        head, end, tail = as_json(page).rpartition(b"]")
        before, tail = head, end + tail
        for at in range(0, len(entries), PEERS_AT_ONCE):
            rows = [json.dumps(row(entry)) for entry in entries[at : at + PEERS_AT_ONCE]]
            yield before + ", ".join(rows).encode()
            before = b", "
        yield tail if entries else head + tail

    def _health(self) -> dict[str, Any]:
        node, draining = self._node, self._node._core.draining
        return {
            "status": "stopping" if draining else "ok",
            "origin_host": node.origin_host,
            "uptime_s": round(self._clock.seconds() - self._since, 1),
            "peers": len(node.peers),
            "peers_usable": sum(peer.usable for peer in node.peers),
            "pending": node.pending,
            "in_work": node.in_work,
        }

    def _security(self) -> dict[str, Any]:
        core = self._node._core
        return {**shown.head(core, self._node.papers()), "links": [shown.row(line) for line in core.lines.values()]}

    def _peers(self) -> dict[str, Any]:
        return {"peers": [self._peer(entry) for entry in self._node.peers]}

    def _routes(self) -> dict[str, Any]:
        node, now = self._node, self._clock.seconds()
        routes = [
            {
                "realm": route.realm,
                "application": None if route.application == ANY else route.application,
                "hosts": list(route.hosts),
                "balance": route.balance.value,
                "source": route.source.value,
                "expires_s": None if route.expires is None else round(max(0.0, route.expires - now), 1),
            }
            for route in (*node._core.table.routes, *node._requests.following.cache.routes(now))
        ]
        return {"routes": routes}

    def _pending(self) -> dict[str, Any]:
        core, table = self._node._core, self._node._requests.pending
        waiting = sorted(table, key=lambda each: each.sent_at)[:PENDING_SHOWN]
        rows = []
        for each in waiting:
            message = Message(each.octets, core.dictionary)
            rows.append(
                {
                    "peer": each.host,
                    "application": message.application,
                    "command": message.command,
                    "hop_by_hop": each.hop_by_hop,
                    "end_to_end": each.end_to_end,
                    "age_s": round(self._clock.seconds() - each.sent_at, 3),
                    "transmissions": each.transmissions,
                }
            )
        return {"count": len(table), "pending": rows}

    def _stands(self) -> dict[str, Any]:
        """Queues, alarms and counters of the node and of its function."""
        node, limits = self._node, self._node.config.limits
        queues = [
            Queue("requests that wait for their answer", node.pending),
            Queue("requests in work", node.in_work, limits.requests_in_work),
            Queue("requests held back", sum(len(line.held) for line in node._core.lines.values())),
            *self._standing.queues(),
        ]
        alarms = ordered((*of_node(node, datetime.now(UTC)), *self._standing.alarms()))
        return {
            "queues": [one._asdict() for one in queues],
            "alarms": [one._asdict() for one in alarms],
            "counts": [one._asdict() for one in self._standing.counts()],
            "traffic": {name: getattr(node.stats, name) for name in TRAFFIC},
        }

    def _recent(self) -> dict[str, Any]:
        """The last messages as the ladder wants them, identities and what was sent to devices written over."""
        tap, dictionary = self._node._core.tap, self._node._core.dictionary
        return {
            "messages": [
                [*one[:3], base64.b64encode(masked(decode(one.octets, dictionary), unknown=True)).decode(), *one[4:8]]
                for one in (tap.records() if isinstance(tap, Recent) else ())
            ]
        }

    def _shown(self) -> dict[str, Any]:
        return {
            "faults": [
                {
                    "name": name,
                    "enabled": rule.enabled,
                    "do": rule.do,
                    "application": rule.application,
                    "command": rule.command,
                    "kind": rule.kind,
                    "direction": rule.direction,
                    "peer": rule.peer,
                    "met": met,
                }
                for name, rule, met in self._node._traffic.faults.shown()
            ]
        }

    def switch(self, name: str, enabled: bool) -> bool:
        """Put the fault rules of this name in force, or out of it; False when there is none.  Raises ConfigError."""
        return self._node._traffic.faults.switch(name, enabled)

    def _peer(self, entry: PeerEntry) -> dict[str, Any]:
        line = self._node._core.lines.get(entry.link)
        return {
            "host": entry.host,
            "realm": entry.realm,
            "state": entry.state,
            "usable": entry.usable,
            "configured": entry.static,
            "source": entry.source.value,
            "trouble": entry.trouble,
            "applications": sorted(entry.applications),
            "weight": entry.weight,
            "load": entry.load,
            "transport": None if line is None else line.link.transport,
            "remote": None if line is None else str(line.link.remote),
            "outstanding": 0 if line is None else line.outstanding,
            "held": 0 if line is None else len(line.held),
            "in_work": 0 if line is None else line.in_work,
        }


def as_json(value: dict[str, Any]) -> bytes:
    """A document of one of the pages."""
    return json.dumps({"schema": 1, **value}).encode() + b"\n"
