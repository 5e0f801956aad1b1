"""A connection to charon's socket: commands and events, answers in any cut, nonsense, silence and the end."""

from __future__ import annotations

from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from vici.protocol import Message, Packet

from diameter.transport.ipsec.vici_session import Tree, ViciError, ViciGone, ViciSession, tell_now


class Wire(StringTransport):
    """What is written, and whether the connection was dropped."""

    def abortConnection(self) -> None:
        self.disconnecting = True


class Ends:
    """A session and the daemon's side of it."""

    def __init__(self) -> None:
        self.clock, self.wire = Clock(), Wire()  # type: ignore[no-untyped-call]
        self.heard: list[tuple[str, Tree]] = []
        self.lost: list[str] = []
        self.session = ViciSession("/vici", self.clock, lambda *event: self.heard.append(event), self.lost.append)
        self.session.makeConnection(self.wire)  # type: ignore[no-untyped-call]

    def ask(self, command: str = "version", event: str = "", **more: Any) -> list[Any]:
        """What becomes of a command: its answer with its events, or what it raised."""
        outcome: list[Any] = []
        asked = Deferred.fromCoroutine(self.session.collect(command, event, more or None, limit_s=5))
        _ = asked.addCallbacks(outcome.append, lambda failure: outcome.append(failure.value))
        return outcome

    def sent(self) -> bytes:
        written: bytes = self.wire.value()  # type: ignore[no-untyped-call]
        self.wire.clear()  # type: ignore[no-untyped-call]
        return written

    def say(self, kind: int, tree: dict[str, Any] | None = None, name: str = "") -> None:
        head = pack("!B", kind) + (pack("!B", len(name)) + name.encode() if name else b"")
        body = head + (b"" if tree is None else Message.serialize(tree))
        for octet in pack("!I", len(body)) + body:
            self.session.dataReceived(bytes([octet]))  # type: ignore[no-untyped-call]

    def quiet(self) -> bool:
        return self.clock.getDelayedCalls() == []


def test_commands_go_one_after_the_other() -> None:
    ends = Ends()
    first, second = ends.ask(ike="x"), ends.ask("stats")
    assert ends.sent() == pack("!I", 17) + b"\x00\x07version" + b"\x03\x03ike\x00\x01x"
    ends.say(Packet.CMD_RESPONSE, {"daemon": "charon", "more": {"list": ["a", "b"]}})
    assert first == [({"daemon": "charon", "more": {"list": ["a", "b"]}}, ())]
    assert ends.sent() == pack("!I", 7) + b"\x00\x05stats"
    ends.say(Packet.CMD_RESPONSE)
    assert second == [({}, ())]
    assert ends.quiet()


def test_events_belong_to_the_command_that_wants_them_or_to_whoever_listens() -> None:
    ends = Ends()
    asked = ends.ask("list-sas", "list-sa")
    ends.say(Packet.EVENT, {"x": {"state": "ESTABLISHED"}}, "list-sa")
    ends.say(Packet.EVENT, {"up": "yes"}, "ike-updown")
    ends.say(Packet.EVENT, {"y": {}}, "list-sa")
    ends.say(Packet.CMD_RESPONSE, {})
    assert asked == [({}, ({"x": {"state": "ESTABLISHED"}}, {"y": {}}))]
    assert ends.heard == [("ike-updown", {"up": "yes"})]
    ends.say(Packet.EVENT, {}, "list-sa")
    assert ends.heard[-1] == ("list-sa", {})


def test_what_the_daemon_refuses() -> None:
    ends = Ends()
    asked = ends.ask("initiate", "control-log")
    ends.say(Packet.EVENT, {"msg": "received NO_PROPOSAL_CHOSEN notify error"}, "control-log")
    ends.say(Packet.CMD_RESPONSE, {"success": "no", "errmsg": "establishing failed"})
    assert str(asked[0]) == "strongSwan: establishing failed"
    assert asked[0].said == ({"msg": "received NO_PROPOSAL_CHOSEN notify error"},)
    unknown = ends.ask("dance")
    ends.say(Packet.CMD_UNKNOWN)
    assert str(unknown[0]) == "strongSwan knows no command dance"
    silent = ends.ask()
    ends.say(Packet.CMD_RESPONSE, {"success": "no"})
    assert str(silent[0]) == "strongSwan: failed"


