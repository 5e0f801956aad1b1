"""A capture as a ladder diagram: one self-contained HTML file, or an SVG for documents.

The page carries the octets of all messages (deflated, base64), one row of numbers per message, and the definitions of
the AVPs that occur; its script makes the tree of a message when it is clicked.  1,000 triggers (11,740 messages) make
a page of 1.2 MB.  Trees made here instead would be 8.5 MB of JSON to parse before anything is shown, and the octets
would have to go along all the same.  Faults and results are worked out here, by the same code as in a node; the script
only reads values, and a test holds its trees against `text.py`.

Everything in the page is data of strangers: jinja2 escapes it in the markup, it stands as JSON with `<` escaped in the
script blocks, the script writes it by textContent only, and a Content-Security-Policy forbids the network.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from diameter._version import VERSION
from diameter.capture.check import Finding, Source, reader_of
from diameter.capture.masking import masked
from diameter.capture.records import Captured, CaptureError, LinkEvent, NoDiameter, Record, endpoint_text
from diameter.capture.text import ADDRESS_FIELDS, TBCD_NUMBERS
from diameter.capture.timeline import OUTCOMES, Step, Timeline
from diameter.dictionary.model import AvpDef
from diameter.message import Dictionary, decode

if TYPE_CHECKING:
    import jinja2

SCHEMA: Final = 1
MAX_FINDINGS: Final = 32
"""Of one message."""
MAX_EVENTS: Final = 20_000


def write(
    source: Source,
    out: str | Path,
    dictionary: Dictionary,
    *,
    title: str = "",
    mask: bool = False,
    outside: Iterable[str] = (),
) -> int:
    """Draw `source` into the HTML file `out`; return the number of messages.

    What `check` finds stands in place; `outside` as for `check.Checker`.  `mask` writes `*` over identities of
    subscribers and devices and over what was sent to them.  A damaged capture is drawn as far as it could be read, and
    the page says so.  Raises CaptureError: nothing could be read, or `out` cannot be written; NoDiameter.
    """
    timeline, notice, name = _timeline(source, dictionary, mask, outside)
    _save(out, page(timeline, title or name, notice))
    return len(timeline.steps)


def page(timeline: Timeline, title: str, notice: str = "") -> str:
    """The HTML of a timeline; `notice` stands above it."""
    octets = b"".join(step.captured.octets for step in timeline.steps)
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            title=title,
            version=VERSION,
            notice=notice,
            data=json.dumps(page_data(timeline), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
            octets=base64.b64encode(zlib.compress(octets, 9)).decode(),
        )
    )


def write_svg(
    source: Source,
    out: str | Path,
    dictionary: Dictionary,
    *,
    title: str = "",
    limit: int = 60,
    device: str = "",
    select: Callable[[Step], bool] | None = None,
    mask: bool = False,
    outside: Iterable[str] = (),
    events: bool = False,
) -> int:
    """Draw the first `limit` messages that `select` keeps into the SVG file `out`; return how many were drawn.

    `device`: only what is about the device of this External-Identifier, IMSI or MSISDN, on any reference point.
    Without `select` the messages between neighbours (capabilities exchange, watchdog, disconnect) are left out.
    `events`: draw link events too, from the first message to the last.  The rest as for `write`.
    """
    timeline, _, name = _timeline(source, dictionary, mask, outside)
    keep = select or (lambda step: not step.upkeep)
    steps = [step for step in timeline.steps if keep(step)]
    if device:
        subjects = timeline.subjects()
        names = {name for step, name in zip(timeline.steps, subjects, strict=True) if device in (name, *step.subjects)}
        about = {id(step) for step, name in zip(timeline.steps, subjects, strict=True) if name in names}
        steps = [step for step in steps if id(step) in about]
    steps = steps[:limit]
    _save(out, picture(timeline, steps, title or name, subjects=not device, events=events))
    return len(steps)


def picture(
    timeline: Timeline, steps: Sequence[Step], title: str, *, subjects: bool = True, events: bool = False
) -> str:
    """The SVG of some steps of a timeline (see `svg.layout`)."""
    from diameter.capture import svg

    drawing = svg.layout(timeline, steps, subjects=subjects, events=events)
    return environment().get_template("ladder.svg.j2").render(title=title, **drawing)


def page_data(timeline: Timeline) -> dict[str, Any]:
    """All of the page's data but octets: tables of what repeats, and one column of numbers for each property of a row.

    Times are microseconds; `time` holds differences to the row before.  -1 stands for none.
    """
    tables = {name: _Table() for name in ("kinds", "results", "sessions", "devices", "links", "notes", "rules")}
    columns: dict[str, list[int]] = {
        name: [] for name in (
            "time", "source", "destination", "kind", "result", "outcome", "pair", "session", "device", "link", "note",
            "subject", "length", "frame", "again", "exchange",
        )
    }  # fmt: skip
    devices = timeline.subjects()
    start_us = timeline.steps[0].captured.time_ns // 1000 if timeline.steps else 0
    before = start_us
    for step, device in zip(timeline.steps, devices, strict=True):
        captured = step.captured
        now = captured.time_ns // 1000
        row = {
            "time": now - before,
            "source": step.source,
            "destination": step.destination,
            "kind": tables["kinds"].index((step.short, step.name, step.application_id, step.request, step.upkeep)),
            "result": tables["results"].index(step.result) if step.result else -1,
            "outcome": OUTCOMES.index(step.outcome),
            "pair": step.pair,
            "session": tables["sessions"].index(step.session) if step.session else -1,
            "device": tables["devices"].index(device) if device else -1,
            "link": tables["links"].index(
                (captured.transport, endpoint_text(captured.source), endpoint_text(captured.destination))
            ),
            "note": tables["notes"].index(step.note) if step.note else -1,
            "subject": tables["notes"].index(step.subjects[0]) if step.subjects else -1,
            "length": len(captured.octets),
            "frame": captured.frame,
            "again": step.retransmitted | step.repeated << 1,
            "exchange": step.exchange,
        }
        before = now
        for name, value in row.items():
            columns[name].append(value)
    return {
        "schema": SCHEMA,
        "start_us": start_us,
        "participants": timeline.participants,
        "outcomes": OUTCOMES,
        "applications": _applications(timeline),
        "avps": _definitions(timeline),
        "findings": {
            index: [_finding(one, tables["rules"]) for one in step.findings[:MAX_FINDINGS]]
            for index, step in enumerate(timeline.steps)
            if step.findings
        },
        "events": [_event(event, *ends) for event, ends in zip(timeline.events, timeline.event_ends, strict=True)][
            :MAX_EVENTS
        ],
        "columns": columns,
        **{name: table.rows for name, table in tables.items()},
    }


class _Table:
    """Values by the order in which they were first met."""

    def __init__(self) -> None:
        self.rows: list[Hashable] = []
        self._index: dict[Hashable, int] = {}

    def index(self, value: Hashable) -> int:
        found = self._index.get(value)
        if found is None:
            found = self._index[value] = len(self.rows)
            self.rows.append(value)
        return found


def _applications(timeline: Timeline) -> dict[int, str]:
    known = timeline.dictionary.applications
    used = {step.application_id for step in timeline.steps}
    return {one: known[one].name for one in sorted(used) if one in known}


def _definitions(timeline: Timeline) -> dict[str, Any]:
    """What the script must know of AVPs: `all` by "vendor:code", and by application id where it differs from that."""
    every: dict[str, Any] = {}
    own: dict[int, dict[str, Any]] = {}
    for application_id, definitions in sorted(timeline.definitions.items()):
        for one in definitions.values():
            key, row = f"{one.vendor}:{one.code}", _definition(one)
            if every.setdefault(key, row) != row:
                own.setdefault(application_id, {})[key] = row
    return {"all": every, "own": own}


def _definition(one: AvpDef) -> list[Any]:
    """[name, type] or [name, type, {value: name}, is a bit mask]; numbers in octets have types of their own."""
    kind = one.type
    if one.name in TBCD_NUMBERS:
        kind = "TBCD"
    elif one.name in ADDRESS_FIELDS:
        kind = "AddressField"
    return [one.name, kind, dict(one.values), one.bits] if one.values else [one.name, kind]


def _finding(one: Finding, rules: _Table) -> list[Any]:
    """[octet offset, text, index of the rule with its clause]."""
    return [one.offset, one.text, rules.index((one.rule.name, one.rule.severity, one.clause, one.rule.text))]


def _event(event: LinkEvent, source: int, destination: int) -> list[Any]:
    ends = [endpoint_text(event.local), endpoint_text(event.remote)] if event.transport else ["", ""]
    when = event.time_ns // 1000
    return [when, event.name, event.text, event.transport, *ends, source, destination, event.frame]


# ---- in and out ------------------------------------------------------------------------------------------------------


def _timeline(
    source: Source, dictionary: Dictionary, mask: bool, outside: Iterable[str] = ()
) -> tuple[Timeline, str, str]:
    """The timeline, what is to be said about the file (maybe nothing), and its name."""
    notice, name = "", "Diameter"
    records: list[Record] = []
    reader = reader_of(source)
    if reader is not None:
        name = Path(reader.name).name
        try:
            records.extend(reader.records())
            notice = reader.truncated
        except CaptureError as error:
            if not records:
                raise
            notice = f"The rest of this capture could not be read: {error}"
        if not any(isinstance(one, Captured) for one in records):
            raise NoDiameter(f"{reader.name}: {reader.no_diameter()}")
    else:
        records.extend(cast("Iterable[Record]", source))
    messages = [one for one in records if isinstance(one, Captured)]
    if mask:
        messages = [one._replace(octets=masked(decode(one.octets, dictionary))) for one in messages]
    events = [one for one in records if isinstance(one, LinkEvent)]
    return Timeline(messages, dictionary, events, outside=outside), notice, name


def _save(out: str | Path, text: str) -> None:
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CaptureError(f"cannot write {out}: {error.strerror}") from error


@cache
def environment() -> jinja2.Environment:
    """jinja2 is imported here: a node that only writes captures does not need it."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("diameter.capture", "view"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
