"""How long Python's search for cycles may stop a program: only what is young is looked through.

Messages make no cycles, and a request whose handler does not wait leaves nothing behind, so traffic alone starts no
search.  What does is what stays: peers, dictionaries, configuration, sessions.  A full search looks at all of that, 100
ms with 10,000 peers, to find nothing.  So what has been there at the start, and later what a full search has just found
to be alive, is taken out of it.  The price: a cycle that dies after that is not found before `look_again`.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 5_000, 10, 10
"""Thresholds: objects more than before a search through the youngest, and how many of these before an older one's."""
ALL: Final = 2
"""The generation of a full search."""


def keep_short() -> None:
    """Call once the program has started; this process only."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG)
    if _searched not in gc.callbacks:
        gc.callbacks.append(_searched)


def look_again() -> None:
    """Search through everything once: at a time when a pause does no harm, such as after a reload."""
    gc.unfreeze()
    gc.collect()


def leave() -> None:
    """Undo `keep_short`, but for the thresholds."""
    if _searched in gc.callbacks:
        gc.callbacks.remove(_searched)
    gc.unfreeze()


def _searched(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == ALL:
        gc.freeze()
