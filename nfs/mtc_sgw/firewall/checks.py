"""The firewall's own checks.  Each is made for one reference point, from its table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from diameter import ResultCode
from diameter.routing.refusal import first_refusing
from nfs.common.audit import Stage
from nfs.mtc_sgw.bounded import Bounded
from nfs.mtc_sgw.firewall.crossing import Check, Crossing, lies_in
from nfs.mtc_sgw.logic import Refuse, plain

OWN: Final = ("well-formed", "closed-command", "home-network", "plausible-location")
"""In this order when none is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the table of one reference point says.  Commands by their names without "-Request".

    `commands`: what may come from outside at all.  `home_only`: of these, what only the network of the subscriber may
    send.  `serving`: what a network that serves one of our subscribers sends.  `located`: of these, what says where the
    subscriber is.  `abroad_s`: from one country to another nobody is quicker.
    """

    commands: frozenset[str]
    home_only: frozenset[str] = frozenset()
    serving: frozenset[str] = frozenset()
    located: frozenset[str] = frozenset()
    abroad_s: float = 1800.0


def well_formed(crossing: Crossing) -> Refuse | None:
    """The Result-Code of the first fault of a message that has one; identities that are none."""
    fault = first_refusing(crossing.message)
    if fault is not None:
        return _refuse(f"{type(fault).__name__} {'/'.join(fault.path)}".strip(), int(fault.result_code))
    if crossing.imsi == "":
        return _refuse("User-Name is no IMSI", ResultCode.INVALID_AVP_VALUE)
    if crossing.visited == "":
        return _refuse("Visited-PLMN-Id is no network", ResultCode.INVALID_AVP_VALUE)
    return None


def closed_command(rules: Rules) -> Check:
    """COMMAND_UNSUPPORTED for what nobody outside may send; AUTHORIZATION_REJECTED for who says to be one of us."""

    def check(crossing: Crossing) -> Refuse | None:
        if not crossing.outside:
            return None
        if bare(crossing.command) not in rules.commands:
            return _refuse("the command does not come from outside", ResultCode.COMMAND_UNSUPPORTED)
        if plain(crossing.realm) in crossing.networks.realms:
            return _refuse("Origin-Realm is our own", ResultCode.AUTHORIZATION_REJECTED)
        return None

    return check


def home_network(rules: Rules) -> Check:
    """AUTHORIZATION_REJECTED unless the network that asks is the one that may ask about this subscriber."""

    def check(crossing: Crossing) -> Refuse | None:
        if not crossing.outside:
            return None
        command, networks = bare(crossing.command), crossing.networks
        theirs = networks.of_realm(crossing.realm)
        if not theirs:
            return _refuse("Origin-Realm speaks for no network that is known", ResultCode.AUTHORIZATION_REJECTED)
        if command in rules.home_only and (crossing.imsi is None or not lies_in(crossing.imsi, theirs)):
            return _refuse("not from the home network of the subscriber", ResultCode.AUTHORIZATION_REJECTED)
        if command in rules.serving and (crossing.imsi is None or not lies_in(crossing.imsi, networks.home)):
            return _refuse("about a subscriber who is not ours", ResultCode.AUTHORIZATION_REJECTED)
        if crossing.visited is not None and crossing.visited not in theirs:
            return _refuse("Visited-PLMN-Id is not the network of the sender", ResultCode.AUTHORIZATION_REJECTED)
        return None

    return check


class PlausibleLocation:
    """AUTHORIZATION_REJECTED for a subscriber who would have been in another country too short a time ago.

    What passes says where the subscriber is now, whoever it comes from: what is seen from inside counts as home.
    remembered: so many subscribers at most; one that is forgotten may be anywhere.
    """

    def __init__(self, rules: Rules, *, remembered: int) -> None:
        self.rules = rules
        self.last: Bounded[str, tuple[str, float]] = Bounded(remembered)

    def check(self, crossing: Crossing) -> Refuse | None:
        """Look at one request, and remember it if it passes."""
        if bare(crossing.command) not in self.rules.located or not crossing.imsi:
            return None
        country = _country(crossing)
        if country is None:
            return None
        before = self.last.get(crossing.imsi)
        if crossing.outside and before is not None and before[0] != country:
            elapsed_s = crossing.now - before[1]
            if elapsed_s < self.rules.abroad_s:
                return _refuse("in another country too short a time ago", ResultCode.AUTHORIZATION_REJECTED)
        self.last.put(crossing.imsi, (country, crossing.now))
        return None


def _country(crossing: Crossing) -> str | None:
    """MCC of where the request says the subscriber is, None when it says nothing."""
    plmns: Collection[str] = crossing.networks.of_realm(crossing.realm)
    if crossing.visited:
        return crossing.visited[:3]
    countries = {plmn[:3] for plmn in plmns}
    return countries.pop() if len(countries) == 1 else None


def bare(command: str) -> str:
    """A command without what kind of message it is."""
    return command.removesuffix("-Request")


def _refuse(reason: str, result: int) -> Refuse:
    return Refuse(stage=Stage.AUTHORISATION, reason=reason, result=result)
