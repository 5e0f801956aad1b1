"""Erlang's diameter as client, server and relay: location updates, error answers, watchdog, disconnection, TLS."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import pytest

from diameter.errors import ErrorAnswer
from diameter.peer.capabilities import Advertised, read
from diameter.security.pki import Pki
from diameter.trace import Point
from helpers.erlang import erlang, ready_for
from helpers.live import (
    AT,
    CLEAR,
    LEFT,
    REALM,
    RIGHT,
    SECURE,
    THEIRS,
    Ours,
    answer,
    certified,
    dialled,
    octets_of,
    peer,
    raw,
    up,
)
from helpers.loop import drive
from helpers.nodes import ACTION, TSP, Answering, Asking
from helpers.programs import running, until
from helpers.s6a import S6A, UPDATE, Hss, Mme

pytestmark = pytest.mark.interop
HERE: Final = f"{AT[THEIRS]}:3868"
IDS: Final = {"Vendor-Specific-Application-Id": {"Vendor-Id": 10415, "Auth-Application-Id": S6A}}
UNKNOWN: Final = bytes.fromhex("000003e7 c0000014 0000d431 756e6b6e 6f776e21")
SHORT_RAT_TYPE: Final = bytes.fromhex("00000408 c000000f 000028af 00000300")
HALF_FEATURES: Final = bytes.fromhex("00000274 80000018 000028af 0000010a 4000000c 000028af")
RAT_TYPE, PLMN, FEATURES = 1032, 1407, 628
TW_S: Final = 6


def without(avps: list[bytes], code: int) -> list[bytes]:
    """The AVPs but those of one code."""
    return [octets for octets in avps if not octets.startswith(code.to_bytes(4))]


def test_as_server(code: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        mme = Mme()
        left = Ours(LEFT, [mme], [dialled(THEIRS, CLEAR)])
        program = erlang(code, tmp_path / "log", "serve", "s6a", THEIRS, HERE, tw_s=TW_S)
        async with running(program):
            await program.said("^ready")
            async with up(left):
                await left.node.when_open(THEIRS)
                await ready_for(program, 1)
                said = read(left.tape.of("<CEA")[0])
                assert (said.product_name, said.vendor_id) == ("erlang", 193)
                assert said.applications == frozenset({Advertised(id=S6A, vendor=10415)})
                updated = await answer(mme.request("Update-Location", UPDATE, to=THEIRS, realm=REALM))
                assert updated["Subscription-Data"]["AMBR"]["Max-Requested-Bandwidth-UL"] == 50_000_000
                assert updated.faults == ()
                await program.said("^request 001010123456789")
                await left.tape.until(">DWA")
            assert left.tape.names()[-2:] == [">DPR", "<DPA"]
            await program.said("^event down")

    drive(scenario())


def test_what_it_refuses_as_server(code: Path, tmp_path: Path) -> None:
    update = octets_of("S6a", "Update-Location", {**UPDATE, **IDS})
    trigger = octets_of("Tsp", "Device-Action", {**ACTION, "Auth-Application-Id": TSP})
    plmn = next(octets for octets in update if octets not in without(update, PLMN))
    with_e_bit = bytearray(raw(S6A, 316, *update))
    with_e_bit[4] |= 0x20
    rows = [
        (raw(S6A, 316, *update, UNKNOWN), 5001, 999),
        (raw(S6A, 316, *without(update, FEATURES), HALF_FEATURES), 5005, FEATURES),  # the group around what is missing
        (raw(S6A, 316, *update, plmn), 5009, PLMN),
        (raw(S6A, 316, *without(update, RAT_TYPE), SHORT_RAT_TYPE), 5014, RAT_TYPE),
        (raw(S6A, 9998, *update), 3001, None),
        (raw(TSP, 8388639, *trigger), 3007, None),
        (bytes(with_e_bit), 3008, None),
    ]  # fmt: skip

    async def scenario() -> None:
        left = Ours(LEFT, [Mme()], [dialled(THEIRS, CLEAR)])
        program = erlang(code, tmp_path / "log", "serve", "s6a", THEIRS, HERE)
        async with running(program):
            await program.said("^ready")
            async with up(left):
                await left.node.when_open(THEIRS)
                await ready_for(program, 1)
                for number, (octets, result, failed) in enumerate(rows, 1):
                    left.send(octets[:12] + number.to_bytes(4) + octets[16:])
                    refused = await left.tape.answer_to(number)
                    assert (refused.result, refused.error) == ((0, result), result < 4000), result
                    blamed = [avp.code for avp in refused.group("Failed-AVP").avps] if failed else []
                    assert ("Failed-AVP" in refused, blamed) == (bool(failed), [failed] if failed else [])
                assert left.node.stats.bugs == 0

    drive(scenario())


def test_as_client_and_what_we_refuse(code: Path, tmp_path: Path) -> None:
    rows = {
        "good": "2001 false []",
        "unknown": "5001 false [999]",
        "missing": "5005 false [1]",
        "twice": "5009 false [1407]",
        "length": "5014 false [1032]",
        "command": "3001 true []",
        "realm": "3003 true []",
        "application": "3007 true []",
    }

    async def scenario() -> None:
        hss = Hss()
        right = Ours(RIGHT, [hss], [peer(THEIRS, CLEAR)], listen=CLEAR, tw_s=float(TW_S))
        program = erlang(code, tmp_path / "log", "dial", "s6a", THEIRS, f"{AT[RIGHT]}:3868")
        async with up(right), running(program):
            await right.node.when_open(THEIRS)
            await program.said("^event up")
            for how, said in rows.items():
                here = program.tell(f"ask {how} {RIGHT}")
                assert (await program.said("^answer .*", after=here)).group() == f"answer {said}", how
            assert [request["User-Name"] for request in hss.seen] == ["001010123456789"]
            await right.tape.until("<DWA")
            program.tell("stop")
            await program.said("^stopped")
            await until(lambda: right.said.of(Point.PEER_CLOSED), "Right has closed")
            assert right.tape.names()[-2:] == ["<DPR", ">DPA"]
            assert right.node.stats.bugs == 0

    drive(scenario())


def test_tls_in_both_directions(code: Path, tmp_path: Path, pki: Pki) -> None:
    mine = pki.issue(THEIRS)
    files = [str(path) for path in (mine.certificate, mine.key, pki.ca_path)]

    async def scenario() -> None:
        left = Ours(LEFT, [Mme()], [dialled(THEIRS, SECURE)], tls=certified(LEFT, pki))
        right = Ours(RIGHT, [Hss()], [peer(THEIRS, SECURE)], listen=SECURE, tls=certified(RIGHT, pki))
        async with up(right):
            serving = erlang(code, tmp_path / "serve", "serve", "s6a", THEIRS, f"{AT[THEIRS]}:5868", *files)
            async with running(serving):
                await serving.said("^ready")
                async with up(left):
                    assert (await left.node.when_open(THEIRS)).secure
            dialling = erlang(code, tmp_path / "dial", "dial", "s6a", THEIRS, f"{AT[RIGHT]}:5868", *files)
            async with running(dialling):
                assert (await right.node.when_open(THEIRS)).secure
                await dialling.said("^event up")
                dialling.tell(f"ask good {RIGHT}")
                await dialling.said("^answer 2001 ")

    drive(scenario())


def test_as_a_relay(code: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        mme, trigger = Mme(), Asking()
        left = Ours(LEFT, [mme, trigger], [dialled(THEIRS, CLEAR)])
        agent = dialled(THEIRS, CLEAR, agent=True, agent_realms=[REALM])
        right = Ours(RIGHT, [Hss(), Answering()], [agent])
        program = erlang(code, tmp_path / "log", "serve", "relay", THEIRS, HERE)
        async with running(program):
            await program.said("^ready")
            async with up(left, right):
                await left.node.when_open(THEIRS)
                await right.node.when_open(THEIRS)
                await ready_for(program, 2)
                updated = await answer(mme.request("Update-Location", UPDATE, to=RIGHT, realm=REALM))
                acted = await answer(trigger.request("Device-Action", ACTION, to=RIGHT, realm=REALM))
                assert (updated.result, acted.result) == ((0, 2001), (0, 2001))
                assert [m.text("Route-Record") for m in (*right.tape.of("<ULR"), *right.tape.of("<DAR"))] == [
                    LEFT,
                    LEFT,
                ]
                assert acted.octets[20:] == right.tape.of(">DAA")[0].octets[20:]
                for avps, to, result in (({**ACTION, "Route-Record": [THEIRS]}, RIGHT, 3005), (ACTION, "nobody", 3002)):
                    with pytest.raises(ErrorAnswer) as refused:
                        await answer(trigger.request("Device-Action", avps, to=to, realm=REALM))
                    assert refused.value.answer.result == (0, result)

    drive(scenario())


def test_a_killed_one_is_dialled_until_it_is_back(code: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        left = Ours(LEFT, [Mme()], [dialled(THEIRS, CLEAR)])
        async with up(left):
            async with running(erlang(code, tmp_path / "one", "serve", "s6a", THEIRS, HERE)) as first:
                await left.node.when_open(THEIRS)
                await first.end(signal.SIGKILL)
            await until(lambda: left.said.of(Point.PEER_CLOSED), "Left saw it die")
            async with running(erlang(code, tmp_path / "two", "serve", "s6a", THEIRS, HERE)):
                await until(lambda: len(left.said.of(Point.PEER_OPEN)) == 2, "Left is open again")

    drive(scenario())
