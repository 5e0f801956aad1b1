"""Checks that other packages bring for a reference point: entry points of the group `mtc_diameter.checks.<interface>`.

    [project.entry-points."mtc_diameter.checks.t4"]
    quiet-sme = "customer_checks.sme:check"

The interface is written in lower case; the object is a `nfs.mtc_sgw.firewall.crossing.Check`.  Only what the table of
the interface names is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata

from diameter.errors import ConfigError
from nfs.mtc_sgw.firewall.checks import OWN
from nfs.mtc_sgw.firewall.crossing import Check
from nfs.mtc_sgw.plugins import Entry

Find = Callable[[str], Iterable[Entry]]


def group(interface: str) -> str:
    """The group of entry points for a reference point."""
    return f"mtc_diameter.checks.{interface.lower()}"


def installed(interface: str) -> Iterable[Entry]:
    """The entry points of all installed packages."""
    return metadata.entry_points(group=group(interface))


def complaint(interface: str, names: Sequence[str], find: Find = installed) -> str:
    """What is wrong with an order of checks, "" for nothing."""
    known = set(OWN)
    if not known.issuperset(names):
        known |= {entry.name for entry in find(interface)}
    for at, name in enumerate(names):
        if name not in known:
            return f"{name}: no such check for {interface}; known are {', '.join(sorted(known))}"
        if name in names[:at]:
            return f"{name}: named twice"
    return ""


def pipeline(
    interface: str, names: Sequence[str], own: Mapping[str, Check], find: Find = installed
) -> tuple[tuple[str, Check], ...]:
    """The checks of these names in this order.  Raises ConfigError for one that cannot be loaded or called."""
    found = dict(own)
    for entry in () if found.keys() >= set(names) else find(interface):
        if entry.name in names and entry.name not in found:
            found[entry.name] = _loaded(interface, entry)
    return tuple((name, found[name]) for name in names)


def _loaded(interface: str, entry: Entry) -> Check:
    place = f"firewall.interface: {interface}: check {entry.name}"
    try:
        check = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{place} cannot be loaded: {error}") from None
    if not callable(check):
        raise ConfigError(f"{place} is no function of a Crossing")
    called: Check = check
    return called
