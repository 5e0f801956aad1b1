"""Originating a request (RFC 6733 section 6.1.1): the AVPs that every request has are filled in here, not by each
handler.

What a command wants is read from its grammar once and kept.  An AVP the caller gave is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from diameter.dictionary.model import ApplicationDef, CommandDef, Scope
from diameter.errors import EncodeError

NO_STATE_MAINTAINED: Final = 1
"""Auth-Session-State of an application without sessions (section 8.11); every 3GPP application of this project is
one.
"""

BASES: Final = 1024
"""Destinations for which the AVPs that are filled in are kept."""
VENDOR_APPLICATION: Final = "Vendor-Specific-Application-Id"
"""Filled in for a vendor's application also where its grammar has it as optional (S6a, S6c, SGd): it does no harm,
and python-diameter refuses an S6a request without it with 5005.
"""


class Plan(NamedTuple):
    """What to fill in for one command: constants, and which of the varying AVPs its grammar has a place for."""

    command: CommandDef
    constants: tuple[tuple[str, Any], ...]
    session_id: bool
    destination_host: bool
    destination_realm: bool


class Originator:
    """Fills requests of one node."""

    __slots__ = ("_bases", "_origin", "_plans")

    def __init__(self, host: str, realm: str) -> None:
        self._origin = (("Origin-Host", host), ("Origin-Realm", realm))
        self._plans: dict[tuple[int, str], Plan] = {}
        self._bases: dict[tuple[int, str | None, str | None], dict[str, Any]] = {}

    def plan(self, scope: Scope, command: str) -> Plan:
        """The plan for a command by name, with or without "-Request".  Raises EncodeError when the application has
        none.
        """
        key = (scope.application.id, command)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = _plan(scope, command)
        return found

    def fill(
        self, plan: Plan, avps: Mapping[str, Any], session_id: str, host: str | None, realm: str | None
    ) -> dict[str, Any]:
        """`avps` behind the AVPs that `plan` fills in, Session-Id first (section 8.8), routing AVPs next (6.3 to
        6.6).
        """
        filled = self.base(plan, host, realm).copy()
        if plan.session_id:
            filled["Session-Id"] = session_id
        filled.update(avps)
        return filled

    def base(self, plan: Plan, host: str | None, realm: str | None) -> dict[str, Any]:
        """What requests of one command to one destination have in common, and the place of their Session-Id."""
        key = (id(plan), host, realm)
        base = self._bases.get(key)
        if base is None:
            if len(self._bases) >= BASES:
                self._bases.clear()
            base = self._bases[key] = self._base(plan, host, realm)
        return base

    def _base(self, plan: Plan, host: str | None, realm: str | None) -> dict[str, Any]:
        base: dict[str, Any] = {}
        if plan.session_id:
            base["Session-Id"] = ""
        base.update(plan.constants)
        base.update(self._origin)
        if host is not None and plan.destination_host:
            base["Destination-Host"] = host
        if realm is not None and plan.destination_realm:
            base["Destination-Realm"] = realm
        return base


def _plan(scope: Scope, command: str) -> Plan:
    wanted = command if command.endswith("-Request") else f"{command}-Request"
    found = next((c for c in scope.commands.values() if c.request and wanted == c.name), None)
    if found is None:
        raise EncodeError(f"application {scope.application.name} has no command {wanted}")
    names = {rule.name: rule.minimum for rule in found.grammar.rules}
    wants = {name for name, minimum in names.items() if minimum > 0}
    if scope.application.vendor:
        wants |= names.keys() & {VENDOR_APPLICATION}
    constants = tuple((name, value) for name, value in _constants(scope.application) if name in wants)
    return Plan(
        found,
        constants,
        session_id="Session-Id" in names,
        destination_host="Destination-Host" in names,
        destination_realm="Destination-Realm" in names,
    )


def _constants(application: ApplicationDef) -> tuple[tuple[str, Any], ...]:
    """AVPs whose value follows from the application (sections 6.8, 6.9, 6.11, 8.11)."""
    ids = {"Acct-Application-Id" if application.accounting else "Auth-Application-Id": application.id}
    return (
        (VENDOR_APPLICATION, {"Vendor-Id": application.vendor, **ids}),
        *ids.items(),
        ("Auth-Session-State", NO_STATE_MAINTAINED),
    )
