"""Both dial at the same moment (RFC 6733 section 5.6.4), with us as the lower and as the higher Origin-Host.

freeDiameter dials when it starts, and so do we when it listens; faults of ours hold CERs back so that they cross.  Held
where it comes, theirs reaches us late, and freeDiameter has ours while it waits for its CEA: it runs the election.
Held where it goes as well and for longer, ours is late, and we have theirs while we wait: we run it.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from diameter.config import FaultConfig
from diameter.security.pki import Pki
from diameter.trace import Point
from helpers.freediameter import configure, connect_to, open_to, started
from helpers.live import AT, CLEAR, LEFT, RIGHT, THEIRS, Ours, dialled, up
from helpers.loop import drive
from helpers.nodes import Answering
from helpers.programs import Program, running, until

pytestmark = pytest.mark.interop
HELD_IN_S, HELD_OUT_S = 1.5, 3.0


def holding(direction: str, delay_s: float) -> FaultConfig:
    """The first CER in this direction is held back."""
    table: dict[str, Any] = {"command": "Capabilities-Exchange", "kind": "request", "direction": direction, "nth": 1}
    return FaultConfig.model_validate({**table, "do": "delay", "delay_s": delay_s})


def connections(host: str) -> int:
    """TCP connections between `host` and freeDiameter, as the kernel has them in this network."""
    lines = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    ends = {_address(row[1]): _address(row[2]) for row in rows if row[3] == "01"}
    return sum(here[0] == AT[host] and there[0] == AT[THEIRS] for here, there in ends.items())


def _address(text: str) -> tuple[str, int]:
    """The kernel's "0100007F:0F1C"."""
    octets, _, port = text.partition(":")
    return str(IPv4Address(bytes.fromhex(octets)[::-1])), int(port, 16)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Our node, its states until it was open, the link that remained, and what freeDiameter said."""

    ours: Ours
    states: list[str]
    link: int
    said: str

    @property
    def dialled_by_us(self) -> bool:
        """True when the link leads to the port that freeDiameter listens on."""
        (fields,) = [fields for fields in self.ours.said.of(Point.LINK_UP) if fields["link"] == self.link]
        return str(fields["remote"]).endswith(":3868")


async def elected(folder: Path, pki: Pki, host: str, *faults: FaultConfig) -> Outcome:
    """Let both dial each other."""
    ours = Ours(host, [Answering()], [dialled(THEIRS, CLEAR)], listen=CLEAR, lab=True)
    ours.node.inject(faults)
    config, states = configure(folder, pki, connect_to(host, clear=True), clear=True), list[str]()
    async with up(ours), running(await started(config)) as daemon:
        await until(lambda: _look(ours, states).endswith("-Open"), "open")
        await open_to(daemon, host)
        await _settled(ours, host, daemon)
        (left,) = ours.node._core.lines
        said = daemon.text
        await ours.node.stop()
    assert ours.tape.names()[-2:] == [">DPR", "<DPA"]
    assert len(ours.said.of(Point.PEER_OPEN)) == 1
    assert ours.node.stats.bugs == 0
    return Outcome(ours=ours, states=states, link=left, said=said)


async def _settled(ours: Ours, host: str, daemon: Program) -> None:
    """One connection is left, and stays."""
    await until(lambda: connections(host) == 1 and len(ours.node._core.lines) == 1, "one connection remains")
    held = HELD_OUT_S + 1.0
    over = ours.node._core.clock.seconds() + held
    await until(lambda: ours.node._core.clock.seconds() > over, "what was held back is over", held + 5)
    assert (connections(host), len(ours.node._core.lines)) == (1, 1)
    assert daemon.text.count("-> 'STATE_OPEN'") == 1


def _look(ours: Ours, states: list[str]) -> str:
    """The state of our only peer now; kept when it is another one."""
    state = ours.node.peers[0].state
    if states[-1:] != [state]:
        states.append(state)
    return state


def test_freediameter_wins_what_it_decides(tmp_path: Path, pki: Pki) -> None:
    """It closes what it has dialled and answers on ours."""

    async def scenario() -> None:
        made = await elected(tmp_path, pki, LEFT, holding("in", HELD_IN_S))
        assert "Election WON against peer 'left.example.net'" in made.said
        assert made.dialled_by_us
        assert {m.result for m in made.ours.tape.of("<CEA")} == {(0, 2001)}
        assert made.ours.tape.of(">CEA") == []

    drive(scenario())


def test_freediameter_loses_what_it_decides(tmp_path: Path, pki: Pki) -> None:
    """It answers 4003 on the connection that we have dialled, however often, and waits for our answer on its own."""

    async def scenario() -> None:
        made = await elected(tmp_path, pki, RIGHT, holding("in", HELD_IN_S))
        assert "Election LOST against peer 'right.example.net'" in made.said
        assert not made.dialled_by_us
        assert {m.result for m in made.ours.tape.of("<CEA")} == {(0, 4003)}
        assert made.ours.tape.of("<CEA")[0]["Error-Message"] == "Please answer my CER instead, you won the election."
        assert not made.ours.tape.of("<CEA")[0].error
        assert [m.result for m in made.ours.tape.of(">CEA")] == [(0, 2001)]

    drive(scenario())


def test_we_lose_what_we_decide(tmp_path: Path, pki: Pki) -> None:
    """We wait for its answer on the connection that we have dialled; it decides the same once it has our CER."""

    async def scenario() -> None:
        faults = holding("in", HELD_IN_S), holding("out", HELD_OUT_S)
        made = await elected(tmp_path, pki, LEFT, *faults)
        assert "Election WON against peer 'left.example.net'" in made.said
        assert made.states[-2:] == ["Wait-Returns", "I-Open"]
        assert made.ours.tape.names()[:3] == ["<CER", ">CER", "<CEA"]
        assert made.dialled_by_us
        assert made.ours.tape.of(">CEA") == []

    drive(scenario())


def test_we_win_what_we_decide(tmp_path: Path, pki: Pki) -> None:
    """We close what we have dialled, before our CER is on its way, and answer on its connection."""

    async def scenario() -> None:
        faults = holding("in", HELD_IN_S), holding("out", HELD_OUT_S)
        made = await elected(tmp_path, pki, RIGHT, *faults)
        assert "Election" not in made.said
        assert made.states[-2:] == ["Wait-I-CEA", "R-Open"]
        assert made.ours.tape.names()[:2] == ["<CER", ">CEA"]
        assert made.ours.tape.of(">CER") == []
        assert not made.dialled_by_us

    drive(scenario())
