"""Captured messages as lines of text, as trees and as JSON: what `mtc pcap decode` prints."""

from __future__ import annotations

from datetime import UTC, datetime
from json.encoder import encode_basestring as quoted
from typing import Final

from diameter.capture.masking import IDENTITIES, masked
from diameter.capture.pairing import Asked
from diameter.capture.records import Captured, Endpoint, LinkEvent, endpoint_text
from diameter.capture.text import summary, tree
from diameter.message import Dictionary, Message, decode
from diameter.message.dump import Dumper

_ENDS: Final = 16_384


class Lines:
    """One line a message.  `relative`: seconds from the first record instead of the time of day."""

    def __init__(self, *, relative: bool = False) -> None:
        self._relative = relative
        self._first_ns = -1

    def line(self, captured: Captured, message: Message, asked: Asked[bool] | None) -> str:
        """`12  2025-…Z  10.0.0.1:40000 -> 10.0.0.2:3868  tcp  DAA Tsp 2001 DIAMETER_SUCCESS …  (1.204 ms after 11)`."""
        text = f"{self._where(captured, captured.source, captured.destination)}  {summary(message)}"
        if asked is not None:
            text += f"  ({asked.latency_ns / 1e6:.3f} ms after {asked.frame})"
        if captured.notes:
            text += f"  [{', '.join(captured.notes)}]"
        return text

    def event(self, event: LinkEvent) -> str:
        """The same for an event."""
        return f"{self._where(event, event.local, event.remote)}  {event.name} {event.text}".rstrip()

    def _where(self, record: Captured | LinkEvent, source: Endpoint, destination: Endpoint) -> str:
        frame = f"{record.frame:6}" if record.frame else "     -"
        ends = f"{endpoint_text(source)} -> {endpoint_text(destination)}"
        return f"{frame}  {self._time(record.time_ns)}  {ends}  {record.transport or '-'}"

    def _time(self, time_ns: int) -> str:
        if self._first_ns < 0:
            self._first_ns = time_ns
        if self._relative:
            return f"{(time_ns - self._first_ns) / 1e9:.6f}"
        return time_text(time_ns)


def time_text(time_ns: int) -> str:
    """`2025-10-09T08:53:20.350000Z`; of a time that no calendar has the seconds since 1970."""
    try:
        when = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{time_ns / 1e9:.6f}"
    return f"{when:%Y-%m-%dT%H:%M:%S}.{time_ns % 1_000_000_000 // 1000:06}Z"


def tree_text(message: Message, dictionary: Dictionary, *, show: bool) -> str:
    """The AVP tree; identities are written over unless `show`."""
    return tree(message if show else decode(masked(message), dictionary))


class JsonLines:
    """One JSON object a record, docs/schema/captured.json.  `show`: identities too, written over otherwise."""

    def __init__(self, dictionary: Dictionary, *, show: bool) -> None:
        self._dumper = Dumper(dictionary) if show else Dumper(dictionary, _visible, masked)
        self._ends: dict[tuple[Endpoint, Endpoint, str, int], str] = {}

    def line(self, captured: Captured, message: Message, asked: Asked[bool] | None) -> str:
        """One message: where and when it was captured, then the keys of `mtc decode --json`."""
        time_ns, source, destination, _, transport, _, frame, _, stream, ppid, link, notes = captured
        ends = self._ends.get((source, destination, transport, link))
        if ends is None:
            ends = self._between(source, destination, transport, link)
        text = f'{{"time":{time_ns // 1_000_000_000}.{time_ns % 1_000_000_000:09},"frame":{frame},{ends}'
        if stream >= 0:
            text += f'"stream":{stream},"ppid":{ppid},'
        else:
            text += '"stream":null,"ppid":null,'
        if asked is not None:
            text += f'"latency_ms":{asked.latency_ns / 1e6:.6f},"request_frame":{asked.frame},'
        if notes:
            text += f'"notes":[{",".join(map(quoted, notes))}],'
        return text + self._dumper.line(message)

    def event(self, event: LinkEvent) -> str:
        """One event: the same keys of place and time, then `event` and `text`."""
        seconds, fraction = divmod(event.time_ns, 1_000_000_000)
        return (
            f'{{"time":{seconds}.{fraction:09},"frame":{event.frame},'
            + self._between(event.local, event.remote, event.transport, event.link)
            + f'"schema":1,"event":{quoted(event.name)},"text":{quoted(event.text)}}}'
        )

    def _between(self, source: Endpoint, destination: Endpoint, transport: str, link: int) -> str:
        if len(self._ends) >= _ENDS:
            self._ends.clear()
        text = (
            f'"transport":{quoted(transport)},"source":{quoted(endpoint_text(source))},'
            f'"destination":{quoted(endpoint_text(destination))},"link":{link},'
        )
        self._ends[source, destination, transport, link] = text
        return text


def _visible(name: str) -> bool:
    return name not in IDENTITIES
