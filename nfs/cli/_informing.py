"""The node behind `mtc s6m` and `mtc s6n`: one question to an HSS, and what is told of the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import click

from diameter import Dictionary, Message
from diameter.app import Application
from diameter.capture import CaptureWriter
from diameter.capture.text import result_text
from diameter.errors import ErrorAnswer, RequestError
from diameter.node import Node
from diameter.trace import Point
from nfs.cli._dialling import NoPeer, dialling
from nfs.cli._react import talk
from nfs.cli._target import advertised
from nfs.common.capturing import asked_for, open_capture
from nfs.common.checked import Check
from nfs.mtc_iwf.informed import Asked, Told, checks, read

MARKS: Final = {"ok": "ok   ", "wrong": "WRONG", "note": "note "}
SHOWN: Final = (Point.REFUSED, Point.DROPPED, Point.PEER_REFUSED, Point.CONNECTING_FAILED, Point.BUG)


class Asking(Application):
    """Asks; an HSS has nothing to ask here."""

    dictionary = "ts29336_s6m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """verb: "s6m" or "s6n", as whom we ask.  subscriber: the IMSI asked for, None for another identity."""

    verb: str
    asked: Asked
    avps: dict[str, Any]
    subscriber: str | None = None


class Session:
    """One question to one HSS.  `given`: the options of the verb."""

    def __init__(
        self, given: dict[str, Any], question: Question, dictionary: Dictionary, tap: CaptureWriter | None
    ) -> None:
        self._given = given
        self._question = question
        self._dictionary = dictionary
        self._tap = tap
        self.peer = ""
        """Origin-Host of the HSS, once it is known."""
        self.answer: Message | None = None
        self.took_ms: float | None = None

    async def run(self, reactor: Any) -> None:
        """Connect, ask, disconnect.  Raises NoPeer, RequestError where nothing came."""
        given, question = self._given, self._question
        wanted = advertised(["ts29336_s6m"], self._dictionary)
        config = await dialling(reactor, given, question.verb, self._dictionary, wanted)
        (hss,) = config.peer
        self.peer = hss.host
        asking = Asking()
        node = Node(config, [asking], self._dictionary, reactor=reactor, tap=self._tap, observe=_observe)
        try:
            await node.start()
            try:
                await node.when_open(None, given["timeout"])
            except RequestError as error:
                raise NoPeer(f"{given['peer']}: {error}") from None
            await node.run(self._ask(reactor, asking, hss.realm))
        finally:
            await node.stop()

    async def _ask(self, reactor: Any, asking: Asking, realm: str) -> None:
        begun = reactor.seconds()
        try:
            self.answer = await asking.request(
                "Subscriber-Information",
                self._question.avps,
                to=self.peer,
                realm=realm,
                timeout_s=self._given["timeout"],
            )
        except ErrorAnswer as error:
            self.answer = error.answer
        self.took_ms = (reactor.seconds() - begun) * 1000


def ask(given: dict[str, Any], question: Question) -> int:
    """Ask, print the answer, and say by the exit status whether it was a good one."""
    dictionary = Dictionary.load(*given["dictionaries"])
    tap = open_capture(asked_for(given), dictionary)
    session = Session(given, question, dictionary, tap)
    trouble = talk(session.run, tap)
    answer = session.answer
    told = Told() if answer is None else read(answer)
    found = [] if answer is None else list(checks(question.asked, answer, question.subscriber))
    well = not trouble and all(check.verdict != "wrong" for check in found)
    if given["as_json"]:
        click.echo(json.dumps(_form(session, question, told, found, trouble), indent=2))
    else:
        _show(session, question, told, found, trouble)
    return 0 if well else 1


def _form(session: Session, question: Question, told: Told, found: list[Check], trouble: str) -> dict[str, Any]:
    result = None if session.answer is None else session.answer.result
    return {
        "schema": 1,
        "ok": not trouble and all(check.verdict != "wrong" for check in found),
        "peer": session.peer,
        "interface": question.verb,
        "asked": str(question.asked),
        "trouble": trouble,
        "result": None if result is None else {"vendor": result[0], "code": result[1]},
        "took_ms": None if session.took_ms is None else round(session.took_ms, 3),
        **told.form(),
        "checks": [{"verdict": one.verdict, "what": one.what, "detail": one.detail} for one in found],
    }


def _show(session: Session, question: Question, told: Told, found: list[Check], trouble: str) -> None:
    """The answer for people."""
    if trouble or session.answer is None:
        click.echo(trouble, err=True)
        return
    click.echo(f"{question.verb}: {session.peer}: {result_text(session.answer)}, {session.took_ms or 0:.1f} ms")
    for user in told.users:
        for name, value in (
            ("IMSI", user.imsi),
            ("MSISDN", user.msisdn),
            ("External-Identifier", user.external_id),
        ):
            if value is not None:
                click.echo(f"  {name:<20} {value}")
    if told.cause is not None:
        click.echo(f"  {'HSS-Cause':<20} {', '.join(told.causes) or 'none'}")
    for node in told.nodes:
        place = f" {node.name} of {node.realm}" if node.name else ""
        click.echo(f"  {'node':<20} {node.kind} {node.number}{place}")
    for check in found:
        detail = f": {check.detail}" if check.detail else ""
        click.echo(f"  {MARKS[check.verdict]} {check.what}{detail}")


def _observe(point: Point, fields: Any) -> None:
    if point in SHOWN:
        click.echo(point.text.format(**fields), err=True)
