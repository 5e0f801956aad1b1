"""Checks that other packages bring for a reference point: entry points of the group `mtc_diameter.checks.<interface>`.

    [project.entry-points."mtc_diameter.checks.tsp"]
    night-shift = "customer_checks.night:check"

The interface is written in lower case; the name of the entry is the check's.  Its object is, for Tsp, a
`nfs.mtc_sgw.logic.Check`, a function of an Offer that returns None or a Refuse; for the other reference points a
`nfs.mtc_sgw.firewall.crossing.Check`, a function of a Crossing.  Only what a configuration names is loaded and asked,
and nobody replaces a check of our own.  One that raises, or says neither None nor a Refuse, has not let the request
pass: it is refused with 5012, which is counted and audited under the name of the check.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from importlib import metadata
from typing import Protocol, TypeVar, cast

from diameter.errors import ConfigError, ResultCode
from nfs.common.audit import Stage
from nfs.common.foreign import Foreign
from nfs.mtc_sgw.logic import Refuse

C = TypeVar("C")


class Entry(Protocol):
    """What is used of an `importlib.metadata.EntryPoint`."""

    @property
    def name(self) -> str: ...

    def load(self) -> object: ...


Find = Callable[[str], Iterable[Entry]]


def group(interface: str) -> str:
    """The group of entry points for a reference point."""
    return f"mtc_diameter.checks.{interface.lower()}"


def installed(interface: str) -> Iterable[Entry]:
    """The entry points of all installed packages."""
    return metadata.entry_points(group=group(interface))


def complaint(interface: str, names: Sequence[str], own: Collection[str], find: Find = installed) -> str:
    """What is wrong with an order of checks, "" for nothing; `own`: names that no package has to bring."""
    known = set(own)
    if not known.issuperset(names):
        known |= {entry.name for entry in find(interface)}
    for at, name in enumerate(names):
        if name not in known:
            return f"{name}: no such check for {interface}; known are {', '.join(sorted(known))}"
        if name in names[:at]:
            return f"{name}: named twice"
    return ""


def pipeline(
    interface: str, names: Sequence[str], own: Mapping[str, C], find: Find = installed, *, place: str, takes: str
) -> tuple[tuple[str, C], ...]:
    """The checks of these names in this order, our own or a package's.

    place: where a configuration names them; takes: what a check is a function of.  Raises ConfigError for one that
    cannot be loaded or called.
    """
    found = dict(own)
    for entry in () if found.keys() >= set(names) else find(interface):
        if entry.name in names and entry.name not in found:
            found[entry.name] = cast(C, _loaded(entry, place, takes))
    return tuple((name, found[name]) for name in names)


def _loaded(entry: Entry, place: str, takes: str) -> object:
    with Foreign() as call:
        check = entry.load()
    if call.error is not None:
        raise ConfigError(f"{place}{entry.name} cannot be loaded: {call.error}") from None
    if not callable(check):
        raise ConfigError(f"{place}{entry.name} is no function of {takes}")
    return _careful(check)


def _careful(check: Callable[[object], object]) -> Callable[[object], Refuse | None]:
    """A check of a package that lets nothing pass by a mistake of its own."""

    def asked(about: object) -> Refuse | None:
        with Foreign() as call:
            found = check(about)
        if call.error is not None:
            return _broken(f"it raised {call.said}")
        return found if found is None or isinstance(found, Refuse) else _broken(f"it said a {type(found).__name__}")

    return asked


def _broken(reason: str) -> Refuse:
    return Refuse(stage=Stage.AUTHORISATION, reason=reason, result=ResultCode.UNABLE_TO_COMPLY)
