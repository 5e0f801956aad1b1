"""What is wrong in a capture, in which clause, and how bad it is.

    report = check.run("trigger.pcapng", Dictionary.load())
    for group in report.groups:
        print(group.rule.severity, group.rule.name, group.clause, group.count, group.first.text)

The rules are in `diameter/capture/checks`, `RULES` lists them.  A message is looked at as it comes and everything that
is kept of it is bounded, so a capture may be larger than memory, or never end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

from diameter.capture.checks import faults, moves, security
from diameter.capture.checks.past import WAIT_S, Late, Past, Settings
from diameter.capture.checks.rules import (
    ANSWER,
    ERROR,
    LOOKS,
    MESSAGE,
    NOTE,
    REQUEST,
    RULES,
    SEVERITIES,
    WARNING,
    Hit,
    Rule,
)
from diameter.capture.checks.sight import SECOND, Place, Sight
from diameter.capture.checks.watchdog import silent_to_the_end
from diameter.capture.read import CaptureReader
from diameter.capture.records import Captured, CaptureError, LinkEvent, NoDiameter, Record
from diameter.errors import LocalError
from diameter.message import Dictionary, Message, decode

__all__ = ["ERROR", "NOTE", "RULES", "SEVERITIES", "WARNING", "Checker", "Finding", "Group", "Report", "Rule", "run"]

Source = str | Path | BinaryIO | CaptureReader | Iterable[Record]
"""A capture file by its name, as a stream or as a reader with its options; or messages and events."""
MAX_GROUPS: Final = 5000
MAX_FRAMES: Final = 20
_HEADER: Final = 20


class Finding(NamedTuple):
    """One thing wrong in one message.

    `what`: the same words wherever the same is wrong.  `offset`: octets from the start of the message to the AVP or
    header field, -1 for none.  `place`: the message: its number in the order fed (from 0), frame, time, ends.
    """

    rule: Rule
    clause: str
    text: str
    what: str
    offset: int
    place: Place


class Checker:
    """Looks at records one after the other: `feed` gives what is found wrong, `finish` what the end shows.

    `outside`: hosts and realms beyond the operator's own, where no IMSI may go.  `wait_s`: how long a request may wait
    for its answer.  `only`, `ignore`: names of rules; LocalError for a name that is none.
    """

    def __init__(
        self,
        dictionary: Dictionary,
        *,
        outside: Iterable[str] = (),
        wait_s: float = WAIT_S,
        only: Collection[str] = (),
        ignore: Collection[str] = (),
    ) -> None:
        for name in (*only, *ignore):
            if name not in RULES:
                raise LocalError(f"{name}: no such rule")
        self.dictionary = dictionary
        self.messages = 0
        """Messages seen so far."""
        self._wanted = frozenset(only or RULES) - frozenset(ignore)
        named = frozenset(name.lower().strip(".").encode() for name in outside)
        self._past = Past(Settings(named, int(wait_s * SECOND)))
        every = [(rule, look) for rule, look in LOOKS[MESSAGE] if rule.name in self._wanted]
        self._of_request = every + [(rule, look) for rule, look in LOOKS[REQUEST] if rule.name in self._wanted]
        self._of_answer = every + [(rule, look) for rule, look in LOOKS[ANSWER] if rule.name in self._wanted]

    def feed(self, record: Record, message: Message | None = None) -> list[Finding]:
        """What this record shows, about itself or about an earlier message.  `message`: decoded already."""
        if isinstance(record, LinkEvent):
            moves.event(self._past, record)
            return []
        past = self._past
        if not self.messages:
            past.start_ns = record.time_ns
        past.now_ns = max(past.now_ns, record.time_ns)
        message = decode(record.octets, self.dictionary) if message is None else message
        one = Sight(record, message, self.messages, past)
        self.messages += 1
        found = [self._finding(rule, hit, one.place) for rule, hit in faults.look(one) if rule.name in self._wanted]
        if len(record.octets) < _HEADER or record.octets[0] != 1:
            return found
        moves.before(one)
        for rule, look in self._of_request if message.request else self._of_answer:
            for hit in look(one):
                found.append(self._finding(rule, hit, one.place))
        if security.IMSI.name in self._wanted:
            found += [self._finding(security.IMSI, hit, one.place) for hit in security.imsi_outside(one)]
        moves.after(one)
        return found + self._late() if past.late else found

    def finish(self) -> list[Finding]:
        """The capture is over: requests without answer, connections gone silent."""
        silent_to_the_end(self._past)
        self._past.finish()
        return self._late()

    def _finding(self, rule: Rule, hit: Hit, place: Place) -> Finding:
        return Finding(rule, hit.clause or rule.clause, hit.text, hit.what or place.short, hit.offset, place)

    def _late(self) -> list[Finding]:
        late: list[Late] = self._past.late
        found = []
        for one in late:
            if one.rule in self._wanted:
                found.append(self._finding(RULES[one.rule], Hit(one.text, one.what, one.offset), one.place))
        late.clear()
        return found


@dataclass(slots=True)
class Group:
    """Findings of the same kind: how many, the first one, and the frames of the first `MAX_FRAMES`."""

    rule: Rule
    clause: str
    what: str
    first: Finding
    count: int = 0
    frames: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What a check found.  `notice`: where the capture broke off or was damaged, else ""."""

    name: str
    messages: int = 0
    start_ns: int = 0
    end_ns: int = 0
    notice: str = ""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SEVERITIES, 0))
    """Findings by severity."""
    _groups: dict[tuple[str, str, str], Group] = field(default_factory=dict)

    @property
    def groups(self) -> list[Group]:
        """Worst first, then the order of appearance."""
        found = self._groups.values()
        return sorted(found, key=lambda one: (SEVERITIES.index(one.rule.severity), one.first.place.time_ns))

    def add(self, one: Finding) -> None:
        """Count a finding into its group; beyond `MAX_GROUPS` what differs in details only is one group."""
        self.counts[one.rule.severity] += 1
        key = (one.rule.name, one.clause, one.what)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                key = (one.rule.name, one.rule.clause, "and others")
            group = self._groups.setdefault(key, Group(one.rule, key[1], key[2], one))
        group.count += 1
        if one.place.frame and len(group.frames) < MAX_FRAMES and one.place.frame not in group.frames[-1:]:
            group.frames.append(one.place.frame)


