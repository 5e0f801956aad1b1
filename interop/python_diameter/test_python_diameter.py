"""python-diameter as server and as client: capabilities, location updates, what it refuses and how, the watchdog."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from diameter.peer.capabilities import Advertised, read
from diameter.trace import Point
from helpers.live import AT, CLEAR, LEFT, REALM, RIGHT, THEIRS, Ours, answer, dialled, octets_of, peer, raw, up
from helpers.loop import drive
from helpers.nodes import ACTION, TSP
from helpers.programs import Program, Start, running, until
from helpers.s6a import S6A, UPDATE, Hss, Mme

pytestmark = pytest.mark.interop
IDS: Final = {"Vendor-Specific-Application-Id": {"Vendor-Id": 10415, "Auth-Application-Id": S6A}}
UNKNOWN: Final = bytes.fromhex("000003e7 c0000014 0000d431 756e6b6e 6f776e21")
WATCHDOG_S: Final = 20
"""It looks at its timers every 6 s."""


@asynccontextmanager
async def served(start: Start, knows: str = LEFT) -> AsyncIterator[tuple[Program, Ours]]:
    """It as server with one peer that it `knows`, and Left, which dials it."""
    async with running(start("serve", THEIRS, REALM, AT[THEIRS], "3868", knows)) as program:
        await program.said("^ready")
        async with up(left := Ours(LEFT, [Mme()], [dialled(THEIRS, CLEAR)])):
            yield program, left


def test_as_server(python_diameter: Start) -> None:
    async def scenario() -> None:
        async with served(python_diameter) as (program, left):
            await left.node.when_open(THEIRS)
            said = read(left.tape.of("<CEA")[0])
            assert (said.product_name, said.vendor_id) == ("python-diameter", 99999)
            assert said.applications == frozenset({Advertised(id=S6A)})  # bare, not inside a group with its vendor
            mme = left.node.applications[0]
            updated = await answer(mme.request("Update-Location", UPDATE, to=THEIRS, realm=REALM))
            assert (updated.result, updated["ULA-Flags"]) == ((0, 2001), 1)
            assert [fault.text for fault in updated.faults] == ["Supported-Features: M bit must be clear"]
            await program.said("request 316 001010123456789")
            program.tell("watch")
            await left.tape.until(">DWA", timeout_s=WATCHDOG_S)
        assert left.tape.names()[-2:] == [">DPR", "<DPA"]

    drive(scenario())


def test_what_it_refuses_as_server(python_diameter: Start) -> None:
    """Never with the E bit, with Failed-AVP for some commands only, and an unknown AVP with M bit not at all."""

    async def scenario() -> None:
        async with served(python_diameter) as (_, left):
            await left.node.when_open(THEIRS)
            update = octets_of("S6a", "Update-Location", {**UPDATE, **IDS})
            bare = [octets for octets in update if not octets.startswith((260).to_bytes(4))]
            abroad = octets_of("S6a", "Update-Location", {**UPDATE, **IDS}, **{"Destination-Realm": "a.example"})
            trigger = octets_of("Tsp", "Device-Action", {**ACTION, "Auth-Application-Id": TSP})
            rows: list[tuple[bytes, int | None]] = [
                (raw(S6A, 316, *bare, hop_by_hop=1), 5005),  # Vendor-Specific-Application-Id, optional by TS 29.272
                (raw(S6A, 316, *abroad, hop_by_hop=2), 3003),
                (raw(S6A, 316, *update, UNKNOWN, hop_by_hop=3), 2001),
                (raw(TSP, 8388639, *trigger, hop_by_hop=4), None),  # a bare header
            ]
            for number, (octets, code) in enumerate(rows, 1):
                left.send(octets)
                refused = await left.tape.answer_to(number)
                assert (refused.get("Result-Code"), refused.error, "Failed-AVP" in refused) == (code, False, False)

    drive(scenario())


def test_as_client(python_diameter: Start) -> None:
    async def scenario() -> None:
        hss = Hss()
        right = Ours(RIGHT, [hss], [peer(THEIRS, CLEAR)], listen=CLEAR)
        async with up(right), running(python_diameter("dial", THEIRS, REALM, RIGHT, AT[RIGHT], "3868")) as program:
            await right.node.when_open(THEIRS)
            assert read(right.tape.of("<CER")[0]).applications == frozenset({Advertised(id=S6A)})
            assert (await right.tape.until(">CEA")).result == (0, 2001)
            for what, said in (("001010123456789", "2001 0 1"), ("none", "5005 0 None"), ("unknown", "5001 0 None")):
                here = program.tell(f"ask {what}")
                assert (await program.said("^answer .*", after=here)).group() == f"answer {said}"
            assert [request["User-Name"] for request in hss.seen] == ["001010123456789"]
            missing, unknown = right.tape.of(">ULA")[1:]
            assert [avp.name for avp in missing.group("Failed-AVP").avps] == ["User-Name"]
            assert unknown.group("Failed-AVP").avps[0].octets == UNKNOWN
            assert program.process.stdin is not None
            program.process.stdin.close()
            await until(lambda: right.said.of(Point.PEER_CLOSED), "it has left", WATCHDOG_S)
            await program.said("^stopped", timeout_s=WATCHDOG_S)
            assert right.tape.names()[-2:] == ["<DPR", ">DPA"]

    drive(scenario())


def test_it_tells_a_stranger_so_and_we_say_it(python_diameter: Start) -> None:
    """CEA with 3010 and without the E bit counts as refused."""

    async def scenario() -> None:
        async with served(python_diameter, RIGHT) as (_, left):
            cea = await left.tape.until("<CEA")
            assert (cea.result, cea.error) == ((0, 3010), False)
            await until(lambda: left.said.of(Point.PEER_REFUSED), "Left says so")
            assert left.said.of(Point.PEER_REFUSED)[0]["reason"] == "refused by the peer with 3010"

    drive(scenario())