def test_events_are_registered() -> None:
    ends = Ends()
    done: list[Any] = []
    _ = Deferred.fromCoroutine(ends.session.register(["ike-updown", "dancing"])).addBoth(done.append)
    assert ends.sent() == pack("!I", 12) + b"\x03\x0aike-updown"
    ends.say(Packet.EVENT_CONFIRM)
    assert ends.sent().endswith(b"dancing")
    ends.say(Packet.EVENT_UNKNOWN)
    assert done[0].check(ViciError)
    assert str(done[0].value) == "strongSwan knows no event dancing"


def test_silence_ends_the_connection() -> None:
    ends = Ends()
    asked = ends.ask()
    ends.clock.advance(5)
    assert isinstance(asked[0], ViciGone)
    assert str(asked[0]) == "strongSwan at /vici: no answer in 5 s"
    assert ends.lost == [str(asked[0])]
    assert ends.wire.disconnecting
    assert str(ends.ask()[0]) == str(asked[0])


def test_the_end_of_the_daemon() -> None:
    ends = Ends()
    asked, waiting = ends.ask(), ends.ask()
    ends.session.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]
    assert [str(each[0]) for each in (asked, waiting)] == ends.lost * 2
    assert "closed the connection" in ends.lost[0]
    assert ends.quiet()


def test_closing_it_is_no_loss() -> None:
    ends = Ends()
    asked = ends.ask()
    ends.session.close()
    ends.session.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]
    assert isinstance(asked[0], ViciGone)
    assert ends.lost == []
    assert ends.quiet()


def test_a_command_given_up_ends_the_connection() -> None:
    """Its answer would be taken for that of the next one."""
    ends = Ends()
    asked: Deferred[Any] = Deferred.fromCoroutine(ends.session.request("initiate"))
    asked.cancel()
    failed: list[Failure] = []
    _ = asked.addErrback(failed.append)
    assert len(failed) == 1
    assert "given up" in ends.lost[0]
    assert ends.quiet()


@pytest.mark.parametrize(
    "octets", [b"", b"\x07", b"\x01\x02", b"\x01\x03", b"\x01\x05\x01\xff", b"\x01\x03\x01\xff\x00\x00"]
)
def test_nonsense_ends_the_connection(octets: bytes) -> None:
    ends = Ends()
    asked = ends.ask()
    ends.session.dataReceived(pack("!I", len(octets)) + octets)  # type: ignore[no-untyped-call]
    assert "no VICI" in str(asked[0])
    assert ends.wire.disconnecting


def test_a_packet_that_is_too_long_ends_the_connection() -> None:
    ends = Ends()
    asked = ends.ask()
    ends.session.dataReceived(pack("!I", 1 << 30))  # type: ignore[no-untyped-call]
    assert "no VICI" in str(asked[0])


@given(st.binary(max_size=60))
def test_any_octets_are_an_answer_an_event_or_the_end(octets: bytes) -> None:
    ends = Ends()
    asked = ends.ask()
    ends.session.dataReceived(pack("!I", len(octets)) + octets)  # type: ignore[no-untyped-call]
    assert len(asked) + len(ends.heard) <= 2
    if not asked:
        ends.clock.advance(5)
    assert asked
    assert ends.quiet()


def test_nobody_at_the_socket(tmp_path: Path) -> None:
    with pytest.raises(ViciGone, match=r"strongSwan at .*nobody: No such file or directory; is charon running"):
        tell_now(str(tmp_path / "nobody"), [("version", {})])
