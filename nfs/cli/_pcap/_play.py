"""A scenario played by a node: one party's messages are sent, the other's are awaited and compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from diameter import Dictionary, Message
from diameter.app import Application, Later, answers
from diameter.capture.scenario import Party, Scenario, Step, places
from diameter.capture.stepping import bind, command_of, differences, message_of
from diameter.capture.text import result_text, short_name
from diameter.errors import DiameterError, ErrorAnswer, LocalError, RequestError, Undeliverable
from diameter.node import Node
from diameter.routing.identifiers import SessionIds

SESSION: Final = "session"
"""Names that begin so and have no value get a Session-Id of their own."""
UNABLE_TO_COMPLY: Final = 5012


@dataclass(slots=True)
class Outcome:
    """What became of one message of the scenario.  `wrong`: a line for each thing; `reached`: the play came so far."""

    number: int
    title: str
    note: str = ""
    wrong: list[str] = field(default_factory=list)
    reached: bool = True
    took_ms: float | None = None


@dataclass(slots=True)
class Arrived:
    """A request of the other party, and where its answer is awaited."""

    request: Message
    answer: Later[Message]


class NotPlayed(DiameterError):
    """The play cannot go on: nothing came, or something cannot be sent."""


class Player:
    """Plays `party` of a scenario.  `names` replace those of the scenario; `ignore` adds to its own."""

    def __init__(
        self,
        scenario: Scenario,
        party: Party,
        dictionary: Dictionary,
        names: Mapping[str, str],
        ignore: Collection[str],
        timeout_s: float,
        reactor: Any,
    ) -> None:
        self._scenario = scenario
        self._party = party
        self._dictionary = dictionary
        self.names = {**scenario.names, **names}
        self._ignore = frozenset(ignore) | frozenset(scenario.ignore)
        self._timeout_s = timeout_s
        self._reactor = reactor
        self._arrived: list[Arrived] = []
        self._wanted: Later[None] | None = None
        self._asked: dict[int, tuple[Later[Message], float]] = {}
        self._serving: dict[int, Arrived] = {}
        self._sessions: SessionIds | None = None

    def applications(self) -> list[Application]:
        """One for each application of the scenario, answering what the other party asks in it.  Raises LocalError."""
        asked: dict[int, set[int]] = {}
        for number, step in enumerate(self._scenario.steps, start=1):
            try:
                application, code, _ = command_of(step, self._dictionary)
            except LocalError as error:
                raise LocalError(f"message {number}: {error}") from None
            codes = asked.setdefault(application, set())
            if step.is_request and step.sender != self._party:
                codes.add(code)
        return [self._application(number, codes) for number, codes in asked.items()]

    def _application(self, number: int, codes: set[int]) -> Application:
        if number not in self._dictionary.applications:
            raise LocalError(f"application {number} is in no dictionary: give one with --dict")
        player = self

        commands = self._dictionary.scope(number).commands.values()
        handlers: dict[str, Any] = {}
        for one in commands:
            if one.request and one.code in codes:

                async def handler(self: Application, request: Message) -> Message:
                    return await player._come(request)

                handlers[f"on_{one.code}"] = answers(one.name)(handler)
        stem = self._dictionary.applications[number].stem
        made: Application = type("Played", (Application,), {"dictionary": stem, **handlers})()
        return made

    async def _come(self, request: Message) -> Message:
        one = Arrived(request, Later())
        self._arrived.append(one)
        if self._wanted is not None and not self._wanted.done:
            self._wanted.resolve(None)
        return await one.answer

    async def play(self, node: Node, peer: str) -> list[Outcome]:
        """Go through the scenario with this peer; an outcome for each of its messages, and for what came besides."""
        self._sessions = SessionIds(node.origin_host, self._reactor.seconds())
        outcomes = []
        stopped = False
        for number, step in enumerate(self._scenario.steps, start=1):
            outcome = Outcome(number, self._title(step), reached=not stopped)
            outcomes.append(outcome)
            if stopped:
                continue
            try:
                await self._step(node, peer, step, outcome)
            except (LocalError, NotPlayed, RequestError) as error:
                outcome.wrong.append(str(error))
                stopped = True
        for one in self._arrived:
            title = f"{short_name(one.request)} {one.request.application}"
            wrong = ["the scenario has no such request here"] if not stopped else []
            outcomes.append(Outcome(len(outcomes) + 1, title, "came besides", wrong))
        for one in (*self._arrived, *self._serving.values()):
            if not one.answer.done:
                one.answer.resolve(one.request.answer(UNABLE_TO_COMPLY))
        return outcomes

    def _title(self, step: Step) -> str:
        ends = ("client -> server", "server -> client")
        kind = "Request" if step.is_request else "Answer"
        name = step.command if step.command.endswith(kind) else f"{step.command} ({kind.lower()})"
        return f"{ends[step.sender == 'server']}  {name}"

    async def _step(self, node: Node, peer: str, step: Step, outcome: Outcome) -> None:
        if step.sender == self._party:
            self._make_sessions(step)
            if step.is_request:
                request = message_of(step, self._dictionary, self.names)
                self._asked[step.transaction] = node.spawn(self._sent(node, peer, request)), self._now()
            else:
                self._give(step)
            outcome.note = "sent"
        elif step.is_request:
            arrived = await self._next(step)
            self._serving[step.transaction] = arrived
            self._compare(step, arrived.request, outcome)
        else:
            answer = await self._answer(step, outcome)
            self._compare(step, answer, outcome)

    async def _sent(self, node: Node, peer: str, request: Message) -> Message:
        """A request whose link went away is sent once more: who dials may have looked first who is there."""
        try:
            return await node.send(request, to=peer, timeout_s=self._timeout_s)
        except Undeliverable:
            await node.when_open(peer, self._timeout_s)
            return await node.send(request, to=peer, timeout_s=self._timeout_s)

    def _give(self, step: Step) -> None:
        arrived = self._serving[step.transaction]
        request = arrived.request
        answer = message_of(step, self._dictionary, self.names, request.hop_by_hop, request.end_to_end)
        del self._serving[step.transaction]
        arrived.answer.resolve(answer)

    async def _answer(self, step: Step, outcome: Outcome) -> Message:
        later, since = self._asked.pop(step.transaction)
        try:
            answer = await later
        except ErrorAnswer as error:
            answer = error.answer
        outcome.took_ms = (self._now() - since) * 1000
        return answer

    def _compare(self, step: Step, came: Message, outcome: Outcome) -> None:
        bind(step, came, self.names)
        expected = message_of(step, self._dictionary, self.names)
        outcome.wrong += differences(expected, came, self._ignore)
        outcome.note = result_text(came)

    async def _next(self, step: Step) -> Arrived:
        """The request of the other party that the scenario has here.  Raises NotPlayed."""
        application, code, _ = command_of(step, self._dictionary)
        until = self._now() + self._timeout_s
        while True:
            for one in self._arrived:
                if (one.request.application_id, one.request.command_code) == (application, code):
                    self._arrived.remove(one)
                    return one
            if self._now() >= until:
                raise NotPlayed(f"it did not come within {self._timeout_s:g} s")
            self._wanted = wanted = Later[None]()
            timer = self._reactor.callLater(max(0.0, until - self._now()), _late, wanted)
            await wanted
            if timer.active():
                timer.cancel()

    def _make_sessions(self, step: Step) -> None:
        """A Session-Id for each name of a session that has none yet.  Raises LocalError for another name without."""
        assert self._sessions is not None
        for name in places(step.avps):
            if self.names.get(name) == "":
                if not name.startswith(SESSION):
                    raise LocalError(f"${{{name}}} has no value, and none came: give --set {name}=VALUE")
                self.names[name] = self._sessions.next()

    def _now(self) -> float:
        now: float = self._reactor.seconds()
        return now


def _late(wanted: Later[None]) -> None:
    if not wanted.done:
        wanted.resolve(None)
