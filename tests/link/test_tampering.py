"""Somebody in the middle of a link changes, repeats and reads what goes over it; the nodes at both ends are real.

TLS: the octets of the connection.  DTLS: the packets of SCTP over UDP, with their check sums mended.  On Tsp, S6m,
T4, SGd, S6t and T6a alike, since nothing below the application knows which it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from diameter.config import NodeConfig
from diameter.errors import RequestError
from diameter.peer.capabilities import RELAY, Advertised
from diameter.trace import Point
from helpers.dtls_suite import protected, without_auth
from helpers.interfaces import INTERFACES, SECRET
from helpers.loop import drive, reactor
from helpers.middle import DATA, flipped, kinds
from helpers.nodes import LEFT, dictionary
from helpers.programs import until
from helpers.secured import KINDS, Secured
from nfs.cli._ping import ping

pytestmark = pytest.mark.link

POINTS: Final = tuple(INTERFACES)
QUICK: Final = {"rto_min_ms": 200, "rto_initial_ms": 200, "rto_max_ms": 400}
BASE_MESSAGE: Final = re.compile(rb"\x01\x00..[\x00\x80]\x00\x01[\x01\x18\x1a]\x00\x00\x00\x00", re.DOTALL)
"""The head of CER, CEA, DWR, DWA, DPR or DPA in clear."""


def request_at(ends: Secured) -> Sequence[Any]:
    """The requests that the server's application has seen."""
    found: Sequence[Any] = ends.answering.seen  # type: ignore[attr-defined]
    return found


@pytest.mark.requirement("R-TSP-08", "R-EXP-11", "S-EXP-16")
@pytest.mark.parametrize("interface", POINTS)
def test_a_changed_octet_under_tls_ends_the_link(tmp_path: Path, interface: str) -> None:
    async def scenario() -> None:
        async with Secured("tls", tmp_path, middle=True, interface=interface) as ends:
            await ends.open()
            assert (await ends.ask())["Result-Code"] == 2001
            ends.wire.change = lambda octets: octets[:-1] + bytes([octets[-1] ^ 1])
            with pytest.raises(RequestError):
                await ends.ask()
            await until(lambda: bool(ends.said.refused), "an audit line")
            (first,) = ends.said.refused
            assert (first.stage, first.peer) == ("protection", LEFT)
            assert "bad record mac" in first.text
            assert len(request_at(ends)) == 1
            assert ends.metric("diameter_links_broken_total") == 1
            assert ends.said.of(Point.LINK_BROKEN)[0]["reason"] == first.text

    drive(scenario())


@pytest.mark.requirement("R-TSP-08", "R-EXP-11", "S-EXP-16")
@pytest.mark.parametrize("interface", POINTS)
def test_a_changed_packet_under_dtls_is_dropped_by_sctp_auth_and_sent_again(tmp_path: Path, interface: str) -> None:
    async def scenario() -> None:
        async with Secured("dtls", tmp_path, middle=True, interface=interface, association=QUICK) as ends:
            await ends.open()
            changed: list[bytes] = []

            def once(packet: bytes) -> list[bytes]:
                """The first packet with a message is changed; what SCTP sends again is let through."""
                if changed or DATA not in kinds(packet):
                    return [packet]
                changed.append(packet)
                assert flipped(packet) != packet
                return [flipped(packet)]

            ends.wire.change = once
            answer = await ends.ask()
            assert (answer["Result-Code"], len(changed), len(request_at(ends))) == (2001, 1, 1)
            assert SECRET.encode() in request_at(ends)[0].octets
            assert ends.said.refused == []
            assert ends.metric("diameter_links_broken_total") == 0

    drive(scenario())


