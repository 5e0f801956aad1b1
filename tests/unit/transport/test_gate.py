"""Bodies of HTTP requests that nobody is to read: answered before they come, and thrown away."""

from __future__ import annotations

from typing import Any

import pytest
from klein import Klein
from twisted.internet.testing import StringTransport

from diameter.transport.gate import DRAINED, Refusal
from diameter.transport.web import QuietSite

_transport: Any = StringTransport  # has no types
SECRET = b"authorization: yes\r\n"
LIMIT = 1000


class Link:
    """A connection to a server that lets in who has a header, with a body up to a limit."""

    app = Klein()

    def __init__(self) -> None:
        self.read: list[bytes] = []
        factory: Any = QuietSite(self.app.resource(), self._gate)
        factory.timeOut = None
        self.protocol: Any = factory.buildProtocol(None)
        self.transport = _transport()
        self.protocol.makeConnection(self.transport)

    @app.route("/", methods=["PUT", "GET"])
    def root(self, request: Any) -> bytes:
        """What was sent."""
        self.read.append(request.content.read())
        return b"taken"

    @staticmethod
    def _gate(request: Any, octets: int) -> Refusal | None:
        if request.getHeader(b"authorization") is None:
            return Refusal(status=401, headers=(("www-authenticate", "Bearer"),), body=b"who?")
        return Refusal(status=413) if octets > LIMIT else None

    def say(self, *pieces: bytes) -> bytes:
        """What has come back when all of it is said."""
        for piece in pieces:
            self.protocol.dataReceived(piece)
        written: bytes = self.transport.value()
        return written

    def close(self) -> None:
        self.protocol.connectionLost(None)


@pytest.fixture
def link() -> Any:
    link = Link()
    yield link
    link.close()


def head(length: int | None, more: bytes = b"") -> bytes:
    """The head of a request; in chunks without a length."""
    size = b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
    return b"PUT / HTTP/1.1\r\nhost: a\r\n" + more + size + b"\r\n\r\n"


def test_the_answer_goes_out_before_the_body_comes_and_the_body_is_not_kept(link: Link) -> None:
    answer = link.say(head(4))
    assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\n")
    assert answer.endswith(b"Connection: close\r\n\r\nwho?")
    assert not link.transport.disconnecting  # what the client still sends is not to take the answer away
    assert link.say(b"body") == answer
    assert link.transport.disconnecting
    assert link.read == []


def test_a_long_body_is_not_waited_for(link: Link) -> None:
    answer = link.say(head(1 << 30), bytes(DRAINED))
    assert not link.transport.disconnecting
    assert link.say(b"more") == answer
    assert link.transport.disconnecting


@pytest.mark.parametrize("size", [LIMIT + 1, None])
def test_too_much_of_one_who_may(link: Link, size: int | None) -> None:
    chunk = b"190\r\n" + bytes(400) + b"\r\n"
    answer = link.say(head(size, SECRET), *([chunk] * 3 if size is None else []))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert link.say(*([b"0\r\n\r\n"] if size is None else [])) == answer
    assert link.read == []


def test_who_may_is_served_and_nobody_is_asked_to_go_on_in_vain(link: Link) -> None:
    assert link.say(head(4, b"expect: 100-continue\r\n")).count(b"HTTP/1.1") == 1
    other = Link()
    assert b"100 Continue" in other.say(head(4, SECRET + b"expect: 100-continue\r\n"))
    assert other.say(b"body", head(None, SECRET), b"2\r\nab\r\n", b"0\r\n\r\n").count(b"taken") == 2
    assert b"200 OK" in other.say(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert other.read == [b"body", b"ab", b""]
    other.close()


def test_one_that_goes_away_in_the_middle(link: Link) -> None:
    link.say(head(100), b"some")
