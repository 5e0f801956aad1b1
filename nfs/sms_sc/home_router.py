"""The SMS Router of the home network (TS 23.040 clause 8; TS 29.338 clauses 5.2.1 and 6.2.2), without an AVP.

A short message from another network does not learn who and where a device is: the question for the way is answered
with this router as the serving node and a correlation identifier in the place of the IMSI.  The message then comes
here, is looked at, and goes on to the real serving node with the real IMSI; the answer goes back as it came.  Nothing
is stored: the other network has its own store.  A correlation identifier holds for some seconds and in this process.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nfs.common.nodes import NodeKind, ServingNode
from nfs.sms_sc.s6c import Way

KNOWN: Final = 100_000
"""Correlation identifiers at once; the oldest gives way."""


@dataclass(frozen=True, slots=True)
class Behind:
    """Who stands behind a correlation identifier, until when."""

    imsi: str
    nodes: tuple[ServingNode, ...]
    until: float


class HomeRouter:
    """`plmn`: MCC and MNC that correlation identifiers begin with.  `realms`: who may ask.  `clock`: seconds."""

    def __init__(
        self, node: ServingNode, plmn: str, realms: frozenset[str], *, clock: Callable[[], float], valid_s: float
    ) -> None:
        self.node = node
        self.realms = realms
        self._plmn = plmn
        self._clock = clock
        self._valid_s = valid_s
        self._known: OrderedDict[str, Behind] = OrderedDict()

    def serves(self, realm: str) -> bool:
        """Whether the network of this realm may send to devices of ours."""
        return realm.lower() in self.realms

    def hide(self, way: Way) -> str:
        """A correlation identifier for what the HSS said; it looks like an IMSI of the home network (15 digits)."""
        assert way.imsi is not None
        while (name := self._drawn()) in self._known:  # of nine digits, one in 10,000 is taken once KNOWN are given
            pass
        self._known[name] = Behind(way.imsi, way.nodes, self._clock() + self._valid_s)
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return name

    def _drawn(self) -> str:
        digits = 15 - len(self._plmn)
        return f"{self._plmn}{secrets.randbelow(10**digits):0{digits}}"

    def behind(self, name: str) -> Behind | None:
        """Who stands behind a correlation identifier; None for one that was not given, or not lately."""
        found = self._known.get(name)
        if found is None or found.until < self._clock():
            self._known.pop(name, None)
            return None
        return found


def here(name: str, realm: str, number: str) -> ServingNode:
    """This router as a serving node."""
    return ServingNode(kind=NodeKind.MME, number=number, name=name, realm=realm)
