"""A server killed under load behind a relay: nobody is left without an answer, nothing is executed twice in silence.

Four processes: two servers, `mtc run relay` that shares requests between them, and the client here.  RATE_PER_S
requests a second for SECONDS, sent by the clock whatever comes back; one server gets SIGKILL in the middle.  The
servers write down what they execute.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from twisted.internet.task import deferLater

from diameter import Message
from diameter.app import Later
from diameter.config import NodeConfig
from diameter.errors import ErrorAnswer, RequestError
from diameter.node import Node
from helpers.agents import CLIENT, HOME, row, server_name
from helpers.loop import drive, reactor, settle
from helpers.nodes import ACTION, Asking, Said, dictionary
from helpers.processes import Started
from helpers.relays import RELAY, relay_table

pytestmark = pytest.mark.link

RATE_PER_S: Final = 2000
SECONDS: Final = 2.0
KILL_AT_S: Final = 1.0
STEP_S: Final = 0.005
SERVER: Final = Path(__file__).resolve().parents[1] / "helpers" / "counting_server.py"


class Executed(NamedTuple):
    """One line of a server."""

    end_to_end: int
    again: bool
    origin: str


class CountingServer:
    """One of the servers."""

    def __init__(self, number: int, folder: Path) -> None:
        self.file = folder / f"server{number}.executed"
        words = [sys.executable, "-P", str(SERVER), server_name(number), str(self.file)]
        with (folder / f"server{number}.log").open("wb") as log:
            self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def executed(self) -> list[Executed]:
        """What it has executed, in order."""
        lines = [line.split() for line in self.file.read_text().splitlines()]
        return [Executed(int(end), again == "1", origin) for end, again, origin in lines]

    def written(self) -> int:
        """How many octets it has written about what it executed."""
        return self.file.stat().st_size

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@asynccontextmanager
async def lab(folder: Path) -> AsyncIterator[tuple[list[CountingServer], Asking]]:
    """Two servers, the relay and the client's application, all open; ended afterwards."""
    with ExitStack() as stack:
        servers = []
        for number in range(2):
            servers.append(CountingServer(number, folder))
            stack.callback(servers[-1].close)
        path = folder / "relay.toml"
        path.write_text(relay_table([server.port for server in servers]))
        relay = Started("relay", path)
        stack.callback(relay.process.kill)
        ready = relay.ready()
        towards = row(RELAY, connect=True, addresses=["127.0.0.1"], port=int(ready.rpartition(":")[2]))
        made = NodeConfig.model_validate(
            {"origin_host": CLIENT, "origin_realm": "visited.example", "peer": [towards], "request_timeout_s": 30.0}
        )
        asking = Asking()
        client = Node(made, [asking], dictionary(), reactor=reactor, observe=Said().observe)
        await client.start()
        await client.when_open(RELAY)
        for _ in range(2):
            relay.until("is open")
        yield servers, asking
        await client.stop()
        code, errors = relay.end()
        settle()
        assert (code, "Traceback" in errors) == (0, False), errors


class Outcomes:
    """What became of each request: a Result-Code, or the name of an exception."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sent = 0

    def add(self, later: Later[Message]) -> None:
        """Count this one once it has ended."""
        self.sent += 1
        later.then(lambda: self._ended(later))

    def _ended(self, later: Later[Message]) -> None:
        try:
            answer = later.result()
        except ErrorAnswer as error:
            answer = error.answer
        except RequestError as error:
            self.counts[type(error).__name__] += 1
            return
        self.counts[str(answer.result)] += 1


async def load(asking: Asking, outcomes: Outcomes, kill: CountingServer) -> float:
    """Send by the clock, kill on the way, wait for every outcome; the rate that was reached."""
    begin = reactor.seconds()
    total = int(RATE_PER_S * SECONDS)
    written = 0
    while outcomes.sent < total:
        due = min(int((reactor.seconds() - begin) * RATE_PER_S), total)
        while outcomes.sent < due:
            outcomes.add(asking.request("Device-Action", ACTION, realm=HOME))
        if kill.process.poll() is None and outcomes.sent >= RATE_PER_S * KILL_AT_S:
            before, written = written, kill.written()
            if 0 < before < written:  # it is at work this moment, and answers later
                kill.process.send_signal(signal.SIGKILL)
                kill.process.wait()
        await deferLater(reactor, STEP_S)
    rate = float(outcomes.sent / (reactor.seconds() - begin))
    while outcomes.counts.total() < outcomes.sent:
        await deferLater(reactor, STEP_S)
    return rate


def test_a_server_killed_under_load(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async def scenario() -> tuple[list[CountingServer], Outcomes, float]:
        async with lab(tmp_path) as (servers, asking):
            outcomes = Outcomes()
            rate = await load(asking, outcomes, servers[0])
            return servers, outcomes, rate

    servers, outcomes, rate = drive(scenario())
    request.node.user_properties.append(
        ("requests_per_s", round(rate))
    )  # less than RATE_PER_S where the machine cannot
    assert servers[0].process.returncode == -signal.SIGKILL
    killed, other = (server.executed() for server in servers)
    refused = {"(0, 3002)", "(0, 3004)"}
    assert set(outcomes.counts) <= {"(0, 2001)"} | refused, outcomes.counts
    assert outcomes.counts.total() == outcomes.sent == RATE_PER_S * SECONDS
    for executed in (killed, other):
        twice = [pair for pair, count in Counter((one.origin, one.end_to_end) for one in executed).items() if count > 1]
        assert twice == []
    first = {(one.origin, one.end_to_end) for one in killed}
    both = [one for one in other if (one.origin, one.end_to_end) in first]
    assert both, "the kill left nothing executed and unanswered: the test shows nothing"
    assert all(one.again for one in both)
    assert not any(one.again for one in killed)
    assert {one.origin for one in (*killed, *other)} == {CLIENT}
    assert len(first | {(one.origin, one.end_to_end) for one in other}) >= outcomes.counts["(0, 2001)"]
    assert len(killed) > 500
    assert len(other) > 1500
