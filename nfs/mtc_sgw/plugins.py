"""The checks of the gateway as a configuration orders them, with checks that other packages bring.

A package brings a check for Tsp by an entry point of the group `mtc_diameter.checks.tsp`: its name is the check's, its
object a `nfs.mtc_sgw.logic.Check`, a function of an Offer that returns None or a Refuse.

    [project.entry-points."mtc_diameter.checks.tsp"]
    night-shift = "customer_checks.night:check"

Only what `[sgw] checks` names is loaded and asked.  The check of who the peer is stands first, whatever is configured:
nobody's rights are looked up before (TS 33.187 asks for both, in this order).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from typing import Final, Protocol

from diameter.errors import ConfigError
from nfs.mtc_sgw.logic import Check

GROUP: Final = "mtc_diameter.checks.tsp"
FIRST: Final = "peer-identity"
OWN: Final = (
    FIRST,
    "command-rights",
    "group",
    "completeness",
    "inbound-imsi",
    "external-identifier",
    "scs-identity",
    "replay",
    "rate",
    "quota",
)
"""The gateway's own checks, in the order that is asked when none is configured."""
COUNTED_IN_FRONT: Final = ("replay", "rate")
"""What a gateway that is a process of its own counts for whoever is behind it."""
EDGE: Final = tuple(name for name in OWN if name != "quota")
"""The checks of such a gateway: what must outlive a restart is counted behind, where the store is."""


class Entry(Protocol):
    """What is used of an `importlib.metadata.EntryPoint`."""

    @property
    def name(self) -> str: ...

    def load(self) -> object: ...


Find = Callable[[], Iterable[Entry]]


def installed() -> Iterable[Entry]:
    """The entry points of all installed packages."""
    return metadata.entry_points(group=GROUP)


def complaint(names: Sequence[str], find: Find = installed) -> str:
    """What is wrong with an order of checks, "" for nothing."""
    if names[:1] != (FIRST,):
        return f"{FIRST} comes first"
    known = set(OWN)
    if not known.issuperset(names):
        known |= {entry.name for entry in find()}
    for at, name in enumerate(names):
        if name not in known:
            return f"{name}: no such check; known are {', '.join(sorted(known))}"
        if name in names[:at]:
            return f"{name}: named twice"
    return ""


def pipeline(
    names: Sequence[str], own: Sequence[tuple[str, Check]], find: Find = installed
) -> tuple[tuple[str, Check], ...]:
    """The checks of these names in this order; those of the gateway itself are `own`.

    Raises ConfigError for a name that nobody has, and for a package whose check cannot be loaded or called.
    """
    wrong = complaint(names, find)
    if wrong:
        raise ConfigError(f"sgw.checks: {wrong}")
    found = dict(own)
    if not found.keys() >= set(names):
        for entry in find():
            if entry.name in names and entry.name not in found:  # nobody replaces a check of the gateway
                found[entry.name] = _loaded(entry)
    return tuple((name, found[name]) for name in names)


def _loaded(entry: Entry) -> Check:
    try:
        check = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"sgw.checks: {entry.name} cannot be loaded: {error}") from None
    if not callable(check):
        raise ConfigError(f"sgw.checks: {entry.name} is no function of an Offer")
    called: Check = check
    return called
