"""What can be measured, one small file each; a new one is a file with a `SCENARIO` and a line in `FILES`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Final, NamedTuple

from nfs.cli._bench.run import Run

FILES: Final = (
    "codec",
    "loading",
    "server",
    "client",
    "pair",
    "pair_tls",
    "pair_sctp",
    "pair_dtls",
    "links",
    "sealing",
    "relay",
    "open_loop",
    "pauses",
    "trigger",
    "flood",
    "peers",
    "idle",
    "workers",
    "stored",
    "hss",
    "importing",
    "ues",
    "dictionary",
    "ladder",
    "capture",
    "writing",
)


class Bar(NamedTuple):
    """What is promised of a figure of ours: at most, or at least, so much."""

    text: str
    stack: str
    key: str
    bound: float
    where: tuple[tuple[str, object], ...] = ()
    """what the record has besides"""
    against: str = ""
    """a ratio to this stack's figure, ours by theirs; else the figure itself"""
    least: bool = False


class Scenario(NamedTuple):
    """`group`: the verb it belongs to, codec, e2e, scale, ladder or capture; `measure` adds records to the run."""

    name: str
    group: str
    title: str
    measure: Callable[[Run], None]
    bars: tuple[Bar, ...] = ()


def scenarios() -> list[Scenario]:
    """All of them, in the order in which they run."""
    found = []
    for file in FILES:
        one = importlib.import_module(f"{__name__}.{file}").SCENARIO
        assert isinstance(one, Scenario)
        found.append(one)
    return found
