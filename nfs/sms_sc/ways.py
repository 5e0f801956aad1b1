"""The way of one attempt: which serving nodes, in which order, and what the HSS hears of it (TS 29.338 5.2 and 6.2).

The first attempt goes where the trigger said; without such a node, and after a failure, the HSS is asked.  The nodes
are tried one after the other until one delivers, or says what no other one can change.
"""

from __future__ import annotations

from typing import Final

from nfs.common.nodes import NodeKind, ServingNode
from nfs.sms_sc.bearers import Selector
from nfs.sms_sc.logic import Attempt
from nfs.sms_sc.outcomes import Delivered, Failure
from nfs.sms_sc.s6c import S6c, Way
from nfs.sms_sc.sgd import Sgd

_NO_NODE: Final = Delivered(failure=Failure.TEMPORARY)
_ELSEWHERE: Final = frozenset({Failure.ABSENT, Failure.TEMPORARY})
"""Failures after which another node may still reach the device."""


class Ways:
    """Delivers by the bearers of `selector`, over SGd and Gdd if none is given; without `s6c` only to the nodes that
    came with the trigger.
    """

    def __init__(self, sgd: Sgd, s6c: S6c | None = None, selector: Selector | None = None) -> None:
        self._selector = Selector.of(sgd) if selector is None else selector
        self._s6c = s6c

    async def deliver(self, attempt: Attempt) -> Delivered:
        """One SMS-DELIVER to the device, through whichever node takes it."""
        nodes = (attempt.serving, *attempt.trigger.others) if attempt.serving is not None else ()
        waited = attempt.tried > 0
        if self._s6c is not None and (waited or not nodes):
            way = await self._s6c.way(attempt)
            if way.refused is not None:
                return way.refused
            nodes, waited = self._usable(way, nodes), waited or way.waited
        results = await self._through(attempt, nodes)
        if not results:
            return _NO_NODE
        last = results[-1][1]
        if self._s6c is None:
            return _worst(results)
        if last.failure is None and (waited or len(results) > 1):
            _ = self._s6c.spawn(self._told(self._s6c, attempt, results))
        elif last.failure is not None:
            await self._s6c.report(attempt.trigger, results)
        return _worst(results)

    @staticmethod
    def _usable(way: Way, before: tuple[ServingNode, ...]) -> tuple[ServingNode, ...]:
        """The nodes of the HSS; those known before where it has none that we reach."""
        return (*(way.nodes or before), *way.others)

    async def _through(self, attempt: Attempt, nodes: tuple[ServingNode, ...]) -> list[tuple[NodeKind, Delivered]]:
        results: list[tuple[NodeKind, Delivered]] = []
        for bearer, node in self._selector.ways(attempt, nodes):
            result = await self._selector.deliver(bearer, attempt, node)
            results.append((node.kind, result))
            if result.failure not in _ELSEWHERE:
                break
        return results

    @staticmethod
    async def _told(s6c: S6c, attempt: Attempt, results: list[tuple[NodeKind, Delivered]]) -> None:
        await s6c.report(attempt.trigger, results)


def _worst(results: list[tuple[NodeKind, Delivered]]) -> Delivered:
    """What the attempt comes to: the last result, but an absence that an earlier node was sure of before a silence."""
    last = results[-1][1]
    if last.failure is not Failure.TEMPORARY:
        return last
    return next((result for _, result in results if result.failure is Failure.ABSENT), last)
