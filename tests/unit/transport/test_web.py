"""What HTTP servers of a node put up with, without a word in the log."""

from __future__ import annotations

from typing import Any

import pytest
from klein import Klein
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, globalLogPublisher

from diameter.transport.web import BAD_REQUEST, QuietSite

_transport: Any = StringTransport  # has no types


class Rooms:
    """Something to serve."""

    app = Klein()

    @app.route("/rooms/<name>", methods=["GET"])
    def room(self, _request: object, name: str) -> bytes:
        """Its name."""
        return name.encode()

    @app.route("/broken", methods=["GET"])
    def broken(self, _request: object) -> bytes:
        """A bug."""
        raise KeyError("broken")


def ask(line: bytes, host: bytes = b"localhost") -> tuple[bytes, list[LogEvent]]:
    """Everything that comes back, and everything that is logged meanwhile."""
    events: list[LogEvent] = []
    factory: Any = QuietSite(Rooms().app.resource())
    factory.timeOut = None
    protocol: Any = factory.buildProtocol(None)
    transport = _transport()
    observer: Any = events.append
    globalLogPublisher.addObserver(observer)
    try:
        protocol.makeConnection(transport)
        protocol.dataReceived(line + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    finally:
        globalLogPublisher.removeObserver(observer)
        protocol.connectionLost(None)
    written: bytes = transport.value()
    return written, events


@pytest.mark.parametrize("path", [b"/rooms/blue", b"/rooms/bl%75e", b"/rooms/blue?x=%ff"])
def test_what_is_readable_is_served(path: bytes) -> None:
    answer, events = ask(b"GET " + path)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"blue" in answer
    assert events == []


def test_letters_of_any_script_are_readable() -> None:
    answer, events = ask(b"GET /rooms/z%C3%BCrich")
    assert "zürich".encode() in answer
    assert events == []


@pytest.mark.parametrize(
    ("line", "host"),
    [
        (b"GET /rooms/%ff", b"localhost"),
        (b"GET /%ff/blue", b"localhost"),
        (b"GET /rooms/\xff", b"localhost"),
        (b"GET /rooms/blue", b"\xff\xfe"),
        (b"\xff\xfe /rooms/blue", b"localhost"),
    ],
)
def test_what_is_no_text_is_answered_400_and_not_logged(line: bytes, host: bytes) -> None:
    answer, events = ask(line, host)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert BAD_REQUEST in answer or answer.endswith(b"\r\n\r\n")
    assert events == []


def test_a_bug_shows_no_traceback_to_the_client() -> None:
    answer, events = ask(b"GET /broken")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"KeyError" not in answer
    assert [event["log_failure"].type for event in events if "log_failure" in event] == [KeyError]
