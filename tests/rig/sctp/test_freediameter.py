"""freeDiameter over SCTP with two addresses: both directions, requests through it, a cut cable, bad lines."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from diameter.peer.capabilities import read
from diameter.security.pki import Pki
from diameter.trace import Point
from helpers.freediameter import TW_MINIMUM_S, configure, connect_by_sctp, open_to, started
from helpers.live import LEFT, REALM, RIGHT, THEIRS, Ours, answer, up
from helpers.loop import drive
from helpers.network_spaces import Cables
from helpers.nodes import ACTION, Answering
from helpers.programs import Program, running, until
from helpers.sctp_live import AT_ONCE, BOTH, EACH_WAY, FAULTS, dialling, expecting, join, listening, listens

pytestmark = pytest.mark.rig
PATIENT: dict[str, Any] = {"tw_s": float(TW_MINIMUM_S), "request_timeout_s": 60.0}
"""freeDiameter sends again when the kernel's own times say so, which may be seconds."""


class Chain:
    """Left dials freeDiameter, which dials Right; both ask and answer."""

    def __init__(self, cables: Cables, folder: Path, pki: Pki) -> None:
        join(cables)
        self.cables = cables
        self.applications = {LEFT: Answering(), RIGHT: Answering()}
        agent: dict[str, Any] = {"agent": True, "agent_realms": [REALM]}
        self.left = Ours(LEFT, [self.applications[LEFT]], [dialling(LEFT, THEIRS, **agent)], **PATIENT)
        rows = [expecting(THEIRS, **agent)]
        self.right = Ours(RIGHT, [self.applications[RIGHT]], rows, listen=listening(RIGHT), **PATIENT)
        to_right = connect_by_sctp(RIGHT, *BOTH[RIGHT], tw_s=TW_MINIMUM_S)
        self.config = configure(folder, pki, to_right, clear=True, sctp=BOTH[THEIRS])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Program]:
        with self.cables.left:
            async with up(self.right):
                with self.cables.right:
                    daemon = await started(self.config)
                async with running(daemon):
                    await listens(self.cables.right)
                    async with up(self.left):
                        await self.left.node.when_open(THEIRS, timeout_s=180)
                        await open_to(daemon, LEFT, RIGHT)
                        yield daemon

    async def ask(self, count: int, to: str = RIGHT, window: int = 250) -> None:
        """So many requests to one of ours, each answered, and seen there once."""
        asking, answering = self.applications[LEFT if to == RIGHT else RIGHT], self.applications[to]
        before = len(answering.seen)
        waiting = []
        for number in range(count):
            action = {**ACTION["Device-Action"], "Reference-Number": number}
            waiting.append(asking.request("Device-Action", {"Device-Action": action}, to=to, realm=REALM))
            if len(waiting) == window or number == count - 1:
                numbers = [(await answer(each))["Device-Notification"]["Reference-Number"] for each in waiting]
                assert numbers == list(range(number - len(numbers) + 1, number + 1))
                waiting.clear()
        seen = Counter(each["Device-Action"]["Reference-Number"] for each in answering.seen[before:])
        assert seen == Counter(range(count))


def test_both_directions_with_requests_between(cables: Cables, tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        chain = Chain(cables, tmp_path, pki)
        left, right = chain.left, chain.right
        async with chain.running() as daemon:
            for one in (left, right):
                assert (await one.node.when_open(THEIRS)).transport == "sctp"
            await chain.ask(20)
            await left.tape.until("<DWA")
            await right.tape.until(">DWA")
            await left.node.stop()
            await daemon.end(signal.SIGTERM)
            await until(lambda: right.said.of(Point.PEER_CLOSED), "Right has closed")
        assert left.tape.names()[:2] == [">CER", "<CEA"]
        assert left.tape.names()[-2:] == [">DPR", "<DPA"]
        assert right.tape.names()[:2] == ["<CER", ">CEA"]
        assert right.tape.names()[-2:] == ["<DPR", ">DPA"]
        for message in (left.tape.of("<CEA")[0], right.tape.of("<CER")[0]):
            assert {str(address) for address in read(message).addresses} == set(BOTH[THEIRS])
        mine = {str(address) for address in read(left.tape.of(">CER")[0]).addresses}
        assert mine == set(BOTH[LEFT])
        assert left.said.of(Point.DROPPED) == right.said.of(Point.DROPPED) == []

    drive(scenario())


def test_a_cut_cable_loses_no_answer(cables: Cables, tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        chain = Chain(cables, tmp_path, pki)
        async with chain.running():
            await chain.ask(50)
            cables.cut(1)
            await chain.ask(200)
            notes = [fields["reason"] for fields in chain.left.said.of(Point.LINK_NOTE)]
            assert "path 10.1.1.2 is unreachable" in notes
            cables.mend(1)
            await chain.ask(50)
            assert chain.left.said.of(Point.PEER_CLOSED) == chain.right.said.of(Point.PEER_CLOSED) == []

    drive(scenario())


def test_a_bad_line_loses_and_doubles_nothing(cables: Cables, tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        chain = Chain(cables, tmp_path, pki)
        async with chain.running():
            for fault in FAULTS:
                cables.spoil(fault)
                await gatherResults([Deferred.fromCoroutine(chain.ask(EACH_WAY, to, AT_ONCE)) for to in (LEFT, RIGHT)])
            for one in (chain.left, chain.right):
                assert one.said.of(Point.DROPPED) == one.said.of(Point.PEER_CLOSED) == []

    drive(scenario())
