"""Which messages of a capture are wanted: by command, application, peer, session, result, subscriber, time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from diameter.capture.records import TRANSPORTS, Captured, endpoint_text
from diameter.capture.text import result_text, short_name
from diameter.errors import LocalError, RemoteFault, ResultCode
from diameter.message import Dictionary, Message

Test = Callable[[Captured, Message], bool]
_RESULT: Final = re.compile(r"(?:(\d+):)?(\d+|[1-9]x{3})|([A-Za-z_]+)", re.ASCII)
_RELATIVE_MOST: Final = 100_000_000


class Selection:
    """What was asked for; without any criterion everything is wanted.  Raises LocalError for what cannot be one.

    `commands`: names, short names or codes; `applications`: names or ids; `peers`: addresses with or without port, or
    identities, `*` stands for anything; `sessions`: a part of Session-Id; `results`: 5012, 10415:5001, 3xxx or a name;
    `subscribers`: digits or text anywhere in the message, digits also as TBCD; `begin`, `end`: seconds from the first
    message, seconds since 1970, or ISO 8601.

    An answer is wanted with its request, because it seldom names the subscriber again (`of_request`).
    """

    def __init__(
        self,
        dictionary: Dictionary,
        *,
        commands: Iterable[str] = (),
        applications: Iterable[str] = (),
        peers: Iterable[str] = (),
        sessions: Iterable[str] = (),
        results: Iterable[str] = (),
        subscribers: Iterable[str] = (),
        transports: Iterable[str] = (),
        begin: str = "",
        end: str = "",
    ) -> None:
        self._first_ns = -1
        self._begin, self._end = _moment(begin, "from"), _moment(end, "to")
        self._every: list[Test] = []
        """Tests that request and answer pass or fail by themselves."""
        self._shared: list[Test] = []
        """Tests that an answer has passed when its request has."""
        wanted = frozenset(transports)
        if strange := wanted.difference(TRANSPORTS):
            raise LocalError(f"transport: {min(strange)!r} is none of {', '.join(TRANSPORTS)}")
        if wanted:
            self._every.append(lambda captured, _: captured.transport in wanted)
        if names := frozenset(commands):
            self._every.append(_commands(dictionary, names))
        if ids := frozenset(_application(dictionary, one) for one in applications):
            self._every.append(lambda _, message: message.application_id in ids)
        if rows := [_result(dictionary, one) for one in results]:
            self._every.append(lambda _, message: not message.request and any(one(message) for one in rows))
        if parts := tuple(sessions):
            self._shared.append(lambda _, message: any(part in _text(message, "Session-Id") for part in parts))
        if ends := frozenset(peers):
            self._shared.append(_peers(ends))
        if octets := tuple(form for one in subscribers for form in _forms(one)):
            self._shared.append(lambda captured, _: any(one in captured.octets for one in octets))
        self.everything = not (self._every or self._shared or begin or end)
        """Nothing was asked for."""

    def wants(self, captured: Captured, message: Message, of_request: bool = False) -> bool:
        """Whether this message is wanted; `of_request`: that its request passed what an answer need not say again."""
        if self.everything:
            return True
        if self._first_ns < 0:
            self._first_ns = captured.time_ns
        return (
            self._in_time(captured.time_ns)
            and all(test(captured, message) for test in self._every)
            and (of_request or self.shared(captured, message))
        )

    def shared(self, captured: Captured, message: Message) -> bool:
        """Whether it passes what it shares with its answer: what to remember of a request."""
        return all(test(captured, message) for test in self._shared)

    def _in_time(self, time_ns: int) -> bool:
        for moment, sign in ((self._begin, 1), (self._end, -1)):
            if moment is not None:
                bound = moment if moment >= _RELATIVE_MOST * 10**9 else self._first_ns + moment
                if (time_ns - bound) * sign < 0:
                    return False
        return True


def _moment(text: str, name: str) -> int | None:
    """Nanoseconds: from the first message when small, else since 1970."""
    if not text:
        return None
    try:
        return round(float(text) * 1e9)
    except (ValueError, OverflowError):
        pass
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise LocalError(f"{name}: {text!r} is neither seconds nor a time such as 2025-01-31T12:00:00Z") from None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return round(when.timestamp() * 1e6) * 1000


def _commands(dictionary: Dictionary, names: frozenset[str]) -> Test:
    known = {word for one in dictionary.commands() for word in (one.name, one.short, one.name.rpartition("-")[0])}
    for name in names:
        if name not in known and not name.isdigit():
            raise LocalError(f"no dictionary has a command named {name!r}")

    def test(_: Captured, message: Message) -> bool:
        name = message.command
        return not names.isdisjoint((name, name.rpartition("-")[0], short_name(message), str(message.command_code)))

    return test


def _application(dictionary: Dictionary, name: str) -> int:
    if name.isdigit():
        return int(name)
    alike = [one.id for one in dictionary.applications.values() if one.name.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else dictionary.application(name).id


def _peers(ends: frozenset[str]) -> Test:
    exact = frozenset(one.lower() for one in ends if "*" not in one)
    open_ends = [
        re.compile(".*".join(map(re.escape, one.lower().split("*")))).fullmatch for one in sorted(ends) if "*" in one
    ]

    def fits(text: str) -> bool:
        text = text.lower()
        return text in exact or any(one(text) for one in open_ends)

    def test(captured: Captured, message: Message) -> bool:
        for end in (captured.source, captured.destination):
            if fits(end[0]) or fits(endpoint_text(end)):
                return True
        return any(fits(_text(message, name)) for name in ("Origin-Host", "Destination-Host"))

    return test


def _result(dictionary: Dictionary, text: str) -> Callable[[Message], bool]:
    match = _RESULT.fullmatch(text)
    if match is None:
        raise LocalError(f"result: {text!r} is no code such as 5012, 10415:5001 or 3xxx, and no name")
    vendor, code, name = match.groups()
    if name:
        word = f"_{name.upper()}"
        known = (
            label for one in dictionary.avps() if one.name.endswith("Result-Code") for label in one.values.values()
        )
        base = (f"DIAMETER_{one.name}" for one in ResultCode)
        if not any(f"_{one}".upper().endswith(word) for one in (*known, *base)):
            raise LocalError(f"result: no dictionary has a result named {name!r}")
        return lambda message: result_text(message).upper().replace(" ", "_").endswith(word)

    def test(message: Message) -> bool:
        found = message.result
        if found is None or (vendor and int(vendor) != found[0]):
            return False
        return str(found[1]) == code or (code.endswith("xxx") and found[1] // 1000 == int(code[0]))

    return test


def _forms(subscriber: str) -> tuple[bytes, ...]:
    """How an identity may stand in a message: as text, and digits as TBCD (TS 29.002)."""
    text = subscriber.encode()
    if not subscriber.isascii() or not subscriber.isdigit():
        return (text,)
    digits = subscriber + "f" * (len(subscriber) & 1)
    return text, bytes.fromhex("".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2)))


def _text(message: Message, name: str) -> str:
    """The text of an AVP, "" where there is none that can be read."""
    try:
        value = message.get(name, "")
    except RemoteFault:
        return ""
    return value if isinstance(value, str) else ""
