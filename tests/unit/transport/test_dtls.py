"""An association under DTLS over one in memory: steps in their order, room, pauses, the ends."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from diameter.security.dtls import DtlsProtector
from diameter.transport import dtls
from diameter.transport.association import Received
from diameter.transport.dtls import NO_GOODBYE, RETRY_S, UNAUTHENTICATED, DtlsLink, ProtectedAssociation
from diameter.transport.sctp import LOOK_S
from diameter.transport.sctp_auth import AuthKeys
from diameter.transport.sctp_events import KeysWorn, PeerShutsDown, SendFailed, Up
from diameter.transport.tls import ALERT_S
from helpers.certificates import Ca
from helpers.dtls import CLIENT, SERVER, pair
from helpers.sctp_octets import MemoryAssociation


class Keys(AuthKeys):
    """Keeps what it is asked; `trouble`: what it raises."""

    def __init__(self, *, agreed: bool = True) -> None:
        self.both = agreed
        self.in_use = False
        self.asked: list[str] = []
        self.trouble: OSError | None = None

    @property
    def agreed(self) -> bool:
        return self.both

    def _did(self, what: str) -> None:
        self.asked.append(what)
        if self.trouble is not None:
            raise self.trouble

    def install(self, number: int, key: bytes) -> None:
        assert len(key) == 64
        self._did(f"install {number}")

    def activate(self, number: int) -> None:
        self._did(f"activate {number}")

    def remove(self, number: int) -> None:
        self._did(f"remove {number}")
        if self.in_use:
            raise OSError(22, "Invalid argument")


class Below(MemoryAssociation):
    """An association in memory, with keys."""

    keys: Keys | None = None

    @property
    def auth(self) -> Keys | None:
        return self.keys


class User:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[Received] = []
        self.said: list[Any] = []

    def received(self, messages: Any) -> None:
        self.messages += messages

    def happened(self, event: Any) -> None:
        self.said.append(event)

    def writable(self) -> None:
        self.said.append("writable")

    def ended(self, reason: str) -> None:
        self.said.append(("ended", reason))


class End:
    """One end with everything around it."""

    def __init__(self, clock: Clock, protector: DtlsProtector, *, keys: Keys | None, need_auth: bool = True) -> None:
        self.below, self.user = Below(), User()
        self.below.keys = keys
        self.keys = keys
        self.ready: list[ProtectedAssociation] = []
        self.refused: list[str] = []
        self.left = 0
        self.late = False
        self.association = ProtectedAssociation(
            self.below, protector, clock, ready=self._up, refused=self.refused.append, need_auth=need_auth,
            wall=lambda: CLIENT.certificate.not_valid_before_utc.timestamp(),
        )  # fmt: skip

    def _up(self, association: ProtectedAssociation) -> None:
        self.ready.append(association)
        association.gone = self._gone
        if not self.late:
            association.attach(self.user)

    def _gone(self) -> None:
        self.left += 1


class Table:
    """Both ends and the line between them."""

    def __init__(self, *, auth: bool = True, need: bool = True, client: Any = CLIENT) -> None:
        self.clock = Clock()
        ends = pair(client, SERVER)
        self.client, self.server = (
            End(self.clock, end, keys=Keys() if auth else None, need_auth=need) for end in ends
        )  # fmt: skip

    def begin(self) -> Table:
        for end in (self.client, self.server):
            end.association.begin(5.0)
        self.carry()
        return self

    def carry(self) -> None:
        """Everything that was sent, until nothing moves."""
        moved = True
        while moved:
            self.clock.advance(0)
            moved = False
            for end, other in ((self.client, self.server), (self.server, self.client)):
                sent, end.below.sent = end.below.sent, []
                for data, stream, ppid, *_ in sent:
                    moved = True
                    other.below.deliver([data], stream, ppid)


def send(end: End, data: bytes, stream: int = 1) -> bool:
    return end.association.send(data, stream=stream, ppid=46, ordered=False)


def test_a_handshake_and_a_message() -> None:
    table = Table().begin()
    for end, name in ((table.client, "server.example"), (table.server, "client.example")):
        assert end.ready == [end.association]
        assert end.association.security.peer_names == (name,)
        assert end.association.authenticated
        assert (end.association.kind, end.association.outbound_streams, end.association.largest) == ("memory", 3, 16384)
        assert len(end.association.local_addresses) == len(end.association.remote_addresses) == 2
    assert table.client.keys is not None
    assert table.server.keys is not None
    assert table.client.keys.asked == ["install 1", "activate 1", "remove 0"]
    assert table.server.keys.asked == ["install 1", "activate 1"]
    assert send(table.client, b"hello", 2)
    ((_, stream, ppid, ordered, _),) = table.client.below.sent
    assert (stream, ppid, ordered) == (3, 47, False)
    table.carry()
    assert table.server.user.messages == [Received(b"hello", 3, 46)]
    assert table.server.keys.asked[-1] == "remove 0"
    assert DtlsLink.transport == "dtls"


def test_change_cipher_spec_waits_until_everything_is_acknowledged() -> None:
    table = Table()
    table.client.below.unacknowledged = 1
    table.begin()
    assert table.server.ready == []
    table.clock.advance(LOOK_S)
    assert table.client.below.sent == []
    table.client.below.unacknowledged = 0
    table.clock.advance(LOOK_S)
    assert [record[0][0] for record in table.client.below.sent] == [20, 22]
    table.carry()
    assert table.server.ready
    assert table.client.ready


def test_what_is_full_goes_on_where_it_stopped() -> None:
    table = Table()
    table.client.below.room = 2
    table.begin()
    assert table.client.ready == []
    table.client.below.room = 1000
    table.client.association.writable()
    table.carry()
    assert table.client.ready
    table.client.below.room = 0
    assert send(table.client, b"first")
    assert not send(table.client, b"second")
    assert table.client.association.outstanding == 1
    table.client.association.writable()
    assert table.client.user.said == ["writable"] * table.client.user.said.count("writable")
    before = len(table.client.user.said)
    table.client.below.room = 1000
    table.client.association.writable()
    assert len(table.client.user.said) == before + 1
    assert send(table.client, b"second")
    table.carry()
    assert [each.data for each in table.server.user.messages] == [b"first", b"second"]


def test_goodbye_waits_for_everything_and_both_ends_end_in_order() -> None:
    table = Table().begin()
    assert send(table.client, b"last words")
    table.client.below.unacknowledged = 1
    table.client.association.finish()
    table.client.association.finish()
    assert not send(table.client, b"too late")
    assert len(table.client.below.sent) == 1
    table.client.below.unacknowledged = 0
    table.clock.advance(LOOK_S)
    assert [record[0][0] for record in table.client.below.sent] == [23, 21]
    assert table.client.below.ended == "finished"
    table.carry()
    assert [each.data for each in table.server.user.messages] == [b"last words"]
    assert PeerShutsDown() in table.server.user.said
    assert table.server.below.ended == "finished"
    for end in (table.client, table.server):
        end.association.ended("")
        assert end.user.said[-1] == ("ended", "")
        assert end.left == 1
    assert table.clock.getDelayedCalls() == []


def test_an_end_without_goodbye_is_no_orderly_one() -> None:
    table = Table().begin()
    table.client.association.ended("")
    assert table.client.user.said[-1] == ("ended", NO_GOODBYE)
    table.server.association.ended("association lost: aborted by the peer")
    assert table.server.user.said[-1] == ("ended", "association lost: aborted by the peer")


@pytest.mark.requirement("R-TSP-08")
def test_without_authentication_of_messages() -> None:
    table = Table(auth=False).begin()
    assert (table.client.below.ended, table.client.below.sent) == ("aborted", [])
    table.client.association.ended("aborted")
    assert table.client.refused == [UNAUTHENTICATED]
    table = Table(auth=False, need=False).begin()
    assert table.client.ready
    assert not table.client.association.authenticated
    half = Table(need=False)
    for end in (half.client, half.server):
        assert end.keys is not None
        end.keys.both, end.keys.trouble = False, OSError(13, "Permission denied")
    half.begin()
    assert half.client.ready
    assert half.clock.getDelayedCalls()[0].getTime() > RETRY_S


def test_keys_that_sctp_does_not_take_are_an_end() -> None:
    table = Table()
    assert table.server.keys is not None
    table.server.keys.trouble = OSError(22, "Invalid argument")
    table.begin()
    assert table.server.below.ended == "aborted"
    table.server.association.ended("aborted")
    assert table.server.refused == ["SCTP-AUTH: Invalid argument"]


def test_a_key_that_is_still_in_use_is_forgotten_later() -> None:
    table = Table()
    keys = table.client.keys
    assert keys is not None
    keys.in_use = True
    table.begin()
    assert table.client.ready
    keys.in_use = False
    table.clock.advance(RETRY_S)
    table.clock.advance(RETRY_S)
    assert keys.asked == ["install 1", "activate 1", "remove 0", "remove 0"]


def test_a_handshake_has_its_time() -> None:
    table = Table()
    table.client.association.begin(5.0)
    table.clock.advance(5.0)
    assert table.client.below.ended == "aborted"
    table.client.association.ended("aborted")
    assert table.client.refused == ["no DTLS handshake within 5 s"]
    other = Table()
    other.client.association.begin(5.0)
    other.client.association.ended("")
    assert other.client.refused == ["closed during the DTLS handshake"]
    assert other.clock.getDelayedCalls() == []


def test_who_is_refused_reads_the_alert_first() -> None:
    table = Table(client=Ca("Other CA").issue("client.example"))
    table.begin()
    end = table.client
    assert end.below.ended == "finished"
    assert not end.ready
    table.clock.advance(ALERT_S)
    assert end.below.ended == "aborted"
    end.association.ended("aborted")
    assert len(end.refused) == 1


def test_a_certificate_that_runs_out_ends_the_association() -> None:
    table = Table().begin()
    table.clock.advance(40 * 86400)
    assert table.client.below.ended == "aborted"
    table.client.association.ended("aborted")
    assert table.client.user.said[-1] == ("ended", "the certificate of the peer has expired")


@pytest.mark.parametrize("ppid", [0, 46, 99])
def test_a_message_in_clear_ends_it(ppid: int) -> None:
    table = Table().begin()
    table.client.below.deliver([b"clear", b"again"], 1, ppid)
    assert table.client.below.ended == "aborted"
    assert table.client.user.messages == []
    table.client.association.ended("aborted")
    assert table.client.user.said[-1][1].startswith(f"a message in clear (payload protocol identifier {ppid})")


def test_what_was_genuine_before_a_forged_one_is_delivered() -> None:
    table = Table().begin()
    send(table.client, b"good")
    send(table.client, b"bad")
    good, bad = (record[0] for record in table.client.below.sent)
    table.client.below.sent = []
    table.server.below.deliver([good, bad[:-1] + bytes([bad[-1] ^ 1])], 2, 47)
    assert [each.data for each in table.server.user.messages] == [b"good"]
    assert table.server.below.ended == "aborted"
    table.server.below.deliver([good], 2, 47)
    assert len(table.server.user.messages) == 1


def test_events_of_sctp() -> None:
    table = Table().begin()
    table.client.association.happened(SendFailed(data=b"sealed", sent=False))
    table.client.association.happened(PeerShutsDown())
    assert table.client.user.said[-1] == PeerShutsDown()
    table.client.association.happened(Up(outbound=4, inbound=4, restarted=True))
    assert table.client.below.ended == "aborted"
    table.client.association.ended("aborted")
    assert "DTLS does not survive that" in table.client.user.said[-1][1]
    reading = []
    for call in (table.server.association.pause, table.server.association.resume):
        call()
        reading.append(table.server.below.reading)
    assert reading == [False, True]
    table.server.association.abort()
    assert table.server.below.ended == "aborted"


def test_messages_that_come_before_the_link_is_there_wait_for_it() -> None:
    table = Table()
    table.client.late = True
    for end in (table.client, table.server):
        end.association.begin(5.0)
    for end, other in ((table.client, table.server), (table.server, table.client)) * 4:
        if not table.server.ready:
            sent, end.below.sent = end.below.sent, []
            for data, stream, ppid, *_ in sent:
                other.below.deliver([data], stream, ppid)
    assert send(table.server, b"early")
    sent, table.server.below.sent = table.server.below.sent, []
    table.client.association.received([Received(data, stream, ppid) for data, stream, ppid, *_ in sent])
    (ready,) = table.client.ready
    ready.attach(table.client.user)
    assert len(table.client.user.messages) == 0
    table.clock.advance(0)
    assert [each.data for each in table.client.user.messages] == [b"early"]


def test_keys_wear_out_by_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dtls, "WORN_OCTETS", 20_000)
    table = Table().begin()
    for _ in range(3):
        assert send(table.client, b"x" * 10_000)
    table.clock.advance(0)
    assert table.client.user.said == [KeysWorn()]
    table.carry()
    assert table.server.user.said == []
    assert send(table.server, b"y")
    table.clock.advance(0)
    assert table.server.user.said == [KeysWorn()]
