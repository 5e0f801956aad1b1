"""The node behind `mtc s6a`: one simulated MME with one UE, taken through its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from diameter import Dictionary
from diameter.capture import CaptureWriter
from diameter.errors import RequestError
from diameter.node import Node
from diameter.trace import Point
from nfs.cli._dialling import NoPeer, dialling
from nfs.cli._target import advertised
from nfs.common.aka import Algorithm
from nfs.mme.checks import Check
from nfs.mme.proving import Prover, Step
from nfs.mme.s6a import Site

SHOWN = (Point.REFUSED, Point.DROPPED, Point.PEER_REFUSED, Point.CONNECTING_FAILED, Point.BUG)


class Session:
    """The steps against one HSS.  `given`: the options of `mtc s6a`; `tell`: trouble beside the steps."""

    def __init__(
        self,
        given: dict[str, Any],
        functions: Algorithm,
        dictionary: Dictionary,
        told: Callable[[Step], None],
        tell: Callable[[str], None],
        tap: CaptureWriter | None,
    ) -> None:
        self._given = given
        self._functions = functions
        self._dictionary = dictionary
        self._told = told
        self._tell = tell
        self._tap = tap
        self.peer = ""
        """Origin-Host of the HSS, once it is known."""

    async def run(self, reactor: Any) -> None:
        """Connect, take the steps, disconnect.  Raises NoPeer."""
        given = self._given
        config = await dialling(reactor, given, "mme", self._dictionary, advertised(["ts29272_s6a"], self._dictionary))
        (hss,) = config.peer
        self.peer = hss.host
        site = Site(plmn=given["plmn"], realm=hss.realm, host=hss.host, rat=given["rat"], number=given["number"] or "")
        prover = Prover(
            site,
            given["imsi"],
            self._functions,
            sqn=given["sqn"],
            vectors=given["vectors"],
            told=self._told,
            clock=reactor.seconds,
        )
        node = Node(config, [prover], self._dictionary, reactor=reactor, tap=self._tap, observe=self._observe)
        try:
            await node.start()
            try:
                await node.when_open(None, given["timeout"])
            except RequestError as error:
                raise NoPeer(f"{given['peer']}: {error}") from None
            await node.run(self._steps(reactor, prover, given["steps"]))
        finally:
            await node.stop()

    async def _steps(self, reactor: Any, prover: Prover, steps: Sequence[str]) -> None:
        for step in steps:
            if step == "wait":
                await self._wait(reactor, prover)
            else:
                await prover.take(step)

    async def _wait(self, reactor: Any, prover: Prover) -> None:
        """Until so many orders of the HSS are answered; it is wrong when they do not come in time."""
        wanted, wait_s = prover.orders + self._given["orders"], self._given["wait_s"]
        enough: Deferred[None] = Deferred()

        def ordered() -> None:
            if prover.orders >= wanted and not enough.called:
                enough.callback(None)

        prover.ordered = ordered
        _ = enough.addTimeout(wait_s, reactor, onTimeoutCancel=lambda *_: None)
        await enough
        prover.ordered = lambda: None
        if missing := wanted - prover.orders:
            check = Check("wrong", "orders", f"{missing} did not come within {wait_s:g} s")
            self._told(Step(step="wait", command="", checks=[check]))

    def _observe(self, point: Point, fields: Any) -> None:
        if point in SHOWN:
            self._tell(point.text.format(**fields))
