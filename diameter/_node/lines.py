"""What the peer layer asks to be done with a link, whether its peer is known yet or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from diameter._node.core import Core, Line
from diameter.errors import RemoteFault
from diameter.message import Message
from diameter.peer import inputs
from diameter.peer.peer import Peer
from diameter.routing.refusal import Refused
from diameter.trace import Drop, Point


class Above(Protocol):
    """What peering needs of the node above it."""

    def deliver(self, line: Line, message: Message) -> None:
        """A message that is not the peer layer's."""

    def opened(self, line: Line) -> None:
        """Requests may be sent on this line (again)."""

    def suspect(self, line: Line) -> None:
        """The peer is silent; no new requests go to it."""

    def lost(self, line: Line, reason: str) -> None:
        """The line carries no messages any more."""

    def wake(self, call: Callable[[], None]) -> None:
        """Run `call` as one wake-up."""


class Lines:
    """Carries out what concerns one link."""

    def __init__(self, core: Core, above: Above, closed: Callable[[Line], None]) -> None:
        """`closed`: told of every line that ends, after the node above."""
        self._core = core
        self._above = above
        self._closed = closed

    def carry_out(self, output: inputs.Output) -> None:
        """Write, Close, Refused, Dropped and Deliver; a link that is gone meanwhile is passed over."""
        match output:
            case inputs.Write():
                line = self._core.lines.get(output.link)
                if line is not None:
                    self._core.write(line, output.send.data)
            case inputs.Close():
                line = self._core.lines.get(output.link)
                if line is not None:
                    self.shut(line, output.reason if output.abort else None)
            case inputs.Refused():
                line = self._core.lines.get(output.link)
                if line is not None:
                    self.refused(line, output.reason, output.result_code or 0, audit=not output.by_peer)
            case inputs.Dropped():
                line = self._core.lines.get(output.link)
                if line is not None:
                    self._core.drop(line, output.message, Drop.BASE, output.reason)
            case inputs.Deliver():
                line = self._core.lines.get(output.link)
                if line is not None:
                    self._above.deliver(line, output.message)
            case _:
                pass  # Probed: nobody asked

    def shut(self, line: Line, abort: str | None = None) -> None:
        """Close a link behind what is queued on it; nothing that it brings counts any more."""
        if line.out:
            self._core.flush_line(line)
        self.close(line, abort or "closed by us")
        line.gone = True
        if abort is not None:
            line.link.abort(abort)
        else:
            line.link.close()

    def close(self, line: Line, reason: str) -> None:
        """The line carries application messages no longer."""
        if line.is_open:
            line.is_open = False
            self._core.say(Point.PEER_CLOSED, peer=line.whose, reason=reason)
            self._above.lost(line, reason)
            if line.peer is not None:
                self.again(line.peer)
        self._closed(line)

    def unframed(self, line: Line, fault: RemoteFault, answer: bytes | None) -> None:
        """The position in the stream is lost: write what could be answered, close (5011, 5015)."""
        core = self._core
        core.say(Point.LINK_FAULT, link=line.link.id, peer=line.whose, reason=fault.text)
        if answer is None:
            core.stats.dropped[Drop.UNFRAMED] += 1
        else:
            core.stats.refused[str(int(fault.result_code))] += 1
            core.write(line, answer)
        if core.audit is not None:
            code = int(fault.result_code) if answer is not None else 0
            core.audit(Refused(stage="fault", peer=line.whose, code=code, text=fault.text))
        self.shut(line)

    def again(self, peer: Peer) -> None:
        """Say when a peer will be tried again, so that no silence looks like one that has been given up."""
        at = peer.retry_at
        if at is not None:
            self._core.say(Point.RECONNECTING, peer=peer.host, seconds=round(max(0.0, at - self._core.now), 1))

    def refused(self, line: Line, text: str, code: int, *, audit: bool = True) -> None:
        """A capabilities exchange failed: count, report, audit; remember it as the peer's trouble."""
        core = self._core
        if line.entry is not None:
            line.entry.trouble = text
        core.stats.refused[str(int(code))] += 1
        core.say(Point.PEER_REFUSED, peer=line.whose, reason=text, result_code=int(code))
        if audit and core.audit is not None:
            command = "Capabilities-Exchange-Request"
            core.audit(Refused(stage="capabilities", peer=line.whose, command=command, code=int(code), text=text))
