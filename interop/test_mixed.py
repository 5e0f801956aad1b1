"""Several stacks in one network: relays of others that fail, and a relay of ours between others."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from diameter import Message
from diameter.app import Later
from diameter.routing.agents import Agent
from diameter.security.pki import Pki
from helpers.erlang import erlang, ready_for
from helpers.freediameter import configure, connect_to, open_to, started
from helpers.live import AT, CLEAR, LEFT, OTHER, REALM, RIGHT, THEIRS, Ours, answer, dialled, peer, up
from helpers.loop import drive
from helpers.nodes import ACTION, Asking, Waiting, succeed
from helpers.programs import Start, running, until

pytestmark = pytest.mark.interop


class Slow(Waiting):
    """Answers when told to."""

    def __init__(self) -> None:
        super().__init__(self.wait)
        self.executed = 0
        self.go: Later[None] = Later()

    async def wait(self, request: Message) -> Message:
        self.executed += 1
        await self.go
        return succeed(request)


def test_a_request_in_work_behind_a_relay_that_dies_is_not_executed_twice(tmp_path: Path, pki: Pki, code: Path) -> None:
    """It goes by freeDiameter; that is killed; it goes again with the T bit by Erlang, and waits for the one answer."""

    async def scenario() -> None:
        client, server = Asking(), Slow()
        route = {"realm": REALM, "hosts": [THEIRS, OTHER]}
        left = Ours(LEFT, [client], [dialled(THEIRS, CLEAR), dialled(OTHER, CLEAR)], route=[route])
        agent = {"agent": True, "agent_realms": [REALM]}
        right = Ours(RIGHT, [server], [peer(THEIRS, CLEAR, **agent), dialled(OTHER, CLEAR, **agent)], listen=CLEAR)
        config = configure(tmp_path, pki, connect_to(RIGHT, clear=True), clear=True)
        relay = erlang(code, tmp_path / "erlang", "serve", "relay", OTHER, f"{AT[OTHER]}:3868")
        async with running(relay):
            await relay.said("^ready")
            async with up(right), running(await started(config)) as daemon, up(left):
                for one in (left, right):
                    await one.node.when_open(THEIRS)
                    await one.node.when_open(OTHER)
                await ready_for(relay, 2)
                await open_to(daemon, LEFT, RIGHT)
                asked = client.request("Device-Action", ACTION, to=RIGHT, realm=REALM)
                await right.tape.until("<DAR")
                await daemon.end(signal.SIGKILL)
                again = await right.tape.until("<DAR", count=2)
                first = right.tape.of("<DAR")[0]
                assert (first.retransmitted, again.retransmitted) == (False, True)
                assert first.end_to_end == again.end_to_end
                server.go.resolve(None)
                assert (await answer(asked)).result == (0, 2001)
                assert server.executed == 1

    drive(scenario())


def test_erlang_asks_python_diameter_through_us(tmp_path: Path, code: Path, python_diameter: Start) -> None:
    async def scenario() -> None:
        relay = Ours(LEFT, [], [peer(THEIRS, CLEAR), dialled(OTHER, CLEAR)], listen=CLEAR, agent=Agent())
        asking = erlang(code, tmp_path / "erlang", "dial", "s6a", THEIRS, f"{AT[LEFT]}:3868")
        async with running(python_diameter("serve", OTHER, REALM, AT[OTHER], "3868", LEFT)) as serving:
            await serving.said("^ready")
            async with up(relay), running(asking):
                await relay.node.when_open(THEIRS)
                await relay.node.when_open(OTHER)
                await asking.said("^event up")
                asking.tell(f"ask good {OTHER}")
                await asking.said("^answer 2001 false")
                await serving.said("^request 316 001010123456789")
                assert relay.tape.of(">ULR")[0].text("Route-Record") == THEIRS

    drive(scenario())


def test_python_diameter_asks_erlang_through_us(tmp_path: Path, code: Path, python_diameter: Start) -> None:
    """A command that Erlang refuses comes back as it was refused."""

    async def scenario() -> None:
        relay = Ours(LEFT, [], [peer(THEIRS, CLEAR), dialled(OTHER, CLEAR)], listen=CLEAR, agent=Agent())
        serving = erlang(code, tmp_path / "erlang", "serve", "s6a", OTHER, f"{AT[OTHER]}:3868")
        async with running(serving):
            await serving.said("^ready")
            async with up(relay), running(python_diameter("dial", THEIRS, REALM, LEFT, AT[LEFT], "3868")) as asking:
                await relay.node.when_open(OTHER)
                await relay.node.when_open(THEIRS)
                await ready_for(serving, 1)
                for what, said in (("001010123456789", "2001 0 1"), ("unknown", "5001 0 None")):
                    here = asking.tell(f"ask {what} {OTHER}")
                    assert (await asking.said("^answer .*", after=here)).group() == f"answer {said}"
                await until(lambda: "request 001010123456789" in serving.text, "Erlang says so")

    drive(scenario())