@pytest.mark.requirement("R-TSP-08", "R-EXP-11")
def test_where_sctp_auth_is_done_without_a_changed_packet_reaches_dtls_and_ends_the_link(tmp_path: Path) -> None:
    """The same change, mended check sum and all, gets as far as the record: nothing of it is heard."""

    async def scenario() -> None:
        wanted = {**QUICK, "auth": "wanted", "outbound_streams": 3}
        with without_auth(streams=3):
            async with Secured("dtls", tmp_path, middle=True, association=wanted) as ends:
                await ends.open()
                assert (await ends.ask())["Result-Code"] == 2001
                ends.wire.change = lambda packet: [flipped(packet)]
                with pytest.raises(RequestError):
                    await ends.ask()
                await until(lambda: bool(ends.said.refused), "an audit line")
                (first,) = ends.said.refused
                assert (first.stage, first.peer) == ("protection", LEFT)
                assert re.fullmatch(r"DTLS record \d+ is forged or damaged", first.text)
                assert len(request_at(ends)) == 1
                assert ends.metric("diameter_links_broken_total") == 1

    drive(scenario())


@pytest.mark.requirement("R-TSP-10", "R-EXP-13")
@pytest.mark.parametrize("interface", POINTS)
def test_a_repeated_record_under_tls_ends_the_link_and_is_executed_once(tmp_path: Path, interface: str) -> None:
    async def scenario() -> None:
        async with Secured("tls", tmp_path, middle=True, interface=interface) as ends:
            await ends.open()
            seen = listening(ends)
            assert (await ends.ask())["Result-Code"] == 2001
            old = seen()
            ends.wire.change = lambda _: old
            with pytest.raises(RequestError):
                await ends.ask()
            await until(lambda: bool(ends.said.refused), "an audit line")
            assert ends.said.refused[0].stage == "protection"
            assert "bad record mac" in ends.said.refused[0].text
            assert len(request_at(ends)) == 1
            assert ends.metric("diameter_links_broken_total") == 1

    drive(scenario())


@pytest.mark.requirement("R-TSP-10", "R-EXP-13")
@pytest.mark.parametrize("interface", POINTS)
def test_repeated_packets_under_dtls_do_nothing(tmp_path: Path, interface: str) -> None:
    """Each packet twice at once, and all of them again at the end: every request is executed once."""

    async def scenario() -> None:
        async with Secured("dtls", tmp_path, middle=True, interface=interface) as ends:
            await ends.open()
            ends.wire.change = lambda packet: [packet, packet]
            for _ in range(30):
                assert (await ends.ask())["Result-Code"] == 2001
            assert len(request_at(ends)) == 30
            ends.wire.change = lambda packet: [packet]
            old = [packet for packet in ends.wire.passed if DATA in kinds(packet)]
            assert len(old) >= 60
            ends.wire.inject(*old)
            assert (await ends.ask())["Result-Code"] == 2001
            assert len(request_at(ends)) == 31
            assert (ends.said.refused, ends.metric("diameter_links_broken_total")) == ([], 0)

    drive(scenario())


@pytest.mark.requirement("R-TSP-10", "R-EXP-13")
def test_a_record_repeated_in_a_packet_of_its_own_is_refused_and_counted(tmp_path: Path) -> None:
    """Somebody who has got past SCTP (a peer gone bad): the record's number has been there."""

    async def scenario() -> None:
        async with Secured("dtls", tmp_path) as ends:
            client = await ends.open()
            (line,) = client._core.lines.values()
            below = protected(line.link).below
            sent: list[bytes] = []
            real = below.send

            def send(data: bytes, **how: Any) -> bool:
                sent.append(data)
                return real(data, **how)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(below, "send", send)
                assert (await ends.ask())["Result-Code"] == 2001
            assert below.send(sent[0], stream=1, ppid=47, ordered=True)
            assert (await ends.ask())["Result-Code"] == 2001
            assert (len(request_at(ends)), ends.metric("diameter_records_replayed_total")) == (2, 1)
            await client.stop()
            await until(lambda: not ends.server._core.lines, "the end of the link")
            assert ends.metric("diameter_records_replayed_total") == 1

    drive(scenario())


