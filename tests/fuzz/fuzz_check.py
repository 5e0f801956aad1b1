"""`check` and the ladder over a conversation that is damaged by choice: messages edited, cut, repeated, turned round,
moved in time and mixed with events of links.  Nothing raises, every finding has a place, and reports can be written.
"""

from __future__ import annotations

import json
from functools import cache

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from diameter import Dictionary
    from diameter.capture import Captured, LinkEvent, Record, check, report
    from diameter.capture.ladder import page_data
    from diameter.capture.records import EVENTS, NOTES, TRANSPORTS
    from diameter.capture.timeline import Timeline
    from helpers.edits import edited
    from helpers.trouble import trouble

MOST = 40
"""Records of one conversation."""


@cache
def dictionary() -> Dictionary:
    return Dictionary.load(cache=False)


@cache
def script() -> tuple[Record, ...]:
    return tuple(trouble())


def conversation(choices: Choices) -> list[Record]:
    """Records of the script, each as decided."""
    out: list[Record] = []
    shift_ns = 0
    while choices.left and len(out) < MOST:
        record = script()[choices.below(len(script()))]
        way, shift_ns = choices.below(8), shift_ns + choices.octet() * 1_000_000_000
        record = record._replace(time_ns=record.time_ns + shift_ns, link=choices.below(3))
        if isinstance(record, LinkEvent):
            out.append(record._replace(name=(*EVENTS, "LINK_UP", "LINK_LOST")[choices.below(len(EVENTS) + 2)]))
            continue
        if way & 1:
            record = record._replace(octets=edited(record.octets, choices, dictionary()))
        if way & 2:
            record = record._replace(source=record.destination, destination=record.source)
        if way & 4:
            kind = choices.octet()
            record = record._replace(
                octets=record.octets[: choices.octet()] if kind & 1 else record.octets,
                transport=TRANSPORTS[kind % len(TRANSPORTS)],
                ppid=kind - 1,
                notes=NOTES[: kind % 5],
            )
        out.append(record)
    return out


def oracle(data: bytes) -> None:
    """The octets as decisions."""
    choices = Choices(data)
    outside = ["operator.example", "epc.mnc001.mcc001.3gppnetwork.org"][: choices.below(3)]
    records = conversation(choices)
    found = check.run(records, dictionary(), outside=outside, wait_s=1)
    messages = [one for one in records if isinstance(one, Captured)]
    assert found.messages == len(messages)
    assert report.as_text(found)
    assert json.loads(report.as_json(found))["messages"] == len(messages)
    assert report.as_html(found)
    for group in found.groups:
        assert group.rule.name in check.RULES
        assert 0 <= group.first.place.number < len(messages)
        assert -1 <= group.first.offset <= len(messages[group.first.place.number].octets)
    events = [one for one in records if isinstance(one, LinkEvent)]
    data_of_page = page_data(Timeline(messages, dictionary(), events))
    assert json.dumps(data_of_page)
    assert len(data_of_page["events"]) == len(events)


if __name__ == "__main__":
    drive(oracle)