def run(
    source: Source,
    dictionary: Dictionary,
    *,
    outside: Iterable[str] = (),
    wait_s: float = WAIT_S,
    only: Collection[str] = (),
    ignore: Collection[str] = (),
) -> Report:
    """Check a capture, or records; the options are those of `Checker`.

    A damaged capture is checked as far as it could be read, and the report says so.  Raises CaptureError: nothing
    could be read; NoDiameter: there is none in it; LocalError: no such rule.
    """
    checker = Checker(dictionary, outside=outside, wait_s=wait_s, only=only, ignore=ignore)
    reader = reader_of(source)
    report = Report(reader.name if reader is not None else "capture")
    records = cast("Iterable[Record]", source) if reader is None else _records(reader, report)
    for record in records:
        if isinstance(record, Captured):
            report.start_ns = report.start_ns or record.time_ns
            report.end_ns = max(report.end_ns, record.time_ns)
        for one in checker.feed(record):
            report.add(one)
    for one in checker.finish():
        report.add(one)
    report.messages = checker.messages
    if reader is not None and not report.messages:
        raise NoDiameter(f"{reader.name}: {reader.no_diameter()}")
    return report


def reader_of(source: Source) -> CaptureReader | None:
    """A reader of a file; None for records."""
    if isinstance(source, CaptureReader):
        return source
    if isinstance(source, str | Path) or hasattr(source, "read"):
        return CaptureReader(cast("str | Path | BinaryIO", source))
    return None


def _records(reader: CaptureReader, report: Report) -> Iterator[Record]:
    """The records of a file; damage ends them and is noted, unless nothing came before it."""
    any_yet = False
    try:
        for record in reader.records():
            any_yet = True
            yield record
    except CaptureError as error:
        if not any_yet:
            raise
        report.notice = f"the rest could not be read: {error}"
        return
    report.notice = reader.truncated
