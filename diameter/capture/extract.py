"""Out of a capture, one session or one transaction as a scenario, with placeholders for what a run has to make anew.

The client is who sent the first request.  Where a session went over several links (a relay stands between), the first
link is taken: what is said on the others is the same again.  A message that stands in the capture twice because both
ends wrote it down is taken once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from diameter.capture.avptext import DIGITS, listed, octets_text
from diameter.capture.records import Captured, CaptureError, Endpoint, endpoint_text
from diameter.capture.scenario import Scenario, Step
from diameter.capture.stepping import command_of
from diameter.errors import LocalError
from diameter.message import Avp, Dictionary, Message

IGNORED: Final = ("Origin-State-Id",)
"""Not compared unless the file is changed: no two runs have it in common."""
_DIGITS: Final = re.compile(r"[0-9]{5,15}")
_NAMES: Final = {
    "User-Name": "user",
    "External-Identifier": "external_id",
    "MSISDN": "msisdn",
    "A-MSISDN": "msisdn",
    "IMEI": "imei",
    "SC-Address": "sc_address",
    "SCS-Identity": "scs_isdn",
}
_MADE_ANEW: Final = "made anew for each run; was"


def sessions(captured: Iterable[Captured], dictionary: Dictionary) -> dict[str, int]:
    """Session-Ids to the number of their messages, in the order in which they came."""
    found: dict[str, int] = {}
    for one in captured:
        session = session_of(one.message(dictionary))
        if session:
            found[session] = found.get(session, 0) + 1
    return found


def session_of(message: Message) -> str:
    """Its Session-Id; "" where there is none that can be read."""
    for one in message.avps:
        if one.code == 263 and not one.vendor:
            return one.value if isinstance(one.value, str) else ""
    return ""


def of_session(captured: Iterable[Captured], session: str, dictionary: Dictionary) -> list[Captured]:
    """The messages of the one session whose Session-Id is, or holds, `session`.  Raises CaptureError."""
    kept: dict[str, list[Captured]] = {}
    for one in captured:
        found = session_of(one.message(dictionary))
        if session in found:
            kept.setdefault(found, []).append(one)
    if session in kept:
        return kept[session]
    if len(kept) != 1:
        some = ", ".join(list(kept)[:5]) or "none"
        raise CaptureError(f"no session {session!r}; Session-Ids that hold it: {some}")
    return next(iter(kept.values()))


def of_transaction(captured: Iterable[Captured], frame: int, dictionary: Dictionary) -> list[Captured]:
    """The request and the answer of which one is in this frame.  Raises CaptureError."""
    pairs: dict[tuple[frozenset[Endpoint], bytes], list[Captured]] = {}
    wanted = None
    for one in captured:
        key = frozenset((one.source, one.destination)), one.octets[12:16]
        row = pairs.setdefault(key, [])
        if one.octets[4] & 0x80:
            if wanted == key and row:
                break
            row.clear()
        row.append(one)
        if wanted is None and one.frame == frame:
            wanted = key
    if wanted is None:
        raise CaptureError(f"no message in frame {frame}")
    return pairs[wanted]


def extract(captured: list[Captured], dictionary: Dictionary, source: str) -> Scenario:
    """The scenario of these messages.  `source`: name of the capture, for a comment.  Raises CaptureError."""
    chosen = list(_once(captured))
    first = next((one for one in chosen if one.octets[4] & 0x80), None)
    if first is None:
        raise CaptureError(f"{source}: no request among these messages")
    ends = {first.source, first.destination}
    left_out = [one for one in chosen if {one.source, one.destination} != ends]
    chosen = [one for one in chosen if {one.source, one.destination} == ends]
    found = _Places(chosen, first.source, dictionary)
    steps = tuple(_steps(chosen, first, found, dictionary))
    notes = [
        f"From {source}: {len(steps)} messages between {endpoint_text(first.source)} (the client)",
        f"and {endpoint_text(first.destination)}.  mtc pcap replay plays it; change it as you like.",
    ]
    if left_out:
        notes.append(f"{len(left_out)} messages of the same session on other links are left out.")
    return Scenario(steps=steps, names=found.names, ignore=IGNORED, notes=tuple(notes), name_notes=found.notes)


def _once(captured: Iterable[Captured]) -> Iterator[Captured]:
    seen = set()
    for one in captured:
        key = one.source, one.destination, one.octets
        if key not in seen:
            seen.add(key)
            yield one


def _steps(chosen: list[Captured], first: Captured, places: _Places, dictionary: Dictionary) -> Iterator[Step]:
    open_ones: dict[tuple[bool, bytes], int] = {}
    last = 0
    for one in chosen:
        message = one.message(dictionary)
        from_client = one.source == first.source
        asked_by_client = from_client == message.request
        key = asked_by_client, one.octets[12:16]
        if message.request:
            last += 1
            number = open_ones[key] = last
        elif key in open_ones:
            number = open_ones.pop(key)
        else:
            continue  # its request was not captured, so nobody would ask for it
        yield _step(one, message, number, from_client, places, dictionary)


def _step(
    one: Captured, message: Message, number: int, from_client: bool, places: _Places, dictionary: Dictionary
) -> Step:
    when = datetime.fromtimestamp(one.time_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    note = f"{when}, frame {one.frame}; identifiers 0x{message.hop_by_hop:08x}, 0x{message.end_to_end:08x}"
    tables = dictionary.tables(message.application_id)
    known = message.application_id in dictionary.applications and message.definition is not None
    step = Step(
        sender="client" if from_client else "server",
        transaction=number,
        is_request=message.request,
        command=message.command if known else str(message.command_code),
        application=message.application if known else message.application_id,
        avps=places.top(listed(message.avps, tables), *(("client", "server") if from_client else ("server", "client"))),
        note=note,
    )
    try:
        usual = command_of(step, dictionary)[2]
    except LocalError:
        return _with_flags(step, message.flags, str(message.command_code), message.application_id)
    return step if message.flags == usual else _with_flags(step, message.flags, step.command, step.application)


def _with_flags(step: Step, flags: int, command: str, application: str | int) -> Step:
    return Step(
        sender=step.sender, transaction=step.transaction, is_request=step.is_request, command=command,
        application=application, avps=step.avps, flags=flags, note=step.note,
    )  # fmt: skip


class _Places:
    """Values of the messages that get a name, and the names they get."""

    def __init__(self, chosen: list[Captured], client: Endpoint, dictionary: Dictionary) -> None:
        self.names: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        self._by_value: dict[str, str] = {}
        messages = [(one.source == client, one.message(dictionary)) for one in chosen]
        for party, is_client in (("client", True), ("server", False)):
            for from_client, message in messages:
                if from_client == is_client:
                    self._party(party, _text(message, 264), _text(message, 296))
                    break
        for _, message in messages:
            session = session_of(message)
            if session and session not in self._by_value:
                name = self._free("session")
                self._by_value[session], self.names[name] = name, ""
                self.notes[name] = f"{_MADE_ANEW} {session}"
            self._walk(message.avps)

    def _party(self, party: str, host: str, realm: str) -> None:
        """Both realms have a name, also where they are the same."""
        self._name(host, party, f"Origin-Host of the {party}")
        if realm:
            self.names[f"{party}_realm"] = realm
            self._by_value.setdefault(realm, f"{party}_realm")

    def _walk(self, avps: tuple[Avp, ...]) -> None:
        for one in avps:
            if one.members:
                self._walk(one.members)
            elif one.name in _NAMES:
                value = one.value
                name = _NAMES[one.name]
                if isinstance(value, str):
                    self._name(value, "imsi" if name == "user" and _DIGITS.fullmatch(value) else name, "")
                elif isinstance(value, bytes) and (digits := _tbcd_of(one)):
                    self._name(digits, name, "")

    def _name(self, value: str, name: str, note: str) -> None:
        if value and value not in self._by_value:
            name = self._free(name)
            self._by_value[value], self.names[name] = name, value
            if note:
                self.notes[name] = note

    def _free(self, name: str) -> str:
        number = 2
        free = name
        while free in self.names:
            free, number = f"{name}{number}", number + 1
        return free

    def top(self, avps: dict[str, Any], sender: str, other: str) -> dict[str, Any]:
        """The AVPs of a message with placeholders; who sends it decides whose host and realm those are."""
        out: dict[str, Any] = self.put(avps)
        for avp, name in (("Origin-Host", sender), ("Origin-Realm", f"{sender}_realm"),
                          ("Destination-Host", other), ("Destination-Realm", f"{other}_realm")):  # fmt: skip
            if avp in avps and avps[avp] == self.names.get(name):
                out[avp] = f"${{{name}}}"
        return out

    def put(self, value: Any) -> Any:
        """The value with placeholders."""
        if isinstance(value, dict):
            return {name: self.put(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.put(one) for one in value]
        if isinstance(value, str):
            if value in self._by_value:
                return f"${{{self._by_value[value]}}}"
            if value.startswith(DIGITS) and value.removeprefix(DIGITS) in self._by_value:
                return f"{DIGITS}${{{self._by_value[value.removeprefix(DIGITS)]}}}"
        return value


def _tbcd_of(one: Avp) -> str:
    text = octets_text(one.data, one.name)
    return text.removeprefix(DIGITS) if text.startswith(DIGITS) else ""


def _text(message: Message, code: int) -> str:
    for one in message.avps:
        if one.code == code and not one.vendor:
            return one.value if isinstance(one.value, str) else ""
    return ""
