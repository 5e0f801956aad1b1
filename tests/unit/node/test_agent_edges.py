"""An agent with screens, while it stops, with peers that may do less, and with hooks that fail late."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Message, encode
from diameter.app import Later, Neighbour, Screen
from diameter.errors import ApplicationFault, LocalError
from diameter.routing.agents import Agent, Decision
from helpers.agents import AGENT, CLIENT, Chain, server_name
from helpers.nodes import Answering, Waiting, succeed


def code(answers: list[Message]) -> int:
    (answer,) = answers
    return int(answer["Result-Code"])


class Gate(Screen):
    """Refuses by direction, and remembers whom it was told about."""

    def __init__(self, refuse: str = "") -> None:
        self.refuse = refuse
        self.told: list[tuple[str, bool, str]] = []

    def _look(self, way: str, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        self.told.append((way, message.request, neighbour.host))
        if self.refuse == f"{way} {'request' if message.request else 'answer'}":
            return ApplicationFault(5003, "not through here")
        return message.edit(add={"Class": way.encode()})

    def inbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        return self._look("in", message, neighbour)

    def outbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        return self._look("out", message, neighbour)


def test_screens_see_requests_in_and_out_and_answers_out() -> None:
    gate = Gate()
    with Chain(screens=[gate]) as chain:
        (answer,) = chain.inject(chain.request())
        assert gate.told == [("in", True, CLIENT), ("out", True, server_name(0)), ("out", False, CLIENT)]
        assert chain.seen()[0].all("Class") == (b"in", b"out")
        assert answer.all("Class") == (b"out",)


@pytest.mark.parametrize(("refuse", "seen"), [("in request", 0), ("out request", 0), ("out answer", 1)])
def test_what_a_screen_refuses_is_answered_and_audited(refuse: str, seen: int) -> None:
    with Chain(screens=[Gate(refuse)]) as chain:
        (answer,) = chain.inject(chain.request())
        assert (answer["Result-Code"], answer["Origin-Host"]) == (5003, AGENT)
        assert len(chain.seen()) == seen
        assert chain.said.refused[0].code == 5003
        assert chain.agent.pending == 0


def test_an_application_that_is_not_open_to_a_peer() -> None:
    with Chain(client_row={"applications": ["S6m"]}) as chain:
        assert code(chain.inject(chain.request())) == 3007
        assert chain.seen() == []


def test_while_it_stops_it_takes_nothing_new_and_finishes_the_old() -> None:
    waits: list[Later[None]] = []

    async def wait(request: Message) -> Message:
        waits.append(Later())
        await waits[-1]
        return succeed(request)

    with Chain([Waiting(wait)]) as chain:
        assert chain.inject(chain.request()) == []
        _ = chain.agent.stop()
        assert code(chain.inject(chain.request())) == 3004
        before = len(chain.heard.octets)
        chain.servers[0].wake(lambda: waits[0].resolve(None))
        chain.pass_time(0.004)
        assert len(chain.heard.octets) > before


class Late(Agent):
    """Fails after it has waited, or in the answer."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.waits: Later[None] = Later()

    async def request(self, request: Message, source: str) -> Decision:
        await self.waits
        raise self.error


@pytest.mark.parametrize(
    ("error", "result", "bugs"),
    [(ApplicationFault(5003), 5003, 0), (KeyError("x"), 5012, 1), (LocalError("x"), 5012, 1)],
)
def test_a_hook_that_fails_after_waiting(error: Exception, result: int, bugs: int) -> None:
    agent = Late(error)
    with Chain(agent=agent) as chain:
        assert chain.inject(chain.request()) == []
        chain.agent.wake(lambda: agent.waits.resolve(None))
        answers = chain.inject(chain.request())  # the second need not wait any more
        assert [answer["Result-Code"] for answer in answers] == [result, result]
        assert chain.agent.stats.bugs == 2 * bugs


class BadAnswer(Agent):
    """Has a bug on the way back."""

    def answer(self, answer: Message, request: Message) -> Any:
        raise KeyError("x")


def test_a_bug_on_the_way_back() -> None:
    with Chain(agent=BadAnswer()) as chain:
        assert code(chain.inject(chain.request())) == 5012
        assert len(chain.seen()) == 1
        assert chain.agent.stats.bugs == 1


class BadDestination(Agent):
    """Writes a Destination-Realm that is none."""

    def request(self, request: Message, source: str) -> Decision:
        octets = bytearray(request.octets)
        at = octets.index(b"home.example")
        octets[at] = 0xFF
        return Message(bytes(octets), request.dictionary)


def test_a_hook_that_writes_what_cannot_be_read() -> None:
    with Chain(agent=BadDestination()) as chain:
        assert code(chain.inject(chain.request())) == 5012


def test_a_way_that_is_known_lets_nothing_broken_pass() -> None:
    with Chain() as chain:
        assert code(chain.inject(chain.request())) == 2001
        octets = encode(chain.request())
        longer = octets[:1] + (len(octets) + 8).to_bytes(3) + octets[4:] + b"\0\0\0\1\0\0\0\3"
        assert code(chain.inject(longer)) == 5014
        assert code(chain.inject(chain.request(Route_Record=[AGENT]))) == 3005
        assert code(chain.inject(octets[:4] + b"\xe0" + octets[5:])) == 3008
        assert len(chain.seen()) == 1


def test_every_server_busy_is_3004() -> None:
    limits = {"outbound_requests": 1, "held_requests": 1}
    with Chain([Waiting(never)], config={"limits": limits}) as chain:
        answers = chain.inject(*[chain.request() for _ in range(3)])
        assert [answer["Result-Code"] for answer in answers] == [3004]
        assert answers[0]["Error-Reporting-Host"] == AGENT
        chain.servers[0]._serving.give_up()


async def never(request: Message) -> Message:
    later: Later[Message] = Later()
    return await later


def test_a_node_with_applications_and_an_agent_does_both() -> None:
    with Chain() as chain:
        assert chain.agent.applications == ()
    mine = Answering()
    with Chain(agent_applications=[mine]) as chain:
        assert code(chain.inject(chain.request(Destination_Realm="hub.example"))) == 2001
        assert code(chain.inject(chain.request())) == 2001
        assert code(chain.inject(chain.request(Destination_Realm="hub.example"))) == 2001
        assert (len(mine.seen), len(chain.seen())) == (2, 1)
