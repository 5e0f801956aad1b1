"""Erlang's diameter over SCTP: as server and as client, requests both ways, a cut cable."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter.trace import Point
from helpers.erlang import erlang, ready_for
from helpers.live import LEFT, REALM, THEIRS, Ours, answer, up
from helpers.loop import drive
from helpers.network_spaces import Cables
from helpers.programs import running
from helpers.s6a import UPDATE, Hss, Mme
from helpers.sctp_live import AT_ONCE, BOTH, EACH_WAY, FAULTS, dialling, expecting, listening, listens

pytestmark = pytest.mark.rig
TW_S = 6


def test_as_server(cables: Cables, code: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        mme = Mme()
        left = Ours(LEFT, [mme], [dialling(LEFT, THEIRS)])
        with cables.right:
            at = f"{'+'.join(BOTH[THEIRS])}:3868"
            program = erlang(code, tmp_path / "log", "serve_sctp", "s6a", THEIRS, at, tw_s=TW_S)
        async with running(program):
            await program.said("^ready")
            await listens(cables.right)
            with cables.left:
                async with up(left):
                    assert (await left.node.when_open(THEIRS, timeout_s=180)).transport == "sctp"
                    await ready_for(program, 1)
                    for number in range(60):
                        if number == 20:
                            cables.cut(1)
                        updated = await answer(mme.request("Update-Location", UPDATE, to=THEIRS, realm=REALM))
                        assert updated["Subscription-Data"]["AMBR"]["Max-Requested-Bandwidth-UL"] == 50_000_000
                    assert program.text.count("request 001010123456789") == 60
                    await left.tape.until(">DWA")
            names = left.tape.names()
            assert (names[:2], names[-2:]) == ([">CER", "<CEA"], [">DPR", "<DPA"])
            await program.said("^event down")

    drive(scenario())


def test_a_bad_line_loses_and_doubles_nothing(cables: Cables, code: Path, tmp_path: Path) -> None:
    """Requests in both directions at once."""

    async def scenario() -> None:
        both = Hss()
        left = Ours(LEFT, [both], [dialling(LEFT, THEIRS)], request_timeout_s=60.0)
        with cables.right:
            at = f"{'+'.join(BOTH[THEIRS])}:3868"
            program = erlang(code, tmp_path / "log", "serve_sctp", "s6a", THEIRS, at)
        async with running(program):
            await program.said("^ready")
            await listens(cables.right)
            with cables.left:
                async with up(left):
                    await left.node.when_open(THEIRS, timeout_s=180)
                    await ready_for(program, 1)
                    for fault in FAULTS:
                        cables.spoil(fault)
                        both.seen.clear()
                        here = program.tell(f"load {EACH_WAY} {AT_ONCE} {LEFT}")
                        for _ in range(EACH_WAY // AT_ONCE):
                            asked = [
                                both.request("Update-Location", UPDATE, to=THEIRS, realm=REALM) for _ in range(AT_ONCE)
                            ]
                            assert [(await answer(each))["Result-Code"] for each in asked] == [2001] * AT_ONCE
                        await program.said(f"^answers {EACH_WAY} of {EACH_WAY}", after=here)
                        assert len({each["Session-Id"] for each in both.seen}) == len(both.seen) == EACH_WAY
                    assert program.text.count("request 001010123456789") == len(FAULTS) * EACH_WAY
                    assert left.said.of(Point.DROPPED) == left.said.of(Point.PEER_CLOSED) == []

    drive(scenario())


def test_as_client(cables: Cables, code: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        hss = Hss()
        left = Ours(LEFT, [hss], [expecting(THEIRS)], listen=listening(LEFT))
        with cables.left:
            async with up(left):
                with cables.right:
                    at = f"{'+'.join(BOTH[LEFT])}:3868"
                    program = erlang(code, tmp_path / "log", "dial_sctp", "s6a", THEIRS, at, tw_s=TW_S)
                async with running(program):
                    await program.said("^event up")
                    for number in range(20):
                        if number == 10:
                            cables.cut(1)
                        here = program.tell(f"ask good {LEFT}")
                        await program.said("^answer 2001 false", after=here)
                    program.tell("stop")
                    await left.tape.until("<DPR")
                    await left.tape.until(">DPA")
                    await program.said("^stopped")
        assert len(hss.seen) == 20
        assert left.tape.names()[:2] == ["<CER", ">CEA"]

    drive(scenario())
