"""Certificates and revocation lists that run out: said at the start, after each reload, then once a day."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from diameter._node.core import Core
from diameter.config import LinkTable
from diameter.config.protection import in_clear as open_to_all
from diameter.security.papers import Paper, utc
from diameter.trace import Point

DAY_S: Final = 86400.0
NAMED: Final = 3
"""Links in clear that one line names."""
Arm = Callable[[str, float | None, Callable[[], None]], None]


class Expiry:
    """Looks at what the node's links show and trust."""

    __slots__ = ("_arm", "_core", "_papers", "_wall")

    def __init__(
        self, core: Core, papers: Callable[[], Sequence[Paper]], arm: Arm, wall: Callable[[], float] = time.time
    ) -> None:
        """`papers`: what is in force now; `arm`: a time on the node's clock for `look`; `wall`: seconds since 1970."""
        self._core = core
        self._papers = papers
        self._arm = arm
        self._wall = wall

    def look(self) -> None:
        """Say what runs out soon or has run out, and look again when the next one does, in a day at the latest."""
        core, now = self._core, utc(self._wall())
        tls = core.config.tls
        wait_s = DAY_S
        for paper in self._papers() if tls is not None else ():
            assert tls is not None
            left_s, warn_s = paper.left_s(now), paper.warn_s(tls.warn_days)
            if left_s <= warn_s:
                point = Point.EXPIRES if left_s > 0 else Point.EXPIRED
                core.say(point, kind=paper.kind, name=paper.name, reason=paper.said(now))
            wait_s = min([wait_s, *(each for each in (left_s, left_s - warn_s) if each > 0)])
        self._arm("expiry", core.clock.seconds() + wait_s if tls is not None else None, self.look)


def in_clear(core: Core) -> None:
    """Say which links are in clear and why they may be: a line for each reason."""
    found: dict[tuple[str, str], list[str]] = {}
    links: list[tuple[str, LinkTable]] = [(f"the listener on {one.host}", one) for one in core.config.listen]
    links += [(one.host, one) for one in core.config.peer]
    for whose, one in links:
        if open_to_all(one):
            found.setdefault((one.transport, one.physical_protection_reason), []).append(whose)
    for (transport, reason), names in found.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        peer = ", ".join(names[:NAMED]) + more
        core.say(Point.CLEAR_TEXT, peer=peer, transport=transport, reason=reason)
