"""Another link to the same peer in the place of one whose keys are worn, without losing a request.

RFC 6733 knows one connection between two hosts, and a second one is rejected while the first is open (5.6.4), so the
old link goes before the new one comes.  Meanwhile requests that nobody else can take wait: first until what was sent
on the old link is answered, then DPR with REBOOTING, then a new link at once, then what has waited goes there.
Requests that were sent and not answered go again with the T flag.  After PATIENCE_S it is as if the link was lost.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from diameter._node.core import Core, Line
from diameter.peer.inputs import DisconnectCause

if TYPE_CHECKING:
    from diameter._node.peering import Peering
    from diameter._node.requests import Requests

LOOK_S: Final = 0.01
"""Seconds between looks at how far it is."""
DRAIN_S: Final = 1.0
"""For answers on the old link."""
PATIENCE_S: Final = 10.0
"""For the new link, from the beginning on."""


class Renewing:
    """The links of one node that are being replaced, `Core.renewing`: old lines by peer, in lower case."""

    def __init__(self, core: Core, peering: Peering, requests: Requests) -> None:
        self._core = core
        self._peering = peering
        self._requests = requests

    def renew(self, line: Line) -> None:
        """Let another link to the same peer take the place of this one, if it is one that we make again."""
        core = self._core
        key = "" if line.config is None else line.config.host.lower()
        entry = core.table.find(key)
        ours = entry is not None and entry.static and key in self._peering.configs and key not in core.renewing
        if ours and line.is_open and not line.gone and not core.draining:
            core.renewing[key] = line
            line.renewing = True
            self._drain(key, line, core.now)

    def _drain(self, key: str, line: Line, since: float) -> None:
        """Answers are still to come on the old link."""
        core = self._core
        if line.gone or not line.outstanding or core.now >= since + DRAIN_S:
            peer = line.peer
            assert peer is not None
            peer.stop(core.now, DisconnectCause.REBOOTING)
            self._peering.pump(peer)
            self._end(key, line, since)
        else:
            self._look(key, partial(self._drain, key, line, since))

    def _end(self, key: str, line: Line, since: float) -> None:
        """The old link is closing; when it is gone a new one is made."""
        core, peer = self._core, line.peer
        if core.draining or self._peering.peers.get(key) is not peer or core.now >= since + PATIENCE_S:
            self._give_up(key, line)
        elif line.link.id in core.lines:  # shut, but the other end would not take a second one yet
            self._look(key, partial(self._end, key, line, since))
        else:
            assert peer is not None
            peer.start(core.now)
            self._peering.pump(peer)
            self._await(key, line, since)

    def _await(self, key: str, line: Line, since: float) -> None:
        """The new link is on its way."""
        core, peer = self._core, line.peer
        gone = peer is None or self._peering.peers.get(key) is not peer
        new = None if gone or peer is None or not peer.usable else core.lines.get(peer.open_link or 0)
        if new is not None:
            del core.renewing[key]
            self._requests.inherit(line, new)
        elif gone or core.draining or core.now >= since + PATIENCE_S:
            self._give_up(key, line)
        else:
            self._look(key, partial(self._await, key, line, since))

    def _give_up(self, key: str, line: Line) -> None:
        """What waits goes to other peers, or fails."""
        del self._core.renewing[key]
        line.renewing = False
        if line.gone:
            self._requests.lost(line, "no new link in its place")

    def _look(self, key: str, call: partial[None]) -> None:
        self._peering.arm(("renewing", key), self._core.now + LOOK_S, call)
