"""One suite for every implementation of SCTP: what a link promises, tried over a real association.

A subclass names a `Way`: how to write down a listener and a peer of that implementation.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from diameter.config import ListenConfig, NodeTable
from diameter.errors import ConfigError, NotOpen
from diameter.transport.endpoints import Links
from diameter.transport.link import ConnectFailed
from helpers.links import Recorder
from helpers.loop import drive, reactor
from helpers.sctp import FIRST, PORT, SECOND, Ends, association_of, table
from helpers.sctp_ways import LIMIT, Way, back, numbered, seen, talkative, turn

__all__ = ["LIMIT", "TransportSuite", "Way", "seen"]


class TransportSuite:
    """What every implementation must do."""

    way: Way = Way()

    def ends(self, listener: ListenConfig | None = None, **more: Any) -> Ends:
        """Both ends."""
        return Ends(listener or self.way.listening(), **more)

    def test_streams_are_negotiated(self) -> None:
        async def scenario() -> None:
            listener = self.way.listening(outbound_streams=9, inbound_streams=7)
            async with self.ends(listener) as ends:
                ours, theirs = await ends.connect(self.way.dialling(outbound_streams=10, inbound_streams=5))
                assert association_of(ours).outbound_streams == 7
                assert association_of(theirs).outbound_streams == 5
                assert (ours.transport, ours.message_oriented, ours.secure, ours.dialled) == (
                    "sctp", True, False, "server.example",
                )  # fmt: skip
                assert theirs.dialled == ""
                assert ours.remote.port == theirs.local.port == PORT

        drive(scenario())

    def test_what_is_ordered_keeps_its_order_on_one_stream(self) -> None:
        async def scenario() -> None:
            async with self.ends() as ends:
                with seen() as found:
                    ours, theirs = await ends.connect(self.way.dialling(outbound_streams=8))
                    for data in numbered(300):
                        ours.write(data)
                    await ends.server_owner.until(lambda: len(ends.server_owner.pieces) == 300)
                    assert ends.server_owner.pieces == numbered(300)
                    assert {(each.stream, each.ppid) for each in found[theirs.id]} == {(0, 46)}

        drive(scenario())

    def test_what_is_unordered_is_spread_over_the_streams(self) -> None:
        async def scenario() -> None:
            async with self.ends(react=back) as ends:
                with seen() as found:
                    ours, theirs = await ends.connect(self.way.dialling(outbound_streams=8, inbound_streams=5))
                    for data in numbered(200):
                        ours.write(data, ordered=False)
                    await ends.client_owner.until(lambda: len(ends.client_owner.pieces) == 200)
                    assert sorted(ends.client_owner.pieces) == numbered(200)
                    assert {each.stream for each in found[theirs.id]} == set(range(1, 8))
                    assert {each.stream for each in found[ours.id]} == set(range(1, 5))

        drive(scenario())

    def test_a_session_has_a_stream(self) -> None:
        async def scenario() -> None:
            async with self.ends() as ends:
                with seen() as found:
                    ours, theirs = await ends.connect(self.way.dialling(outbound_streams=8, order="session"))
                    assert ours.by_session
                    for data in numbered(210):
                        ours.write(data, ordered=False, stream=int(data) % 21)
                    await ends.server_owner.until(lambda: len(ends.server_owner.pieces) == 210)
                    for session in range(21):
                        mine = [each for each in found[theirs.id] if int(each.data) % 21 == session]
                        assert len({each.stream for each in mine}) == 1
                        assert [each.data for each in mine] == sorted(each.data for each in mine)
                    assert {each.stream for each in found[theirs.id]} == set(range(1, 8))

        drive(scenario())

    def test_one_stream_is_enough_and_order_can_be_kept_for_ever(self) -> None:
        async def scenario() -> None:
            async with self.ends() as ends:
                with seen() as found:
                    for options in (
                        {"outbound_streams": 1},
                        {"order": "ordered"},
                        {"outbound_streams": 1, "order": "session"},
                    ):
                        ours, theirs = await ends.connect(self.way.dialling(**options))
                        ends.server_owner.pieces.clear()
                        for data in numbered(50):
                            ours.write(data, ordered=False)
                        await ends.server_owner.until(lambda: len(ends.server_owner.pieces) == 50)
                        assert {each.stream for each in found[theirs.id]} == {0}
                        if "order" in options:
                            assert ends.server_owner.pieces == numbered(50)

        drive(scenario())

    def test_identifiers_of_the_payload(self) -> None:
        """46 and 0 are Diameter; 47 is not for a link in clear; the rest is thrown away."""

        async def scenario() -> None:
            async with self.ends() as ends:
                ours, _ = await ends.connect(self.way.dialling())
                below, owner = association_of(ours), ends.server_owner
                for ppid in (0, 46, 99, 3, 0):
                    assert below.send(b"%d" % ppid, stream=0, ppid=ppid, ordered=True)
                await owner.until(lambda: len(owner.pieces) == 3)
                assert owner.pieces == [b"0", b"46", b"0"]
                assert owner.notes == ["messages with payload protocol identifier 99 are thrown away"]
                assert below.send(b"hello", stream=0, ppid=47, ordered=True)
                await owner.until(lambda: bool(owner.lost))
                assert "speaks DTLS" in owner.lost[0]

        drive(scenario())

    @pytest.mark.parametrize("length", [1, 1400, 1500, 16_385, 65_536, LIMIT])
    def test_a_message_arrives_whole(self, length: int) -> None:
        async def scenario() -> None:
            async with self.ends(react=back) as ends:
                ours, _ = await ends.connect(self.way.dialling())
                assert ours.largest is not None
                assert ours.largest >= LIMIT
                message = bytes(range(256)) * (length // 256 + 1)
                for ordered in (True, False):
                    ends.client_owner.pieces.clear()
                    ours.write(message[:length], ordered=ordered)
                    ours.write(b"next", ordered=ordered)
                    await ends.client_owner.until(lambda: len(ends.client_owner.pieces) == 2)
                    assert sorted(ends.client_owner.pieces, key=len) == sorted((b"next", message[:length]), key=len)

        drive(scenario())

    def test_a_message_that_is_too_long(self) -> None:
        """One that the receiver does not take comes cut off, so that it can be refused; the next one is whole."""

        async def scenario() -> None:
            async with self.ends(message_limit=65_536) as ends:
                ours, _ = await ends.connect(self.way.dialling())
                ours.write(b"x" * 150_000)
                ours.write(b"next")
                await ends.server_owner.until(lambda: len(ends.server_owner.pieces) == 2)
                cut, after = ends.server_owner.pieces
                assert 65_536 < len(cut) <= 150_000
                assert after == b"next"

        drive(scenario())

    def test_what_cannot_be_sent_at_all_comes_back(self) -> None:
        async def scenario() -> None:
            async with self.ends() as ends:
                ours, _ = await ends.connect(self.way.dialling())
                association_of(ours).largest = 1000
                ours.write(b"x" * 1001)
                ours.write(b"y" * 1000)
                await ends.server_owner.until(lambda: len(ends.server_owner.pieces) == 1)
                await ends.client_owner.until(lambda: bool(ends.client_owner.unsent))
                assert ends.client_owner.unsent == [b"x" * 1001]
                assert ends.client_owner.notes == ["a message of 1001 octets is longer than 1000"]

        drive(scenario())

    def test_a_peer_that_does_not_read_is_felt_and_nothing_is_lost(self) -> None:
        async def scenario() -> None:
            async with self.ends(send_limit=4 * LIMIT) as ends:
                ours, theirs = await ends.connect(self.way.dialling())
                theirs.pause()
                piece, sent = b"x" * 8192, 0
                while not ours.congested and sent < 4000:
                    ours.write(piece, ordered=False)
                    sent += 1
                    if sent % 16 == 0:
                        await turn()
                assert ours.congested
                await ends.client_owner.until(lambda: ends.client_owner.congested == ["congested"])
                theirs.resume()
                await ends.client_owner.until(lambda: ends.client_owner.congested == ["congested", "drained"])
                await ends.server_owner.until(lambda: len(ends.server_owner.pieces) == sent)
                assert (ours.buffered, ends.client_owner.lost) == (0, [])

        drive(scenario())

    def test_who_writes_on_regardless_is_cut_off(self) -> None:
        async def scenario() -> None:
            async with self.ends(send_limit=4 * LIMIT) as ends:
                ours, theirs = await ends.connect(self.way.dialling())
                theirs.pause()
                written = 0
                while not ours.congested or ours.buffered:
                    written += 1
                    try:
                        ours.write(b"x" * LIMIT)
                    except NotOpen:
                        break
                    await turn()
                await ends.client_owner.until(lambda: bool(ends.client_owner.lost))
                assert "send limit" in ends.client_owner.lost[0]
                assert 0 < len(ends.client_owner.unsent) <= written

        drive(scenario())

    def test_answers_that_nobody_takes_stop_the_reading(self) -> None:
        async def scenario() -> None:
            async with self.ends(react=talkative, send_limit=4 * LIMIT) as ends:
                ours, theirs = await ends.connect(self.way.dialling())
                ours.pause()
                for _ in range(100):
                    ours.write(b"?" * 2048)
                await ends.server_owner.until(lambda: theirs.pauses > 0)
                assert ends.server_owner.lost == []
                ours.resume()
                await ends.client_owner.until(lambda: ends.client_owner.octets == 100 * 8 * 4096)
                assert ends.server_owner.congested[0] == "congested"

        drive(scenario())

    def test_what_was_written_goes_before_the_end(self) -> None:
        async def scenario() -> None:
            async with self.ends() as ends:
                ours, theirs = await ends.connect(self.way.dialling())
                for data in numbered(100):
                    ours.write(data, ordered=False)
                ours.close()
                ours.close()
                with pytest.raises(NotOpen):
                    ours.write(b"late")
                await ends.server_owner.until(lambda: bool(ends.server_owner.lost))
                await ends.client_owner.until(lambda: bool(ends.client_owner.lost))
                assert sorted(ends.server_owner.pieces) == numbered(100)
                assert (ends.client_owner.lost, ends.server_owner.lost) == ([""], [""])
                assert (ends.client_owner.unsent, ends.server_owner.unsent) == ([], [])
                with pytest.raises(NotOpen):
                    theirs.write(b"late")

        drive(scenario())

    def test_the_end_is_not_overtaken(self) -> None:
        """What is written `after_all` comes when everything else is there."""

        async def scenario() -> None:
            async with self.ends() as ends:
                ours, _ = await ends.connect(self.way.dialling())
                for data in numbered(100):
                    ours.write(data, ordered=False)
                ours.write(b"last", ordered=False, after_all=True)
                ours.write(b"behind")
                ours.close()
                await ends.server_owner.until(lambda: bool(ends.server_owner.lost))
                assert ends.server_owner.pieces[-2:] == [b"last", b"behind"]
                assert len(ends.server_owner.pieces) == 102

        drive(scenario())

    def test_both_close_at_once(self) -> None:
        async def scenario() -> None:
            async with self.ends() as ends:
                ours, theirs = await ends.connect(self.way.dialling())
                ours.close()
                theirs.close()
                await ends.server_owner.until(lambda: bool(ends.server_owner.lost))
                await ends.client_owner.until(lambda: bool(ends.client_owner.lost))
                assert (ends.client_owner.lost, ends.server_owner.lost) == ([""], [""])

        drive(scenario())

    def test_an_abort_is_known_at_once_at_both_ends(self) -> None:
        async def scenario() -> None:
            async with self.ends() as ends:
                ours, _ = await ends.connect(self.way.dialling())
                ours.abort("enough")
                ours.abort("again")
                await ends.client_owner.until(lambda: bool(ends.client_owner.lost))
                await ends.server_owner.until(lambda: bool(ends.server_owner.lost))
                assert ends.client_owner.lost == ["enough"]
                assert ends.server_owner.lost == ["association lost: aborted by the peer"]

        drive(scenario())

    def test_what_an_abort_left_unsent_comes_back(self) -> None:
        """Messages that never left are known to have not; none is told of twice, and none that arrived."""

        async def scenario() -> None:
            async with self.ends(send_limit=64 * LIMIT) as ends:
                ours, theirs = await ends.connect(self.way.dialling())
                theirs.pause()
                messages = [b"%06d" % number + b"\xff\xfe" * 20_000 for number in range(200)]
                for message in messages:
                    ours.write(message)
                await ends.client_owner.until(lambda: ours.writes > 0)
                await turn()
                theirs.abort("died")
                await ends.client_owner.until(lambda: bool(ends.client_owner.lost))
                unsent = ends.client_owner.unsent
                assert 0 < len(unsent) < 200
                assert sorted(unsent) == messages[-len(unsent) :]
                assert not set(unsent) & set(ends.server_owner.pieces)

        drive(scenario())

    def test_times_that_do_not_rise_are_refused_by_their_keys(self) -> None:
        """The longest below the first one, which is the system's own where none is given."""

        async def scenario() -> None:
            async with self.ends() as ends:
                with pytest.raises(ConnectFailed, match="rto_min_ms, rto_initial_ms and rto_max_ms must rise"):
                    await ends.client.connect(self.way.dialling(rto_max_ms=500))
                other = Ends(self.way.listening(port=3999, rto_max_ms=500))
                with pytest.raises(ConfigError, match="rto_min_ms, rto_initial_ms and rto_max_ms must rise"):
                    await other.server.listen()

        drive(scenario())

    def test_nobody_listens(self) -> None:
        async def scenario() -> None:
            owner = Recorder()
            links = Links(reactor, table("client.example"), owner)
            with pytest.raises(ConnectFailed, match=r"sctp 127\.0\.0\.1:3999: connection refused"):
                await links.connect(self.way.dialling(port=3999))
            await links.stop()
            assert owner.links == []

        drive(scenario())

    def test_an_attempt_is_given_up(self) -> None:
        """By time, and by whoever asked for it."""

        async def scenario() -> None:
            node = NodeTable.model_validate({**table("client.example").model_dump(), "connect_timeout_s": 0.3})
            links = Links(reactor, node, Recorder())
            with pytest.raises(ConnectFailed, match="no answer in time"):
                await links.connect(self.way.dialling(self.silent))
            attempt = links.connect(self.way.dialling(self.silent))
            outcome: list[Any] = []
            _ = attempt.addBoth(outcome.append)
            attempt.cancel()
            assert len(outcome) == 1
            await links.stop()

        drive(scenario())

    silent = "10.77.0.2"
    """An address from which nothing comes back, behind an interface that leads nowhere."""

    def test_enough_is_enough(self) -> None:
        async def scenario() -> None:
            async with self.ends(connections=2) as ends:
                first, _ = await ends.connect(self.way.dialling())
                await ends.connect(self.way.dialling())
                with suppress(ConnectFailed):  # or it is up for a moment
                    await ends.client.connect(self.way.dialling())
                await ends.server_owner.until(lambda: bool(ends.server_owner.refused))
                assert ends.server_owner.refused == [("sctp", "more than 2 connections")]
                first.close()
                await ends.server_owner.until(lambda: len(ends.server_owner.lost) == 1)
                await ends.connect(self.way.dialling())  # there is room again

        drive(scenario())

    def test_a_port_is_free_again_when_the_listener_has_stopped(self) -> None:
        async def scenario() -> None:
            for _ in range(3):
                async with self.ends(self.way.listening(FIRST, SECOND)) as ends:
                    await ends.connect(self.way.dialling())
                    assert [address.port for _, address in ends.server.listening] == [PORT]

        drive(scenario())
