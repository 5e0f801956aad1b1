"""Somebody in the middle of a protected link drops what goes over it: noticed under TLS, made good under DTLS/SCTP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from diameter.errors import RequestError
from helpers.interfaces import INTERFACES
from helpers.loop import drive
from helpers.middle import DATA, kinds
from helpers.nodes import LEFT
from helpers.programs import until
from helpers.secured import Secured

pytestmark = pytest.mark.link

POINTS = tuple(INTERFACES)
QUICK = {"rto_min_ms": 200, "rto_initial_ms": 200, "rto_max_ms": 400}


def request_at(ends: Secured) -> Sequence[Any]:
    """The requests that the server's application has seen."""
    found: Sequence[Any] = ends.answering.seen  # type: ignore[attr-defined]
    return found


@pytest.mark.requirement("T-TSP-01", "R-TSP-08")
@pytest.mark.parametrize("interface", POINTS)
def test_octets_left_out_under_tls_end_the_link(tmp_path: Path, interface: str) -> None:
    """What is missing is noticed by the next record; what was left out was never heard."""

    async def scenario() -> None:
        async with Secured("tls", tmp_path, middle=True, interface=interface) as ends:
            await ends.open()
            dropped: list[bytes] = []

            def first_away(octets: bytes) -> bytes:
                if dropped:
                    return octets
                dropped.append(octets)
                return b""

            ends.wire.change = first_away
            lost = ends.ask()
            await until(lambda: bool(dropped), "the first request")
            next_one = ends.ask()
            for asked in (lost, next_one):
                with pytest.raises(RequestError):
                    await asked
            await until(lambda: bool(ends.said.refused), "an audit line")
            assert (ends.said.refused[0].stage, ends.said.refused[0].peer) == ("protection", LEFT)
            assert (len(request_at(ends)), ends.metric("diameter_links_broken_total")) == (0, 1)

    drive(scenario())


@pytest.mark.requirement("T-TSP-01", "R-TSP-08")
@pytest.mark.parametrize("interface", POINTS)
def test_packets_left_out_under_dtls_are_sent_again(tmp_path: Path, interface: str) -> None:
    async def scenario() -> None:
        async with Secured("dtls", tmp_path, middle=True, interface=interface, association=QUICK) as ends:
            await ends.open()
            dropped: list[bytes] = []

            def first_away(packet: bytes) -> list[bytes]:
                if dropped or DATA not in kinds(packet):
                    return [packet]
                dropped.append(packet)
                return []

            ends.wire.change = first_away
            assert (await ends.ask())["Result-Code"] == 2001
            assert (len(dropped), len(request_at(ends)), ends.said.refused) == (1, 1, [])

    drive(scenario())
