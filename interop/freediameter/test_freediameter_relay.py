"""Requests of one node of ours to another through freeDiameter as a relay.

It has no dictionary for any of them: no extension with one is loaded, and it needs none to relay.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from diameter import Message
from diameter.errors import ErrorAnswer
from diameter.security.pki import Pki
from diameter.wire import header
from helpers.freediameter import configure, connect_to, open_to, started
from helpers.live import CLEAR, LEFT, REALM, RIGHT, SECURE, THEIRS, Ours, answer, certified, dialled, peer, up
from helpers.loop import drive
from helpers.nodes import ACTION, TSP, Answering, Asking, dictionary
from helpers.programs import running
from helpers.s6a import UPDATE, Hss, Mme

pytestmark = pytest.mark.interop
UNKNOWN = bytes.fromhex("000003e7 c0000014 0000d431 756e6b6e 6f776e21")  # AVP 999 of vendor 54321, M bit set
TRIGGER: dict[str, Any] = {"Device-Action": {**ACTION["Device-Action"], "Trigger-Data": {"Payload": bytes(range(256))}}}


class Chain:
    """Left, freeDiameter in the middle, Right."""

    def __init__(self, folder: Path, pki: Pki, *, secure: bool) -> None:
        how = SECURE if secure else CLEAR
        self.trigger, self.update, self.triggered, self.updated = Asking(), Mme(), Answering(), Hss()
        tls = [certified(host, pki) if secure else None for host in (LEFT, RIGHT)]
        self.left = Ours(LEFT, [self.trigger, self.update], [dialled(THEIRS, how)], tls=tls[0])
        agent = peer(THEIRS, how, agent=True, agent_realms=[REALM])
        self.right = Ours(RIGHT, [self.triggered, self.updated], [agent], listen=how, tls=tls[1])
        self._config = configure(folder, pki, connect_to(RIGHT, clear=not secure), clear=not secure)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with up(self.right), running(await started(self._config)) as daemon, up(self.left):
            await self.left.node.when_open(THEIRS)
            await open_to(daemon, LEFT, RIGHT)
            yield

    def ask(self, **how: Any) -> Coroutine[Any, Any, Message]:
        """A device trigger of Left."""
        return answer(self.trigger.request("Device-Action", how.pop("avps", TRIGGER), **how))


def kept(before: Message, after: Message) -> list[str]:
    """Names of what `after` has beyond the AVPs of `before`, which it carries unchanged and in order."""
    old, new = [avp.octets for avp in before.avps], [avp.octets for avp in after.avps]
    assert [octets for octets in new if octets in old] == old
    return [avp.name for avp in after.avps if avp.octets not in old]


@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
def test_tsp_and_s6a_pass_unchanged(tmp_path: Path, pki: Pki, secure: bool) -> None:
    async def scenario() -> None:
        chain = Chain(tmp_path, pki, secure=secure)
        async with chain.running():
            acted = await chain.ask(to=RIGHT, realm=REALM)
            assert acted["Device-Notification"]["Reference-Number"] == 7
            updated = await answer(chain.update.request("Update-Location", UPDATE, realm=REALM))
            assert updated["Subscription-Data"]["AMBR"]["Max-Requested-Bandwidth-UL"] == 50_000_000
            for request, reply in (("DAR", "DAA"), ("ULR", "ULA")):
                sent, came = chain.left.tape.of(f">{request}")[0], chain.right.tape.of(f"<{request}")[0]
                assert kept(sent, came) == ["Route-Record"]
                assert (came.text("Route-Record"), came.end_to_end) == (LEFT, sent.end_to_end)
                assert came.hop_by_hop != sent.hop_by_hop
                answered, back = chain.right.tape.of(f">{reply}")[0], chain.left.tape.of(f"<{reply}")[0]
                assert kept(answered, back) == ["Route-Record"]  # which RFC 6733 gives to requests only
                assert (back.text("Route-Record"), back.hop_by_hop) == (RIGHT, sent.hop_by_hop)

    drive(scenario())


def test_an_avp_that_nobody_knows_reaches_the_server_which_refuses_it(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        chain = Chain(tmp_path, pki, secure=False)
        async with chain.running():
            filled = {
                "Session-Id": "left;1;1", "Auth-Application-Id": TSP, "Auth-Session-State": 1, "Origin-Host": LEFT,
                "Origin-Realm": REALM, "Destination-Realm": REALM, **TRIGGER,
            }  # fmt: skip
            plain = dictionary().request("Device-Action", filled, application="Tsp")
            body = plain.octets[20:] + UNKNOWN
            octets = header.build(plain.flags, plain.command_code, TSP, 0x1234, 0x5678, body)
            chain.left.send(octets)
            refused = await chain.left.tape.answer_to(0x1234)
            came = chain.right.tape.of("<DAR")[0]
            assert came.avps[-2].octets == UNKNOWN
            assert (refused.result, refused.error, refused.end_to_end) == ((0, 5001), False, 0x5678)
            assert refused.group("Failed-AVP").avps[0].octets == UNKNOWN

    drive(scenario())


def test_what_it_refuses_itself(tmp_path: Path, pki: Pki) -> None:
    """A realm nobody serves, and a request that has been here: answers with the E bit and without the P bit."""

    async def scenario() -> None:
        chain = Chain(tmp_path, pki, secure=False)
        async with chain.running():
            with pytest.raises(ErrorAnswer) as nowhere:
                await chain.ask(realm=f"nowhere.{REALM}")
            with pytest.raises(ErrorAnswer) as loop:
                await chain.ask(avps={**TRIGGER, "Route-Record": [THEIRS]}, realm=REALM)
            for error, code in ((nowhere, 3002), (loop, 3005)):
                refused = error.value.answer
                assert (refused.result, refused.text("Origin-Host")) == ((0, code), THEIRS)
                assert (refused.error, refused.proxiable, refused.faults) == (True, False, ())
            assert chain.right.node.stats.requests_in == 0

    drive(scenario())


def test_it_ignores_a_destination_host_that_it_does_not_know(tmp_path: Path, pki: Pki) -> None:
    """The realm decides; the node that gets the request says that it is somebody else."""

    async def scenario() -> None:
        chain = Chain(tmp_path, pki, secure=False)
        async with chain.running():
            with pytest.raises(ErrorAnswer) as refused:
                await chain.ask(to=f"nobody.{REALM}", realm=REALM)
            assert refused.value.answer.text("Origin-Host") == RIGHT
            assert refused.value.answer.result == (0, 3002)

    drive(scenario())