@pytest.mark.requirement("R-TSP-10", "R-EXP-13")
@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_comes_again_is_answered_again_and_not_executed(tmp_path: Path, kind: str) -> None:
    """The same End-to-End Identifier with the T bit, from whoever is on the link by right."""

    async def scenario() -> None:
        async with Secured(kind, tmp_path) as ends:
            client = await ends.open()
            assert (await ends.ask())["Result-Code"] == 2001
            first = request_at(ends)[0].octets
            again = first[:4] + bytes([first[4] | 0x10]) + first[5:12] + b"\xab\xcd\xef\1" + first[16:]
            (line,) = client._core.lines.values()
            line.link.write(again)
            await until(lambda: ends.metric("diameter_duplicates_total") == 1, "a duplicate")
            assert len(request_at(ends)) == 1

    drive(scenario())


@pytest.mark.requirement("R-TSP-09", "R-EXP-12", "S-EXP-16", "R-GRP-39", "S-GRP-40")
@pytest.mark.parametrize("interface", POINTS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_request_can_be_read(tmp_path: Path, kind: str, interface: str) -> None:
    async def scenario() -> None:
        async with Secured(kind, tmp_path, middle=True, interface=interface) as ends:
            await ends.open()
            seen = listening(ends)
            assert (await ends.ask())["Result-Code"] == 2001
            assert SECRET.encode() in request_at(ends)[0].octets
            assert len(seen()) > 200
            assert SECRET.encode() not in seen()

    drive(scenario())


@pytest.mark.requirement("R-TSP-30")
@pytest.mark.parametrize("kind", KINDS)
def test_base_messages_are_inside_the_protection(tmp_path: Path, kind: str) -> None:
    """CER, DWR and DPR of `mtc ping` with somebody who reads along; in clear the same eyes see all of them."""

    async def exchanged(kind: str) -> bytes:
        async with Secured(kind, tmp_path, middle=True, peer=BARE if kind == "tcp" else {}, listen={}) as ends:
            peer = await ends.dial()
            seen = listening(ends)
            table = {"origin_host": LEFT, "origin_realm": "example.org", "tls": ends.keys("client"), "peer": [peer]}
            config = NodeConfig.model_validate({**table, "product_name": "unmistakable"}, strict=False)
            report = await ping(
                reactor, config, peer, dictionary(), applications=[Advertised(id=RELAY)], count=2, interval_s=0.0,
                timeout_s=60.0, tell=lambda _: None,
            )  # fmt: skip
            assert (report.trouble, report.result_code, len(report.watchdogs_ms)) == ("", 2001, 2)
            assert report.dpa_ms is not None
            found: bytes = seen()
            return found

    octets = drive(exchanged(kind))
    assert len(octets) > 1000
    assert (BASE_MESSAGE.findall(octets), b"unmistakable" in octets) == ([], False)
    clear = drive(exchanged("tcp"))
    assert len(BASE_MESSAGE.findall(clear)) == 4
    assert b"unmistakable" in clear


BARE: Final = {"physical_protection": True, "physical_protection_reason": "loopback of a test"}


def listening(ends: Secured) -> Any:
    """What tells, later, everything that has been on the wire from now on towards the server."""
    heard: list[bytes] = []
    if ends.kind == "dtls":
        return lambda: ends.wire.wire

    def change(octets: bytes) -> bytes:
        heard.append(octets)
        return octets

    ends.wire.change = change
    return lambda: b"".join(heard)


@pytest.mark.requirement("R-TSP-29")
@pytest.mark.parametrize("kind", KINDS)
def test_each_end_sees_the_certificate_of_the_other_end(tmp_path: Path, kind: str) -> None:
    """Whoever passes octets on has no part in it: protection ends at the nodes."""

    async def scenario() -> None:
        async with Secured(kind, tmp_path, middle=True) as ends:
            client = await ends.open()
            for node, other in ((ends.server, "client"), (client, "server")):
                (line,) = node._core.lines.values()
                assert line.link.security.serial == ends._leaves[other].certificate.serial_number
            assert (await ends.ask())["Result-Code"] == 2001

    drive(scenario())
